"""Imitation: linear least squares for the forcing of a DMP."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._sample import sample
from ._system import System
from ._table import spline_table


def forcing_weights(
    system: System, s: Float[Array, " time"], ys: Float[Array, "time dof"], ridge: float
) -> Float[Array, "dof basis"]:
    """The forcing whose movement is nearest to `ys`, by the closed form: `ys - (unforced movement) = A(s)
    w`.
    """
    grid, table, _ = spline_table(system, s.dtype)
    design = sample(grid, jnp.asarray(table.T), s).T
    unforced = ys[0] + design[:, -1:] * (ys[-1] - ys[0])
    return _ridge(design[:, :-1], ys - unforced, ridge)


def forces(
    system: System, s: Float[Array, " time"], ys: Float[Array, "time dof"], ridge: float
) -> Float[Array, "dof basis"]:
    """The forcing nearest to the demonstration's own, Y'' - alpha (beta (g - Y) - Y'), by finite
    differences.
    """
    velocity = _gradient(ys, s)
    acceleration = _gradient(velocity, s)
    wanted = acceleration - system.alpha * (system.alpha / 4 * (ys[-1] - ys) - velocity)
    return _ridge(system.forcing_basis(s), wanted, ridge)


def _ridge(design: Float[Array, "time basis"], target: Float[Array, "time dof"], ridge: float):
    """Least squares with a penalty by QR, whose error grows with the condition number and not with its
    square.
    """
    n = design.shape[1]
    penalty = jnp.sqrt(ridge * jnp.sum(design**2) / n)
    q, r = jnp.linalg.qr(jnp.concatenate([design, penalty * jnp.eye(n, dtype=design.dtype)]))
    projected = jnp.matmul(q[: len(design)].T, target, precision=jax.lax.Precision.HIGHEST)
    return jax.scipy.linalg.solve_triangular(r, projected).T


def _gradient(ys: Float[Array, "time dof"], s: Float[Array, " time"]) -> Float[Array, "time dof"]:
    """Second-order differences on any increasing times, first-order at the ends (two samples have nothing
    more).
    """
    slopes = jnp.diff(ys, axis=0) / jnp.diff(s)[:, None]
    before, after = jnp.diff(s)[:-1, None], jnp.diff(s)[1:, None]
    inner = (after * slopes[:-1] + before * slopes[1:]) / (before + after)
    return jnp.concatenate([slopes[:1], inner, slopes[-1:]])
