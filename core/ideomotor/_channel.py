"""One channel of a recording: times, values, and what they are. Importing this loads NumPy and nothing heavier."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from .errors import DataError, did_you_mean

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "": "anything else",
        "joint-position": "joint angles (rad) or ways (m)",
        "joint-velocity": "their velocities",
        "joint-effort": "torques (N m) or forces (N) of joints",
        "position": "x, y, z of a point",
        "orientation": "unit quaternion w, x, y, z",
        "pose": "position and unit quaternion w, x, y, z",
        "twist": "linear and angular velocity",
        "force": "x, y, z of a force",
        "torque": "x, y, z of a torque",
        "wrench": "force and torque",
        "gripper": "opening of a gripper",
        "image": "pictures, (time, height, width, colours)",
        "action": "what was commanded",
        "text": "words",
        "event": "what holds until the next sample, such as a label or a flag",
    }
)
"""What the values of a channel are, by name."""

_WIDTHS = {"position": 3, "orientation": 4, "pose": 7, "twist": 6, "force": 3, "torque": 3, "wrench": 6}
_SCALES = {"m": 1.0, "mm": 1e-3, "cm": 1e-2, "rad": 1.0, "deg": math.pi / 180, "°": math.pi / 180}


class Frames:
    """Values that are decoded when they are asked for, such as the pictures of a video.

    - `read`: called with increasing or repeated indices, an integer array; returns the decoded values, `(len, *shape)`.
    - `count`, `shape`, `dtype`: how many there are, and of what shape and type each is.

    `frames[3]` is one value, `frames[2:9]` or `frames[indices]` are `Frames` again; `numpy.asarray` decodes all of them.
    """

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        count: int,
        shape: tuple[int, ...],
        dtype: Any = np.uint8,
        index: np.ndarray | None = None,
    ):
        self._read, self._index = read, np.arange(count) if index is None else index
        self.shape, self.dtype = (len(self._index), *shape), np.dtype(dtype)

    @property
    def ndim(self) -> int:
        """Number of axes, time among them."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int | np.integer):
            return self._read(self._index[[index]])[0]
        return Frames(self._read, 0, self.shape[1:], self.dtype, self._index[index])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if not len(self):
            return np.zeros(self.shape, dtype or self.dtype)
        return np.asarray(self._read(self._index), dtype or self.dtype)

    def __repr__(self) -> str:
        return f"Frames({self.shape}, {self.dtype})"


