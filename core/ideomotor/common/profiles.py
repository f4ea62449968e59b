"""Time laws of movements: the share of the way that is done at a share of the time."""

from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_A = TypeVar("_A", Array, np.ndarray)


def minimum_jerk(share: Float[_A, "*shape"]) -> Float[_A, "*shape"]:
    """10 s³ − 15 s⁴ + 6 s⁵ (Flash and Hogan 1985): at rest before 0 and after 1.

    - `share`: s, of the duration; NumPy or JAX arrays.

    >>> minimum_jerk(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]))
    array([0. , 0. , 0.5, 1. , 1. ])
    """
    s = jnp.clip(share, 0.0, 1.0) if isinstance(share, jax.Array) else np.clip(share, 0.0, 1.0)
    return s**3 * (10 - 15 * s + 6 * s**2)
