"""Demonstrations from recordings of any format."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ideomotor import Channel, ReadOptions, Recording, find_format, read_recordings
from ideomotor.errors import DataError, did_you_mean

from ._demonstrations import Demonstration, clean

_TABLES = ("csv", "npz")  # all columns are coordinates, unless some are chosen
_ROLES = ("joint-position", "pose", "position")  # what else is taken as a movement, the first that there is
_LATE = 1.0  # s that some joints may be reported later than others


class _Column(NamedTuple):
    name: str
    unit: str
    channel: Channel
    ys: np.ndarray


def read_demonstrations(
    path: Path | str,
    *,
    space: str | None = None,
    rate: float | None = None,
    columns: tuple[str, ...] = (),
    topic: str | None = None,
    time: str | None = None,
    time_unit: str | None = None,
) -> list[Demonstration]:
    """The demonstrations in a file of any format of recordings: tables, bags, LeRobot sets, HDF5, motion capture.

    - `space`: `"cartesian"`, `"joint"` or `"pose"`; by default what the file says, else what the columns' names and units say.
    - `rate`: samples per second, for files without times, or whose times are not to be used.
    - `columns`: which columns of a table, or joints, to take, in order; by default all.
    - `topic`: a channel or topic, where several hold joint positions, or poses.
    - `time`: the column of a table that holds the times; by default one called time, t, stamp or alike.
    - `time_unit`: `"s"`, `"ms"`, `"us"` or `"ns"`; by default what the column's name says, or clock times tell.

    Millimetres and degrees become metres and radians, quaternions qx qy qz qw are put in order. Joints that are reported in
    messages of their own, such as a gripper's, are interpolated at the times of those with most joints. Raises `DataError` that
    names the file, the location and what to do.
    """
    path = Path(path)
    try:
        options = ReadOptions(rate, time, time_unit, (topic,) if topic else ())
        tables = find_format(path)[0].name in _TABLES
        found = read_recordings(path, options)
        return [_demonstration(path, item, space, tuple(columns), topic, tables) for item in found]
    except DataError as error:
        if (text := clean(str(error))) != str(error):  # a file name that is not UTF-8 cannot be printed
            raise DataError(text) from None
        raise


def _demonstration(
    path: Path, item: Recording, space: str | None, columns: tuple[str, ...], topic: str | None, table: bool
) -> Demonstration:
    if not item.timed:
        raise DataError(
            next(
                (w for w in item.warnings if "--rate" in w),
                f"{path} has no times; say the rate (rate, --rate).",
            )
        )
    channels = _of_one_topic(path, item, topic, columns, table)
    clocks = item.metadata.get("clocks", "").split()  # further columns of times are no coordinates
    known = [column for channel in channels for column in _columns(channel)]
    chosen = _chosen(path, known, columns, table)
    chosen = chosen if columns else [c for c in chosen if c.name not in clocks]
    said = item.metadata.get("space")
    space = space or said or _space_of(chosen, table)
    if space == "pose" and not columns and table:
        chosen = _real_first(path, chosen)
    for warning in item.warnings:
        if not table:
            warnings.warn(warning, stacklevel=4)
    ts, ys = _together(path, item, chosen, table)
    metadata = {key: value for key, value in item.metadata.items() if key not in ("space", "clocks")}
    if not table:
        names = " ".join(dict.fromkeys(c.channel.name for c in chosen))
        metadata |= {"topic": topic or _topic(names.split(" ")[0])}
        metadata |= {"joints": " ".join(c.name for c in chosen)} if space == "joint" else {}
    kind: Any = space
    return Demonstration(clean(item.name), ts, ys, kind, metadata)


def _topic(name: str) -> str:
    """Of `/arm/position` or `/arm/position/finger`: `/arm`."""
    return name.rpartition("/position")[0] or name


def _of_one_topic(
    path: Path, item: Recording, topic: str | None, columns: tuple[str, ...], table: bool
) -> list[Channel]:
    numeric = [c for c in item if c.numeric and len(c) and c.values.ndim <= 2]
    if topic is not None and not any(c.name == topic or c.name.startswith(f"{topic}/") for c in item):
        raise DataError(f"{path} has no topic or channel {topic!r}.{did_you_mean(topic, item.channels)}")
    if table:
        return [c for c in item if c.role != "image" and c.values.ndim <= 2]
    if topic is not None and any(c.name == topic for c in numeric):
        return [item[topic]]
    for role in _ROLES:
        found = [c for c in numeric if c.role == role]
        topics = sorted({_topic(c.name) for c in found})
        what = {"joint-position": "joint states", "pose": "poses", "position": "positions"}[role]
        if len(topics) > 1 and topic is None:
            raise DataError(f"{path} holds {what} on {', '.join(topics[:12])}; choose one (topic, --topic).")
        if found:
            return found
    others = ", ".join(c.name + (f" ({c.role})" if c.role else "") for c in list(item)[:6]) or "nothing"
    raise DataError(
        f"{path} holds no joint states, poses or positions; it holds {others}. Choose one (topic, --topic)."
    )


def _columns(channel: Channel) -> list[_Column]:
    values = np.asarray(channel.values)
    values = values.reshape(len(values), -1)
    if values.dtype.kind in "biuf":
        values = values.astype(np.float64) * channel.scale
    names = channel.columns if channel.names else [str(i) for i in range(values.shape[1])]
    if not channel.names and values.shape[1] == 1:
        names = [channel.name]
    return [_Column(name, channel.unit, channel, values[:, j]) for j, name in enumerate(names)]


def _chosen(path: Path, known: list[_Column], columns: tuple[str, ...], table: bool) -> list[_Column]:
    if not columns:
        return list({c.name: c for c in reversed(known)}.values())[::-1] if not table else known
    names, found = [c.name for c in known], []
    for name in columns:
        word = name if name in names else name.split("[")[0].split("(")[0].strip()
        if word not in names:
            if table and all(name.isdigit() for name in names):
                raise DataError(
                    f"{path} has the columns 0 to {len(names) - 1}, by number, and not {', '.join(columns)}."
                )
            if table:
                raise DataError(f"{path} has no column {name!r}.{did_you_mean(name, names)}")
            raise DataError(
                f"{path}: no message on {_topic(known[0].channel.name)} has positions of {name}; there are those of "
                f"{', '.join(dict.fromkeys(names))}."
            )
        if table and names.count(word) > 1:
            raise DataError(f"{path} has several columns {name!r}; rename them.")
        found.append(known[names.index(word)])
    return found


def _space_of(chosen: Sequence[_Column], table: bool) -> str:
    roles = [c.channel.role for c in chosen]
    if set(roles) == {"pose"} or (len(roles) == 7 and roles.count("orientation") == 4):
        return "pose"
    if not table:
        return "joint" if "joint-position" in roles else "cartesian"
    angles = all(c.unit.lower() in ("rad", "deg", "°") for c in chosen)
    return "joint" if angles or all("joint" in c.name.lower() for c in chosen) else "cartesian"


def _real_first(path: Path, chosen: list[_Column]) -> list[_Column]:
    """The columns of poses with the quaternion as w, x, y, z; channels of orientations have that order."""
    turned = [c for c in chosen if c.channel.role == "orientation"]
    if len(turned) == 4:
        return [c for c in chosen if c.channel.role != "orientation"] + turned
    if (
        len(chosen) == 7
        and any(c.channel.names or not c.name.isdigit() for c in chosen)
        and chosen[0].channel.role != "pose"
    ):
        raise DataError(
            f"{path}: the names {', '.join(c.name for c in chosen[3:])} do not say the order of the quaternion; call "
            f"its columns qw, qx, qy and qz."
        )
    return chosen


def _together(
    path: Path, item: Recording, chosen: list[_Column], table: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Times (s) and all columns at them: those of the channel with most columns."""
    for column in chosen:
        bad = np.flatnonzero(~np.isfinite(column.ys)) if column.ys.dtype.kind == "f" else np.arange(1)
        if len(bad) and len(column.ys):
            told = (w for w in item.warnings if f" ({column.name})" in w)
            value, why = column.ys[bad[0]], "finite number" if column.ys.dtype.kind == "f" else "number"
            default = f"{path}: {column.name} of sample {bad[0] + 1}: {str(value)!r} is not a {why}."
            raise DataError(
                f"{next(told, default)[:-1]}; repair it or drop the row, or choose the columns to take (columns=, --columns)."
            )
    channels = list({c.channel.name: c.channel for c in chosen}.values())
    base = max(channels, key=lambda c: (sum(x.channel is c for x in chosen), len(c)))
    if table and all(np.array_equal(c.ts, base.ts) for c in channels):
        return base.ts, np.stack([c.ys for c in chosen], axis=1)
    clocks = {c.name: np.append(True, np.diff(np.maximum.accumulate(c.ts)) > 0) for c in channels}
    ts = base.ts[clocks[base.name]]
    inside = np.ones(len(ts), bool)
    for channel in channels:
        inside &= (ts >= channel.ts[0] - _LATE) & (ts <= channel.ts[-1] + _LATE)
    if inside.sum() < min(2, len(ts)):
        late = next(c for c in channels if c is not base)
        raise DataError(
            f"{path}: {' '.join(base.names)} are not reported at the time of {' '.join(late.names)}; choose joints "
            f"(columns=, --columns)."
        )
    ts = ts[inside]
    ys = []
    for column in chosen:
        keep = clocks[column.channel.name]
        same = column.channel is base
        ys.append(
            column.ys[keep][inside] if same else np.interp(ts, column.channel.ts[keep], column.ys[keep])
        )
    return ts - ts[0], np.stack(ys, axis=1)
