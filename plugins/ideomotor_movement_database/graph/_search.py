"""Searches for movements from one node of the deepest level to another; each is an object with its options."""

import abc
import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from ideomotor.errors import DataError

from ._coordinates import Coordinates
from ._graph import NodePath, TransitionGraph
from ._network import Network, nearest_of_others

_LAZY = 20  # paths that are checked before all steps are
Validity = Callable[[Float[np.ndarray, "n dof"], Float[np.ndarray, "n dof"]], Bool[np.ndarray, " n"]]


@dataclass(frozen=True, eq=False)
class Leaves:
    """The nodes of the deepest level."""

    coordinates: Coordinates
    level: int
    nodes: Int[np.ndarray, " leaf"]
    position: Float[np.ndarray, "leaf coordinate"]
    duration: Float[np.ndarray, " leaf"]

    @classmethod
    def of(cls, graph: TransitionGraph) -> "Leaves":
        """Those of a graph."""
        nodes = graph.nodes(-1)
        return cls(graph.coordinates, graph.levels - 1, nodes, graph.position[nodes], graph.duration[nodes])

    def places(self, nodes: Any) -> Int[np.ndarray, " node"]:
        """Where nodes are among the leaves."""
        return np.searchsorted(self.nodes, nodes)

    def path(self, network: Network, start: int, edges: np.ndarray, top: int) -> NodePath:
        """The path along edges of a network of the leaves."""
        found = np.append(start, network.target[edges])
        cost = float(network.cost[edges].sum())
        return NodePath(
            self.nodes[found], self.position[found], self.duration[found], network.gap[edges], top, cost
        )


@dataclass(eq=False)
class Checks:
    """Which steps a user's function allows; it is asked once for each step between leaves, and only for those on a path.

    `valid(starts, ends)`, both of shape `(n, dof)`, says which of n straight steps are possible; also of a step from
    a place to itself.
    """

    leaves: Leaves
    valid: Validity | None
    known: dict[tuple[int, int], bool] = field(default_factory=dict)

    def steps(
        self, starts: Float[np.ndarray, "n coordinate"], ends: Float[np.ndarray, "n coordinate"]
    ) -> Bool[np.ndarray, " n"]:
        """Of steps between places in coordinates."""
        if self.valid is None or not len(starts):
            return np.ones(len(starts), bool)
        decode = self.leaves.coordinates.decode
        answer = np.asarray(self.valid(decode(starts), decode(ends)))
        if answer.shape != (len(starts),) or answer.dtype != bool:
            raise DataError(
                f"The validity function gave {answer.dtype} of shape {answer.shape} for {len(starts)} steps; it must "
                f"give one bool per step."
            )
        return answer

    def ask(self, source: np.ndarray, target: np.ndarray) -> Bool[np.ndarray, " step"]:
        """Of steps between leaves."""
        if self.valid is None:
            return np.ones(len(source), bool)
        pairs = list(zip(source.tolist(), target.tolist(), strict=True))
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self.known]
        if new:
            ends = self.leaves.position[np.array(new)]
            self.known.update(zip(new, self.steps(ends[:, 0], ends[:, 1]).tolist(), strict=True))
        return np.array([self.known[pair] for pair in pairs], bool)


class AbstractSearch(abc.ABC):
    """Finds a series of partial paths between two nodes of the deepest level; see `Flat` and `Hierarchical`."""

    @abc.abstractmethod
    def prepare(self, graph: TransitionGraph, valid: Validity | None = None) -> "AbstractSearcher":
        """What is computed once for a graph; `valid` as in `MovementGraph`."""


class AbstractSearcher(abc.ABC):
    """A search made ready for one graph."""

    valid: Validity | None

    @property
    @abc.abstractmethod
    def leaves(self) -> Leaves:
        """The nodes of the deepest level."""

    @functools.cached_property
    def checks(self) -> Checks:
        """What the validity function has said."""
        return Checks(self.leaves, self.valid)

    @abc.abstractmethod
    def find(
        self, start: int, goal: int, penalty: Float[np.ndarray, " node"] | None = None
    ) -> NodePath | None:
        """A path between two nodes of the deepest level; None if the validity function leaves none.

        `penalty`: of each node of the graph, the factor (at least one) on the cost of steps into it.
        """


