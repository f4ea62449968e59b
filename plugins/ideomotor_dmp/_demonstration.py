"""A demonstration in a primitive's own time."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor import Trajectory, check_demonstration
from ideomotor.errors import DataError


def phases(
    trajectory: Trajectory, dof: int, duration: float | None = None, *, minimum: int = 2
) -> tuple[Float[Array, " time"], Float[Array, "time dof"], Float[Array, ""]]:
    """`(s, ys, tau)` with s = (t - t_0) / tau and tau the duration given, or else that of the demonstration.

    Raises a `DataError` for what cannot be imitated.
    """
    trajectory = check_demonstration(trajectory, minimum=minimum)
    ts, ys = jnp.asarray(trajectory.ts), jnp.asarray(trajectory.ys)
    check_dof(ys, dof)
    if isinstance(duration, int | float) and not (math.isfinite(duration) and duration > 0):
        raise DataError(f"duration is {duration:g}; the duration of a movement must be positive.")
    dtype = jnp.result_type(ts, ys, float) if jnp.issubdtype(ys.dtype, jnp.integer) else ys.dtype
    ts, ys = ts.astype(dtype), ys.astype(dtype)
    tau = jnp.asarray(ts[-1] if duration is None else duration, dtype)
    return ts / tau, ys, tau


def check_dof(ys, dof: int) -> None:
    """Raise a `DataError` unless `ys` has the shape `(time, dof)`."""
    if len(np.shape(ys)) != 2 or np.shape(ys)[1] != dof:
        raise DataError(f"trajectory.ys has shape {np.shape(ys)} and this primitive needs (time, {dof}).")
