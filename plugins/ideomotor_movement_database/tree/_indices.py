"""How good the clusters of a level are, as in figure 6 of Deniša & Ude 2015."""

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist, pdist


def davies_bouldin(samples: Float[np.ndarray, "sample feature"], labels: Int[np.ndarray, " sample"]) -> float:
    """The mean over clusters of the worst (S_i + S_j) / d_ij (Davies & Bouldin 1979); lower is better.

    S is the mean distance to the cluster's mean, d the distance of two means. 0 for a single cluster.
    """
    _, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return 0.0
    centres = _centres(samples, label, counts)
    scatter = np.bincount(label, np.linalg.norm(samples - centres[label], axis=1)) / counts
    worst = np.empty(len(counts))
    for low in range(0, len(counts), 512):
        rows = slice(low, low + 512)
        apart = cdist(centres[rows], centres)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (scatter[rows, None] + scatter) / apart
        ratio[apart == 0] = 0.0  # itself; as scikit-learn does for clusters with one centre
        worst[rows] = ratio.max(axis=1)
    return float(worst.mean())


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
