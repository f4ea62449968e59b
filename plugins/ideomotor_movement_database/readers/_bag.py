import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor.errors import DataError, did_you_mean

from .._demonstrations import Demonstration

_TYPE = "sensor_msgs/msg/JointState"
_LATE = 1.0  # s that some joints may be reported later than others


def read_bag(path: Path, space: str, joints: tuple[str, ...], topic: str | None) -> Demonstration:
    """The joint positions of one recording (rosbag2, MCAP, ROS 1); see `read_demonstrations`.

    Joints that are reported in messages of their own, such as a gripper's on the topic of the arm, are interpolated at the
    times of the messages with most joints. Times are the stamps of the messages; where they are missing, repeat or go back,
    those of the recording.
    """
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise DataError("Bags need the rosbags library: pip install 'ideomotor[database]'.") from error
    files = [path]
    if path.is_dir() and (path.suffix == ".bag" or not (path / "metadata.yaml").is_file()):
        files = sorted(file for file in path.iterdir() if file.suffix in (".mcap", ".db3", ".bag"))
        if not files:
            raise DataError(
                f"{path} is a folder without metadata.yaml and without .mcap, .db3 or .bag files."
            )
    try:
        with AnyReader(files, default_typestore=get_typestore(Stores.ROS2_HUMBLE)) as reader:
            return _read(path, reader, space, joints, topic)
    except DataError:
        raise
    except Exception as error:  # of rosbags and of what it stands on: SQLite, Zstandard, YAML
        text = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} cannot be read as a recording: {text[:300]}") from error


def _read(path: Path, reader: Any, space: Any, joints: tuple[str, ...], topic: str | None) -> Demonstration:
    connections = [c for c in reader.connections if c.msgtype == _TYPE]
    topics = sorted({c.topic for c in connections})
    if not topics:
        others = ", ".join(sorted({f"{c.topic} ({c.msgtype})" for c in reader.connections})[:5]) or "nothing"
        raise DataError(f"{path} holds no {_TYPE} messages; it holds {others}.")
    if topic is None and len(topics) > 1:
        raise DataError(f"{path} holds joint states on {', '.join(topics)}; choose one (topic, --topic).")
    if topic is not None and topic not in topics:
        raise DataError(f"{path} holds no joint states on {topic!r}.{did_you_mean(topic, topics)}")
    topic = topic or topics[0]
    # By the set of joints that a message reports: (stamp, time of the recording, positions in the order of the set).
    kinds: dict[frozenset[str], tuple[list[str], list[tuple[int, int, list[float]]]]] = {}
    for connection, recorded, raw in reader.messages(
        connections=[c for c in connections if c.topic == topic]
    ):
        message = reader.deserialize(raw, connection.msgtype)
        names = [name or str(i) for i, name in enumerate(message.name)]
        if not names or len(message.position) != len(names) or len(set(names)) != len(names):
            continue  # efforts only
        stamp = 10**9 * message.header.stamp.sec + message.header.stamp.nanosec
        order, rows = kinds.setdefault(frozenset(names), (names, []))
        position = dict(zip(names, message.position, strict=True))
        rows.append((stamp, recorded, [float(position[name]) for name in order]))
    known = [name for order, _ in kinds.values() for name in order]
    if missing := [name for name in joints if name not in known]:
        known_names = ", ".join(dict.fromkeys(known)) or "none"
        raise DataError(
            f"{path}: no message on {topic} has positions of {missing[0]}; there are those of {known_names}."
        )
    if not kinds:
        raise DataError(f"{path}: no message on {topic} has positions of joints.")
    wanted = [(order, rows) for order, rows in kinds.values() if not joints or set(joints) & set(order)]
    wanted.sort(key=lambda kind: (-len(kind[0]), -len(kind[1])))
    ts, ys, names = _together(path, wanted)
    chosen = list(joints) or names
    ys = ys[:, [names.index(name) for name in chosen]]
    metadata = {"source": path.name, "topic": topic, "joints": " ".join(chosen)}
    return Demonstration(path.stem, ts, ys, space, metadata)


def _together(path: Path, kinds: list[tuple[list[str], list]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Times in seconds and the positions of all joints."""
    stamped = all(row[0] for _, rows in kinds for row in rows)
    stamps = [np.array([row[0] for row in rows], np.int64) for _, rows in kinds]
    if not stamped or any(np.any(np.diff(s) <= 0) for s in stamps):
        if stamped:
            warnings.warn(
                f"{path}: stamps of messages repeat or go back; the times at which they were recorded are taken.",
                stacklevel=6,
            )
        stamps = [np.array([row[1] for row in rows], np.int64) for _, rows in kinds]
        keep = [np.append(True, np.diff(np.maximum.accumulate(s)) > 0) for s in stamps]
    else:
        keep = [np.ones(len(s), bool) for s in stamps]
    start = min(int(s[0]) for s in stamps)
    series = [
        ((s[k] - start) / 1e9, np.array([row[2] for row in rows])[k])
        for s, k, (_, rows) in zip(stamps, keep, kinds, strict=True)
    ]
    ts = series[0][0]
    inside = np.ones(len(ts), bool)
    for times, _ in series[1:]:
        inside &= (ts >= times[0] - _LATE) & (ts <= times[-1] + _LATE)
    if inside.sum() < min(2, len(ts)):
        raise DataError(
            f"{path}: {' '.join(kinds[0][0])} are not reported at the time of {' '.join(kinds[-1][0])}; choose joints "
            f"(columns=, --columns)."
        )
    ts, names, columns = ts[inside], [], []
    for (times, values), (order, _) in zip(series, kinds, strict=True):
        for j, name in enumerate(order):
            if name not in names:
                names.append(name)
                columns.append(
                    np.interp(ts, times, values[:, j]) if times is not series[0][0] else values[inside, j]
                )
    return ts - ts[0], np.stack(columns, axis=1), names
