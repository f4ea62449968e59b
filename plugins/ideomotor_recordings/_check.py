"""What is wrong with recordings: gaps, jumps, standstill, and episodes unlike the others of their set."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ideomotor import Channel, Frames, Recording
from ideomotor.common.rotations import unwrap

_GAP = 4.0  # median steps, and at least _PAUSE: a gap
_PAUSE = 0.05  # s
_JUMP = 30.0  # times the usual step from sample to sample that moves
_LIMIT = 0.05  # share of samples at one end of the range: saturation
_STILL = 0.02  # of the usual speed: idle
_SHORT = 0.3  # of the median duration of a set


@dataclass(frozen=True)
class ChannelReport:
    """Of one channel.

    - `rate`: one over the median step (Hz), `mean_rate`: samples over duration.
    - `gaps`: steps of the clock that are far longer than usual, `largest_gap` (s); `back`, `repeated`: steps that are negative
      or zero.
    - `nan`: samples with a number that is not finite; `jumps`: steps of a value far larger than usual; `saturated`: share of the
      samples at an end of the range; `frozen`: whether nothing changes.
    """

    name: str
    role: str
    unit: str
    shape: tuple[int, ...]
    dtype: str
    frame: str
    samples: int
    rate: float
    mean_rate: float
    gaps: int
    largest_gap: float
    back: int
    repeated: int
    nan: int
    jumps: int
    saturated: float
    frozen: bool


@dataclass(frozen=True)
class Report:
    """Of one recording: its channels, and the seconds at start and end in which nothing moves."""

    name: str
    start: int
    duration: float
    timed: bool
    idle_start: float
    idle_end: float
    channels: tuple[ChannelReport, ...]
    metadata: dict[str, str]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def examine(recording: Recording) -> Report:
    """Rates, gaps, jumps, saturation and idle time of a recording; pictures are not decoded."""
    idle = _idle(recording)
    return Report(
        recording.name,
        recording.start,
        recording.duration,
        recording.timed,
        *idle,
        tuple(_channel(c) for c in recording),
        dict(recording.metadata),
        recording.warnings,
    )


def _channel(channel: Channel) -> ChannelReport:
    steps = np.diff(channel.ts)
    usual = float(np.median(steps)) if len(steps) else 0.0
    gaps = steps > max(_GAP * usual, _PAUSE)
    duration = float(np.ptp(channel.ts)) if len(channel) else 0.0
    nan = jumps = 0
    saturated, frozen = 0.0, False
    if channel.numeric and channel.values.size:
        values = np.asarray(channel.values).reshape(len(channel), -1).astype(np.float64)
        bad = ~np.isfinite(values).all(axis=1)
        nan = int(bad.sum())
        values = values[~bad]
        if len(values) > 1:
            frozen = bool(np.all(values == values[0]))
            if channel.values.dtype.kind == "f" and channel.role != "event":
                jumps = _jumps(channel, values)
                saturated = 0.0 if channel.role in ("position", "pose", "orientation") else _saturated(values)
    return ChannelReport(
        channel.name, channel.role, channel.unit, tuple(channel.values.shape[1:]), str(channel.values.dtype), channel.frame,
        len(channel), channel.rate, (len(channel) - 1) / duration if duration > 0 else 0.0, int(gaps.sum()),
        float(steps[gaps].max(initial=0.0)), int((steps < 0).sum()), int((steps == 0).sum()), nan, jumps, saturated, frozen,
    )  # fmt: skip


def _jumps(channel: Channel, values: np.ndarray) -> int:
    if channel.role == "joint-position" and channel.unit.lower() in ("rad", "deg", "°"):
        values = unwrap(values, 2 * np.pi if channel.unit == "rad" else 360.0)
    if channel.role in ("pose", "orientation"):  # q and -q are the same
        turns = np.where(np.sum(values[1:, -4:] * values[:-1, -4:], axis=1) < 0, -1.0, 1.0)
        values = values.copy()
        values[1:, -4:] *= np.cumprod(turns)[:, None]
    steps = np.abs(np.diff(values, axis=0))
    moving = np.where(steps > 0, steps, np.nan)
    with np.errstate(all="ignore"):
        usual = np.array([np.nanpercentile(c, 90) if np.isfinite(c).any() else np.inf for c in moving.T])
    large = (steps > _JUMP * usual) & (steps > 0.2 * np.ptp(values, axis=0))
    return int(large.any(axis=1).sum())


def _saturated(values: np.ndarray) -> float:
    """The largest share of samples at an end of a column's range that is reached, and stayed at, several times; else 0."""
    found = 0.0
    for column in values.T if len(values) >= 50 else ():
        for end in (column.min(), column.max()):
            at = column == end
            runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[False], at, [False]]))))[::2]
            if (
                at.mean() > _LIMIT
                and not at.all()
                and (runs >= 3).sum() >= 3
                and len(np.unique(column[:10_000])) >= 8
            ):
                found = max(found, float(at.mean()))
    return found


