from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ._arrays import from_arrays, to_arrays
from ._settings import TreeSettings

_PLAIN = ("settings", "space", "names")


@dataclass(frozen=True, eq=False)
class MovementTree:
    """Samples of demonstrations in a binary tree of clusters (Deniša & Ude 2015, section 2).

    A node is on the levels `born <= level < split`; its two children are born where it is split. Level 0 is the
    root; every level is a partition of all samples, and a parent comes before its children. Nodes have

    - `parent` (-1 for the root), `born`, `split`;
    - `mean`: of the features [position, velocity_weight * velocity];
    - `position`: x_v, the mean position, or the final configuration if exactly one is in the node (eq. 6);
    - `spread`: d_v, the mean distance of its samples to `mean` (eq. 4);
    - `samples`: n_v; `demonstrations`: m_v, how many pass through; `finals`: how many end in it;
    - `duration`: t_v (s), the time a demonstration stays (eq. 11).

    Samples have `leaf`, their node at the deepest level, and `demonstration`. `space`, `names` are those of the
    demonstrations, `reference` is the quaternion about which the orientations of poses are unrolled (else empty).
    Positions and means of poses are in unrolled coordinates (see `Chart`).
    """

    settings: TreeSettings
    space: str
    names: tuple[str, ...]
    reference: Float[np.ndarray, " quaternion"]
    parent: Int[np.ndarray, " node"]
    born: Int[np.ndarray, " node"]
    split: Int[np.ndarray, " node"]
    mean: Float[np.ndarray, "node feature"]
    position: Float[np.ndarray, "node coordinate"]
    spread: Float[np.ndarray, " node"]
    samples: Int[np.ndarray, " node"]
    demonstrations: Int[np.ndarray, " node"]
    finals: Int[np.ndarray, " node"]
    duration: Float[np.ndarray, " node"]
    leaf: Int[np.ndarray, " sample"]
    demonstration: Int[np.ndarray, " sample"]

    @property
    def levels(self) -> int:
        """How many levels there are; the deepest is `levels - 1`."""
        return int(self.split.max())

    def nodes(self, level: int) -> Int[np.ndarray, " here"]:
        """The nodes of a level, in increasing order."""
        level = check_level(level, self.levels)
        return np.flatnonzero((self.born <= level) & (level < self.split))

    def ancestors(self, level: int) -> Int[np.ndarray, " node"]:
        """Of every node, the node of that level it is in; itself if it is born earlier."""
        return ancestors(self.parent, self.born, check_level(level, self.levels))

    def level_labels(self, level: int) -> Int[np.ndarray, " sample"]:
        """Of every sample, its node at that level."""
        return self.ancestors(level)[self.leaf]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays; `from_arrays` gives the same tree back."""
        plain = {"settings": self.settings.to_dict(), "space": self.space, "names": list(self.names)}
        return to_arrays(self, plain)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "MovementTree":
        """What `to_arrays` gave; raises `DataError` where something is missing."""
        header, found = from_arrays(cls, arrays, _PLAIN)
        settings = TreeSettings.from_dict(header["settings"])
        return cls(settings, header["space"], tuple(header["names"]), **found)

    def __repr__(self) -> str:
        deepest = len(self.nodes(self.levels - 1))
        return f"MovementTree({self.levels} levels, {deepest:,} nodes at the deepest, {len(self.leaf):,} samples)"


def check_level(level: int, levels: int) -> int:
    """The level counted from 0; -1 is the deepest."""
    if not -levels <= level < levels:
        raise IndexError(f"There is no level {level}; the tree has the levels 0 to {levels - 1}.")
    return int(level) % levels


def ancestors(parent: np.ndarray, born: np.ndarray, level: int) -> np.ndarray:
    """Of every node, the node of that level it is in; itself if it is born earlier."""
    found = np.arange(len(parent))
    while True:
        late = np.flatnonzero(born[found] > level)
        if not len(late):
            return found
        found[late] = parent[found[late]]
