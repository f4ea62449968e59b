"""ROS 1 bags, ROS 2 bags and MCAP files."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import AbstractFormat, Channel, Frames, ReadOptions, Recording
from ideomotor.errors import DataError, did_you_mean

from ._describe import parsed, recording, restored
from ._messages import JOINTS, Part, parts, stamped

ABOUT = "/ideomotor/recording"  # the topic of the description in what is written here
_MAGIC = {"rosbag1": b"#ROSBAG V", "mcap": b"\x89MCAP0\r\n", "rosbag2": b"SQLite format 3\0"}
_FAR = 3600 * 10**9  # ns by which stamps may differ from the time of the recording


def _read(path: Path, options: ReadOptions) -> Recording:
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    files = [path]
    if path.is_dir() and (path.suffix == ".bag" or not (path / "metadata.yaml").is_file()):
        files = sorted(
            file for file in path.iterdir() if file.is_file() and file.suffix in (".mcap", ".db3", ".bag")
        )
        if not files:
            raise DataError(
                f"{path} is a folder without metadata.yaml and without .mcap, .db3 or .bag files."
            )
    types = get_typestore(Stores.ROS2_HUMBLE)
    try:
        with AnyReader(files, default_typestore=types) as reader:
            return _recorded(path, files, types, reader, options)
    except DataError:
        raise
    except Exception as error:  # of rosbags and of what it stands on: SQLite, Zstandard, YAML
        text = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} cannot be read as a recording: {text[:300]}") from error


def _recorded(path: Path, files: list[Path], types: Any, reader: Any, options: ReadOptions) -> Recording:
    warnings: list[str] = []
    about = None
    topics = [c.topic for c in reader.connections]
    if options.channels and not any(
        t == c or c.startswith(f"{t}/") for c in options.channels for t in topics
    ):
        wanted = options.channels[0]
        raise DataError(f"{path} has no topic {wanted!r}.{did_you_mean(wanted, topics)}")
    connections = [
        c
        for c in reader.connections
        if c.topic == ABOUT
        or options.takes(c.topic)
        or any(w.startswith(f"{c.topic}/") for w in options.channels)
    ]
    collected: dict[str, _Topic] = {}
    failed: set[str] = set()
    for connection, recorded, raw in reader.messages(connections=connections) if connections else ():
        if connection.msgtype in failed:
            continue
        try:
            message = reader.deserialize(raw, connection.msgtype)
        except Exception as error:  # types without a definition, and bytes that do not fit it
            failed.add(connection.msgtype)
            text = " ".join(str(error).split()) or type(error).__name__
            warnings.append(
                f"{path}: messages of {connection.topic} ({connection.msgtype}) cannot be read: {text[:120]}"
            )
            continue
        if connection.topic == ABOUT:
            about = parsed(message.data, f"{path}, topic {ABOUT},")
            continue
        topic = collected.get(connection.topic)
        if topic is None:
            kind = (
                _Joints
                if connection.msgtype == JOINTS
                else _Transforms
                if connection.msgtype.endswith("/TFMessage")
                else _Topic
            )
            topic = collected[connection.topic] = kind(connection.topic)
        topic.add(message, recorded, len(raw))
    lazily = _Lazily(files, types)
    told = warnings if about is None else []  # our own clocks need no second opinion
    found = [part for topic in collected.values() for part in topic.channels(path, lazily, told)]
    empty = sorted(
        {c.topic for c in connections}
        - set(collected)
        - {ABOUT}
        - {c.topic for c in connections if c.msgtype in failed}
    )
    if empty:
        warnings.append(f"{path}: no messages on {', '.join(empty)}.")
    start = min((int(stamps.min()) for stamps, _ in found if len(stamps)), default=0)
    if about is not None:
        start = about["start"] + about.get("offset", 0)
    channels = [made((stamps - start) / 1e9) for stamps, made in found]
    if about is not None:
        described = {words["in"]: words for words in about["channels"]}
        channels = [
            restored(described[c.name], c.ts, c.values) if c.numeric and c.name in described
            else Channel(described[c.name]["name"], c.ts, c.values, c.role) if c.name in described else c
            for c in channels
        ]  # fmt: skip
        return recording(
            about, [c for c in channels if options.takes(c.name)], path.stem, warnings=tuple(warnings)
        )
    channels = [c for c in channels if options.takes(c.name)]
    return Recording(path.stem, channels, start, {"source": path.name}, tuple(warnings))


class _Lazily:
    """Messages of a topic, read again when their pictures are asked for."""

    def __init__(self, files: list[Path], types: Any):
        self.files, self.types = files, types

    def frames(self, topic: str, times: np.ndarray, part: Part, first: np.ndarray) -> Frames:
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


class _Topic:
    """What the messages of one topic hold."""

    def __init__(self, name: str):
        self.name, self.parts = name, None
        self.stamps: list[int] = []
        self.recorded: list[int] = []
        self.sizes: set[int] = set()
        self.values: list[list[Any]] = []
        self.frame = ""
        self.first: list[np.ndarray] = []
        self.stamped = False

    def add(self, message: Any, recorded: int, size: int) -> None:
        """Keep a message's numbers; `size`: its bytes."""
        if self.parts is None:
            self.parts = parts(message)
            self.values = [[] for _ in self.parts]
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

    def channels(self, path: Path, lazily: _Lazily, warnings: list[str]) -> Iterator[tuple[np.ndarray, Any]]:
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
                array = _stacked(values)
                if array is None:
                    warnings.append(f"{path}: {name} has messages of different sizes and is left out.")
                    continue
            width = array.shape[-1] if array.ndim > 1 else 1
            names = part.names if len(part.names) == width else ()
            yield stamps, _maker(name, array, part.role, part.unit, names, self.frame)


