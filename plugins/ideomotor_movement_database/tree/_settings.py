import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ideomotor.errors import DataError


@dataclass(frozen=True)
class TreeSettings:
    """What a tree is built with; the same settings and demonstrations give the same tree.

    - `threshold`: a node is split while its spread d_v exceeds this (m or rad).
    - `velocity_weight`: seconds; a sample is [position, velocity_weight * velocity]. 0 leaves velocity out, 1 is the paper's.
    - `rotation_length`: metres that one radian of rotation counts for (poses).
    - `clustering`, `options`: how a node is split, by name, and the arguments of that method.
    - `max_levels`: levels at most.
    """

    threshold: float = 0.0056
    velocity_weight: float = 0.15
    rotation_length: float = 0.1
    clustering: str = "k-means"
    options: Mapping[str, Any] = field(default_factory=dict)
    max_levels: int = 64

    def __post_init__(self):
        for name, lowest in (("threshold", 1e-12), ("velocity_weight", 0.0), ("rotation_length", 1e-12)):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= lowest):
                raise DataError(f"{name} = {value!r}; it must be a finite number of at least {lowest:g}.")
            object.__setattr__(self, name, float(value))
        if not (isinstance(self.max_levels, int) and self.max_levels >= 1):
            raise DataError(f"max_levels = {self.max_levels!r}; a tree has at least one level.")
        object.__setattr__(self, "options", dict(self.options))

    def to_dict(self) -> dict[str, Any]:
        """As plain values that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TreeSettings":
        """What `to_dict` gave."""
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := set(values) - known:
            raise DataError(f"These are no tree settings: {sorted(unknown)[0]!r} is not known.")
        return cls(**values)
