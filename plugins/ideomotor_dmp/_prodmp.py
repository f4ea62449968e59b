import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, check_times, quantity

from ._dmp import DMP
from ._fit import anchored, least_squares, phases
from ._linear import solve_from
from ._params import check_shapes, duration_of, not_negative
from ._system import System
from ._table import sample, spline_table

_INSTANT = "the instant at which position and velocity are known"


class ProDMPParams(eqx.Module):
    """One movement of a `ProDMP`.

    - `weights`: of the forcing term, shape `(dof, basis)`; `goal`: shape `(dof,)`.
    - `time`, `position`, `velocity`: the instant (s) at which the movement is at that position `(dof,)` with
      that velocity (unit / s); before it, it rests there.
    - `tau`: duration in seconds; `None` where the DMP itself fixes it.
    """

    weights: Float[Array | np.ndarray, "*batch dof basis"] = quantity(label="weights")
    goal: Float[Array | np.ndarray, "*batch dof"] = quantity(label="goal")
    time: Float[Array | np.ndarray, "*batch"] = quantity(unit="s", bounds=(0.0, None), label="time")
    position: Float[Array | np.ndarray, "*batch dof"] = quantity(label="position")
    velocity: Float[Array | np.ndarray, "*batch dof"] = quantity(label="velocity")
    tau: Float[Array | np.ndarray, "*batch"] | None = quantity(
        unit="s", positive=True, label="duration", default=None
    )


class ProDMP(AbstractFeedforwardPrimitive[ProDMPParams]):
    """A DMP that begins anywhere: at any time of its course, at any position, with any velocity.

    The equation is that of the DMP; the boundary conditions y(time) = position, dy/dt(time) = velocity fix its
    two free constants (Li et al. 2023, ProDMP), so that a movement can be replanned under way
    without a jump: see `replan`.

    - `dmp`: which family of movements, with `scaling="none"`.
    """

    dmp: DMP

    def __init__(self, dmp: DMP = DMP()):
        self.dmp = plain(dmp, "ProDMP")

    def default_params(self) -> ProDMPParams:
        """At rest at zero at the start, to a goal of one."""
        params = self.dmp.default_params()
        zeros = jnp.zeros_like(params.goal)
        return ProDMPParams(params.weights, params.goal, jnp.zeros(()), zeros, zeros, params.tau)

    def trajectory(
        self, params: ProDMPParams, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time dof"]:
        """Positions at the increasing times `ts` (s); a negative `time` raises, and gives NaN inside `jit`."""
        return self._solve(params, ts)[0]

    def velocity(self, params: ProDMPParams, ts: Float[Array, " time"]) -> Float[Array, "time dof"]:
        """dy/dt at the times `ts` (s)."""
        _, z, tau = self._solve(params, ts)
        return z / tau

    def replan(
        self,
        params: ProDMPParams,
        time: float | Float[Array | np.ndarray, ""],
        **changes: float | Float[Array | np.ndarray, "..."],
    ) -> ProDMPParams:
        """Other parameters from `time` (s) on: the movement continues from its present position and velocity.

        `changes` are new leaves such as `goal=...` or `weights=...`. A new `tau` changes the phase of that
        instant with it.
        """
        time = not_negative(jnp.asarray(time, params.weights.dtype), "time", _INSTANT)
        unknown = set(changes) - {"weights", "goal", "tau"}
        if unknown:
            raise ValueError(
                f"replan cannot change {', '.join(sorted(unknown))}; only weights, goal and tau."
            )
        y, z, tau = self._solve(params, time[None])
        new = {name: jnp.asarray(value, params.weights.dtype) for name, value in changes.items()}
        return ProDMPParams(
            weights=new.get("weights", params.weights),
            goal=new.get("goal", params.goal),
            time=time,
            position=y[0],
            velocity=z[0] / tau,
            tau=new.get("tau", params.tau),
        )

    def fit(self, trajectory: Trajectory, *, ridge: float = 1e-12) -> ProDMPParams:
        """Imitate a demonstration with the weights and the first velocity whose movement is nearest to it."""
        s, ys, tau = phases(trajectory, self.dmp.dof, self.dmp.duration)
        system = self.dmp.system
        found, scale = _with_velocity(system, s, ys, np.asarray(ridge, ys.dtype))
        return ProDMPParams(
            found[:, :-1],
            ys[-1],
            jnp.zeros_like(tau),
            ys[0],
            found[:, -1] * scale / tau,
            tau if self.dmp.duration is None else None,
        )

    def check(self, params: ProDMPParams) -> None:
        """Raise `DataError` where the parameters are not those of one movement."""
        dof = (self.dmp.dof,)
        check_shapes(
            params,
            weights=(self.dmp.dof, self.dmp.basis),
            goal=dof,
            time=(),
            position=dof,
            velocity=dof,
            tau=() if self.dmp.duration is None else None,
        )

    def _solve(self, params, ts):
        ts = check_times(ts, minimum=1)
        self.check(params)
        tau = duration_of(params, self.dmp.duration)
        ts = jnp.asarray(ts, jnp.result_type(ts, params.weights))
        time = not_negative(params.time, "time", _INSTANT)
        first = (time, params.position, tau * params.velocity)
        return *solve_from(self.dmp, params.weights, params.goal, 0.0, first, tau, ts), tau


@eqx.filter_jit
def _with_velocity(system: System, s, ys, ridge):
    """The weights of forcing and, in the last column, of `scale` times the movement that leaves with unit velocity."""
    grid, table, _ = spline_table(system, s.dtype)
    start, goal = ys[0], ys[-1]
    s, ys, weight = anchored(s, ys, system.basis)
    design = sample(grid, jnp.asarray(table.T), s).T
    leaving = system.propagate(jnp.zeros_like(s), jnp.ones_like(s), s)[0]
    scale = jnp.max(jnp.abs(design[:, :-1])) / jnp.max(leaving)
    wanted = ys - start - design[:, -1:] * (goal - start)
    columns = jnp.concatenate([design[:, :-1], scale * leaving[:, None]], axis=1)
    return least_squares(columns, wanted, ridge, weight), scale


def plain(dmp: DMP, owner: str) -> DMP:
    """The DMP, if its weights are the forcing itself."""
    if not isinstance(dmp, DMP):
        raise ValueError(f"dmp = {dmp!r}; a {owner} is made around a DMP.")
    if dmp.scaling != "none":
        raise ValueError(
            f"dmp.scaling = {dmp.scaling!r}; a {owner} has no start that could scale its weights, choose 'none'."
        )
    return dmp
