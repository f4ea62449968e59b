"""What the messages of one topic hold, collected as they are read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import Channel, Frames

from ._messages import Part, parts, stamped

_PACKED = 4096  # messages
_FAR = 3600 * 10**9  # ns by which stamps may differ from the time of the recording


class Lazily:
    """Messages of a topic, read again when their pictures are asked for."""

    def __init__(self, files: list[Path], types: Any):
        self.files, self.types = files, types

    def frames(self, topic: str, times: np.ndarray, part: Part, first: np.ndarray) -> Frames:
        """The pictures of a topic at recorded times (ns), each decoded when it is used; `first` shows their size."""

        def read(index: np.ndarray) -> np.ndarray:
            from rosbags.highlevel import AnyReader

            wanted, found = times[index], {}
            with AnyReader(self.files, default_typestore=self.types) as reader:
                connections = [c for c in reader.connections if c.topic == topic]
                for c, recorded, raw in reader.messages(
                    connections, start=int(wanted.min()), stop=int(wanted.max()) + 1
                ):
                    found[recorded] = np.asarray(part.lazy(reader.deserialize(raw, c.msgtype)))  # pyright: ignore
            return np.stack([found[int(t)] for t in wanted])

        return Frames(read, len(times), first.shape, first.dtype)


class _Rows:
    """Values of messages, packed now and then: a list of small arrays takes several times their space."""

    def __init__(self):
        self.packed: list[np.ndarray | None] = []
        self.loose: list[Any] = []

    def append(self, value: Any) -> None:
        """Keep one more."""
        self.loose.append(value)
        if len(self.loose) == _PACKED:
            self.packed.append(_stacked(self.loose))
            self.loose.clear()

    def array(self) -> np.ndarray | None:
        """All of them, or None where they are of different sizes."""
        parts = [*self.packed, *([_stacked(self.loose)] if self.loose else [])]
        if any(part is None or part.shape[1:] != parts[0].shape[1:] for part in parts):  # pyright: ignore
            return None
        return np.concatenate([part for part in parts if part is not None])


class Topic:
    """What the messages of one topic hold."""

    def __init__(self, name: str):
        self.name, self.parts = name, None
        self.stamps: list[int] = []
        self.recorded: list[int] = []
        self.sizes: set[int] = set()
        self.values: list[_Rows] = []
        self.frame = ""
        self.first: list[np.ndarray] = []
        self.stamped = False

    def add(self, message: Any, recorded: int, size: int) -> None:
        """Keep a message's numbers; `size`: its bytes."""
        if self.parts is None:
            self.parts = parts(message)
            self.values = [_Rows() for _ in self.parts]
            self.stamped = stamped(message)
            self.frame = message.header.frame_id if self.stamped else ""
            self.first = [np.asarray(p.lazy(message)) for p in self.parts if p.lazy]
        if self.stamped:
            stamp = message.header.stamp
            self.stamps.append(stamp.sec * 10**9 + stamp.nanosec)
        self.recorded.append(recorded)
        self.sizes.add(size)
        for values, part in zip(self.values, self.parts, strict=True):
            values.append(part.get(message))

    def channels(self, path: Path, lazily: Lazily, warnings: list[str]) -> Iterator[tuple[np.ndarray, Any]]:
        """Stamps (ns), and what makes a channel of times from the recording's start."""
        stamps = clock(f"{path}: {self.name}", self.stamps, self.recorded, warnings)
        firsts = iter(self.first)
        for part, values in zip(self.parts or (), self.values, strict=True):
            name = f"{self.name}/{part.path}".rstrip("/")
            if part.lazy:
                first = next(firsts)
                raw = part.role != "image"
                if raw and len(self.sizes) > 1:
                    warnings.append(f"{path}: {name} has messages of different sizes and is left out.")
                    continue
                array: Any = lazily.frames(self.name, np.array(self.recorded, np.int64), part, first)
            else:
                array = values.array()
                if array is None:
                    warnings.append(f"{path}: {name} has messages of different sizes and is left out.")
                    continue
            width = array.shape[-1] if array.ndim > 1 else 1
            names = part.names if len(part.names) == width else ()
            yield stamps, _maker(name, array, part.role, part.unit, names, self.frame)


