from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..tree import Chart
from ..tree._arrays import from_arrays, to_arrays
from ..tree._tree import ancestors, check_level

_PLAIN = ("space", "rotation_length", "names")


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


@dataclass(frozen=True, eq=False)
class TransitionGraph:
    """The transitions between nodes of a `MovementTree`, on all levels (Deniša & Ude 2015, eq. 5).

    Nodes and edges are stored once with the levels `born <= level < split` they are on. Nodes have `parent`, `born`, `split`,
    `position`, `spread`, `samples`, `demonstrations`, `finals` and `duration` as in the tree. Those that pass through node
    i are the demonstrations `member[member_indptr[i]:member_indptr[i + 1]]`. Edges, sorted by (source, target), have

    - `source`, `target`, `born`, `split` (as `edge_born`, `edge_split`);
    - `count`: m_kl, samples of the source whose successor is in the target;
    - `probability`: p_kl = m_kl / n_k; `length`: distance between the two positions;
    - `support[support_indptr[e]:support_indptr[e + 1]]`: the demonstrations that make the transition (provenance).
    """

    space: str
    rotation_length: float
    names: tuple[str, ...]
    reference: Float[np.ndarray, " quaternion"]
    parent: Int[np.ndarray, " node"]
    born: Int[np.ndarray, " node"]
    split: Int[np.ndarray, " node"]
    position: Float[np.ndarray, "node coordinate"]
    spread: Float[np.ndarray, " node"]
    samples: Int[np.ndarray, " node"]
    demonstrations: Int[np.ndarray, " node"]
    finals: Int[np.ndarray, " node"]
    duration: Float[np.ndarray, " node"]
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

    @property
    def levels(self) -> int:
        """How many levels there are; the deepest is `levels - 1`."""
        return int(self.split.max())

    @property
    def chart(self) -> Chart:
        """Between samples and the coordinates that positions are in."""
        return Chart(self.space, self.reference, self.rotation_length)

    def nodes(self, level: int) -> Int[np.ndarray, " here"]:
        """The nodes of a level, in increasing order."""
        level = check_level(level, self.levels)
        return np.flatnonzero((self.born <= level) & (level < self.split))

    def ancestors(self, level: int) -> Int[np.ndarray, " node"]:
        """Of every node, the node of that level it is in; itself if it is born earlier."""
        return ancestors(self.parent, self.born, check_level(level, self.levels))

    def at_level(self, level: int) -> LevelGraph:
        """The graph of one level; -1 is the deepest."""
        level = check_level(level, self.levels)
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

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays; `from_arrays` gives the same graph back."""
        plain = {"space": self.space, "rotation_length": self.rotation_length, "names": list(self.names)}
        return to_arrays(self, plain)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "TransitionGraph":
        """What `to_arrays` gave; raises `DataError` where something is missing."""
        header, found = from_arrays(cls, arrays, _PLAIN)
        return cls(header["space"], float(header["rotation_length"]), tuple(header["names"]), **found)

    def __repr__(self) -> str:
        return (
            f"TransitionGraph({self.levels} levels, {len(self.parent):,} nodes, {len(self.source):,} edges, "
            f"{len(self.names)} demonstrations)"
        )
