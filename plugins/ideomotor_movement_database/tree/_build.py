from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from jaxtyping import Float

from .._demonstrations import Demonstrations
from ._chart import Chart
from ._clustering import AbstractClustering, KMeans, clustering_by_name
from ._grow import Grown, grow
from ._settings import TreeSettings
from ._tree import MovementTree


def build_tree(
    demonstrations: Demonstrations | Iterable[Any],
    *,
    threshold: float = 0.0056,
    velocity_weight: float = 0.15,
    rotation_length: float = 0.1,
    clustering: AbstractClustering = KMeans(),
    max_levels: int = 64,
    map: Callable[..., Iterable] | None = None,
) -> MovementTree:
    """Cluster the samples of demonstrations into a binary tree (Deniša & Ude 2015, section 2).

    Arguments as in `TreeSettings`, except `clustering`: `KMeans()`, `PCASplit()`, `EM()` or one of your own;
    `map`: a function like the built-in `map`, such as that of a pool of processes, which grows the lower subtrees.
    The same demonstrations and arguments give the same tree, with any `map`.
    """
    settings = TreeSettings(
        threshold, velocity_weight, rotation_length, clustering.name, clustering.options, max_levels
    )
    return _build(demonstrations, settings, clustering, map)


def rebuild_tree(
    demonstrations: Demonstrations | Iterable[Any],
    settings: TreeSettings,
    *,
    map: Callable[..., Iterable] | None = None,
) -> MovementTree:
    """`build_tree` with the settings of an earlier tree; its clustering must be one that ships with Ideomotor."""
    clustering = clustering_by_name(settings.clustering, settings.options)
    return _build(demonstrations, settings, clustering, map)


def _build(demonstrations, settings: TreeSettings, clustering, map) -> MovementTree:
    if not isinstance(demonstrations, Demonstrations):
        demonstrations = Demonstrations(demonstrations)
    chart, features = tree_features(demonstrations, settings)
    arguments = (clustering, settings.threshold, settings.max_levels)
    grown = grow(features, *arguments) if map is None else _grow_apart(features, *arguments, map)
    return _describe(demonstrations, settings, chart, features, grown)


def tree_features(
    demonstrations: Demonstrations, settings: TreeSettings
) -> tuple[Chart, Float[np.ndarray, "sample feature"]]:
    """What is clustered: [position, velocity_weight * velocity] of every sample, by second-order differences."""
    chart = Chart.of(demonstrations.space, demonstrations.ys, settings.rotation_length)
    rows = []
    for item in demonstrations:
        position = chart.coordinates(item.ys)
        velocity = np.gradient(position, item.ts, axis=0)
        rows.append(np.concatenate([position, settings.velocity_weight * velocity], axis=1))
    return chart, np.concatenate(rows)


def _describe(demonstrations: Demonstrations, settings, chart, features, grown: Grown) -> MovementTree:
    """Add to the bare tree what comes from the demonstrations."""
    offsets = demonstrations.offsets
    coordinates = features.shape[1] // 2
    of = np.repeat(np.arange(len(demonstrations)), np.diff(offsets))
    steps = np.concatenate([_shares(item.ts) for item in demonstrations])
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
    passing = np.diff(indptr)
    return MovementTree(
        settings=settings,
        space=demonstrations.space,
        names=demonstrations.names,
        reference=chart.reference,
        parent=grown.parent.astype(np.int32),
        born=grown.born.astype(np.int32),
        split=grown.split.astype(np.int32),
        mean=grown.mean,
        position=position,
        spread=grown.spread,
        samples=grown.samples.astype(np.int32),
        demonstrations=passing.astype(np.int32),
        finals=finals.astype(np.int32),
        duration=time / passing,
        leaf=grown.leaf.astype(np.int32),
        demonstration=of.astype(np.int32),
    )


def _shares(ts: np.ndarray) -> np.ndarray:
    """The time that each sample stands for: half of the intervals beside it, so that they add up to the duration."""
    halves = 0.5 * np.diff(ts)
    return np.append(halves, 0.0) + np.append(0.0, halves)


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