class Joints(Topic):
    """Joint states: a channel for each set of joints that messages report together, whoever publishes them."""

    def __init__(self, name: str):
        super().__init__(name)
        self.sets: dict[frozenset[str], tuple[list[str], list, list, dict[str, _Rows]]] = {}
        self.last: Any = None  # the names and lengths of the last message, and where it went

    def add(self, message: Any, recorded: int, size: int) -> None:
        lengths = (len(message.position), len(message.velocity), len(message.effort))
        stamp = message.header.stamp
        if self.last is None or message.name != self.last[0] or lengths != self.last[1]:
            found = self._set(message, lengths)
            if found is None:
                return
            self.last = (message.name, lengths, *found)
        *_, index, stamps, times, values = self.last
        stamps.append(stamp.sec * 10**9 + stamp.nanosec)
        times.append(recorded)
        for key, rows in values.items():
            numbers = getattr(message, key)
            rows.append(numbers if index is None else numbers[index])

    def _set(self, message: Any, lengths: tuple[int, ...]) -> tuple[Any, list, list, dict[str, _Rows]] | None:
        """Where messages like this one go, and in which order; None for what holds nothing."""
        self.frame = message.header.frame_id
        names = [name or str(i) for i, name in enumerate(message.name or [""] * lengths[0])]
        given = [
            key
            for key, n in zip(("position", "velocity", "effort"), lengths, strict=True)
            if names and n == len(names)
        ]
        if not given or len(set(names)) != len(names):
            return None
        fresh = (names, [], [], {key: _Rows() for key in given})
        order, stamps, times, values = self.sets.setdefault(
            frozenset((*names, *(f"\0{key}" for key in given))), fresh
        )
        return None if names == order else [names.index(name) for name in order], stamps, times, values

    def channels(self, path: Path, lazily: Lazily, warnings: list[str]) -> Iterator[tuple[np.ndarray, Any]]:
        units = {"position": "rad", "velocity": "rad/s", "effort": "N m"}
        used: set[str] = set()
        for names, stamps, times, values in sorted(
            self.sets.values(), key=lambda s: (-len(s[0]), -len(s[1]))
        ):
            ns = clock(f"{path}: {self.name}", stamps, times, warnings)
            for key, rows in values.items():
                label = f"{self.name}/{key}"
                label = label if label not in used else f"{label}/{names[0]}"
                while label in used:
                    label += "'"
                used.add(label)
                yield (
                    ns,
                    _maker(
                        label,
                        rows.array(),
                        f"joint-{key}",
                        units[key],
                        tuple(names),
                        self.frame,
                    ),
                )


class Transforms(Topic):
    """Transforms: a channel for each child frame."""

    def __init__(self, name: str):
        super().__init__(name)
        self.children: dict[tuple[str, str], Topic] = {}

    def add(self, message: Any, recorded: int, size: int) -> None:
        for transform in message.transforms:
            key = (transform.header.frame_id, transform.child_frame_id)
            if key not in self.children:
                label = transform.child_frame_id.strip("/") or "frame"
                taken = any(child.name == f"{self.name}/{label}" for child in self.children.values())
                self.children[key] = Topic(f"{self.name}/{label}" + (f" in {key[0]}" if taken else ""))
                self.children[key].frame = key[0]
            child = self.children[key]
            if child.parts is None:
                child.add(transform, recorded, 0)
                child.parts = [p._replace(path="") for p in child.parts or () if p.role == "pose"]
                child.values = [v for v in child.values if isinstance(v.loose[0], tuple)]
            else:
                child.add(transform, recorded, 0)

    def channels(self, path: Path, lazily: Lazily, warnings: list[str]) -> Iterator[tuple[np.ndarray, Any]]:
        for child in self.children.values():
            yield from child.channels(path, lazily, warnings)


def clock(where: str, stamps: list[int], recorded: list[int], warnings: list[str]) -> np.ndarray:
    """The stamps of messages (ns) where they are all there and in order, else the times at which they were recorded."""
    ns, times = np.array(stamps, np.int64), np.array(recorded, np.int64)
    if not len(ns) or not np.all(ns):
        return times
    if np.any(np.diff(ns) <= 0):
        warnings.append(
            f"{where}: stamps of messages repeat or go back; the times at which they were recorded are taken."
        )
        return times
    away = int(np.sort(ns - times)[len(ns) // 2])  # NumPy's median would round it to 64-bit floats
    if abs(away) > _FAR:
        warnings.append(
            f"{where}: stamps are {abs(away) / 1e9:.6g} s {'before' if away < 0 else 'after'} the recording; they are moved there."
        )
        return ns - away
    return ns


def _stacked(values: list[Any]) -> np.ndarray | None:
    try:
        found = np.array(values)
    except ValueError:  # of different lengths
        return None
    if found.dtype.kind == "S" or found.dtype.kind == "O" or found.dtype.kind not in "biufU":
        return None
    return found


def _maker(name: str, values: Any, role: str, unit: str, names: tuple[str, ...], frame: str):
    if role in ("pose", "orientation", "position", "twist", "wrench", "force", "torque") and values.ndim != 2:
        role = ""
    role = "text" if values.dtype.kind == "U" else role
    return lambda ts: Channel(name, ts, values, role, unit, names, frame)
