import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, check_times, quantity

from ._dmp import DMP
from ._fit import forcing_weights, phases
from ._linear import least_change, solve_from, table_at
from ._params import check_shapes, duration_of
from ._prodmp import plain


class HittingDMPParams(eqx.Module):
    """One movement of a `HittingDMP`.

    - `weights`: of the forcing term, shape `(dof, basis)`; `start`: shape `(dof,)`.
    - `goal`, `goal_velocity`: where the target is at the time tau, and how fast (unit / s), shape `(dof,)`.
    - `tau`: when it is hit, in seconds; `None` where the DMP itself fixes it.
    """

    weights: Float[Array | np.ndarray, "*batch dof basis"] = quantity(label="weights")
    goal: Float[Array | np.ndarray, "*batch dof"] = quantity(label="goal")
    goal_velocity: Float[Array | np.ndarray, "*batch dof"] = quantity(label="goal velocity")
    start: Float[Array | np.ndarray, "*batch dof"] = quantity(label="start")
    tau: Float[Array | np.ndarray, "*batch"] | None = quantity(
        unit="s", positive=True, label="duration", default=None
    )


class HittingDMP(AbstractFeedforwardPrimitive[HittingDMPParams]):
    """A DMP that meets a moving target at the time tau, with the target's velocity.

        tau dz/dt = alpha (beta (g(t) - y) + tau dg/dt - z) + F(x),   g(t) = goal + goal_velocity (t - tau)

    (Kober et al. 2010, without their delay of the spring). What is left of position and velocity at
    tau, since forcing acts there still, is taken away by the least change of weights: both are met exactly.
    Afterwards the movement goes along with the target.

    - `dmp`: which family of movements, with `scaling="none"`.
    """

    dmp: DMP

    def __init__(self, dmp: DMP = DMP()):
        self.dmp = plain(dmp, "HittingDMP")

    def default_params(self) -> HittingDMPParams:
        """From zero to one, which is passed at one unit per second."""
        params = self.dmp.default_params()
        return HittingDMPParams(
            params.weights, params.goal, jnp.ones_like(params.goal), params.start, params.tau
        )

    def trajectory(
        self, params: HittingDMPParams, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time dof"]:
        """Positions at the increasing times `ts` (s)."""
        return self._solve(params, ts)[0]

    def velocity(self, params: HittingDMPParams, ts: Float[Array, " time"]) -> Float[Array, "time dof"]:
        """dy/dt at the times `ts` (s)."""
        _, z, tau = self._solve(params, ts)
        return z / tau

    def fit(self, trajectory: Trajectory, *, ridge: float = 1e-12) -> HittingDMPParams:
        """Imitate a demonstration; target and velocity are its last sample's, by second-order differences."""
        s, ys, tau = phases(trajectory, self.dmp.dof, self.dmp.duration, minimum=3)
        near, far = (ys[-1] - ys[-2]) / (s[-1] - s[-2]), (ys[-2] - ys[-3]) / (s[-2] - s[-3])
        drift = near + (near - far) * (s[-1] - s[-2]) / (s[-1] - s[-3])

        def unforced(s):
            away = self.dmp.system.propagate(ys[0] - ys[-1] + drift, -drift, s[:, None])[0]
            return ys[-1] + drift * (s - 1)[:, None] + away

        weights = forcing_weights(self.dmp.system, s, ys, ridge, unforced)
        duration = tau if self.dmp.duration is None else None
        return HittingDMPParams(weights, ys[-1], drift / tau, ys[0], duration)

    def check(self, params: HittingDMPParams) -> None:
        """Raise `DataError` where the parameters are not those of one movement."""
        dof = (self.dmp.dof,)
        check_shapes(
            params,
            weights=(self.dmp.dof, self.dmp.basis),
            goal=dof,
            goal_velocity=dof,
            start=dof,
            tau=() if self.dmp.duration is None else None,
        )

    def _solve(self, params, ts):
        ts = check_times(ts, minimum=1)
        self.check(params)
        system, tau = self.dmp.system, duration_of(params, self.dmp.duration)
        dtype = params.weights.dtype
        ts = jnp.asarray(ts, jnp.result_type(ts, dtype))
        drift = tau * params.goal_velocity
        # What is missing at s = 1: the distance to the target obeys the equation with the goal at zero.
        position, velocity = (jnp.asarray(a[0, :-1], dtype) for a in table_at(system, (1.0,)))
        y, v = system.propagate(params.start - params.goal + drift, -drift, jnp.ones((), dtype))
        missing = -jnp.stack([y + params.weights @ position, v + params.weights @ velocity], axis=1)
        forcing = params.weights + missing @ jnp.asarray(least_change(system, (1.0,), True).T, dtype)
        first = (jnp.zeros((), dtype), params.start, jnp.zeros_like(params.start))
        return *solve_from(self.dmp, forcing, params.goal, drift, first, tau, ts), tau
