"""Searches for movements from one node of the deepest level to another; each is an object with its options."""

import abc
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from ideomotor.errors import DataError

from ._graph import TransitionGraph
from ._network import Network
from ._path import NodePath

_EXACT = 50_000_000  # nodes times demonstrations
Validity = Callable[[Float[np.ndarray, "n dof"], Float[np.ndarray, "n dof"]], Bool[np.ndarray, " n"]]


@dataclass(eq=False)
class Checks:
    """Which steps a user's function allows; it is asked once for each step, and only for those on a path.

    `valid(starts, ends)`, both of shape `(n, dof)`, says which of n straight steps are possible; also of a step from
    a node to itself.
    """

    graph: TransitionGraph
    valid: Validity | None
    known: dict[tuple[int, int], bool] = field(default_factory=dict)

    def ask(self, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Of steps between nodes of the graph."""
        if self.valid is None:
            return np.ones(len(source), bool)
        pairs = list(zip(source.tolist(), target.tolist(), strict=True))
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self.known]
        if new:
            ends = self.graph.chart.samples(self.graph.position[np.array(new)])
            answer = np.asarray(self.valid(ends[:, 0], ends[:, 1]))
            if answer.shape != (len(new),) or answer.dtype != bool:
                raise DataError(
                    f"The validity function gave {answer.dtype} of shape {answer.shape} for {len(new)} steps; it must "
                    f"give one bool per step."
                )
            self.known.update(zip(new, answer.tolist(), strict=True))
        return np.array([self.known[pair] for pair in pairs], bool)


class AbstractSearch(abc.ABC):
    """Finds a series of partial paths between two nodes of the deepest level; see `Flat` and `Hierarchical`."""

    @abc.abstractmethod
    def prepare(self, graph: TransitionGraph, valid: Validity | None = None) -> "AbstractSearcher":
        """What is computed once for a graph."""


class AbstractSearcher(abc.ABC):
    """A search made ready for one graph."""

    @abc.abstractmethod
    def find(
        self, start: int, goal: int, penalty: Float[np.ndarray, " node"] | None = None
    ) -> NodePath | None:
        """A path between two nodes of the deepest level; None if the validity function leaves none.

        `penalty`: of each node of the graph, the factor (at least one) on the cost of steps into it.
        """


@dataclass(frozen=True)
class Flat(AbstractSearch):
    """One search on the deepest level, where every node may jump to the nearest node of other demonstrations.

    - `jump_weight`: a jump of length d costs jump_weight * d * (1 + d / s), in lengths travelled as demonstrated, where s is the
      median length of a demonstrated step: several short jumps are better than a long one.
    - `demonstrations`: how many others a node may jump to, nearest first; all others if None.

    A goal that can be reached in no other way (the first node of a demonstration, say) may be jumped to from anywhere.
    """

    jump_weight: float = 10.0
    demonstrations: int | None = 32

    def __post_init__(self):
        _check_weight(self.jump_weight)
        if self.demonstrations is not None and self.demonstrations < 1:
            raise DataError(f"demonstrations = {self.demonstrations}; a node must be able to jump to one.")

    def prepare(self, graph: TransitionGraph, valid: Validity | None = None) -> "FlatSearcher":
        """See `AbstractSearch`."""
        level = graph.at_level(-1)
        source = np.repeat(np.arange(len(level.nodes)), np.diff(level.indptr))
        jumps = _nearest_of_others(graph, level.nodes, self.demonstrations)
        jump = np.append(np.zeros(len(source), bool), np.ones(len(jumps[0]), bool))
        step = float(np.median(level.length)) or None if len(level.length) else None
        network = Network.of(
            level.position,
            np.append(source, jumps[0]),
            np.append(level.targets, jumps[1]),
            jump,
            self.jump_weight,
            step,
        )
        return FlatSearcher(graph, level.nodes, network, self.jump_weight, step, Checks(graph, valid))


@dataclass(frozen=True, eq=False)
class FlatSearcher(AbstractSearcher):
    """See `Flat`."""

    graph: TransitionGraph
    nodes: np.ndarray
    network: Network
    jump_weight: float
    step: float | None
    checks: Checks

    def find(
        self, start: int, goal: int, penalty: Float[np.ndarray, " node"] | None = None
    ) -> NodePath | None:
        """See `AbstractSearcher`."""
        ends = np.searchsorted(self.nodes, [start, goal])
        network = self.network
        edges = _valid_path(network, self.nodes, self.checks, ends[0], ends[1], penalty)
        if edges is None:
            others = np.delete(np.arange(len(self.nodes)), ends[1])
            network = network.with_edges(others, np.full(len(others), ends[1]), self.jump_weight, self.step)
            edges = _valid_path(network, self.nodes, self.checks, ends[0], ends[1], penalty)
        if edges is None:
            return None
        return _path(self.graph, network, self.nodes, start, edges, self.graph.levels - 1)


@dataclass(frozen=True)
class Hierarchical(AbstractSearch):
    """The search of partial paths from the level where a path exists down to the deepest (Deniša & Ude 2015, Alg. 2).

    Start and goal of a level are the ancestors of the deepest ones. On each level below, what a path lacks is bridged by
    jumps between the two children of a node of the path above, or across its gaps. Such a path always exists: each edge above
    was made by a sample and its successor, which are in two children.

    - `jump_weight`: what a metre of jump costs, in metres travelled as demonstrated; 1 for the shortest, as in the paper.
    """

    jump_weight: float = 1.0

    def __post_init__(self):
        _check_weight(self.jump_weight)

    def prepare(self, graph: TransitionGraph, valid: Validity | None = None) -> "HierarchicalSearcher":
        """See `AbstractSearch`."""
        return HierarchicalSearcher(graph, self.jump_weight, Checks(graph, valid))


@dataclass(eq=False)
class HierarchicalSearcher(AbstractSearcher):
    """See `Hierarchical`. A validity function is asked on the deepest level, where nodes are places."""

    graph: TransitionGraph
    jump_weight: float
    checks: Checks
    _levels: dict = field(default_factory=dict)

    def find(
        self, start: int, goal: int, penalty: Float[np.ndarray, " node"] | None = None
    ) -> NodePath | None:
        """See `AbstractSearcher`."""
        deepest = self.graph.levels - 1
        for level in range(deepest, -1, -1):
            nodes, network, ancestors = self._level(level)
            ends = np.searchsorted(nodes, ancestors[[start, goal]])
            checks = self.checks if level == deepest else None
            edges = _valid_path(network, nodes, checks, ends[0], ends[1], penalty)
            if edges is not None:
                break
        else:
            return None
        top = level
        while level < deepest:
            above = np.append(ancestors[start], nodes[network.target[edges]])
            gaps = np.append(network.jump[edges], False)
            level += 1
            nodes, network, ancestors = self._level(level)
            network = network.with_edges(*self._jumps(above, gaps, nodes), self.jump_weight)
            ends = np.searchsorted(nodes, ancestors[[start, goal]])
            checks = self.checks if level == deepest else None
            edges = _valid_path(network, nodes, checks, ends[0], ends[1], penalty)
            if edges is None:
                return None
        return _path(self.graph, network, nodes, start, edges, top)

    def _level(self, level: int):
        """Of a level: its nodes, the network of its edges, and of every node the ancestor on it."""
        if level not in self._levels:
            here = self.graph.at_level(level)
            source = np.repeat(np.arange(len(here.nodes)), np.diff(here.indptr))
            none = np.zeros(len(source), bool)
            network = Network.of(here.position, source, here.targets, none)
            self._levels[level] = here.nodes, network, self.graph.ancestors(level)
        return self._levels[level]

    def _jumps(self, above: np.ndarray, gaps: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Between the children of a node above, and from those before a gap to those behind it."""
        first = np.searchsorted(nodes, above)  # a node that is not split is its own only child
        whole = (first < len(nodes)) & (nodes[np.minimum(first, len(nodes) - 1)] == above)
        parents = self.graph.parent[nodes]
        place = np.searchsorted(parents, above, sorter=(order := np.argsort(parents, kind="stable")))
        children = [
            [int(first[i])] if whole[i] else [int(order[place[i]]), int(order[place[i] + 1])]
            for i in range(len(above))
        ]
        pairs = [(a, b) for one in children if len(one) == 2 for a, b in (one, one[::-1])]
        for i in np.flatnonzero(gaps):
            pairs += [(a, b) for a in children[i] for b in children[i + 1]]
        return tuple(np.array(pairs, np.int64).reshape(-1, 2).T)  # pyright: ignore[reportReturnType]


def _check_weight(weight: float) -> None:
    if not (np.isfinite(weight) and weight >= 1):
        raise DataError(f"jump_weight = {weight}; a jump costs at least its length, so at least 1.")


def _valid_path(network: Network, nodes, checks: Checks | None, start, goal, penalty) -> np.ndarray | None:
    """The cheapest path all of whose steps are allowed, checking only paths (LazySP: Dellin & Srinivasa 2016)."""
    cost = None if penalty is None else network.cost * penalty[nodes[network.target]]
    while True:
        edges = network.shortest(int(start), int(goal), cost)
        if edges is None or checks is None or checks.valid is None:
            return edges
        stand = nodes[[int(start)]]
        if not len(edges):
            return edges if checks.ask(stand, stand).all() else None
        allowed = checks.ask(nodes[network.source[edges]], nodes[network.target[edges]])
        if allowed.all():
            return edges
        cost = network.cost.copy() if cost is None else cost
        cost[edges[~allowed]] = np.inf


def _path(graph: TransitionGraph, network: Network, nodes, start, edges, top: int) -> NodePath:
    found = np.append(start, nodes[network.target[edges]])
    return NodePath(
        nodes=found,
        position=graph.position[found],
        duration=graph.duration[found],
        jump=network.jump[edges],
        level=top,
        cost=float(network.cost[edges].sum()),
    )


def _nearest_of_others(graph: TransitionGraph, nodes: np.ndarray, most: int | None):
    """`(source, target)`: from each node to the nearest node of each demonstration that does not pass through it."""
    size = np.diff(graph.member_indptr)[nodes]
    rows = np.repeat(graph.member_indptr[nodes] - (np.cumsum(size) - size), size) + np.arange(size.sum())
    of, place = graph.member[rows].astype(np.int64), np.repeat(np.arange(len(nodes)), size)
    position = graph.position[nodes]
    if most is not None and len(nodes) * len(graph.names) > _EXACT:
        source, target, distance = _among_neighbours(position, of, place, size, most)
    else:
        source, target, distance = _of_each(position, of, place, len(graph.names))
    if most is not None and most < len(graph.names) - 1:
        order = np.lexsort((distance, source))
        source, target = source[order], target[order]
        near = np.arange(len(source)) - np.searchsorted(source, source) < most
        source, target = source[near], target[near]
    return source, target


def _of_each(position: np.ndarray, of: np.ndarray, place: np.ndarray, demonstrations: int):
    """One search tree for each demonstration."""
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


def _among_neighbours(position: np.ndarray, of: np.ndarray, place: np.ndarray, size: np.ndarray, most: int):
    """For very many demonstrations: the nearest node of each one among the nearest nodes of all."""
    starts = np.cumsum(size) - size
    tree, k, found = KDTree(position), min(len(position), 4 * most), []
    member = set((place * (of.max() + 1) + of).tolist()) if size.max() > 1 else None
    for low in range(0, len(position), 20_000):
        rows = np.arange(low, min(low + 20_000, len(position)))
        distance, nearest = tree.query(position[rows], k=k)
        source = np.repeat(rows, k)
        distance, target = distance.reshape(-1), nearest.reshape(-1)
        # A node in several demonstrations counts for its first; it leads on to the others.
        theirs, mine = of[starts[target]], of[starts[source]]
        other = theirs != mine
        if member is not None:
            code = (source * (of.max() + 1) + theirs).tolist()
            other &= np.fromiter((c not in member for c in code), bool, len(code))
        source, target, theirs, distance = source[other], target[other], theirs[other], distance[other]
        order = np.lexsort((distance, theirs, source))
        source, target, theirs, distance = (x[order] for x in (source, target, theirs, distance))
        first = np.append(True, (source[1:] != source[:-1]) | (theirs[1:] != theirs[:-1]))[: len(source)]
        found.append((source[first], target[first], distance[first]))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))
