import functools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

_TINY = 1e-300  # an explicit zero would not be an edge


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
