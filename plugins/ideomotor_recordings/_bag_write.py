"""Recordings as ROS messages."""

import json
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import Channel, Frames, Recording

from ._bags import ABOUT
from ._describe import described, left_out

_STAMPED = {"pose": "PoseStamped", "orientation": "QuaternionStamped", "position": "PointStamped",
            "twist": "TwistStamped", "wrench": "WrenchStamped", "force": "Vector3Stamped", "torque": "Vector3Stamped"}  # fmt: skip
_ENCODINGS = {
    ("u1", 3): "rgb8",
    ("u1", 4): "rgba8",
    ("u1", 0): "mono8",
    ("u2", 0): "mono16",
    ("f4", 0): "32FC1",
}
_AHEAD = 16  # pictures that are decoded at a time
_KEYS = ("position", "velocity", "effort")


def write_bag(recordings: Iterable[Recording], path: Path, kind: str) -> list[str]:
    """Write one recording as `rosbag1`, `rosbag2` or `mcap`; returns a sentence for all that it cannot hold."""
    from rosbags.rosbag1 import Writer as Writer1
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    (item,) = recordings
    if kind == "rosbag1":
        types = get_typestore(Stores.ROS1_NOETIC)
        with Writer1(path) as writer:
            return _Bag(writer, types, "ros1").write(item)
    types = get_typestore(Stores.ROS2_HUMBLE)
    storage = StoragePlugin.MCAP if kind == "mcap" else StoragePlugin.SQLITE3
    folder = path.with_name(f"{path.name}.folder")
    inside = folder / "recording"
    folder.mkdir()
    try:
        with Writer(inside, version=9, storage_plugin=storage) as writer:
            told = _Bag(writer, types, "cdr").write(item)
        shutil.move(next(inside.glob("*.mcap")) if kind == "mcap" else inside, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return told


class _Bag:
    def __init__(self, writer: Any, types: Any, wire: str):
        self.writer, self.store, self.wire = writer, types, wire
        self.told: list[str] = []
        self.topics: dict[str, tuple[Any, Callable[[Any], Any]]] = {}

    def write(self, item: Recording) -> list[str]:
        """All channels of a recording, in the order of their times."""
        kept = [c for c in item if self._plan(c) is not None]
        self.told += left_out(item, kept, "no ROS message holds such values.")
        clocks = [np.rint(c.ts * 1e9).astype(np.int64) for c in kept]
        for channel, ns in zip(kept, clocks, strict=True):
            if not np.array_equal(ns / 1e9, channel.ts):
                self.told.append("times are rounded to nanoseconds.")
            if np.any(np.diff(ns) < 0):
                self.told.append(
                    f"the clock of {channel.name!r} goes back; its messages are in order of time."
                )
        earliest = min((int(ns.min()) for ns in clocks if len(ns)), default=0) + item.start
        offset = max(0, -earliest)
        about = described(item, kept) | {"offset": offset}
        makers: list[tuple[np.ndarray, str, Callable[[int, int], Any]]] = []
        joints: dict[tuple[str, tuple[str, ...], bytes], dict[str, tuple[Channel, dict]]] = {}
        for channel, ns, words in zip(kept, clocks, about["channels"], strict=True):
            ns = ns + item.start + offset
            topic, role = _topic(channel.name), channel.role
            if role.startswith("joint-") and channel.values.ndim == 2:
                key = role.removeprefix("joint-")
                topic = topic.removesuffix(f"/{key}") or "/joints"
                names = channel.names or tuple(map(str, range(channel.values.shape[1])))
                group = joints.setdefault((topic, names, ns.tobytes()), {})
                if key not in group:
                    group[key] = (channel, words)
                    continue
                topic = _topic(channel.name)
            topic = self._unused(topic)
            words["in"] = topic
            makers.append((ns, topic, self._maker(channel, topic)))
        for (topic, names, stamps), group in joints.items():
            topic = self._unused(topic)
            for key, (_, words) in group.items():
                words["in"] = f"{topic}/{key}"
            makers.append(
                (
                    np.frombuffer(stamps, np.int64),
                    topic,
                    self._joints({k: c for k, (c, _) in group.items()}, names, topic),
                )
            )
        text = self.store.types["std_msgs/msg/String"]
        self._connect(ABOUT, "std_msgs/msg/String")
        first = min((int(ns.min()) for ns, *_ in makers if len(ns)), default=max(0, item.start))
        self._put(ABOUT, first, self._packed(text(json.dumps(about)), "std_msgs/msg/String"))
        order = np.concatenate([ns for ns, *_ in makers]) if makers else np.zeros(0, np.int64)
        which = np.repeat(np.arange(len(makers)), [len(ns) for ns, *_ in makers])
        index = np.concatenate([np.arange(len(ns)) for ns, *_ in makers]) if makers else order
        for k in np.argsort(order, kind="stable").tolist():
            _, topic, make = makers[which[k]]
            self._put(topic, int(order[k]), make(int(index[k]), int(order[k])))
        return list(dict.fromkeys(self.told))

    def _plan(self, channel: Channel) -> str | None:
        """The message type of a channel."""
        kind, shape = channel.values.dtype, channel.values.shape[1:]
        if isinstance(channel.values, Frames) or channel.role == "image":
            known = len(shape) in (2, 3) and (kind.str[1:], shape[2] if len(shape) == 3 else 0) in _ENCODINGS
            return "sensor_msgs/msg/Image" if known else None
        if kind.kind == "U":
            return "std_msgs/msg/String" if not shape else None
        if channel.role in _STAMPED and channel.values.ndim == 2 and kind == np.float64:
            return f"geometry_msgs/msg/{_STAMPED[channel.role]}"
        name = {"b": "UInt8", "i": f"Int{8 * kind.itemsize}", "u": f"UInt{8 * kind.itemsize}"}.get(kind.kind)
        name = name or ("Float32" if kind.itemsize <= 4 else "Float64")
        return f"std_msgs/msg/{name}MultiArray" if kind.itemsize <= 8 else None

    def _connect(self, topic: str, kind: str) -> None:
        self.topics[topic] = self.writer.add_connection(topic, kind, typestore=self.store)

    def _unused(self, topic: str) -> str:
        while topic in self.topics or topic == ABOUT:
            topic += "_"
        self.topics[topic] = None  # pyright: ignore
        return topic

    def _put(self, topic: str, ns: int, data: Any) -> None:
        self.writer.write(self.topics[topic], ns, data)

    def _packed(self, message: Any, kind: str) -> Any:
        pack = self.store.serialize_ros1 if self.wire == "ros1" else self.store.serialize_cdr
        return pack(message, kind)

    def _header(self, ns: int, frame: str) -> Any:
        stamp = self.store.types["builtin_interfaces/msg/Time"](ns // 10**9, ns % 10**9)
        seq = (0,) if self.wire == "ros1" else ()
        return self.store.types["std_msgs/msg/Header"](*seq, stamp, frame)

    def _joints(
        self, channels: dict[str, Channel], names: tuple[str, ...], topic: str
    ) -> Callable[[int, int], Any]:
        kind = "sensor_msgs/msg/JointState"
        make, none = self.store.types[kind], np.zeros(0)
        values = [
            np.ascontiguousarray(channels[k].values, np.float64) if k in channels else None for k in _KEYS
        ]
        frame = next(iter(channels.values())).frame
        self._connect(topic, kind)
        return lambda i, ns: self._packed(
            make(self._header(ns, frame), list(names), *(none if v is None else v[i] for v in values)), kind
        )

    def _maker(self, channel: Channel, topic: str) -> Callable[[int, int], Any]:
        kind = self._plan(channel) or ""
        make, values = self.store.types[kind], channel.values
        self._connect(topic, kind)
        if kind.endswith("/String"):
            return lambda i, ns: self._packed(make(str(values[i])), kind)
        if kind.endswith("/Image"):
            height, width = values.shape[1:3]
            encoding = _ENCODINGS[values.dtype.str[1:], values.shape[3] if values.ndim == 4 else 0]

            decoded: dict[int, Any] = {}

            def picture(i: int, ns: int) -> Any:
                if i not in decoded:
                    decoded.clear()
                    decoded.update(enumerate(np.asarray(values[i : i + _AHEAD]), i))
                data = np.ascontiguousarray(decoded[i]).view(np.uint8).ravel()
                header = self._header(ns, channel.frame)
                return self._packed(make(header, height, width, encoding, 0, data.size // height, data), kind)

            return picture
        if channel.role in _STAMPED and not kind.endswith("MultiArray"):
            build = self._geometry(kind)
            return lambda i, ns: self._packed(
                make(self._header(ns, channel.frame), build(values[i].tolist())), kind
            )
        layout = self.store.types["std_msgs/msg/MultiArrayLayout"]([], 0)
        wanted = (
            np.uint8
            if values.dtype.kind == "b"
            else np.float32
            if values.dtype == np.float16
            else values.dtype
        )
        flat = np.ascontiguousarray(np.asarray(values, wanted)).reshape(len(values), -1)
        return lambda i, ns: self._packed(make(layout, flat[i]), kind)

    def _geometry(self, kind: str) -> Callable[[list[float]], Any]:
        def named(name: str) -> Any:
            return self.store.types[f"geometry_msgs/msg/{name}"]

        vector, quaternion = named("Vector3"), named("Quaternion")

        def turned(v: list[float]) -> Any:
            return quaternion(*v[1:], v[0])

        name = kind.rpartition("/")[2].removesuffix("Stamped")
        if name == "Pose":
            return lambda v: named("Pose")(named("Point")(*v[:3]), turned(v[3:]))
        if name in ("Twist", "Wrench"):
            return lambda v: named(name)(vector(*v[:3]), vector(*v[3:]))
        return turned if name == "Quaternion" else lambda v: named(name)(*v)


def _topic(name: str) -> str:
    return "/" + re.sub(r"(?<=/)(\d)", r"_\1", "/" + re.sub(r"[^A-Za-z0-9_/]+", "_", name).strip("/")).strip(
        "/"
    )
