from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, check_times
from ideomotor.errors import DataError

from ._dmp import DMP
from ._fit import forcing_weights, phases
from ._linear import solve_from
from ._params import DMPParams


class JoinedDMP(AbstractFeedforwardPrimitive[tuple[DMPParams, ...]]):
    """DMPs played one after another, each for its tau; position and velocity are continuous at the joints.

    Each part begins where the one before it is after its tau, as fast as that is (not where that one's goal
    is, which a DMP has not quite reached by then). `start` counts in the first part; in later ones only where
    `scaling` looks at goal - start. The last part continues towards its goal.

    - `parts`: one DMP for each part, of the same degrees of freedom.
    """

    parts: tuple[DMP, ...]

    def __init__(self, parts: Sequence[DMP] = (DMP(), DMP())):
        parts = tuple(parts)
        if not parts or not all(isinstance(part, DMP) for part in parts):
            raise ValueError(f"parts = {parts!r}; give a sequence of one or more DMPs.")
        if len({part.dof for part in parts}) > 1:
            raise ValueError(
                f"The parts have {', '.join(str(part.dof) for part in parts)} degrees of freedom; "
                f"parts that join must have the same."
            )
        self.parts = parts

    def default_params(self) -> tuple[DMPParams, ...]:
        """From zero to one, on to two, and so on."""
        found = []
        for i, part in enumerate(self.parts):
            params = part.default_params()
            ends = (params.goal + i, params.start + i)
            found.append(eqx.tree_at(lambda p: (p.goal, p.start), params, ends))
        return tuple(found)

    def trajectory(
        self,
        params: tuple[DMPParams, ...],
        ts: Float[Array, " time"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "time dof"]:
        """Positions at the increasing times `ts` (s)."""
        return self._solve(params, ts)[0]

    def velocity(self, params: tuple[DMPParams, ...], ts: Float[Array, " time"]) -> Float[Array, "time dof"]:
        """dy/dt at the times `ts` (s)."""
        return self._solve(params, ts)[1]

    def joints(self, params: tuple[DMPParams, ...]) -> Float[Array, " joints"]:
        """The times (s) at which one part gives way to the next."""
        return jnp.cumsum(self._taus(params))[:-1]

    def fit(
        self, trajectory: Trajectory, *, joints: Sequence[float] | None = None, ridge: float = 1e-12
    ) -> tuple[DMPParams, ...]:
        """Imitate a demonstration in parts, each from where its predecessor arrives.

        - `joints`: times (s) between the parts, after the demonstration's first; by default parts of equal
          duration.

        Raises a `DataError` where a part has fewer than three samples, or joints are not increasing times
        within the demonstration.
        """
        _, ys, total = phases(trajectory, self.parts[0].dof)
        ts = np.asarray(trajectory.ts - trajectory.ts[0], float)
        bounds = self._bounds(ts, joints)
        found, y, z_per_second = [], ys[0], jnp.zeros_like(ys[0])
        for part, begin, end in zip(self.parts, bounds[:-1], bounds[1:], strict=True):
            inside = np.flatnonzero((ts >= begin - 1e-9) & (ts <= end + 1e-9))
            if len(inside) < 3:
                raise DataError(
                    f"Between {begin:g} s and {end:g} s the demonstration has {len(inside)} samples; "
                    f"a part needs at least 3."
                )
            tau = jnp.asarray(end - begin if part.duration is None else part.duration, ys.dtype)
            s = jnp.asarray(ts[inside] - begin, ys.dtype) / tau
            wanted, goal = ys[inside], ys[inside[-1]]
            away = partial(part.system.propagate, y - goal, tau * z_per_second)
            unforced = lambda s, away=away, goal=goal: goal + away(s[:, None])[0]  # noqa: E731
            forcing = forcing_weights(part.system, s, wanted, ridge, unforced)
            found.append(_as_params(part, forcing, goal, y, tau, jnp.ptp(wanted, axis=0)))
            first = (jnp.zeros_like(tau), y, tau * z_per_second)
            last = solve_from(part, forcing, goal, 0.0, first, tau, tau[None])
            y, z_per_second = last[0][0], last[1][0] / tau
        return tuple(found)

    def check(self, params: tuple[DMPParams, ...]) -> None:
        """Raise `DataError` where the parameters are not those of one movement."""
        if len(params) != len(self.parts):
            raise DataError(f"There are parameters for {len(params)} parts, but there are {len(self.parts)}.")
        for part, one in zip(self.parts, params, strict=True):
            part.check(one)

    def _taus(self, params):
        return jnp.stack([part.tau(one) for part, one in zip(self.parts, params, strict=True)])

    def _solve(self, params, ts):
        ts = check_times(ts, minimum=1)
        self.check(params)
        ts = jnp.asarray(ts, jnp.result_type(ts, params[0].weights))
        y, v = params[0].start, jnp.zeros_like(params[0].start)
        positions, velocities = jnp.broadcast_to(y, (len(ts), len(y))), jnp.zeros((len(ts), len(y)), ts.dtype)
        begin = jnp.zeros((), ts.dtype)
        for part, one in zip(self.parts, params, strict=True):
            tau = part.tau(one)
            play = partial(
                solve_from, part, part.forcing(one), one.goal, 0.0, (jnp.zeros_like(tau), y, tau * v), tau
            )
            ys, zs = play(jnp.maximum(ts - begin, 0))
            now = (ts >= begin)[:, None]
            positions = jnp.where(now, ys, positions)
            velocities = jnp.where(now, zs / tau, velocities)
            ends = play(tau[None])
            y, v, begin = ends[0][0], ends[1][0] / tau, begin + tau
        return positions, velocities

    def _bounds(self, ts, joints):
        parts = len(self.parts)
        fixed = [part.duration for part in self.parts if part.duration is not None]
        if joints is None:
            if len(fixed) == parts:
                joints = np.cumsum(fixed)[:-1]
            else:
                joints = ts[-1] * np.arange(1, parts) / parts
        bounds = np.concatenate([[0.0], np.asarray(joints, float), [ts[-1]]])
        if len(bounds) != parts + 1:
            raise DataError(
                f"joints holds {len(bounds) - 2} times, but {parts} parts have {parts - 1} joints."
            )
        if not np.all(np.diff(bounds) > 0):
            raise DataError(
                f"joints = {[float(j) for j in bounds[1:-1]]} must increase between 0 and {ts[-1]:g} s, the "
                f"demonstration's duration."
            )
        return bounds


def _as_params(part: DMP, forcing, goal, start, tau, size) -> DMPParams:
    weights, amplitude = part.weights_of(forcing, goal, start, size)
    return DMPParams(weights, goal, start, tau if part.duration is None else None, amplitude)
