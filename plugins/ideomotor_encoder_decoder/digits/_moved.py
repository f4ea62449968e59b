"""A pair of image and path under a random smooth map, in JAX: new at every step of a training."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._pairs import KNOTS, hats

_STEPS = 4  # of the fixed point that turns the displacement around


class Movement(NamedTuple):
    """How far a pair is moved about at most; all uniform, but for `elastic`.

    - `rotation`: degrees; `translation`: px; `scale`: relative, of width and height each; `shear`.
    - `elastic`: px, the deviation of a smooth random displacement (Simard et al. 2003).
    """

    rotation: float | int = 12.0
    translation: float | int = 1.5
    scale: float | int = 0.12
    shear: float | int = 0.15
    elastic: float | int = 0.8


def moved_pair(
    image: Float[Array, "*channels size size"],
    path: Float[Array, "time 2"],
    movement: Movement = Movement(),
    *,
    key: PRNGKeyArray,
) -> tuple[Float[Array, "*channels size size"], Float[Array, "time 2"]]:
    """A square image, or several on each other, and the path (column, row) in px that drew it, moved by a random map.

    As `transformed_pairs`, but inside a compiled training step: `jax.vmap` moves a batch.
    """
    size = image.shape[-1]
    middle = (size - 1) / 2
    of_affine, of_elastic = jax.random.split(key)
    turn, slant, wider, higher, right, down = jax.random.uniform(of_affine, (6,), minval=-1.0)
    angle = jnp.deg2rad(movement.rotation * turn)
    rotation = jnp.array([[1.0, 0.0], [0.0, 1.0]]) * jnp.cos(angle) + jnp.array(
        [[0.0, -1.0], [1.0, 0.0]]
    ) * jnp.sin(angle)
    grow = 1 + movement.scale * jnp.stack([wider, higher])
    matrix = rotation @ (jnp.eye(2).at[0, 1].set(movement.shear * slant) * grow)
    to = middle + movement.translation * jnp.stack([right, down])
    bumps = movement.elastic * jax.random.normal(of_elastic, (KNOTS, KNOTS, 2))

    def displacement(where):
        columns, rows = hats(where[..., 0] / (size - 1)), hats(where[..., 1] / (size - 1))
        return jnp.einsum("...r,...c,rcd->...d", rows, columns, bumps)

    # A pixel at p of the new image shows p + u(p) of the old one, so what was at q is now where p + u(p) = q.
    old = path
    for _ in range(_STEPS):
        old = path - displacement(old)
    rows, columns = jnp.mgrid[:size, :size].astype(image.dtype)
    seen = (jnp.stack([columns, rows], -1) - to) @ jnp.linalg.inv(matrix).T + middle
    seen = seen + displacement(seen)
    return brightness_at(image, seen), (old - middle) @ matrix.T + to


def brightness_at(
    image: Float[Array, "*channels height width"], places: Float[Array, "a b 2"]
) -> Float[Array, "*channels a b"]:
    """Brightness at places (column, row) in px, linear between pixels, black beyond; of all channels at once."""
    height, width = image.shape[-2:]
    channels = image.ndim - 2
    around = jnp.pad(jnp.moveaxis(image, (-2, -1), (0, 1)), [(1, 1)] * 2 + [(0, 0)] * channels)
    end = jnp.array([width, height])
    places = jnp.clip(places + 1, 0, end + 1)
    low = jnp.minimum(places.astype(int), end)
    right, down = jnp.moveaxis((places - low).reshape(*low.shape, *[1] * channels), 2, 0)
    column, row = low[..., 0], low[..., 1]
    above = around[row, column] * (1 - right) + around[row, column + 1] * right
    below = around[row + 1, column] * (1 - right) + around[row + 1, column + 1] * right
    return jnp.moveaxis(above * (1 - down) + below * down, (0, 1), (-2, -1))
