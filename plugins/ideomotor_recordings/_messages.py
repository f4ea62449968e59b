"""The numbers, words and pictures in messages of any type, as channels."""

import contextlib
import dataclasses
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

JOINTS = "sensor_msgs/msg/JointState"
_XYZ, _WXYZ = ("x", "y", "z"), ("w", "x", "y", "z")
# Message types that are one channel: which numbers, in which order, role and unit.
_WHOLE: dict[str, tuple[tuple[str, ...], str, str]] = {
    "Point": (_XYZ, "position", "m"),
    "Point32": (_XYZ, "position", "m"),
    "Vector3": (_XYZ, "", ""),
    "Quaternion": (_WXYZ, "orientation", ""),
    "Pose": ((*(f"position.{a}" for a in _XYZ), *(f"orientation.{a}" for a in _WXYZ)), "pose", "m"),
    "Transform": ((*(f"translation.{a}" for a in _XYZ), *(f"rotation.{a}" for a in _WXYZ)), "pose", "m"),
    "Twist": ((*(f"linear.{a}" for a in _XYZ), *(f"angular.{a}" for a in _XYZ)), "twist", "m/s"),
    "Accel": ((*(f"linear.{a}" for a in _XYZ), *(f"angular.{a}" for a in _XYZ)), "", "m/s²"),
    "Wrench": ((*(f"force.{a}" for a in _XYZ), *(f"torque.{a}" for a in _XYZ)), "wrench", "N"),
    "Pose2D": (("x", "y", "theta"), "", "m"),
    "ColorRGBA": (("r", "g", "b", "a"), "", ""),
}
_UNITS = {
    "angular_velocity": "rad/s",
    "linear_acceleration": "m/s²",
    "magnetic_field": "T",
    "voltage": "V",
    "current": "A",
}
IMAGES = {
    "rgb8": (np.uint8, 3), "bgr8": (np.uint8, 3), "rgba8": (np.uint8, 4), "bgra8": (np.uint8, 4), "mono8": (np.uint8, 0),
    "mono16": (np.uint16, 0), "16UC1": (np.uint16, 0), "32FC1": (np.float32, 0), "8UC1": (np.uint8, 0), "8UC3": (np.uint8, 3),
}  # fmt: skip


class Part(NamedTuple):
    """What becomes one channel: where in the topic, how it is got from a message, and what it is."""

    path: str
    get: Callable[[Any], Any]
    role: str = ""
    unit: str = ""
    names: tuple[str, ...] = ()
    lazy: Callable[[Any], np.ndarray] | None = None  # decodes a message's value when it is asked for


def stamped(message: Any) -> bool:
    """Whether messages like this one have a header."""
    return any(field.name == "header" for field in dataclasses.fields(message))


def parts(message: Any) -> list[Part]:
    """The parts of messages like this one; the header is none."""
    kind = message.__msgtype__.rpartition("/")[2]
    if kind == "Image" and (decode := _image(message)):
        return [Part("", lambda m: None, "image", lazy=decode)]
    if kind == "CompressedImage":
        with contextlib.suppress(Exception):  # what cannot be decoded stays bytes
            _compressed(message)
            return [Part("", lambda m: None, "image", lazy=_compressed)]
    found = _walk(message, "")
    if len(found) == 1:
        found = [found[0]._replace(path="")]
    return found


def _walk(message: Any, path: str) -> list[Part]:
    kind = message.__msgtype__.rpartition("/")[2]
    if kind in _WHOLE:
        names, role, unit = _WHOLE[kind]
        get = operator.attrgetter(*(f"{path}.{n}".lstrip(".") for n in names))
        last = path.rpartition(".")[2]
        role = {"force": "force", "torque": "torque"}.get(last, role)
        return [Part(path, get, role, _UNITS.get(last, unit), names)]
    if kind in ("Time", "Duration"):
        seconds = operator.attrgetter(f"{path}.sec".lstrip("."), f"{path}.nanosec".lstrip("."))
        return [Part(path, lambda m: seconds(m)[0] * 10**9 + seconds(m)[1], "", "ns")]
    found = []
    for field in dataclasses.fields(message):
        name = field.name
        if name in ("__msgtype__", "structure_needs_at_least_one_member", "layout") or name.isupper():
            continue
        value, here = getattr(message, name), f"{path}.{name}".lstrip(".")
        if name == "header":
            continue
        get = operator.attrgetter(here)
        if hasattr(value, "__msgtype__"):
            found += _walk(value, here)
        elif isinstance(value, np.ndarray) and value.size > 1000:
            found.append(Part(here, lambda m: None, lazy=get))
        elif isinstance(value, list) and value and hasattr(value[0], "__msgtype__"):
            for inner in _walk(value[0], ""):
                label = f"{here}.{inner.path}".rstrip(".")
                get_all = lambda m, get=get, one=inner.get: [one(item) for item in get(m)]  # noqa: E731
                found.append(Part(label, get_all, unit=inner.unit))
        elif isinstance(value, list):
            found.append(Part(here, lambda m, get=get: " ".join(map(str, get(m))), "text"))
        else:
            unit = _UNITS.get(name, "")
            found.append(Part(here, get, "text" if isinstance(value, str) else "", unit))
    return found


def _image(message: Any) -> Callable[[Any], np.ndarray] | None:
    dtype, colours = IMAGES.get(message.encoding, (None, 0))
    if dtype is None or message.height * message.step != len(message.data):
        return None

    def decode(m: Any) -> np.ndarray:
        order = ">" if m.is_bigendian else "<"
        rows = np.frombuffer(m.data.tobytes(), np.uint8).reshape(m.height, m.step)
        width = m.width * np.dtype(dtype).itemsize * max(colours, 1)
        values = np.ascontiguousarray(rows[:, :width]).view(np.dtype(dtype).newbyteorder(order)).astype(dtype)
        values = values.reshape(m.height, m.width, *([colours] if colours else []))
        return values[..., [2, 1, 0, *range(3, colours)]] if m.encoding.startswith("bgr") else values

    return decode


def _compressed(message: Any) -> np.ndarray:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(message.data.tobytes())) as image:
        return np.asarray(image)
