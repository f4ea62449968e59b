"""Imitation: linear least squares for the forcing of a DMP."""

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor import check_times
from ideomotor.errors import DataError

from ._sample import sample
from ._system import System
from ._table import spline_table


@eqx.filter_jit
def forcing_weights(
    system: System,
    s: Float[Array, " time"],
    ys: Float[Array, "time dof"],
    ridge: float,
    unforced: Float[Array, "time dof"] | None = None,
) -> Float[Array, "dof basis"]:
    """The forcing whose movement is nearest to `ys`, by the closed form: `ys - unforced = A(s) w`.

    Without `unforced` it is the movement from rest at the first sample to the last.
    """
    grid, table, _ = spline_table(system, s.dtype)
    design = sample(grid, jnp.asarray(table.T), s).T
    if unforced is None:
        unforced = ys[0] + design[:, -1:] * (ys[-1] - ys[0])
    return least_squares(design[:, :-1], ys - unforced, ridge)


@eqx.filter_jit
def forces(
    system: System, s: Float[Array, " time"], ys: Float[Array, "time dof"], ridge: float
) -> Float[Array, "dof basis"]:
    """The forcing nearest to the demonstration's own, Y'' - alpha (beta (g - Y) - Y'), by finite
    differences.
    """
    velocity = gradient(ys, s)
    acceleration = gradient(velocity, s)
    wanted = acceleration - system.alpha * (system.alpha / 4 * (ys[-1] - ys) - velocity)
    return least_squares(system.forcing_basis(s), wanted, ridge)


@eqx.filter_jit
def least_squares(
    design: Float[Array | np.ndarray, "time basis"], target: Float[Array, "time dof"], ridge: float
) -> Float[Array, "dof basis"]:
    """Least squares with a penalty by QR, whose error grows with the condition number and not with its
    square.
    """
    n = design.shape[1]
    penalty = jnp.sqrt(ridge * jnp.sum(design**2) / n)
    q, r = jnp.linalg.qr(jnp.concatenate([design, penalty * jnp.eye(n, dtype=design.dtype)]))
    projected = jnp.matmul(q[: len(design)].T, target, precision=jax.lax.Precision.HIGHEST)
    return jax.scipy.linalg.solve_triangular(r, projected).T


def gradient(ys: Float[Array, "time dof"], s: Float[Array, " time"]) -> Float[Array, "time dof"]:
    """Second-order differences on any increasing times, first-order at the ends (two samples have nothing
    more).
    """
    slopes = jnp.diff(ys, axis=0) / jnp.diff(s)[:, None]
    before, after = jnp.diff(s)[:-1, None], jnp.diff(s)[1:, None]
    inner = (after * slopes[:-1] + before * slopes[1:]) / (before + after)
    return jnp.concatenate([slopes[:1], inner, slopes[-1:]])


def common_phase(ts, ys, dof: int, duration: float | None):
    """The times of demonstrations that lead with `demo`: of one dimension where all agree on s = t / tau.

    Raises a `DataError` for arrays of other shapes, and for times that do not increase.
    """
    shape = np.shape(ys)
    if len(shape) != 3 or shape[2] != dof or shape[0] < 1:
        raise DataError(f"ys has shape {shape} and (demo, time, {dof}) is needed.")
    if np.shape(ts) not in ((shape[1],), shape[:2]):
        raise DataError(f"ts has shape {np.shape(ts)} and ys has {shape[:2]} demos and times.")
    if not isinstance(ts, jax.core.Tracer):
        times = np.asarray(ts, float)
        if not np.all(np.diff(times) > 0):
            for i, one in enumerate(np.atleast_2d(times)):
                check_times(one, name=f"ts[{i}]" if times.ndim == 2 else "ts")
        # The difference first: clock times need the precision that NumPy's times have.
        ts = times - times[..., :1]
        s = ts / (ts[..., -1:] if duration is None else duration)
        if ts.ndim == 2 and np.ptp(s, axis=0).max() < 1e-5 / shape[1]:
            ts = ts[0]
    if not isinstance(ys, jax.core.Tracer) and not np.isfinite(np.asarray(ys)).all():
        where = np.argwhere(~np.isfinite(np.asarray(ys)))[0]
        raise DataError(
            f"ys[{', '.join(map(str, where))}] is not finite; repair or drop that sample before fitting."
        )
    return jnp.asarray(ts)
