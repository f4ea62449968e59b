import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from ._graph import TransitionGraph

_TINY = 1e-300  # an explicit zero would not be an edge
_EXACT = 500_000  # nodes times demonstrations up to which the nearest node of each demonstration is looked up
_STEPS = 4_000_000  # across gaps, at most, in a large graph


@dataclass(frozen=True, eq=False)
class Network:
    """A weighted directed graph whose nodes have positions, as compressed sparse rows.

    `gap` marks the edges that no demonstration has travelled. No cost is below the distance it covers, so that the distance
    to the goal never overestimates what is left.
    """

    position: Float[np.ndarray, "node coordinate"]
    indptr: Int[np.ndarray, " bounds"]
    target: Int[np.ndarray, " edge"]
    cost: Float[np.ndarray, " edge"]
    gap: Bool[np.ndarray, " edge"]

    @functools.cached_property
    def source(self) -> Int[np.ndarray, " edge"]:
        """The node that each edge starts from."""
        return np.repeat(np.arange(len(self.position), dtype=np.int32), np.diff(self.indptr))

    @classmethod
    def of(
        cls, position, source, target, gap, gap_weight: float = 1.0, step: float | None = None
    ) -> "Network":
        """Edges in any order cost their length, gaps `gap_weight` times it; of parallel edges the cheapest is left.

        With `step`, a gap of length d costs (1 + d / step) times that: two short ones are better than one of their length.
        """
        length = np.sqrt(sum((column[source] - column[target]) ** 2 for column in position.T))
        dear = gap_weight if step is None else gap_weight * (1 + length / step)
        cost = np.where(gap, dear * length, length)
        order = np.lexsort((cost, target, source))
        source, target, cost, gap = source[order], target[order], cost[order], gap[order]
        first = np.append(True, (source[1:] != source[:-1]) | (target[1:] != target[:-1]))[: len(source)]
        source, target, cost, gap = source[first], target[first], cost[first], gap[first]
        indptr = np.searchsorted(source, np.arange(len(position) + 1))
        return cls(position, indptr.astype(np.int32), target.astype(np.int32), cost, gap)

    def with_edges(self, source, target, gap_weight: float, step: float | None = None) -> "Network":
        """The same with some gaps added."""
        gap = np.append(self.gap, np.ones(len(source), bool))
        ends = np.append(self.source, source), np.append(self.target, target)
        return Network.of(self.position, *ends, gap, gap_weight, step)

    def edge(self, source: int, target: int) -> int:
        """The number of an edge."""
        low, high = self.indptr[source], self.indptr[source + 1]
        return int(low + np.searchsorted(self.target[low:high], target))

    def shortest(
        self, start: int, goal: int, cost: Float[np.ndarray, " edge"] | None = None
    ) -> Int[np.ndarray, " hop"] | None:
        """The edges of a cheapest path by A* (Hart, Nilsson & Raphael 1968), or None if there is no path.

        `cost`: other costs than its own, none smaller; infinite ones close an edge.

        A* with a consistent heuristic h is Dijkstra's search under the costs c(u, v) + h(v) - h(u), ended at the goal. That runs
        compiled in SciPy; since it ends at a limit and not at a node, the limit is doubled until the goal is within.
        """
        if start == goal:
            return np.zeros(0, np.int64)
        ahead = np.sqrt(np.sum((self.position - self.position[goal]) ** 2, axis=1))
        reduced = (self.cost if cost is None else cost) + ahead[self.target] - ahead[self.source]
        matrix = csr_array(
            (np.maximum(reduced, _TINY), self.target, self.indptr), shape=(len(ahead), len(ahead))
        )
        limits = ahead[start] * 0.25 * 2.0 ** np.arange(6) if ahead[start] > 0 else []
        for limit in [*limits, np.inf]:
            reached, before = dijkstra(matrix, indices=start, return_predecessors=True, limit=limit)
            if np.isfinite(reached[goal]):
                return self._edges(before, goal)
        return None

    def _edges(self, before: np.ndarray, goal: int) -> np.ndarray:
        found, node = [], goal
        while (last := int(before[node])) >= 0:
            found.append(self.edge(last, node))
            node = last
        return np.array(found[::-1], np.int64)


def nearest_of_others(graph: TransitionGraph, nodes: np.ndarray, most: int | None):
    """`(source, target)`: from each node to the nearest node of each demonstration that does not pass through it."""
    size = np.diff(graph.member_indptr)[nodes]
    rows = np.repeat(graph.member_indptr[nodes] - (np.cumsum(size) - size), size) + np.arange(size.sum())
    of, place = graph.member[rows].astype(np.int64), np.repeat(np.arange(len(nodes)), size)
    position, demonstrations = graph.position[nodes], len(graph.names)
    if most is None or len(nodes) * demonstrations <= _EXACT:
        source, target, distance = _of_each(position, of, place, demonstrations)
    else:
        most = min(most, max(4, _STEPS // len(nodes)))
        source, target, distance = _among_neighbours(position, of, size, most)
    if most is not None and len(source):
        order = np.lexsort((distance, source))
        source, target = source[order], target[order]
        count = np.bincount(source, minlength=len(nodes))
        rank = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
        source, target = source[rank < most], target[rank < most]
    return source, target


def _of_each(position: np.ndarray, of: np.ndarray, place: np.ndarray, demonstrations: int):
    """The nearest node of every demonstration."""
    order = np.argsort(of, kind="stable")
    bounds = np.searchsorted(of[order], np.arange(demonstrations + 1))
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for a, b in zip(bounds[:-1], bounds[1:], strict=True):
        own = place[order[a:b]]
        others = np.delete(np.arange(len(position)), own)
        if len(own) and len(others):
            distance, nearest = KDTree(position[own]).query(position[others])
            found.append((others, own[nearest], distance))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))


def _among_neighbours(position: np.ndarray, of: np.ndarray, size: np.ndarray, most: int):
    """For many demonstrations: the nearest node of each one among the nearest nodes of all.

    A node in several demonstrations counts for its first; it leads on to the others.
    """
    first = of[np.cumsum(size) - size]
    several = size > 1
    member = (
        set((np.repeat(np.arange(len(size)), size) * (of.max() + 1) + of).tolist())
        if several.any()
        else set()
    )
    tree, found = KDTree(position), []
    todo, k = np.arange(len(position)), min(len(position), 2 * most + 1)
    while len(todo):
        lacking = []
        for low in range(0, len(todo), 20_000):
            rows = todo[low : low + 20_000]
            distance, target = tree.query(position[rows], k=k)
            source, theirs = np.repeat(rows, k), first[target].reshape(-1)
            distance, target = distance.reshape(-1), target.reshape(-1)
            other = theirs != first[source]
            asked = np.flatnonzero(other & several[source])
            codes = (source[asked] * (of.max() + 1) + theirs[asked]).tolist()
            other[asked] = [code not in member for code in codes]
            order = np.flatnonzero(other)
            order = order[np.lexsort((distance[order], theirs[order], source[order]))]
            pair = source[order] * (of.max() + 1) + theirs[order]
            order = order[np.append(True, pair[1:] != pair[:-1])[: len(order)]]
            found.append((source[order], target[order], distance[order]))
            count = np.bincount(np.searchsorted(rows, source[order]), minlength=len(rows))
            lacking.append(rows[count == 0])
        todo = np.concatenate(lacking)  # nodes among many of their own demonstration
        if k == len(position) or k > 1000:
            break
        k = min(len(position), 4 * k)
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))
