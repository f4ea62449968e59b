"""How a node is split in two; each method splits all nodes of a level at once."""

import abc
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from ideomotor.errors import DataError, did_you_mean

from ._segments import Segments


class AbstractClustering(abc.ABC):
    """Splits each of many nodes in two. A method of your own needs a `name` and `split`, and is a frozen dataclass."""

    name: ClassVar[str]

    @abc.abstractmethod
    def split(self, segments: Segments) -> Bool[np.ndarray, " sample"]:
        """Whether each sample goes to the second child of its node; a node with an empty side is not split."""

    @property
    def options(self) -> dict[str, Any]:
        """The arguments it was made with."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class KMeans(AbstractClustering):
    """2-means by Lloyd's iteration from a cut through the mean across the first principal axis.

    The start is deterministic, so that a tree can be built again. Stops where no sample changes sides, after
    `iterations` at most.
    """

    name: ClassVar[str] = "k-means"
    iterations: int = 100

    def split(self, segments: Segments) -> Bool[np.ndarray, " sample"]:
        """See `AbstractClustering`."""
        side = segments.project(segments.principal()) > 0
        now, part = np.arange(len(side)), segments
        mine = side.copy()
        for _ in range(self.iterations):
            # The second centre; the first follows from it, since the samples are centred.
            second = np.maximum(part.sum(mine.astype(float)), 1.0)
            sums = np.stack([part.sum(row * mine) for row in part.x], axis=1)
            centre = sums / second[:, None]
            other = -sums / np.maximum(part.counts - second, 1.0)[:, None]
            middle = 0.5 * (np.sum(centre**2, axis=1) - np.sum(other**2, axis=1))
            new = part.project(centre - other) > part.spread_out(middle)
            changed = part.sum((new != mine).astype(float)) > 0
            side[now] = mine = new
            if not changed.any():
                break
            if changed.mean() < 0.8:
                part, samples = part.select(changed)
                now, mine = now[samples], mine[samples]
        return side


@dataclass(frozen=True)
class PCASplit(AbstractClustering):
    """A cut across the first principal axis at the minimum-error threshold (Kittler & Illingworth 1986).

    The threshold is the one, of all between two samples, that minimises
    J = 2 (P1 log s1 + P2 log s2) - 2 (P1 log P1 + P2 log P2), P the shares and s the deviations of the two sides. As in a
    histogram, values are known to a bin's width, a `bins`-th of their range. J is flat for evenly spread samples and may be
    least at an end, where it means nothing: each side gets at least the share `least`.
    """

    name: ClassVar[str] = "pca"
    bins: int = 32
    least: float = 0.1

    def split(self, segments: Segments) -> Bool[np.ndarray, " sample"]:
        """See `AbstractClustering`."""
        along = segments.project(segments.principal())
        node = segments.spread_out(np.arange(len(segments.counts)))
        order = np.lexsort((along, node))
        y, starts = along[order], segments.starts
        n = segments.spread_out(segments.counts).astype(float)
        total, total_squares = segments.spread_out(segments.sum(y)), segments.spread_out(segments.sum(y**2))
        rank = np.arange(len(y)) - segments.spread_out(starts) + 1.0  # samples up to and with this one
        below, squares = _running(y, segments), _running(y**2, segments)
        rest = np.maximum(n - rank, 1.0)
        width = (np.maximum.reduceat(along, starts) - np.minimum.reduceat(along, starts)) / self.bins
        within = segments.spread_out(width**2 / 12 + 1e-300)  # the variance inside of a bin
        var_1 = np.maximum(squares / rank - (below / rank) ** 2, 0) + within
        var_2 = np.maximum((total_squares - squares) / rest - ((total - below) / rest) ** 2, 0) + within
        p_1, p_2 = rank / n, rest / n
        error = p_1 * np.log(var_1) + p_2 * np.log(var_2) - 2 * (p_1 * np.log(p_1) + p_2 * np.log(p_2))
        different = np.append(y[1:] > y[:-1], False)
        error[~((rank < n) & different)] = np.inf
        # Beyond the least share only where nothing else is possible, and there nearest to the middle.
        beyond = (np.minimum(rank, n - rank) < self.least * n) & np.isfinite(error)
        error[beyond] = 1e6 + np.abs(rank - n / 2)[beyond]
        least = segments.spread_out(np.minimum.reduceat(error, starts))
        best = np.where(error == least, np.arange(len(y)), len(y))
        cut = np.minimum.reduceat(best, starts)
        threshold = np.where(cut < len(y), y[np.minimum(cut, len(y) - 1)], np.inf)
        return along > segments.spread_out(threshold)


@dataclass(frozen=True)
class EM(AbstractClustering):
    """A mixture of two Gaussians by expectation and maximisation, from the cut that `KMeans` starts with.

    `floor` is added to the diagonal of the covariances, relative to the mean variance of the node.
    """

    name: ClassVar[str] = "em"
    iterations: int = 30
    floor: float = 1e-3

    def split(self, segments: Segments) -> Bool[np.ndarray, " sample"]:
        """See `AbstractClustering`."""
        second = (segments.project(segments.principal()) > 0).astype(float)
        d = len(segments.x)
        whole = np.trace(segments.covariance(), axis1=1, axis2=2) / segments.counts / d
        start = second > 0.5
        for _ in range(self.iterations):
            a, b = self._log_density(segments, second, whole), self._log_density(segments, 1 - second, whole)
            new = 1 / (1 + np.exp(np.clip(b - a, -500, 500)))
            moved, second = np.abs(new - second).max(), new
            if moved < 1e-6:
                break
        side = second > 0.5
        # A mixture may end with everything on one side; such a node keeps the cut it began with.
        ones = segments.sum(side.astype(float))
        empty = segments.spread_out((ones == 0) | (ones == segments.counts))
        return np.where(empty, start, side)

    def _log_density(self, segments: Segments, weights: Float[np.ndarray, " sample"], whole) -> np.ndarray:
        """Log of the share times the Gaussian of the weighted samples, for every sample."""
        n = np.maximum(segments.sum(weights), 1e-9)
        mean = np.stack([segments.sum(row * weights) for row in segments.x], axis=1) / n[:, None]
        centred = segments.x - np.repeat(mean.T, segments.counts, axis=1)
        d = len(segments.x)
        covariance = Segments(centred, segments.counts).covariance(weights) / n[:, None, None]
        covariance += (self.floor * whole + 1e-300)[:, None, None] * np.eye(d)
        inverse = np.linalg.inv(np.linalg.cholesky(covariance))
        log_det = 2 * np.sum(np.log(np.diagonal(inverse, axis1=1, axis2=2)), axis=1)
        squares = sum(Segments(centred, segments.counts).project(inverse[:, i]) ** 2 for i in range(d))
        return segments.spread_out(np.log(n / segments.counts) + 0.5 * log_det) - 0.5 * squares


def _running(values: Float[np.ndarray, " sample"], segments: Segments) -> Float[np.ndarray, " sample"]:
    """Cumulative sums that begin anew in each node."""
    sums = np.cumsum(values)
    return sums - segments.spread_out(sums[segments.starts] - values[segments.starts])


CLUSTERINGS: dict[str, type[AbstractClustering]] = {c.name: c for c in (KMeans, PCASplit, EM)}


def clustering_by_name(name: str, options: Mapping[str, Any]) -> AbstractClustering:
    """The method that `TreeSettings` names."""
    if name not in CLUSTERINGS:
        raise DataError(f"There is no clustering {name!r}.{did_you_mean(name, CLUSTERINGS)}")
    try:
        return CLUSTERINGS[name](**options)
    except TypeError as error:
        raise DataError(f"Clustering {name!r} does not take {dict(options)}: {error}") from error
