import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from ._build_tree import memberships
from ._coordinates import Coordinates
from ._hierarchy import AbstractHierarchy
from ._tree import MovementTree


@dataclass(frozen=True, eq=False)
class NodePath:
    """A discovered movement: nodes of a `TransitionGraph` in order, cut into partial paths at its gaps.

    - `nodes`; `position`: theirs, in coordinates (see `TransitionGraph.coordinates`); `duration`: t_v (s).
    - `gap`: whether the step from a node to the next was never demonstrated.
    - `level`: the highest level that the search began at; the deepest if it never left it.
    - `cost`: what the search minimised.
    """

    nodes: Int[np.ndarray, " node"]
    position: Float[np.ndarray, "node coordinate"]
    duration: Float[np.ndarray, " node"]
    gap: Bool[np.ndarray, " step"]
    level: int
    cost: float

    @property
    def parts(self) -> list[Int[np.ndarray, " part"]]:
        """The partial paths."""
        return np.split(self.nodes, np.flatnonzero(self.gap) + 1)

    @property
    def steps(self) -> Float[np.ndarray, " step"]:
        """Distances from node to node."""
        return np.linalg.norm(np.diff(self.position, axis=0), axis=1)

    @property
    def gaps(self) -> Float[np.ndarray, " gap"]:
        """The distances that are bridged between partial paths."""
        return self.steps[self.gap]

    def __repr__(self) -> str:
        gap = self.gaps.max(initial=0.0)
        return f"NodePath({len(self.nodes)} nodes, {len(self.parts)} parts, largest gap {gap:.3g})"


@dataclass(frozen=True, eq=False)
class LevelGraph:
    """The transition graph of one level as compressed sparse rows.

    The edges of the i-th node, `nodes[i]`, are `indptr[i]:indptr[i + 1]`; `targets` are places in `nodes`.
    `edges` are their numbers in the `TransitionGraph`.
    """

    level: int
    nodes: Int[np.ndarray, " here"]
    position: Float[np.ndarray, "here coordinate"]
    indptr: Int[np.ndarray, " bounds"]
    targets: Int[np.ndarray, " edge"]
    probability: Float[np.ndarray, " edge"]
    length: Float[np.ndarray, " edge"]
    edges: Int[np.ndarray, " edge"]

    @property
    def sources(self) -> Int[np.ndarray, " edge"]:
        """The place in `nodes` that each edge starts from."""
        return np.repeat(np.arange(len(self.nodes)), np.diff(self.indptr))


