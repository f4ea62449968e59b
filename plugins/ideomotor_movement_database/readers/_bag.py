from pathlib import Path
from typing import Any

import numpy as np

from ideomotor.errors import DataError, did_you_mean

from .._demonstrations import Demonstration

_TYPE = "sensor_msgs/msg/JointState"


def read_bag(path: Path, space: str, joints: tuple[str, ...], topic: str | None) -> Demonstration:
    """The joint positions of one recording (rosbag2, MCAP, ROS 1); see `read_demonstrations`.

    Times are the stamps of the messages, or if they have none those of the recording. Messages that
    lack one of the joints, such as those of a gripper on the same topic, are left out.
    """
    try:
        from rosbags.highlevel import AnyReader, AnyReaderError
        from rosbags.rosbag2 import ReaderError
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise DataError("Bags need the rosbags library: pip install 'ideomotor[database]'.") from error
    try:
        with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE)) as reader:
            return _read(path, reader, space, joints, topic)
    except DataError:
        raise
    except (AnyReaderError, ReaderError, OSError, KeyError, ValueError, AssertionError) as error:
        raise DataError(f"{path} cannot be read as a recording: {' '.join(str(error).split())}") from error


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
    chosen = [c for c in connections if c.topic == (topic or topics[0])]
    stamps, recorded, rows = [], [], []
    for connection, nanoseconds, raw in reader.messages(connections=chosen):
        message = reader.deserialize(raw, connection.msgtype)
        if len(message.position) != len(message.name):
            continue  # efforts only
        joints = joints or tuple(message.name)
        if not set(joints) <= set(message.name):
            continue
        stamps.append(10**9 * message.header.stamp.sec + message.header.stamp.nanosec)
        recorded.append(nanoseconds)
        rows.append([message.position[message.name.index(joint)] for joint in joints])
    if not rows:
        raise DataError(
            f"{path}: no message on {topic or topics[0]} has positions of {', '.join(joints) or 'joints'}."
        )
    ts = np.array(stamps if any(stamps) else recorded, np.int64)
    metadata = {"source": path.name, "topic": topic or topics[0], "joints": " ".join(joints)}
    return Demonstration(path.stem, (ts - ts[0]) / 1e9, np.array(rows), space, metadata)
