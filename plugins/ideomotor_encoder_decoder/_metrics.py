"""How far a drawn path is from the right one, and from the ink; NumPy, all in px."""

import numpy as np
from jaxtyping import Array, Num
from scipy.spatial.distance import cdist

from .digits._curve import resample


def equal_time_distance(
    path: Num[Array | np.ndarray, "time 2"], truth: Num[Array | np.ndarray, "time 2"]
) -> float:
    """The mean distance between two paths at equal times."""
    return float(np.linalg.norm(np.asarray(path) - np.asarray(truth), axis=-1).mean())


def equal_length_distance(
    path: Num[Array | np.ndarray, "time 2"], truth: Num[Array | np.ndarray, "other 2"], points: int = 60
) -> float:
    """The mean distance at equal fractions of arc length: shape and direction, whatever the timing."""
    where = np.linspace(0, 1, points)
    one, other = (resample(np.asarray(p, float)[None], where)[0] for p in (path, truth))
    return equal_time_distance(one, other)


def warped_distance(
    path: Num[Array | np.ndarray, "time 2"], truth: Num[Array | np.ndarray, "other 2"], points: int = 60
) -> float:
    """The mean distance along the best monotone matching (dynamic time warping) of the two paths."""
    where = np.linspace(0, 1, points)
    one, other = (resample(np.asarray(p, float)[None], where)[0] for p in (path, truth))
    cost = cdist(one, other)
    total, steps = np.full((points + 1, points + 1), np.inf), np.zeros((points + 1, points + 1), int)
    total[0, 0] = 0
    for i in range(points):
        for j in range(points):
            before = min((total[i, j], i, j), (total[i, j + 1], i, j + 1), (total[i + 1, j], i + 1, j))
            total[i + 1, j + 1] = before[0] + cost[i, j]
            steps[i + 1, j + 1] = steps[before[1], before[2]] + 1
    return float(total[-1, -1] / steps[-1, -1])


def ink_distances(
    path: Num[Array | np.ndarray, "time 2"], image: Num[Array | np.ndarray, "height width"]
) -> tuple[float, float]:
    """`(from ink to path, from path to ink)`: how far each pixel of ink is from the path and back, on average.

    Ink is what is brighter than one half. The first is about a quarter of the line's width at best, the second zero.
    """
    rows, cols = np.nonzero(np.asarray(image) > 0.5)
    points = resample(np.asarray(path, float)[None], np.linspace(0, 1, 150))[0]
    between = cdist(np.stack([cols, rows], -1), points)
    return float(between.min(1).mean()), float(np.clip(between.min(0) - 0.5, 0, None).mean())
