"""What a movement tree and its transition graph share: nodes on levels, and storage as arrays."""

import abc
import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np
from jaxtyping import Float, Int

from ideomotor.errors import DataError

HEADER = "header"
_Kind = TypeVar("_Kind", bound="AbstractHierarchy")


@dataclasses.dataclass(frozen=True, eq=False)
class AbstractHierarchy(abc.ABC):
    """Arrays, whose nodes are on the levels `born <= level < split`.

    Fields in `plain` are no arrays; each has the function that restores it from JSON.
    """

    plain: ClassVar[dict[str, Callable[[Any], Any]]]
    space: str
    names: tuple[str, ...]
    reference: Float[np.ndarray, " reference"]
    parent: Int[np.ndarray, " node"]
    born: Int[np.ndarray, " node"]
    split: Int[np.ndarray, " node"]
    position: Float[np.ndarray, "node coordinate"]
    spread: Float[np.ndarray, " node"]
    samples: Int[np.ndarray, " node"]
    demonstrations: Int[np.ndarray, " node"]
    finals: Int[np.ndarray, " node"]
    duration: Float[np.ndarray, " node"]

    @property
    def levels(self) -> int:
        """Number of levels; the deepest is `levels - 1`."""
        return int(self.split.max())

    def level(self, level: int) -> int:
        """The level counted from 0; -1 is the deepest. Raises `IndexError` beyond."""
        if not -self.levels <= level < self.levels:
            raise IndexError(f"There is no level {level}; the tree has the levels 0 to {self.levels - 1}.")
        return int(level) % self.levels

    def nodes(self, level: int) -> Int[np.ndarray, " here"]:
        """The nodes of a level, in increasing order."""
        level = self.level(level)
        return np.flatnonzero((self.born <= level) & (level < self.split))

    def ancestors(self, level: int) -> Int[np.ndarray, " node"]:
        """For every node, the node of that level it is in; itself if it is born earlier."""
        level, found = self.level(level), np.arange(len(self.parent))
        while len(late := np.flatnonzero(self.born[found] > level)):
            found[late] = self.parent[found[late]]
        return found

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All fields as arrays, the plain ones as `header`: JSON in UTF-8 bytes."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # pyright: ignore[reportArgumentType]
        plain = {name: fields.pop(name) for name in self.plain}
        text = json.dumps(plain, sort_keys=True, default=lambda value: value.to_dict())
        return {HEADER: np.frombuffer(text.encode(), dtype=np.uint8), **fields}

    @classmethod
    def from_arrays(cls: type[_Kind], arrays: Mapping[str, Any]) -> _Kind:
        """What `to_arrays` gave; raises `DataError` where something is missing."""
        names = [f.name for f in dataclasses.fields(cls) if f.name not in cls.plain]  # pyright: ignore[reportArgumentType]
        if missing := [name for name in (HEADER, *names) if name not in arrays]:
            raise DataError(f"This is not a {cls.__name__}: the array {missing[0]!r} is missing.")
        try:
            header = json.loads(np.asarray(arrays[HEADER], np.uint8).tobytes().decode())
            plain = {name: restore(header[name]) for name, restore in cls.plain.items()}
        except KeyError as error:
            raise DataError(f"This is not a {cls.__name__}: its header lacks {error}.") from error
        except (ValueError, TypeError) as error:
            raise DataError(f"This is not a {cls.__name__}: its header is not JSON ({error}).") from error
        return cls(**plain, **{name: np.asarray(arrays[name]) for name in names})
