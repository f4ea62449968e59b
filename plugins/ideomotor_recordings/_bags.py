"""ROS 1 bags, ROS 2 bags and MCAP files."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ideomotor import AbstractFormat, Channel, ReadOptions, Recording
from ideomotor.errors import DataError, did_you_mean

from ._describe import parsed, recording, restored
from ._messages import JOINTS
from ._topics import Joints, Lazily, Topic, Transforms

ABOUT = "/ideomotor/recording"  # the topic of the description in what is written here
_MAGIC = {"rosbag1": b"#ROSBAG V", "mcap": b"\x89MCAP0\r\n", "rosbag2": b"SQLite format 3\0"}


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
    collected: dict[str, Topic] = {}
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
                Joints
                if connection.msgtype == JOINTS
                else Transforms
                if connection.msgtype.endswith("/TFMessage")
                else Topic
            )
            topic = collected[connection.topic] = kind(connection.topic)
        topic.add(message, recorded, len(raw))
    lazily = Lazily(files, types)
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