@dataclass(frozen=True, eq=False)
class TransitionGraph(AbstractHierarchy):
    """The transitions between nodes of a `MovementTree`, on all levels (Deniša & Ude 2015, eq. 5).

    Nodes and edges are stored once with the levels `born <= level < split` they are on. Nodes have `parent`, `born`, `split`,
    `position`, `spread`, `samples`, `demonstrations`, `finals` and `duration` as in the tree. Those that pass through node
    i are the demonstrations `member[member_indptr[i]:member_indptr[i + 1]]`. Edges, sorted by (source, target), have

    - `source`, `target`, `born`, `split` (as `edge_born`, `edge_split`);
    - `count`: m_kl, samples of the source whose successor is in the target;
    - `probability`: p_kl = m_kl / n_k; `length`: distance between the two positions;
    - `support[support_indptr[e]:support_indptr[e + 1]]`: the demonstrations that make the transition (provenance).
    """

    plain: ClassVar = {"space": str, "rotation_length": float, "names": tuple}

    rotation_length: float
    member_indptr: Int[np.ndarray, " node_bounds"]
    member: Int[np.ndarray, " membership"]
    source: Int[np.ndarray, " edge"]
    target: Int[np.ndarray, " edge"]
    edge_born: Int[np.ndarray, " edge"]
    edge_split: Int[np.ndarray, " edge"]
    count: Int[np.ndarray, " edge"]
    probability: Float[np.ndarray, " edge"]
    length: Float[np.ndarray, " edge"]
    support_indptr: Int[np.ndarray, " edge_bounds"]
    support: Int[np.ndarray, " provenance"]

    @classmethod
    def of(cls, tree: MovementTree) -> "TransitionGraph":
        """Count the transitions between the nodes of a tree, on all levels.

        A transition is a sample and its successor in the same demonstration that lie in different nodes; what stays in a
        node is no edge, so the probabilities of a node's edges add up to less than one.
        """
        of, nodes, names = tree.demonstration, len(tree.parent), len(tree.names)
        inner = of[1:] == of[:-1]
        here, there = tree.leaf[:-1][inner].astype(np.int64), tree.leaf[1:][inner].astype(np.int64)
        of = of[1:][inner].astype(np.int64)
        sources, targets, counts, sizes, support = [], [], [], [], []
        for level in range(tree.levels - 1, -1, -1):
            apart = here != there
            if not apart.all():  # what is together on this level is together on all above
                here, there, of = here[apart], there[apart], of[apart]
            new = (tree.born[here] == level) | (tree.born[there] == level)
            edge, inverse, count = np.unique(
                here[new] * nodes + there[new], return_inverse=True, return_counts=True
            )
            by = np.unique(inverse * names + of[new])
            sources.append(edge // nodes)
            targets.append(edge % nodes)
            counts.append(count)
            sizes.append(np.bincount(by // names, minlength=len(edge)))
            support.append(by % names)
            here = np.where(tree.born[here] == level, tree.parent[here], here)
            there = np.where(tree.born[there] == level, tree.parent[there], there)
        source, target = np.concatenate(sources), np.concatenate(targets)
        count, size, support = np.concatenate(counts), np.concatenate(sizes), np.concatenate(support)
        order = np.lexsort((target, source))
        starts = np.cumsum(size) - size
        # The rows of `support` in the new order of the edges.
        rows = np.repeat(starts[order] - (np.cumsum(size[order]) - size[order]), size[order])
        rows = rows + np.arange(len(support))
        source, target, count = source[order], target[order], count[order]
        indptr, member = memberships(tree.parent, tree.born, tree.leaf, tree.demonstration)
        return cls(
            rotation_length=tree.settings.rotation_length,
            **{f.name: getattr(tree, f.name) for f in dataclasses.fields(AbstractHierarchy)},
            member_indptr=indptr,
            member=member,
            source=source.astype(np.int32),
            target=target.astype(np.int32),
            edge_born=np.maximum(tree.born[source], tree.born[target]),
            edge_split=np.minimum(tree.split[source], tree.split[target]),
            count=count.astype(np.int32),
            probability=count / tree.samples[source],
            length=np.linalg.norm(tree.position[source] - tree.position[target], axis=1),
            support_indptr=np.concatenate([[0], np.cumsum(size[order])]),
            support=support[rows].astype(np.int32),
        )

    @property
    def coordinates(self) -> Coordinates:
        """Between samples and the coordinates that positions are in: `encode(ys)` and `decode(coordinates)`."""
        return Coordinates(self.space, self.reference, self.rotation_length)

    def at_level(self, level: int) -> LevelGraph:
        """The graph of one level; -1 is the deepest."""
        level = self.level(level)
        nodes = self.nodes(level)
        place = np.full(len(self.parent), -1)
        place[nodes] = np.arange(len(nodes))
        edges = np.flatnonzero((self.edge_born <= level) & (level < self.edge_split))
        out = np.bincount(place[self.source[edges]], minlength=len(nodes))
        return LevelGraph(
            level=level,
            nodes=nodes,
            position=self.position[nodes],
            indptr=np.concatenate([[0], np.cumsum(out)]),
            targets=place[self.target[edges]],
            probability=self.probability[edges],
            length=self.length[edges],
            edges=edges,
        )

    def __repr__(self) -> str:
        return (
            f"TransitionGraph({self.levels} levels, {len(self.parent):,} nodes, {len(self.source):,} edges, "
            f"{len(self.names)} demonstrations)"
        )
