import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from ideomotor.errors import DataError

from .._demonstrations import Demonstrations
from ._clustering import AbstractClustering, KMeans, clustering_by_name, davies_bouldin, dunn
from ._coordinates import Coordinates
from ._hierarchy import AbstractHierarchy


@dataclass(frozen=True)
class TreeSettings:
    """What a tree is built with; the same settings and demonstrations give the same tree.

    - `threshold`: a node is split while its spread d_v exceeds this (m or rad). The default is the paper's 5.6 mm; joint
      angles usually need more, such as 0.02.
    - `velocity_weight`: seconds; a sample is [position, velocity_weight * velocity]. 0 leaves velocity out, 1 is the paper's.
    - `rotation_length`: metres that one radian of rotation counts for (poses).
    - `clustering`: how a node is split: `ideomotor.make("k-means")`, `"pca"` or `"em"`, or one of your own.
    - `max_levels`: maximum number of levels.
    - `keep_pauses`: count the time that demonstrations rest; by default new movements do not wait where they did.
    """

    threshold: float = 0.0056
    velocity_weight: float = 0.15
    rotation_length: float = 0.1
    clustering: AbstractClustering = KMeans()
    max_levels: int = 64
    keep_pauses: bool = False

    def __post_init__(self):
        for name, lowest in (("threshold", 1e-12), ("velocity_weight", 0.0), ("rotation_length", 1e-12)):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= lowest):
                raise DataError(f"{name} = {value!r}; it must be a finite number of at least {lowest:g}.")
            object.__setattr__(self, name, float(value))
        if not (isinstance(self.max_levels, int) and self.max_levels >= 1):
            raise DataError(f"max_levels = {self.max_levels!r}; a tree has at least one level.")
        if not isinstance(self.clustering, AbstractClustering):
            raise DataError(
                f"clustering = {self.clustering!r}; it must be ideomotor.make(…) of k-means, pca or em, or one of your own."
            )

    def to_dict(self) -> dict[str, Any]:
        """As plain values that JSON can hold."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**values, "clustering": self.clustering.name, "options": self.clustering.options}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TreeSettings":
        """What `to_dict` gave; its clustering must be one that ships with Ideomotor."""
        values = dict(values)
        options = values.pop("options", {})
        if unknown := set(values) - {f.name for f in dataclasses.fields(cls)}:
            raise DataError(f"There is no tree setting {sorted(unknown)[0]!r}.")
        if "clustering" in values:
            values["clustering"] = clustering_by_name(values["clustering"], options)
        return cls(**values)

    def features(
        self, demonstrations: Demonstrations
    ) -> tuple[Coordinates, Float[np.ndarray, "sample feature"]]:
        """What is clustered: [position, velocity_weight * velocity] of every sample, by second-order differences."""
        coordinates = Coordinates.fitted(demonstrations, self.rotation_length)
        rows, anchor = [], None
        for item in demonstrations:
            position = coordinates.encode(item.ys)
            centre = position.mean(axis=0)
            anchor = centre if anchor is None else anchor
            position = position + coordinates.turns(centre, anchor)
            velocity = np.gradient(position, item.ts, axis=0)
            rows.append(np.concatenate([position, self.velocity_weight * velocity], axis=1))
        return coordinates, np.concatenate(rows)


@dataclass(frozen=True, eq=False)
class MovementTree(AbstractHierarchy):
    """Samples of demonstrations in a binary tree of clusters (Deniša & Ude 2015, section 2).

    A node is on the levels `born <= level < split`; its two children are born where it is split. Level 0 is the
    root; every level is a partition of all samples, and a parent comes before its children. Nodes have

    - `parent` (-1 for the root), `born`, `split`;
    - `mean`: of the features [position, velocity_weight * velocity];
    - `position`: x_v, the mean position, or the final configuration if exactly one is in the node (eq. 6);
    - `spread`: d_v, the mean distance of its samples to `mean` (eq. 4);
    - `samples`: n_v; `demonstrations`: m_v, how many pass through; `finals`: how many end in it;
    - `duration`: t_v (s), the time that a visit lasts (eq. 11, per visit, so that repeated laps count each time).

    Samples have `leaf`, their node at the deepest level, and `demonstration`. `space`, `names` are those of the
    demonstrations, `reference` is the quaternion about which the orientations of poses are unrolled, or the numbers of joints
    that turn without end. Positions and means are in coordinates (see `TransitionGraph.coordinates`).
    """

    plain: ClassVar = {"settings": TreeSettings.from_dict, "space": str, "names": tuple}

    settings: TreeSettings
    mean: Float[np.ndarray, "node feature"]
    leaf: Int[np.ndarray, " sample"]
    demonstration: Int[np.ndarray, " sample"]

    def level_labels(self, level: int) -> Int[np.ndarray, " sample"]:
        """The node of every sample at that level."""
        return self.ancestors(level)[self.leaf]

    def indices(self, demonstrations: Demonstrations, level: int) -> dict[str, float]:
        """How good the clusters of a level are (figure 6 of the paper): `davies_bouldin`, lower is better, and `dunn`."""
        features, labels = self.settings.features(demonstrations)[1], self.level_labels(level)
        return {"davies_bouldin": davies_bouldin(features, labels), "dunn": dunn(features, labels)}

    def __repr__(self) -> str:
        deepest = len(self.nodes(self.levels - 1))
        return f"MovementTree({self.levels} levels, {deepest:,} nodes at the deepest, {len(self.leaf):,} samples)"