class _Joints(_Topic):
    """Joint states: a channel for each set of joints that messages report together, whoever publishes them."""

    def __init__(self, name: str):
        super().__init__(name)
        self.sets: dict[frozenset[str], tuple[list[str], list, list, dict[str, list]]] = {}
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

    def _set(self, message: Any, lengths: tuple[int, ...]) -> tuple[Any, list, list, dict[str, list]] | None:
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
        fresh = (names, [], [], {key: [] for key in given})
        order, stamps, times, values = self.sets.setdefault(
            frozenset((*names, *(f"\0{key}" for key in given))), fresh
        )
        return None if names == order else [names.index(name) for name in order], stamps, times, values

    def channels(self, path: Path, lazily: _Lazily, warnings: list[str]) -> Iterator[tuple[np.ndarray, Any]]:
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
                        np.array(rows, np.float64),
                        f"joint-{key}",
                        units[key],
                        tuple(names),
                        self.frame,
                    ),
                )


class _Transforms(_Topic):
    """Transforms: a channel for each child frame."""

    def __init__(self, name: str):
        super().__init__(name)
        self.children: dict[tuple[str, str], _Topic] = {}

    def add(self, message: Any, recorded: int, size: int) -> None:
        for transform in message.transforms:
            key = (transform.header.frame_id, transform.child_frame_id)
            if key not in self.children:
                label = transform.child_frame_id.strip("/") or "frame"
                taken = any(child.name == f"{self.name}/{label}" for child in self.children.values())
                self.children[key] = _Topic(f"{self.name}/{label}" + (f" in {key[0]}" if taken else ""))
                self.children[key].frame = key[0]
            child = self.children[key]
            if child.parts is None:
                child.add(transform, recorded, 0)
                child.parts = [p._replace(path="") for p in child.parts or () if p.role == "pose"]
                child.values = [v for v in child.values if v and isinstance(v[0], tuple)]
            else:
                child.add(transform, recorded, 0)

    def channels(self, path: Path, lazily: _Lazily, warnings: list[str]) -> Iterator[tuple[np.ndarray, Any]]:
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


class _AbstractBag(AbstractFormat):
    def read(self, path: Path, options: ReadOptions) -> Iterator[Recording]:
        yield _read(path, options)


class Rosbag1(_AbstractBag):
    """Bags of ROS 1."""

    suffixes = (".bag",)

    def sniff(self, path, head):
        return float(head.startswith(_MAGIC["rosbag1"]))

    def write(self, recordings: Iterable[Recording], path: Path):
        from ._bag_write import write_bag

        return write_bag(recordings, path, "rosbag1")


class Rosbag2(_AbstractBag):
    """Bags of ROS 2: folders with SQLite or MCAP files and metadata, or one SQLite file."""

    suffixes = (".db3",)
    folder = True

    def sniff(self, path, head):
        if path.is_dir():
            files = [f for f in path.iterdir() if f.is_file()]
            split = [f for f in files if f.suffix == ".bag"]  # a bag of ROS 1 in several files
            whole = any(f.suffix in (".db3", ".mcap") for f in files)
            parts = bool(split) and all(re.search(r"_\d+\.bag$", f.name) for f in split)
            return 0.9 * (whole or parts) + 0.05 * (path / "metadata.yaml").is_file()
        return 0.9 * head.startswith(_MAGIC["rosbag2"]) * (path.suffix != ".db")

    def write(self, recordings: Iterable[Recording], path: Path):
        from ._bag_write import write_bag

        return write_bag(recordings, path, "rosbag2")


class MCAP(_AbstractBag):
    """MCAP files with ROS messages."""

    suffixes = (".mcap",)

    def sniff(self, path, head):
        return float(head.startswith(_MAGIC["mcap"]))

    def write(self, recordings: Iterable[Recording], path: Path):
        from ._bag_write import write_bag

        return write_bag(recordings, path, "mcap")
