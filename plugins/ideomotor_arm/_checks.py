"""Checks of numbers at construction; inside `jit`, `grad` or `vmap` there are no values to look at."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ideomotor.common.trees import as_array


def floats(value: Any) -> jax.Array:
    """A field converter: numbers as an array of JAX's default float."""
    return as_array(value, float)


def spread(value: Any, shape: tuple[int, ...]) -> jax.Array:
    """Numbers as such an array of a shape that they are broadcast to."""
    value = floats(value)
    return floats(np.broadcast_to(value, shape)) if concrete(value) else jnp.broadcast_to(value, shape)


def concrete(*values: Any) -> bool:
    """Whether all the numbers can be looked at."""
    return not any(isinstance(value, Tracer) for value in values)


def check_numbers(
    owner: Any, name: str, *, shape: tuple[int, ...] = (), least: float | None, strict: bool = False
):
    """Raise a ValueError unless field `name` of `owner` has this shape and finite values above `least`."""
    value, label = getattr(owner, name), f"{type(owner).__name__}: {name}"
    if value.shape != shape:
        wanted = "one number" if shape == () else f"numbers of shape {shape}"
        raise ValueError(f"{label} must be {wanted}, not of shape {value.shape}.")
    if not concrete(value):
        return
    numbers = np.asarray(value)
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"{label} must be finite, not {numbers.tolist()}.")
    if least is not None and np.any(numbers <= least if strict else numbers < least):
        bound = "greater than" if strict else "at least"
        raise ValueError(f"{label} must be {bound} {least:g}, not {numbers.tolist()}.")
