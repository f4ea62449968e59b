"""Recordings: named channels, each with its own clock. Importing this loads NumPy and nothing heavier.

>>> from ideomotor import Channel
>>> arm = Channel("arm", [0.0, 0.1, 0.2], [[0.0], [1.0], [2.0]], "joint-position", "rad", ("elbow",))
>>> recording = Recording("reach", [arm])
>>> recording[0.05:0.3]["arm"].values.tolist()
[[1.0], [2.0]]
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ._channel import Channel
from .errors import DataError, did_you_mean

if TYPE_CHECKING:
    from ._trajectory import Trajectory

_PARTS = ("ys", "us", "xs")


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


def _cut(channel: Channel, low: float, high: float) -> Channel:
    inside = (channel.ts >= low) & (channel.ts < high)
    index: Any = inside
    if np.all(np.diff(channel.ts) >= 0):  # a slice copies nothing
        index = slice(int(np.argmax(inside)), int(np.argmax(inside)) + int(inside.sum()))
    return replace(channel, ts=channel.ts[index], values=channel.values[index])


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
