"""Curves through control points, arc length and the minimum-jerk time law; NumPy, whole batches at once."""

import numpy as np
from jaxtyping import Float


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
    """The fraction of the way at equally spaced times: 10u³ − 15u⁴ + 6u⁵ (Flash and Hogan 1985)."""
    u = np.linspace(0, 1, samples)
    return u**3 * (10 - 15 * u + 6 * u**2)


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
