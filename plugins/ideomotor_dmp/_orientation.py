import dataclasses
import math
from typing import Literal

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, check_demonstration, check_times, quantity
from ideomotor.common import rotations
from ideomotor.errors import DataError

from ._dmp import DMP
from ._fit import anchored, least_squares
from ._methods import Integrated
from ._params import DMPParams, check_shapes, duration_of
from ._system import System
from ._table import sample, spline_table


class OrientationDMPParams(eqx.Module):
    """One movement of an `OrientationDMP`.

    - `weights`: of the forcing term, shape `(3, basis)`.
    - `goal`, `start`: quaternions (w, x, y, z), shape `(4,)`; they are brought to unit length, so that a
      network may give any that are not zero.
    - `tau`: duration in seconds; `None` where it is fixed.
    """

    weights: Float[Array | np.ndarray, "*batch 3 basis"] = quantity(label="weights")
    goal: Float[Array | np.ndarray, "*batch 4"] = quantity(label="goal")
    start: Float[Array | np.ndarray, "*batch 4"] = quantity(label="start")
    tau: Float[Array | np.ndarray, "*batch"] | None = quantity(
        unit="s", positive=True, label="duration", default=None
    )


class OrientationDMP(AbstractFeedforwardPrimitive[OrientationDMPParams]):
    """A DMP on unit quaternions (Ude et al. 2014).

        tau deta/dt = alpha (beta 2 log(goal q*) - eta) + F(x),   tau dq/dt = eta q / 2,   eta = tau omega,

    with omega the angular velocity in the fixed frame, beta = alpha / 4 and F of `DMP`, which is not scaled.
    It is not linear and is integrated; what comes out has unit length.

    - `basis`, `alpha`, `alpha_x`, `overlap`, `last_width`, `duration`: as in `DMP`.
    - `turn`: `"shortest"`: q and -q are the same, the goal is reached through less than half a turn at first.
      `"signed"`: the sign of `goal` against `start` says which way round, up to a whole turn.
    - `method`: an `ideomotor.make("integrated", ...)`.
    """

    basis: int = eqx.field(static=True)
    alpha: float = eqx.field(static=True)
    alpha_x: float = eqx.field(static=True)
    duration: float | None = eqx.field(static=True)
    overlap: float = eqx.field(static=True)
    last_width: Literal["repeat", "extrapolate"] = eqx.field(static=True)
    turn: Literal["shortest", "signed"] = eqx.field(static=True)
    method: Integrated

    def __init__(
        self,
        basis: int = 25,
        *,
        alpha: float = 48.0,
        alpha_x: float = 2.0,
        duration: float | None = None,
        overlap: float = math.exp(-2),
        last_width: Literal["repeat", "extrapolate"] = "repeat",
        turn: Literal["shortest", "signed"] = "shortest",
        method: Integrated = Integrated(),
    ):
        if turn not in ("shortest", "signed"):
            raise ValueError(f"turn = {turn!r}; choose 'shortest' or 'signed'.")
        if duration is not None and not (math.isfinite(duration) and duration > 0):
            raise ValueError(f"duration = {duration!r}; it must be a positive number of seconds, or None.")
        if not isinstance(method, Integrated):
            raise ValueError(
                f"method = {method!r}; an orientation is not linear; use ideomotor.make('integrated', ...)."
            )
        self.basis, self.alpha, self.alpha_x = basis, float(alpha), float(alpha_x)
        self.duration = None if duration is None else float(duration)
        self.overlap, self.last_width = float(overlap), last_width
        self.turn, self.method = turn, method
        _ = self.system

    @property
    def system(self) -> System:
        """The equation."""
        return System(self.basis, self.alpha, self.alpha_x, self.overlap, self.last_width)

    @property
    def _untimed(self) -> "OrientationDMP":
        """The same family without a duration of its own, so that all durations share what is compiled."""
        return self if self.duration is None else dataclasses.replace(self, duration=None)

    def default_params(self) -> OrientationDMPParams:
        """A quarter turn about z in one second."""
        return OrientationDMPParams(
            jnp.zeros((3, self.basis)),
            jnp.asarray([math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]),
            jnp.asarray([1.0, 0.0, 0.0, 0.0]),
            jnp.ones(()) if self.duration is None else None,
        )

    def trajectory(
        self, params: OrientationDMPParams, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time 4"]:
        """Unit quaternions at the increasing times `ts` (s), with signs that do not jump."""
        return self._solve(params, ts)[0]

    def velocity(self, params: OrientationDMPParams, ts: Float[Array, " time"]) -> Float[Array, "time 3"]:
        """Angular velocity in the fixed frame (rad / s) at the times `ts` (s)."""
        _, eta, tau = self._solve(params, ts)
        return eta / tau

    def fit(
        self, trajectory: Trajectory, *, refinements: int = 8, ridge: float = 1e-12
    ) -> OrientationDMPParams:
        """Imitate a demonstration of unit quaternions, shape `(time, 4)`.

        First the weights of the linear DMP of the turn that is left to the goal; then `refinements` times those that
        take away what rotation is left between demonstration and movement. The best of all is kept. Across gaps wider
        than a basis function the movement stays near the shortest turn.

        Raises a `DataError` for quaternions that are not of unit length, and where the demonstration turns by
        more than half a turn and `turn="shortest"`.
        """
        trajectory = check_demonstration(trajectory, minimum=3)
        qs = check_quaternions(trajectory.ys)
        ts = jnp.asarray(trajectory.ts)
        qs = rotations.continuous(rotations.normalise(qs))
        start, goal = qs[0], qs[-1]
        if self.turn == "shortest" and not isinstance(qs, jax.core.Tracer) and float(start @ goal) < -1e-6:
            angle = math.degrees(2 * math.acos(max(-1.0, float(start @ goal))))
            raise DataError(
                f"The demonstration turns by {angle:.0f} degrees, more than half a turn; make the DMP with "
                f"turn='signed', or cut the demonstration in two."
            )
        ts = ts.astype(qs.dtype)
        tau = ts[-1] if self.duration is None else jnp.asarray(self.duration, qs.dtype)
        params = _imitate(self._untimed, ts, qs, tau, jnp.asarray(refinements), np.asarray(ridge, qs.dtype))
        return params if self.duration is None else dataclasses.replace(params, tau=None)

    def check(self, params: OrientationDMPParams) -> None:
        """Raise `DataError` where the parameters are not those of one movement."""
        check_shapes(
            params,
            weights=(3, self.basis),
            goal=(4,),
            start=(4,),
            tau=() if self.duration is None else None,
        )
        for name in ("goal", "start"):
            value = getattr(params, name)
            if not isinstance(value, jax.core.Tracer) and np.linalg.norm(np.asarray(value)) < 1e-6:
                raise DataError(
                    f"params.{name} is the quaternion {np.asarray(value).tolist()}, which has no direction."
                )

    def _solve(self, params, ts):
        ts = check_times(ts, minimum=1)
        self.check(params)
        dtype = params.weights.dtype
        tau = duration_of(params, self.duration)
        ts = jnp.asarray(ts, jnp.result_type(ts, dtype))
        return *_play(self._untimed, dataclasses.replace(params, tau=None), tau, ts), tau


def check_quaternions(ys) -> Array:
    """The demonstration as an array, if its rows are unit quaternions."""
    ys = jnp.asarray(ys)
    ys = ys if jnp.issubdtype(ys.dtype, jnp.floating) else ys.astype(float)
    if ys.ndim != 2 or ys.shape[1] != 4:
        raise DataError(f"trajectory.ys has shape {ys.shape}; this primitive expects quaternions, (time, 4).")
    if not isinstance(ys, jax.core.Tracer):
        norms = np.linalg.norm(np.asarray(ys), axis=1)
        if np.abs(norms - 1).max() > 1e-3:
            bad = int(np.argmax(np.abs(norms - 1)))
            raise DataError(
                f"trajectory.ys[{bad}] has length {norms[bad]:g}; an orientation is a quaternion (w, x, y, z) of "
                f"length one."
            )
    return ys


def _identity(dtype):
    return jnp.asarray([1.0, 0.0, 0.0, 0.0], dtype)


@eqx.filter_jit
def _play(dmp: OrientationDMP, params: OrientationDMPParams, tau, ts):
    start, goal = (rotations.normalise(jnp.asarray(q, ts.dtype)) for q in (params.start, params.goal))
    if dmp.turn == "shortest":
        goal = rotations.nearest_sign(goal, start)
    system = dmp.system

    def slope(t, state, args):
        weights, goal, tau = args
        q, eta = state
        left = rotations.multiply(goal, rotations.conjugate(rotations.normalise(q)))
        push = system.forcing_basis(t / tau) @ weights.T
        pull = system.alpha * (system.alpha / 4 * rotations.to_rotation_vector(left) - eta)
        turning = jnp.concatenate([jnp.zeros_like(eta[:1]), eta])
        return rotations.multiply(turning, q) / (2 * tau), (pull + push) / tau

    rest = jnp.zeros(3, ts.dtype)
    q, eta = dmp.method.integrate(slope, (start, rest), (params.weights, goal, tau), ts)
    return rotations.normalise(q), eta


@eqx.filter_jit
def _imitate(dmp: OrientationDMP, ts, qs, tau, refinements, ridge) -> OrientationDMPParams:
    start, goal = qs[0], qs[-1]
    s = ts / tau
    # Of lines between quaternions: the shortest turns across the gaps.
    s, qs, weight = anchored(s, qs, dmp.basis)
    qs = rotations.normalise(qs)
    grid, table, _ = spline_table(dmp.system, s.dtype)
    columns = sample(grid, jnp.asarray(table.T), s).T
    design, to_goal = columns[:, :-1], columns[:, -1:]
    # About one axis, the turn that is left obeys the linear DMP with its goal at zero.
    left = rotations.to_rotation_vector(rotations.multiply(goal, rotations.conjugate(qs)))
    first = rotations.to_rotation_vector(rotations.multiply(goal, rotations.conjugate(start)))
    weights = least_squares(design, first * (1 - to_goal) - left, ridge, weight)
    times, order = s * tau, jnp.argsort(s)
    made = lambda w: OrientationDMPParams(w, goal, start, tau)  # noqa: E731

    def residual(w):
        played = jnp.zeros_like(qs).at[order].set(dmp.trajectory(made(w), times[order]))
        return rotations.to_rotation_vector(
            rotations.nearest_sign(rotations.multiply(qs, rotations.conjugate(played)), _identity(qs.dtype))
        )

    def refine(_, carry):
        weights, best, least = carry
        rest = residual(weights)
        error = jnp.sum(weight[:, None] ** 2 * rest**2)
        better = error < least
        best, least = jnp.where(better, weights, best), jnp.where(better, error, least)
        return weights + least_squares(design, rest, ridge, weight), best, least

    infinite = jnp.asarray(jnp.inf, qs.dtype)
    _, weights, _ = jax.lax.fori_loop(0, refinements + 1, refine, (weights, weights, infinite))
    return made(weights)


class PoseDMPParams(eqx.Module):
    """One movement of a `PoseDMP`: of the position, which has the duration, and of the orientation."""

    position: DMPParams = quantity(label="position")
    orientation: OrientationDMPParams = quantity(label="orientation")


class PoseDMP(AbstractFeedforwardPrimitive[PoseDMPParams]):
    """Position in closed form and orientation by `OrientationDMP`, with one tau for both.

    - `position`: a DMP of three degrees of freedom; its tau or duration is that of the pose.
    - `orientation`: an OrientationDMP without a duration of its own.
    """

    position: DMP
    orientation: OrientationDMP

    def __init__(self, position: DMP = DMP(3), orientation: OrientationDMP = OrientationDMP()):
        if not isinstance(position, DMP) or position.dof != 3:
            raise ValueError(f"position = {position!r}; a pose needs a DMP of 3 degrees of freedom.")
        if not isinstance(orientation, OrientationDMP) or orientation.duration is not None:
            raise ValueError(
                f"orientation = {orientation!r}; a pose needs an OrientationDMP without a duration: it has that "
                f"of the position."
            )
        self.position, self.orientation = position, orientation

    def default_params(self) -> PoseDMPParams:
        """Those of the parts."""
        orientation = dataclasses.replace(self.orientation.default_params(), tau=None)
        return PoseDMPParams(self.position.default_params(), orientation)

    def trajectory(
        self, params: PoseDMPParams, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time 7"]:
        """Positions and unit quaternions (x, y, z, qw, qx, qy, qz) at the increasing times `ts` (s)."""
        position = self.position.trajectory(params.position, ts)
        return jnp.concatenate([position, self.orientation.trajectory(self._timed(params), ts)], axis=1)

    def velocity(self, params: PoseDMPParams, ts: Float[Array, " time"]) -> Float[Array, "time 6"]:
        """Linear and angular velocity in the fixed frame at the times `ts` (s)."""
        linear = self.position.velocity(params.position, ts)
        return jnp.concatenate([linear, self.orientation.velocity(self._timed(params), ts)], axis=1)

    def fit(self, trajectory: Trajectory) -> PoseDMPParams:
        """Imitate a demonstration `(x, y, z, qw, qx, qy, qz)`, shape `(time, 7)`; see the parts' `fit`."""
        trajectory = check_demonstration(trajectory, minimum=3)
        ys = jnp.asarray(trajectory.ys)
        if ys.ndim != 2 or ys.shape[1] != 7:
            raise DataError(f"trajectory.ys has shape {ys.shape}; a pose expects (time, 7).")
        position = self.position.fit(Trajectory(trajectory.ts, ys[:, :3]))
        timed = dataclasses.replace(self.orientation, duration=self.position.duration)
        orientation = timed.fit(Trajectory(trajectory.ts, ys[:, 3:]))
        return PoseDMPParams(position, dataclasses.replace(orientation, tau=None))

    def _timed(self, params):
        tau = self.position.tau(params.position)
        if params.orientation.tau is not None:
            raise DataError("params.orientation.tau must be None; a pose has the duration of its position.")
        return dataclasses.replace(params.orientation, tau=tau)