@dataclass(frozen=True, eq=False)
class Channel:
    """What one sensor, motor or person gave, with the times at which it did.

    - `name`: unique in its recording, such as `"/arm/position"`.
    - `ts`: times (s) from the recording's start, shape `(time,)`, as recorded: they may repeat or go back.
    - `values`: shape `(time, ...)`: numbers, flags, words, or `Frames`. Not copied, and read-only.
    - `role`: a key of `ROLES`; `unit`: of the values as they are, such as `"rad"`, `"mm"` or `"N"`; empty where unknown. A
      pose's is of its position, a twist's and a wrench's of the first half.
    - `names`: of the entries of the last axis, or empty.
    - `frame`: the coordinate frame.

    Raises `DataError` where these contradict each other.
    """

    name: str
    ts: np.ndarray
    values: np.ndarray | Frames
    role: str
    unit: str
    names: tuple[str, ...]
    frame: str

    def __init__(self, name, ts, values, role="", unit="", names=(), frame=""):
        where = f"Channel {name!r}"
        if not (isinstance(name, str) and name.strip()):
            raise DataError(f"A channel needs a name, not {name!r}.")
        ts = _readonly(np.asarray(ts, np.float64))
        if not isinstance(values, Frames):
            values = _readonly(np.asarray(values))
            if values.dtype.kind not in "biufU":
                raise DataError(f"{where} holds {values.dtype} values; numbers, flags or words are needed.")
        if ts.ndim != 1 or values.ndim < 1 or len(ts) != len(values):
            raise DataError(
                f"{where}: ts has shape {ts.shape} and values {values.shape}; there must be one time per sample."
            )
        if not np.all(np.isfinite(ts)):
            raise DataError(f"{where}: ts[{int(np.argmin(np.isfinite(ts)))}] is not a finite time.")
        if role not in ROLES:
            raise DataError(f"{where}: there is no role {role!r}.{did_you_mean(role, ROLES)}")
        width = values.shape[-1] if values.ndim > 1 else 1
        if role in _WIDTHS and width != _WIDTHS[role]:
            raise DataError(
                f"{where} has {width} numbers per sample; a {role} has {_WIDTHS[role]}: {ROLES[role]}."
            )
        names = tuple(map(str, names))
        if names and len(names) != width:
            raise DataError(f"{where} has {len(names)} names for {width} numbers per sample.")
        for attribute, value in zip(
            ("name", "ts", "values", "role", "unit", "names", "frame"),
            (name, ts, values, role, str(unit), names, str(frame)),
            strict=True,
        ):
            object.__setattr__(self, attribute, value)

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers that a movement can be made of: neither words nor pictures."""
        return (
            not isinstance(self.values, Frames) and self.values.dtype.kind in "biuf" and self.role != "image"
        )

    @property
    def rate(self) -> float:
        """Samples per second: one over the median step; 0 for fewer than two samples."""
        step = float(np.median(np.diff(self.ts))) if len(self) > 1 else 0.0
        return 1 / step if step > 0 else 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each number of a sample: `names`, or the channel's with an index."""
        shape = self.values.shape[1:]
        if self.names and len(shape) <= 1:
            return self.names
        return tuple(f"{self.name}" + (f"[{','.join(map(str, i))}]" if i else "") for i in np.ndindex(*shape))

    @property
    def scale(self) -> float:
        """By what its numbers are multiplied to be in metres or radians; 1 for other units."""
        match = re.fullmatch(r"([\d.eE+-]+) (\w+)", self.unit)
        factor, unit = (float(match[1]), match[2]) if match else (1.0, self.unit)
        return factor * _SCALES.get(unit.lower(), 1.0)

    def at(self, ts: Any) -> "Channel":
        """The channel at the times `ts` (s).

        Numbers are interpolated, orientations along the shortest way (Shoemake 1985) and joint angles across the end of a
        turn; whole numbers, flags, words and pictures are those of the sample before. Of repeated times, the last counts.
        Raises `DataError` for a clock that goes back, and for times outside of it by more than a sample.
        """
        ts, clock, values = np.asarray(ts, np.float64), self.ts, self.values
        if np.array_equal(ts, clock):
            return self
        steps = np.diff(clock)
        if len(clock) == 0 or np.any(steps < 0):
            back = f"goes back at {clock[int(np.argmax(steps < 0))]:g} s" if len(clock) else "has no samples"
            raise DataError(f"Channel {self.name!r} {back}; take a stretch without that (recording[a:b]).")
        if np.any(steps == 0):
            keep = np.append(steps > 0, True)
            clock, values = clock[keep], values[keep]
        most = 1.5 * float(np.median(steps)) if len(steps) else 0.0
        if len(ts) and (ts.min() < clock[0] - most or ts.max() > clock[-1] + most):
            raise DataError(
                f"Times from {ts.min():g} to {ts.max():g} s are not all within channel {self.name!r}, which goes from "
                f"{clock[0]:g} to {clock[-1]:g} s."
            )
        before = np.clip(np.searchsorted(clock, ts, "right") - 1, 0, len(clock) - 1)
        if values.dtype.kind != "f" or self.role in ("event", "image") or len(clock) < 2:
            return replace(self, ts=ts, values=values[before])
        before = np.minimum(before, len(clock) - 2)
        share = np.clip((ts - clock[before]) / (clock[before + 1] - clock[before]), 0.0, 1.0)
        return replace(self, ts=ts, values=_between(self, np.asarray(values), before, share))

    def __len__(self) -> int:
        return len(self.ts)

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.values.shape))
        about = " ".join(filter(None, (self.role, self.unit, self.frame and f"in {self.frame}")))
        return (
            f"Channel({self.name!r}, {shape} {self.values.dtype}, {self.rate:.4g} Hz{about and ', ' + about})"
        )


def _readonly(array: np.ndarray) -> np.ndarray:
    array = array.view()
    array.flags.writeable = False
    return array


def _between(channel: Channel, values: np.ndarray, before: np.ndarray, share: np.ndarray) -> np.ndarray:
    from .common import rotations

    if channel.role == "joint-position" and channel.unit.lower() in ("rad", "deg", "°"):
        values = rotations.unwrap(values, 2 * np.pi if channel.unit == "rad" else 360.0)
    old, new = values[before].astype(np.float64), values[before + 1].astype(np.float64)
    part = share.reshape(-1, *[1] * (values.ndim - 1))
    found = np.where(part == 0, old, np.where(part == 1, new, old * (1 - part) + new * part))
    if channel.role in ("pose", "orientation"):
        ends = (rotations.normalise(end[..., -4:]) for end in (old, new))
        shares = share.reshape(-1, *[1] * (values.ndim - 2))
        turned = rotations.slerp(*ends, np.broadcast_to(shares, values[before].shape[:-1]))
        found[..., -4:] = np.where(part == 0, old[..., -4:], turned)
    return found.astype(values.dtype)