@dataclass(frozen=True)
class Flat(AbstractSearch):
    """One search on the deepest level, where every node may step across a gap to near nodes of other demonstrations.

    - `gap_weight`: a gap of length d costs gap_weight * d * (1 + d / s), in lengths travelled as demonstrated, where s is the
      median length of a demonstrated step: several short gaps are better than a long one.
    - `neighbours`: how many other demonstrations a node may step to, nearest first; all if None. Graphs of more than 100,000
      nodes are dense, and get fewer.

    A goal that can be reached in no other way (the first node of a demonstration, say) may be stepped to from anywhere.
    """

    gap_weight: float = 10.0
    neighbours: int | None = 32

    def __post_init__(self):
        _check_weight(self.gap_weight)
        if self.neighbours is not None and self.neighbours < 1:
            raise DataError(
                f"neighbours = {self.neighbours}; a node must be able to step to one demonstration."
            )

    def prepare(self, graph: TransitionGraph, valid: Validity | None = None) -> "FlatSearcher":
        level = graph.at_level(-1)
        gaps = nearest_of_others(graph, level.nodes, self.neighbours)
        gap = np.append(np.zeros(len(level.targets), bool), np.ones(len(gaps[0]), bool))
        step = float(np.median(level.length)) or None if len(level.length) else None
        source, target = np.append(level.sources, gaps[0]), np.append(level.targets, gaps[1])
        network = Network.of(level.position, source, target, gap, self.gap_weight, step)
        return FlatSearcher(Leaves.of(graph), network, self.gap_weight, step, valid)


