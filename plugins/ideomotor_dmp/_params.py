from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor import quantity
from ideomotor.errors import DataError


class DMPParams(eqx.Module):
    """What one movement of a DMP is made of (Pahič et al. 2018, eq. 8).

    - `weights`: of the forcing term, shape `(dof, basis)`.
    - `goal`, `start`: where the movement ends and begins, shape `(dof,)`, in the unit of the movement.
    - `tau`: duration in seconds; `None` where the DMP itself fixes it (`DMP(duration=...)`).
    - `amplitude`: the size of the demonstration, shape `(dof,)`; only with `DMP(scaling="amplitude")`.

    Leaves may have leading batch axes, as `jax.vmap` over `DMP.fit` makes them.
    """

    weights: Float[Array | np.ndarray, "*batch dof basis"] = quantity(label="weights")
    goal: Float[Array | np.ndarray, "*batch dof"] = quantity(label="goal")
    start: Float[Array | np.ndarray, "*batch dof"] = quantity(label="start")
    tau: Float[Array | np.ndarray, "*batch"] | None = quantity(
        unit="s", positive=True, label="duration", default=None
    )
    amplitude: Float[Array | np.ndarray, "*batch dof"] | None = quantity(label="amplitude", default=None)


def check_shapes(params: Any, **wanted: tuple[int, ...] | None) -> None:
    """Raise a `DataError` where a leaf of `params` has another shape than the one wanted (None: no leaf)."""
    for name, shape in wanted.items():
        value = getattr(params, name)
        found = None if value is None else np.shape(value)
        if found != shape:
            raise DataError(
                f"params.{name} must be {_shape(shape)}, not {_shape(found)}; use jax.vmap for batches of movements."
            )


def positive(value, name: str, what: str) -> Array:
    """A number that must be positive: a `DataError` where it is not, NaN where it is traced."""
    if not isinstance(value, jax.core.Tracer) and not np.all(np.asarray(value) > 0):
        raise DataError(f"params.{name} is {np.asarray(value):g}; {what} must be positive.")
    return jnp.where(value > 0, value, jnp.nan)


def not_negative(value, name: str, what: str) -> Array:
    """A number that must not be negative: a `DataError` where it is, NaN where it is traced."""
    if not isinstance(value, jax.core.Tracer) and not np.all(np.asarray(value) >= 0):
        raise DataError(f"params.{name} is {np.asarray(value):g}; {what} must not be negative.")
    return jnp.where(value >= 0, value, jnp.nan)


def duration_of(params: Any, fixed: float | None) -> Array:
    """The duration in seconds, fixed or of the parameters: see `positive`."""
    if fixed is not None:
        return jnp.asarray(fixed, params.weights.dtype)
    return positive(params.tau, "tau", "the duration of a movement")


def _shape(shape: tuple[int, ...] | None) -> str:
    return "None" if shape is None else f"of shape {shape}"
