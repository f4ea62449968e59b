import dataclasses
import math
import warnings
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, quantity
from ideomotor.errors import DataError

from ._dmp import DMP
from ._linear import least_change, table_at
from ._params import DMPParams, check_shapes

_SWING = 6.0  # how much further than the points the movement may go without a warning


class ViaPointParams(eqx.Module):
    """One movement of a `ViaPointDMP`: that of the DMP, and the `points` to pass, shape `(points, dof)`."""

    movement: DMPParams
    points: Float[Array | np.ndarray, "*batch points dof"] = quantity(label="via-points")


class ViaPointDMP(AbstractFeedforwardPrimitive[ViaPointParams]):
    """A DMP that passes given points exactly, with the least change of its weights.

    The position at a phase is linear in the weights, y = A w + unforced, so that the least-norm change is
    A^T (A A^T)^-1 (points - y): a matrix that is computed once.

    - `dmp`: which family of movements.
    - `at`: when the points are passed, as increasing fractions of tau in (0, 1].
    """

    dmp: DMP
    at: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, dmp: DMP = DMP(), at: Sequence[float] = (0.5,)):
        if not isinstance(dmp, DMP):
            raise ValueError(f"dmp = {dmp!r}; a ViaPointDMP is made around a DMP.")
        self.dmp, self.at = dmp, check_fractions(at, dmp.basis)

    def default_params(self) -> ViaPointParams:
        """The DMP's, and points on its way."""
        movement = self.dmp.default_params()
        return ViaPointParams(movement, self._passed(movement))

    def trajectory(
        self, params: ViaPointParams, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time dof"]:
        """Positions at the increasing times `ts` (s)."""
        return self.plain.trajectory(self.bend(params), ts)

    def velocity(self, params: ViaPointParams, ts: Float[Array, " time"]) -> Float[Array, "time dof"]:
        """dy/dt at the times `ts` (s)."""
        return self.plain.velocity(self.bend(params), ts)

    @property
    def plain(self) -> DMP:
        """The DMP with `scaling="none"`."""
        return dataclasses.replace(self.dmp, scaling="none")

    def bend(self, params: ViaPointParams) -> DMPParams:
        """The parameters of `plain` whose movement passes the points; warns where it must swing far to do so."""
        check_shapes(params, points=(len(self.at), self.dmp.dof))
        self.dmp.check(params.movement)
        movement, dtype = params.movement, params.movement.weights.dtype
        away = params.points - self._passed(movement)
        change = away.T @ jnp.asarray(least_change(self.dmp.system, self.at, False).T, dtype)
        if not isinstance(change, jax.core.Tracer):
            self._warn_of_swings(np.asarray(away), np.asarray(change))
        forcing = self.dmp.forcing(movement) + change
        return DMPParams(forcing, movement.goal, movement.start, movement.tau)

    def fit(self, trajectory: Trajectory) -> ViaPointParams:
        """Imitate a demonstration; the points are those where the imitation passes."""
        movement = self.dmp.fit(trajectory)
        return ViaPointParams(movement, self._passed(movement))

    def _warn_of_swings(self, away: np.ndarray, change: np.ndarray) -> None:
        """Warn of points that can be passed only by going much further than they are away."""
        grid = tuple(np.linspace(0, 1, 4 * self.dmp.basis + 1)[1:].tolist())
        swings = np.abs(table_at(self.dmp.system, grid)[0][:, :-1] @ change.T)
        if swings.max() > _SWING * np.abs(away).max():
            gap, i = min((b - a, i) for i, (a, b) in enumerate(zip((0.0, *self.at), self.at, strict=False)))
            warnings.warn(
                f"To pass points at most {np.abs(away).max():.3g} beside it the movement swings by {swings.max():.3g}: "
                f"at[{i}] = {self.at[i]:g} comes only {gap:.3g} tau after {'the start' if i == 0 else f'at[{i - 1}]'}. "
                f"Leave more time there, or choose points nearer to the movement.",
                stacklevel=4,
            )

    def _passed(self, movement):
        dtype = movement.weights.dtype
        table = jnp.asarray(table_at(self.dmp.system, self.at)[0], dtype)
        theta = jnp.concatenate(
            [self.dmp.forcing(movement), (movement.goal - movement.start)[:, None]], axis=1
        )
        return movement.start + jnp.matmul(table, theta.T, precision=jax.lax.Precision.HIGHEST)


def check_fractions(at: Sequence[float], basis: int) -> tuple[float, ...]:
    """The fractions of tau at which points are passed, if they can all be."""
    at = tuple(float(a) for a in at)
    if not at:
        raise DataError("at is empty; give at least one fraction of tau at which a point is passed.")
    for i, a in enumerate(at):
        if not (math.isfinite(a) and 0 < a <= 1):
            raise DataError(
                f"at[{i}] is {a:g}; a via-point is passed within the movement, at a fraction of tau in (0, 1]."
            )
        if i and a <= at[i - 1]:
            raise DataError(
                f"at[{i}] is {a:g} after {at[i - 1]:g}; fractions of tau must increase, one point at each."
            )
        if i and a - at[i - 1] < 1e-3:
            raise DataError(
                f"at[{i}] is {a:g} and at[{i - 1}] is {at[i - 1]:g}; via-points need 0.001 tau between them."
            )
    if len(at) > basis - 1:
        raise DataError(
            f"There are {len(at)} via-points and {basis} basis functions; at most {basis - 1} points can be passed."
        )
    return at
