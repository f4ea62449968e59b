"""Small solvers: nonlinear least squares on Optimistix, one damped step for loops of one's own."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jaxtyping import Array, Float, Shaped


def least_squares(
    residual: Callable[[Float[Array, " unknown"]], Float[Array, " residual"]],
    start: Float[Array, " unknown"],
    *,
    steps: int = 50,
    scale: Any = 1.0,
    tolerance: float = 1e-6,
) -> Float[Array, " unknown"]:
    """The unknowns that make the sum of squares of `residual` least, by Levenberg and Marquardt's method.

    - `steps`: at most so many; a search that needs more returns the best that it found, without an error, so that many
      starts may be tried under `jax.vmap` and the best be taken.
    - `scale`: typical size of each unknown, by which the damping is measured.
    - `tolerance`: relative and absolute, of a step (in `scale`) and of the sum of squares.
    """
    scale = jnp.broadcast_to(jnp.asarray(scale, start.dtype), start.shape)
    solver = optx.LevenbergMarquardt(tolerance, tolerance)
    found = optx.least_squares(
        lambda z, _: residual(z * scale), solver, start / scale, max_steps=steps, throw=False
    )
    return found.value * scale


def damped_step(
    jacobian: Shaped[Array | np.ndarray, "residual unknown"],
    residual: Shaped[Array | np.ndarray, " residual"],
    damping: Any,
) -> Shaped[Array | np.ndarray, " unknown"]:
    """One step of damped least squares: −(JᵀJ + λ)⁻¹ Jᵀ r, for NumPy or JAX arrays.

    - `jacobian` J: derivatives of the residuals by the unknowns; `residual`: r, at the present unknowns.
    - `damping`: λ, one number or one for each unknown; Marquardt's is relative to the diagonal of JᵀJ.
    """
    xp = jnp if isinstance(jacobian, jax.Array) else np
    normal = jacobian.T @ jacobian
    normal = normal + xp.eye(len(normal), dtype=normal.dtype) * damping
    return -xp.linalg.solve(normal, jacobian.T @ residual)
