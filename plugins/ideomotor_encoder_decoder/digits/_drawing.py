"""Curves through control points, and their grey images: by the distance from each pixel to the path, in batches."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor.common import profiles


def spline(
    points: Float[np.ndarray, "batch control 2"], corners: list[bool], samples: int = 10
) -> Float[np.ndarray, "batch time 2"]:
    """A Catmull–Rom curve through the control points, with a kink at those marked as corners."""
    last = points.shape[1] - 1
    u = (np.arange(samples) / samples)[:, None]
    pieces = []
    for i in range(last):
        a, b = points[:, i], points[:, i + 1]
        # Half the chord of the neighbours is the tangent; at a corner or an end it is the chord itself.
        before = a - (b - a) if i == 0 or corners[i] else points[:, i - 1]
        after = b + (b - a) if i + 1 == last or corners[i + 1] else points[:, i + 2]
        chord = np.linalg.norm(b - a, axis=-1, keepdims=True)
        ta, tb = _tangent(before, a, b, chord), _tangent(a, b, after, chord)
        a, b, ta, tb = (x[:, None] for x in (a, b, ta, tb))
        h = 2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u, -2 * u**3 + 3 * u**2, u**3 - u**2
        pieces.append(h[0] * a + h[1] * ta + h[2] * b + h[3] * tb)
    return np.concatenate([*pieces, points[:, -1:]], 1)


def _tangent(before, at, after, chord):
    """The parabola's slope at `at`, with chord lengths as the parameter, times the length of this piece."""
    first = np.linalg.norm(at - before, axis=-1, keepdims=True) + 1e-9
    second = np.linalg.norm(after - at, axis=-1, keepdims=True) + 1e-9
    slope = (second / first * (at - before) + first / second * (after - at)) / (first + second)
    return slope * chord


def resample(
    paths: Float[np.ndarray, "batch time 2"], where: Float[np.ndarray, " new"]
) -> Float[np.ndarray, "batch new 2"]:
    """The points at the fractions `where` (0 to 1) of each path's arc length."""
    steps = np.linalg.norm(np.diff(paths, axis=1), axis=-1)
    length = np.concatenate([np.zeros((len(paths), 1)), np.cumsum(steps, 1)], 1)
    length /= np.maximum(length[:, -1:], 1e-12)
    return np.stack(
        [
            np.stack([np.interp(where, s, p[:, 0]), np.interp(where, s, p[:, 1])], -1)
            for s, p in zip(length, paths, strict=True)
        ]
    )


def minimum_jerk(samples: int) -> Float[np.ndarray, " samples"]:
    """The fraction of the way at equally spaced times."""
    return profiles.minimum_jerk(np.linspace(0, 1, samples))


def affine(angle: np.ndarray, scale: np.ndarray, slant: np.ndarray) -> Float[np.ndarray, "batch 2 2"]:
    """Matrices of a shear, then a rotation (rad) and a scale, one for each angle."""
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(-1, 2, 2)
    skew = np.tile(np.eye(2), (len(angle), 1, 1))
    skew[:, 0, 1] = slant
    return scale[:, None, None] * turn @ skew


def smooth(paths: Float[np.ndarray, "batch time 2"], sigma: float) -> Float[np.ndarray, "batch time 2"]:
    """Round the corners: a Gaussian along the path (σ in samples) that leaves the two ends in place."""
    if sigma < 0.3:
        return paths
    reach = min(int(3 * sigma) + 1, paths.shape[1] - 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    first, final = paths[:, :1], paths[:, -1:]
    padded = np.concatenate(
        [2 * first - paths[:, reach:0:-1], paths, 2 * final - paths[:, -2 : -reach - 2 : -1]], 1
    )
    count = paths.shape[1]
    return np.sum([w * padded[:, i : i + count] for i, w in enumerate(weights)], axis=0)


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