def _idle(recording: Recording) -> tuple[float, float]:
    """Seconds at the start and at the end in which no channel of a movement moves."""
    roles = ("joint-position", "pose", "position", "gripper")
    moving = [c for c in recording if c.role in roles and c.numeric and len(c) > 3]
    moving = moving or [c for c in recording if c.numeric and c.values.dtype.kind == "f" and len(c) > 3]
    first, last = recording.span[::-1]
    for channel in moving:
        if np.any(np.diff(channel.ts) <= 0):
            continue
        values = np.asarray(channel.values).reshape(len(channel), -1).astype(np.float64)
        values = values[:, np.isfinite(values).all(axis=0)]
        reach = max(1, round(0.1 * channel.rate))
        if len(values) <= reach or not values.size:
            continue
        way = np.linalg.norm(values[reach:] - values[:-reach], axis=1)
        usual = np.percentile(way, 90)
        moves = np.flatnonzero(way > _STILL * usual) if usual > 0 else []
        if len(moves):
            first = min(first, float(channel.ts[moves[0]]))
            last = max(last, float(channel.ts[min(moves[-1] + reach, len(channel) - 1)]))
    low, high = recording.span
    if first > last:
        return high - low, 0.0
    return first - low, high - last


def problems(recordings: Iterable[Recording]) -> list[tuple[str, list[str]]]:
    """What is wrong with each recording, by itself and beside the others of its set; empty lists where nothing is."""
    reports, prints = [], []
    for item in recordings:
        reports.append(examine(item))
        prints.append(_print(item))
    usual = float(np.median([r.duration for r in reports])) if reports else 0.0
    names = [{c.name for c in r.channels} for r in reports]
    common = (
        {name for name in set().union(*names) if sum(name in n for n in names) > len(names) / 2}
        if names
        else set()
    )
    moving = {c.name for r in reports for c in r.channels if not c.frozen and c.samples > 1}
    found = []
    for i, report in enumerate(reports):
        told = list(report.warnings)
        if report.duration < _SHORT * usual and len(reports) > 2:
            told.append(f"lasts {report.duration:.3g} s, and the others {usual:.3g} s.")
        told += [f"channel {name!r} is missing." for name in sorted(common - names[i])]
        told += [
            sentence
            for c in report.channels
            for sentence in _of_channel(c, c.name in moving and len(reports) > 1)
        ]
        if report.duration > 0 and report.idle_start + report.idle_end > 0.9 * report.duration:
            told.append("nothing moves.")
        if prints[i] is not None and prints[i] in prints[:i]:
            told.append(f"is the same as {reports[prints.index(prints[i])].name}.")
        found.append((report.name, told))
    return found


def _of_channel(c: ChannelReport, moves_elsewhere: bool) -> Sequence[str]:
    told = []
    if not c.samples:
        told.append("has no samples")
    if c.nan:
        told.append(f"has {c.nan} samples that are not finite")
    if c.back:
        told.append(f"has a clock that goes back {c.back} times")
    if c.gaps:
        told.append(f"has {c.gaps} gaps in time, the longest of {c.largest_gap:.3g} s")
    if c.jumps:
        told.append(f"jumps {c.jumps} times")
    if c.saturated:
        told.append(f"is at the end of its range in {c.saturated:.0%} of the samples")
    if c.frozen and moves_elsewhere and c.role not in ("event", "text", "image"):
        told.append("never changes")
    return [f"channel {c.name!r} {sentence}." for sentence in told]


def _print(item: Recording) -> int | None:
    data = [
        (c.name, np.asarray(c.values).tobytes()) for c in item if not isinstance(c.values, Frames) and len(c)
    ]
    return hash(tuple(data)) if data else None
