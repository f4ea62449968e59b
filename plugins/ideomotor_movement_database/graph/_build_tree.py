"""The binary tree of clusters, grown level by level, all nodes of a level at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .._demonstrations import Demonstrations
from ._clustering import AbstractClustering, Segments
from ._tree import MovementTree, TreeSettings


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


def build_tree(
    demonstrations: Demonstrations | Iterable[Any],
    settings: TreeSettings | None = None,
    *,
    map: Callable[..., Iterable] | None = None,
    **changes: Any,
) -> MovementTree:
    """Cluster the samples of demonstrations into a binary tree (Deniša & Ude 2015, section 2).

    - `settings`: by default `TreeSettings()`; `changes`: fields of it, such as `threshold=0.02`.
    - `map`: a function like the built-in `map`, such as that of a pool of processes, which grows the lower subtrees.

    The same demonstrations and settings give the same tree, with any `map`.
    """
    settings = replace(settings or TreeSettings(), **changes)
    if not isinstance(demonstrations, Demonstrations):
        demonstrations = Demonstrations(demonstrations)
    coordinates, features = settings.features(demonstrations)
    arguments = (settings.clustering, settings.threshold, settings.max_levels)
    grown = grow(features, *arguments) if map is None else _grow_apart(features, *arguments, map)
    return _describe(demonstrations, settings, coordinates.reference, features, grown)


def _describe(demonstrations: Demonstrations, settings, reference, features, grown: Grown) -> MovementTree:
    """Add to the bare tree what comes from the demonstrations."""
    offsets = demonstrations.offsets
    coordinates = features.shape[1] // 2
    of = np.repeat(np.arange(len(demonstrations)), np.diff(offsets))
    steps = np.concatenate([_shares(item.ts) for item in demonstrations])
    if not settings.keep_pauses:
        steps = np.where(demonstrations.moving, steps, 0.0)
    nodes = len(grown.parent)
    last = offsets[1:] - 1
    finals = np.bincount(grown.leaf[last], minlength=nodes)
    time = np.bincount(grown.leaf, weights=steps, minlength=nodes)
    ends = np.zeros((nodes, coordinates))  # sums of final configurations: that one, where there is one
    np.add.at(ends, grown.leaf[last], features[last, :coordinates])
    for level in range(int(grown.born.max()), 0, -1):
        born = np.flatnonzero(grown.born == level)
        for values in (finals, time, ends):
            np.add.at(values, grown.parent[born], values[born])
    position = np.where(finals[:, None] == 1, ends, grown.mean[:, :coordinates])
    indptr, _ = memberships(grown.parent, grown.born, grown.leaf, of)
    visits = _visits(grown, of)
    return MovementTree(
        settings=settings,
        space=demonstrations.space,
        names=demonstrations.names,
        reference=reference,
        parent=grown.parent.astype(np.int32),
        born=grown.born.astype(np.int32),
        split=grown.split.astype(np.int32),
        mean=grown.mean,
        position=position,
        spread=grown.spread,
        samples=grown.samples.astype(np.int32),
        demonstrations=np.diff(indptr).astype(np.int32),
        finals=finals.astype(np.int32),
        duration=time / visits,
        leaf=grown.leaf.astype(np.int32),
        demonstration=of.astype(np.int32),
    )


def _shares(ts: np.ndarray) -> np.ndarray:
    """The time that each sample stands for: half of the intervals beside it, so that they add up to the duration."""
    halves = 0.5 * np.diff(ts)
    return np.append(halves, 0.0) + np.append(0.0, halves)


def _visits(grown: Grown, of: np.ndarray) -> Int[np.ndarray, " node"]:
    """How often a demonstration enters each node, its first sample included."""
    parent, born = grown.parent, grown.born
    begins = np.append(True, of[1:] != of[:-1])
    visits = np.bincount(grown.leaf[begins], minlength=len(parent))
    for level in range(int(born.max()), 0, -1):
        here = np.flatnonzero(born == level)
        np.add.at(visits, parent[here], visits[here])
    here, there = grown.leaf[:-1][~begins[1:]], grown.leaf[1:][~begins[1:]]
    for level in range(int(born.max()), -1, -1):
        apart = here != there
        here, there = here[apart], there[apart]
        entered = born[there] == level
        visits += np.bincount(there[entered], minlength=len(parent))
        here = np.where(born[here] == level, parent[here], here)
        there = np.where(entered, parent[there], there)
    return visits


def memberships(parent, born, leaf, demonstration) -> tuple[np.ndarray, np.ndarray]:
    """`(indptr, member)`: which demonstrations pass through each node, in increasing order."""
    width = int(demonstration.max()) + 1
    pairs = np.unique(leaf.astype(np.int64) * width + demonstration)
    by_level = born[pairs // width]
    levels: list[np.ndarray] = [pairs[by_level == level] for level in range(int(born.max()) + 1)]
    for level in range(len(levels) - 1, 0, -1):
        here = levels[level]
        up = np.unique(parent[here // width].astype(np.int64) * width + here % width)
        target = born[up // width]
        for lower in np.unique(target):
            levels[lower] = np.union1d(levels[lower], up[target == lower])
    every = np.sort(np.concatenate(levels))
    counts = np.bincount(every // width, minlength=len(parent))
    return np.concatenate([[0], np.cumsum(counts)]), (every % width).astype(np.int32)


def _grow_subtree(job) -> Grown:
    return grow(*job)


def _grow_apart(features, clustering, threshold, max_levels, map, subtrees: int = 32) -> Grown:
    """The top of the tree here, the subtrees below it through `map`; the same tree as `grow` makes."""
    top_levels = min(max_levels, subtrees.bit_length())
    top = grow(features, clustering, threshold, top_levels)
    lowest = int(top.split.max())
    roots = np.flatnonzero((top.split == lowest) & (top.born == lowest - 1) & (top.spread > threshold))
    if lowest < top_levels or top_levels == max_levels or not len(roots):
        return top
    order = np.argsort(top.leaf, kind="stable")
    bounds = np.searchsorted(top.leaf[order], [roots, roots + 1])
    chosen = [order[a:b] for a, b in bounds.T]
    jobs = [(features[rows], clustering, threshold, max_levels - lowest + 1) for rows in chosen]
    parts = list(map(_grow_subtree, jobs))
    levels = lowest - 1 + max(int(part.split.max()) for part in parts)
    # Numbered as `grow` does: by level, then by the order of the parents.
    number = [np.full(len(part.parent), root) for part, root in zip(parts, roots, strict=True)]
    fields: dict[str, list] = {name: [getattr(top, name)] for name in ("mean", "spread", "samples")}
    parent, born = [top.parent], [top.born]
    split = np.where(top.split == lowest, levels, top.split)
    splits, made = [split], len(top.parent)
    for depth in range(1, levels - lowest + 1):
        for part, numbers in zip(parts, number, strict=True):
            here = np.flatnonzero(part.born == depth)
            numbers[here] = made + np.arange(len(here))
            made += len(here)
            parent.append(numbers[part.parent[here]])
            born.append(part.born[here] + lowest - 1)
            last = int(part.split.max())
            splits.append(np.where(part.split[here] == last, levels, part.split[here] + lowest - 1))
            for name, found in fields.items():
                found.append(getattr(part, name)[here])
    leaf = top.leaf.copy()
    for part, numbers, rows, root in zip(parts, number, chosen, roots, strict=True):
        leaf[rows] = numbers[part.leaf]
        split[root] = levels if len(part.parent) == 1 else part.split[0] + lowest - 1
    joined = {name: np.concatenate(found) for name, found in fields.items()}
    return Grown(np.concatenate(parent), np.concatenate(born), np.concatenate(splits), leaf=leaf, **joined)


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
