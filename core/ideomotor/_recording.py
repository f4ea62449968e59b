"""Recordings: named channels, each with its own clock. Importing this loads NumPy and nothing heavier.

>>> arm = Channel("arm", [0.0, 0.1, 0.2], [[0.0], [1.0], [2.0]], "joint-position", "rad", ("elbow",))
>>> recording = Recording("reach", [arm])
>>> recording[0.05:0.3]["arm"].values.tolist()
[[1.0], [2.0]]
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError, did_you_mean

if TYPE_CHECKING:
    from ._trajectory import Trajectory

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
_PARTS = ("ys", "us", "xs")


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

    ndim = property(lambda self: len(self.shape))

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


@dataclass(frozen=True, eq=False)
class Recording:
    """What was recorded in one go, as named channels.

    - `name`: such as the file's or the episode's.
    - `channels`: by name, in order; given as an iterable of `Channel`s.
    - `start`: when it began, in ns since 1970; 0 where unknown.
    - `metadata`: texts that are kept beside it.
    - `warnings`: sentences about what is missing or was doubtful when it was read.
    - `timed`: whether the times are real; otherwise they count samples, 0, 1, 2, …

    `recording["arm"]` is a channel, `recording[1.0:2.5]` the stretch between these times (s), on the same clock.
    """

    name: str
    channels: Mapping[str, Channel]
    start: int
    metadata: Mapping[str, str]
    warnings: tuple[str, ...]
    timed: bool

    def __init__(self, name, channels, start=0, metadata=MappingProxyType({}), warnings=(), timed=True):
        found: dict[str, Channel] = {}
        for channel in channels.values() if isinstance(channels, Mapping) else channels:
            if channel.name in found:
                raise DataError(f"Recording {name!r} has two channels {channel.name!r}; rename one.")
            found[channel.name] = channel
        about = MappingProxyType({str(key): str(value) for key, value in metadata.items()})
        for attribute, value in zip(
            ("name", "channels", "start", "metadata", "warnings", "timed"),
            (str(name), MappingProxyType(found), int(start), about, tuple(warnings), bool(timed)),
            strict=True,
        ):
            object.__setattr__(self, attribute, value)

    @classmethod
    def from_trajectory(cls, movement: "Trajectory", name: str = "movement", **about: Any) -> "Recording":
        """A movement's outputs, commands and states as channels `ys`, `us`, `xs.angle`, …; `about`: other fields."""
        from ._trajectory import named_leaves

        ts = np.asarray(movement.ts, np.float64)
        roles = {"us": "action"}
        return cls(
            name,
            [
                Channel(f"{part}{path}", ts, leaf, roles.get(part, ""))
                for part in _PARTS
                for path, leaf in named_leaves(getattr(movement, part))
                if np.ndim(leaf) > 0
            ],
            **about,
        )

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last time (s) of any channel."""
        ends = [end for c in self if len(c) for end in (c.ts.min(), c.ts.max())]
        return (float(min(ends)), float(max(ends))) if ends else (0.0, 0.0)

    @property
    def duration(self) -> float:
        """Seconds from the first time to the last."""
        return self.span[1] - self.span[0]

    def replace(self, **changes: Any) -> "Recording":
        """The same recording with other fields."""
        return replace(self, **changes)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if index.step is not None:
                raise DataError("A recording is cut as recording[a:b], in seconds.")
            low = -np.inf if index.start is None else index.start
            high = np.inf if index.stop is None else index.stop
            return self.replace(channels=[_cut(channel, low, high) for channel in self])
        if index not in self.channels:
            raise DataError(
                f"Recording {self.name!r} has no channel {index!r}.{did_you_mean(index, self.channels)}"
            )
        return self.channels[index]

    def resampled(self, *names: str, rate: float | None = None, ts: Any = None) -> "Recording":
        """Channels at common times, by default all that have samples; how values are interpolated: `Channel.at`.

        - `rate`: samples per second, or `ts`: the times (s). By default those of the first channel, as far as all reach.
        """
        if not self.timed and rate is None and ts is None:
            raise DataError(
                f"{self.name} has no times, only samples; read it with the rate (rate=, --rate) or give ts."
            )
        chosen = [self[name] for name in names] or [c for c in self if len(c)]
        if not chosen:
            raise DataError(f"Recording {self.name!r} has no channel with samples.")
        if ts is None:
            low, high = max(c.ts[0] for c in chosen), min(c.ts[-1] for c in chosen)
            if rate is None:
                clock = chosen[0].ts
                ts = clock[(clock >= low) & (clock <= high)]
            else:
                ts = low + np.arange(math.floor((high - low) * rate + 1e-6) + 1) / rate
        return self.replace(channels=[channel.at(ts) for channel in chosen], timed=True)

    def trajectory(self, *names: str, rate: float | None = None, ts: Any = None) -> "Trajectory":
        """Channels at common times, as a `Trajectory`; by default all that hold numbers. `rate`, `ts`: as in `resampled`.

        `ys` is an array for one name and a dictionary for several. What `from_trajectory` made has its outputs, commands and
        states again, as dictionaries by their path.
        """
        from ._trajectory import Trajectory

        chosen = names or tuple(c.name for c in self if c.numeric and len(c))
        found = self.resampled(*chosen, rate=rate, ts=ts)
        values = {channel.name: np.asarray(channel.values) for channel in found}
        clock = next(iter(found)).ts
        if len(names) == 1:
            return Trajectory(clock, values[names[0]])
        if not names and all(name.partition(".")[0] in _PARTS for name in values):
            return Trajectory(clock, **_nested(values))
        return Trajectory(clock, values)

    def __iter__(self) -> Iterator[Channel]:
        return iter(self.channels.values())

    def __len__(self) -> int:
        return len(self.channels)

    def __repr__(self) -> str:
        head = f"Recording {self.name!r}: {len(self)} channels, {self.duration:.4g} s"
        return "\n".join([head, *(f"  {channel!r}" for channel in self)])


def _readonly(array: np.ndarray) -> np.ndarray:
    array = array.view()
    array.flags.writeable = False
    return array


def _cut(channel: Channel, low: float, high: float) -> Channel:
    inside = (channel.ts >= low) & (channel.ts < high)
    index: Any = inside
    if np.all(np.diff(channel.ts) >= 0):  # a slice copies nothing
        index = slice(int(np.argmax(inside)), int(np.argmax(inside)) + int(inside.sum()))
    return replace(channel, ts=channel.ts[index], values=channel.values[index])


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


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of `{"ys.hand.x": …}` the tree `{"ys": {"hand": {"x": …}}}`."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *path, last = name.split(".")
        place = tree
        for word in path:
            place = place.setdefault(word, {})
        place[last] = value
    return tree
