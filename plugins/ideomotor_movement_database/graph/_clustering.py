"""How a node is split in two, all nodes of a level at once, and how good the clusters of a level are."""

import abc
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist, pdist

from ideomotor.errors import DataError, did_you_mean


@dataclass(frozen=True, eq=False)
class Segments:
    """Samples of many nodes, one node after the other, each centred on its mean.

    - `x`: shape `(feature, sample)`, so that a sum over the samples of a node runs over neighbours in memory.
    - `counts`: samples of each node, none of them zero.
    """

    x: Float[np.ndarray, "feature sample"]
    counts: Int[np.ndarray, " node"]

    @property
    def starts(self) -> Int[np.ndarray, " node"]:
        """The first sample of each node."""
        return np.cumsum(self.counts) - self.counts

    def sum(self, values: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " node"]:
        """Sums the values of each node's samples."""
        return np.add.reduceat(values, self.starts)

    def spread_out(self, values: np.ndarray) -> np.ndarray:
        """The value of each sample's node."""
        return np.repeat(values, self.counts)

    def project(self, directions: Float[np.ndarray, "node feature"]) -> Float[np.ndarray, " sample"]:
        """Scalar product of each sample with its node's direction."""
        found = np.zeros(self.x.shape[1])
        for row, column in zip(self.x, directions.T, strict=True):
            found += row * self.spread_out(column)
        return found

    def covariance(self, weights: Float[np.ndarray, " sample"] | None = None) -> np.ndarray:
        """Sums of products about the means, shape `(node, feature, feature)`; not divided by the counts."""
        d = len(self.x)
        found = np.empty((len(self.counts), d, d))
        for i in range(d):
            row = self.x[i] if weights is None else self.x[i] * weights
            for j in range(i + 1):
                found[:, i, j] = found[:, j, i] = self.sum(row * self.x[j])
        return found

    def principal(self) -> Float[np.ndarray, "node feature"]:
        """The direction of largest variance of each node; its largest component is positive."""
        directions = np.linalg.eigh(self.covariance())[1][:, :, -1]
        largest = np.abs(directions).argmax(axis=1)
        sign = np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)
        return directions * sign[:, None]

    def select(self, nodes: Bool[np.ndarray, " node"]) -> "tuple[Segments, Bool[np.ndarray, ' sample']]":
        """Some of the nodes, and which samples those are."""
        samples = self.spread_out(nodes)
        return Segments(self.x[:, samples], self.counts[nodes]), samples


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


def davies_bouldin(samples: Float[np.ndarray, "sample feature"], labels: Int[np.ndarray, " sample"]) -> float:
    """The mean over clusters of the largest (S_i + S_j) / d_ij (Davies & Bouldin 1979); lower is better.

    S is the mean distance to the cluster's mean, d the distance of two means. 0 for a single cluster.
    """
    _, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return 0.0
    centres = _centres(samples, label, counts)
    scatter = np.bincount(label, np.linalg.norm(samples - centres[label], axis=1)) / counts
    largest = np.empty(len(counts))
    for low in range(0, len(counts), 512):
        rows = slice(low, low + 512)
        apart = cdist(centres[rows], centres)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (scatter[rows, None] + scatter) / apart
        ratio[apart == 0] = 0.0  # itself; as scikit-learn does for clusters with one centre
        largest[rows] = ratio.max(axis=1)
    return float(largest.mean())


def dunn(samples: Float[np.ndarray, "sample feature"], labels: Int[np.ndarray, " sample"]) -> float:
    """The smallest distance between samples of two clusters over the largest within one (Dunn 1974); higher is better.

    NaN for a single cluster; infinite where no cluster has two different samples.
    """
    _, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return float("nan")
    across, within = _separation(samples, label), _diameter(samples, label, counts)
    return across / within if within > 0 else float("inf")


def _centres(samples, label, counts) -> np.ndarray:
    return np.stack([np.bincount(label, column) for column in samples.T], axis=1) / counts[:, None]


def _separation(samples, label) -> float:
    """Distance of the two nearest samples with different labels."""
    tree, best, k = KDTree(samples), np.inf, 2
    ask = np.arange(len(samples))
    while len(ask):
        k = min(2 * k, len(samples))
        distance, nearest = tree.query(samples[ask], k=k)
        other = label[nearest] != label[ask][:, None]
        best = min(best, float(distance[other].min(initial=np.inf)))
        # Done are samples that have met another cluster, and those whose next neighbours are farther than the best.
        ask = ask[~other.any(axis=1) & (distance[:, -1] < best)]
        if k == len(samples):
            break
    return best


def _diameter(samples, label, counts) -> float:
    """Largest distance within a cluster; clusters whose radius rules them out are not looked at."""
    radius = np.zeros(len(counts))
    np.maximum.at(radius, label, np.linalg.norm(samples - _centres(samples, label, counts)[label], axis=1))
    order, starts = np.argsort(label, kind="stable"), np.cumsum(counts) - counts
    best = 0.0
    for cluster in np.argsort(-radius):
        if 2 * radius[cluster] <= best:
            break
        own = samples[order[starts[cluster] : starts[cluster] + counts[cluster]]]
        if 1 < len(own) <= 1000:
            best = max(best, float(pdist(own).max()))
        else:
            for low in range(0, len(own), 1000):
                best = max(best, float(cdist(own[low : low + 1000], own[low:]).max()))
    return best
