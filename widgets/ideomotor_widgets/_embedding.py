"""Many numbers as points of a plane."""

import importlib.util
from typing import Any

import numpy as np

from ideomotor.errors import DataError

METHODS = ("plane", "pca", "t-sne")


class Embedding:
    """Points `(n, dim)` in the plane: `xy` `(n, 2)`.

    - `method`: `"plane"`, the two numbers themselves; `"pca"`, the plane of their greatest spread; `"t-sne"` (van der
      Maaten & Hinton 2008), which keeps neighbours together.

    `back(point)` gives the numbers that lie there: exactly for a plane; for PCA with all else at its mean; for t-SNE those
    of the nearest point.
    """

    def __init__(self, points: np.ndarray, method: str):
        points = np.asarray(points, float)
        if method not in METHODS:
            raise DataError(f"There is no map {method!r}; there are {', '.join(METHODS)}.")
        if method == "plane" and points.shape[1] != 2:
            raise DataError(f"A plane has two numbers, and these points have {points.shape[1]}; take 'pca'.")
        self.method, self.points = method, points
        self.mean = points.mean(0)
        self.axes = np.eye(2)
        if method == "plane":
            self.xy = points
        elif method == "pca":
            self.axes = np.linalg.svd(points - self.mean, full_matrices=False)[2][:2]
            # The sign of a principal direction is free; the largest number is made positive.
            self.axes = (
                self.axes * np.sign([row[np.argmax(np.abs(row))] or 1.0 for row in self.axes])[:, None]
            )
            self.xy = (points - self.mean) @ self.axes.T
            if self.xy.shape[1] == 1:
                self.xy = np.column_stack([self.xy, np.zeros(len(points))])
        else:
            self.xy = _neighbours(points)

    def nearest(self, point: Any) -> int:
        """The number of the point that is nearest in the plane."""
        return int(np.argmin(((self.xy - np.asarray(point, float)) ** 2).sum(1)))

    def back(self, point: Any) -> np.ndarray:
        """The numbers `(dim,)` at a point of the plane."""
        point = np.asarray(point, float)
        if self.method == "plane":
            return point
        if self.method == "pca":
            return self.mean + point[: len(self.axes)] @ self.axes
        return self.points[self.nearest(point)]


def has_neighbours() -> bool:
    """Whether t-SNE is there (scikit-learn is installed)."""
    return importlib.util.find_spec("sklearn") is not None


def _neighbours(points: np.ndarray) -> np.ndarray:
    if not has_neighbours():
        raise DataError("t-SNE needs scikit-learn; install it (pip install scikit-learn), or take PCA.")
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    spread = points.std(0)
    scaled = (points - points.mean(0)) / np.where(spread > 1e-12, spread, 1.0)
    room = min(30.0, max(2.0, (len(points) - 1) / 3))
    start = "pca" if points.shape[1] >= 2 else "random"
    # A few hundred points: several threads would wait for each other longer than they work.
    with threadpool_limits(1):
        found = TSNE(perplexity=room, init=start, random_state=0, n_jobs=1).fit_transform(scaled)
    return np.asarray(found, float)
