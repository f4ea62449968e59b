"""The binary tree of clusters, level by level, all nodes of a level at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ._clustering import AbstractClustering
from ._segments import Segments


@dataclass(frozen=True, eq=False)
class Grown:
    """A tree without the demonstrations: nodes by level, children beside each other; see `MovementTree`."""

    parent: Int[np.ndarray, " node"]
    born: Int[np.ndarray, " node"]
    split: Int[np.ndarray, " node"]
    mean: Float[np.ndarray, "node feature"]
    spread: Float[np.ndarray, " node"]
    samples: Int[np.ndarray, " node"]
    leaf: Int[np.ndarray, " sample"]


def grow(
    features: Float[np.ndarray, "sample feature"],
    clustering: AbstractClustering,
    threshold: float,
    max_levels: int,
) -> Grown:
    """Split by `clustering` every node whose samples are farther than `threshold` from their mean, on average.

    `split` of a node that is not split is the number of levels.
    """
    x = np.ascontiguousarray(np.asarray(features, np.float64).T)
    sample = np.arange(x.shape[1])
    counts, nodes = np.array([x.shape[1]]), np.array([0])
    parents, borns, means, spreads, sizes, splits = [np.array([-1])], [], [], [], [], {}
    leaf = np.empty(x.shape[1], np.int32)
    level, made = 0, 1
    while True:
        here = Segments(x, counts)
        mean = np.stack([here.sum(row) for row in x], axis=1) / counts[:, None]
        centred = x - np.repeat(mean.T, counts, axis=1)
        distance = np.sqrt(np.einsum("fs,fs->s", centred, centred))
        spread = here.sum(distance) / counts
        borns.append(np.full(len(nodes), level))
        means.append(mean)
        spreads.append(spread)
        sizes.append(counts)
        wide = (spread > threshold) & (counts > 1) & (level + 1 < max_levels)
        kept, samples = Segments(centred, counts).select(wide)
        del centred, distance
        side = second = np.zeros(0, np.int64)
        if wide.any():
            side = clustering.split(kept)
            second = np.add.reduceat(side.astype(np.int64), kept.starts)
            halves = (second > 0) & (second < kept.counts)  # what cannot be split stays whole
            if not halves.all():
                wide[np.flatnonzero(wide)[~halves]] = False
                side = side[kept.spread_out(halves)]
                second, samples = second[halves], np.repeat(wide, counts)
        leaf[sample[~samples]] = np.repeat(nodes[~wide], counts[~wide])
        if not wide.any():
            break
        counts = counts[wide]
        order = _parted(side, counts, counts - second)
        x, sample = x[:, samples][:, order], sample[samples][order]
        splits[level] = nodes[wide]
        parents.append(np.repeat(nodes[wide], 2))
        counts = np.stack([counts - second, second], axis=1).reshape(-1)
        nodes = made + np.arange(len(counts))
        made += len(counts)
        level += 1
    split = np.full(made, level + 1)
    for when, which in splits.items():
        split[which] = when + 1
    return Grown(
        parent=np.concatenate(parents),
        born=np.concatenate(borns),
        split=split,
        mean=np.concatenate(means),
        spread=np.concatenate(spreads),
        samples=np.concatenate(sizes),
        leaf=leaf,
    )


def _parted(side: np.ndarray, counts: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The order that brings the first side of each node before its second, and keeps the order otherwise."""
    starts = np.cumsum(counts) - counts
    zeros_before = np.cumsum(~side) - ~side
    ones_before = np.arange(len(side)) - zeros_before
    to_zero = zeros_before + np.repeat(starts - zeros_before[starts], counts)
    to_one = ones_before + np.repeat(starts + first - ones_before[starts], counts)
    order = np.empty(len(side), np.int64)
    order[np.where(side, to_one, to_zero)] = np.arange(len(side))
    return order
