"""Pen paths to grey images: the distance from each pixel to each piece of the path, in JAX, in batches."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_BATCH = 64  # images worked on together: their distance fields stay in the processor's cache


@partial(jax.jit, static_argnames="shape")
def _signed_distance(paths, radii, shape):
    rows, cols = jnp.mgrid[: shape[0], : shape[1]].astype(paths.dtype)
    pixels_x, pixels_y = cols.ravel()[None], rows.ravel()[None]

    def nearer(best, piece):
        start, end, r0, r1 = piece
        along = end - start
        inverse = 1 / jnp.maximum((along**2).sum(-1), 1e-12)
        dx, dy = pixels_x - start[:, :1], pixels_y - start[:, 1:]
        t = jnp.clip((dx * along[:, :1] + dy * along[:, 1:]) * inverse[:, None], 0, 1)
        dx, dy = dx - t * along[:, :1], dy - t * along[:, 1:]
        distance = jnp.sqrt(dx * dx + dy * dy) - (r0[:, None] + t * (r1 - r0)[:, None])
        return jnp.minimum(best, distance), None

    points, widths = jnp.moveaxis(paths, 1, 0), radii.T
    far = jnp.full((paths.shape[0], shape[0] * shape[1]), jnp.inf, paths.dtype)
    best, _ = jax.lax.scan(nearer, far, (points[:-1], points[1:], widths[:-1], widths[1:]))
    return best.reshape(-1, *shape)


def signed_distance(
    paths: Float[Array | np.ndarray, "batch time 2"],
    radii: Float[Array | np.ndarray, "batch time"],
    shape: tuple[int, int] = (40, 40),
) -> Float[Array, "batch height width"]:
    """Distance in px from each pixel's centre to the drawn line, negative inside it.

    - `paths`: points (column, row) in px; the centre of the first pixel is (0, 0).
    - `radii`: half the line's width at each point, in px.
    """
    return _signed_distance(jnp.asarray(paths, float), jnp.asarray(radii, float), tuple(shape))


@partial(jax.jit, static_argnames=("taps",))
def gaussian_blur(
    images: Float[Array, "batch height width"], sigmas: Float[Array, " batch"], *, taps: int = 4
) -> Float[Array, "batch height width"]:
    """Blur each image with its own Gaussian (σ in px), cut off at `taps` px."""
    offsets = jnp.arange(-taps, taps + 1)
    weights = jnp.exp(-0.5 * (offsets / jnp.maximum(sigmas, 1e-3)[:, None]) ** 2)
    weights = weights / weights.sum(1, keepdims=True)
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (taps, taps)
        padded = jnp.pad(images, pad)
        size = images.shape[axis]
        images = jnp.zeros_like(images)
        for i in range(2 * taps + 1):
            images = images + weights[:, i, None, None] * jax.lax.slice_in_dim(padded, i, i + size, axis=axis)
    return images


def in_batches(function, arrays, size: int = _BATCH) -> np.ndarray:
    """Apply a jitted function to equal pieces of `arrays` (the last filled up), so that it compiles once."""
    count = len(arrays[0])
    done = []
    for i in range(math.ceil(count / size)):
        piece = [a[i * size : (i + 1) * size] for a in arrays]
        short = size - len(piece[0])
        if short and i:
            piece = [np.concatenate([p, np.repeat(p[-1:], short, 0)]) for p in piece]
        done.append(np.asarray(function(*piece))[: len(arrays[0]) - i * size])
    return np.concatenate(done)