@dataclass(frozen=True, eq=False)
class FlatSearcher(AbstractSearcher):
    """`Flat` made ready for one graph; `to_arrays` keeps what is costly to prepare."""

    deepest: Leaves
    network: Network
    gap_weight: float
    step: float | None
    valid: Validity | None = None

    _ARRAYS: ClassVar = {
        "deepest": ("nodes", "position", "duration"),
        "network": ("indptr", "target", "cost", "gap"),
    }

    @property
    def leaves(self) -> Leaves:
        return self.deepest

    def find(
        self, start: int, goal: int, penalty: Float[np.ndarray, " node"] | None = None
    ) -> NodePath | None:
        leaves, network = self.leaves, self.network
        ends = leaves.places([start, goal])
        if penalty is not None:
            penalty = penalty[leaves.nodes]
        edges = _valid_path(network, self.checks, ends[0], ends[1], penalty)
        if edges is None:
            others = np.delete(np.arange(len(leaves.nodes)), ends[1])
            network = network.with_edges(others, np.full(len(others), ends[1]), self.gap_weight, self.step)
            edges = _valid_path(network, self.checks, ends[0], ends[1], penalty)
        return None if edges is None else leaves.path(network, int(ends[0]), edges, leaves.level)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All but the validity function; `from_arrays` restores it."""
        coordinates = self.leaves.coordinates
        header = {
            "space": coordinates.space,
            "rotation_length": coordinates.rotation_length,
            "level": self.leaves.level,
            "gap_weight": self.gap_weight,
            "step": self.step,
        }
        found = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)}
        for part, names in self._ARRAYS.items():
            found |= {name: getattr(getattr(self, part), name) for name in names}
        return {**found, "reference": coordinates.reference}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], valid: Validity | None) -> "FlatSearcher":
        """What `to_arrays` gave."""
        header = json.loads(arrays["header"].tobytes().decode())
        coordinates = Coordinates(header["space"], arrays["reference"], header["rotation_length"])
        leaves, network = ([arrays[name] for name in names] for names in cls._ARRAYS.values())
        return cls(
            Leaves(coordinates, header["level"], *leaves),
            Network(arrays["position"], *network),
            header["gap_weight"],
            header["step"],
            valid,
        )


@dataclass(frozen=True)
class Hierarchical(AbstractSearch):
    """The search of partial paths from the level where a path exists down to the deepest (Deniša & Ude 2015, Alg. 2).

    Start and goal of a level are the ancestors of the deepest ones. On each level below, what a path lacks is bridged by
    gaps between the two children of a node of the path above, or across its gaps. Such a path always exists: each edge above
    was made by a sample and its successor, which are in two children. Where a validity function leaves none of them on the
    deepest level, the search continues there as `Flat` does.

    - `gap_weight`: what a metre of gap costs, in metres travelled as demonstrated; 1 for the shortest, as in the paper.
    """

    gap_weight: float = 1.0

    def __post_init__(self):
        _check_weight(self.gap_weight)

    def prepare(self, graph: TransitionGraph, valid: Validity | None = None) -> "HierarchicalSearcher":
        return HierarchicalSearcher(graph, self.gap_weight, valid)


@dataclass(eq=False)
class HierarchicalSearcher(AbstractSearcher):
    """`Hierarchical` made ready for one graph. A validity function is asked on the deepest level, where nodes are places."""

    graph: TransitionGraph
    gap_weight: float
    valid: Validity | None = None
    _levels: dict = field(default_factory=dict)

    @property
    def leaves(self) -> Leaves:
        return self._leaves

    @functools.cached_property
    def _leaves(self) -> Leaves:
        return Leaves.of(self.graph)

    @functools.cached_property
    def checks(self) -> Checks:
        return Checks(self.leaves, self.valid)

    @functools.cached_property
    def _flat(self) -> FlatSearcher:
        return Flat().prepare(self.graph, self.valid)

    def find(
        self, start: int, goal: int, penalty: Float[np.ndarray, " node"] | None = None
    ) -> NodePath | None:
        deepest = self.graph.levels - 1

        def search(level: int, network: Network) -> np.ndarray | None:
            nodes, _, ancestors = self._level(level)
            ends = np.searchsorted(nodes, ancestors[[start, goal]])
            checks = self.checks if level == deepest else None
            factor = None if penalty is None else penalty[nodes]
            return _valid_path(network, checks, ends[0], ends[1], factor)

        for level in range(deepest, -1, -1):
            nodes, network, ancestors = self._level(level)
            edges = search(level, network)
            if edges is not None:
                break
        else:
            return None
        top = level
        while level < deepest:
            above = np.append(ancestors[start], nodes[network.target[edges]])
            gaps = np.append(network.gap[edges], False)
            level += 1
            nodes, network, ancestors = self._level(level)
            network = network.with_edges(*self._across(above, gaps, nodes), self.gap_weight)
            edges = search(level, network)
            if edges is None:
                return self._flat.find(start, goal, penalty)
        return self.leaves.path(network, int(np.searchsorted(nodes, start)), edges, top)

    def _level(self, level: int):
        """Of a level: its nodes, the network of its edges, and of every node the ancestor on it."""
        if level not in self._levels:
            here = self.graph.at_level(level)
            network = Network.of(here.position, here.sources, here.targets, np.zeros(len(here.targets), bool))
            self._levels[level] = here.nodes, network, self.graph.ancestors(level)
        return self._levels[level]

    def _across(
        self, above: np.ndarray, gaps: np.ndarray, nodes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
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
        raise DataError(f"gap_weight = {weight}; a gap costs at least its length, so at least 1.")


def _valid_path(network: Network, checks: Checks | None, start, goal, penalty) -> np.ndarray | None:
    """The cheapest path all of whose steps are allowed, checking only paths (LazySP: Dellin & Srinivasa 2016).

    Where that does not soon find one, all steps are checked at once.
    """
    cost = None if penalty is None else network.cost * penalty[network.target]
    stand = np.array([start])
    if checks is None or checks.valid is None:
        return network.shortest(int(start), int(goal), cost)
    if not checks.ask(stand, stand).all():
        return None
    for _ in range(_LAZY):
        edges = network.shortest(int(start), int(goal), cost)
        if edges is None:
            return None
        allowed = checks.ask(network.source[edges], network.target[edges])
        if allowed.all():
            return edges
        cost = network.cost.copy() if cost is None else cost
        cost[edges[~allowed]] = np.inf
    cost, position = network.cost.copy() if cost is None else cost, checks.leaves.position
    for low in range(0, len(network.target), 100_000):
        rows = slice(low, low + 100_000)
        allowed = checks.steps(position[network.source[rows]], position[network.target[rows]])
        cost[rows][~allowed] = np.inf
    return network.shortest(int(start), int(goal), cost)
