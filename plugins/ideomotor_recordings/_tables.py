"""Columns that belong together become one channel, and channels become columns again."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ideomotor import Channel

_ROLES = (  # the first that is found in a name; columns x, y, z alone are a position
    ("joint-velocity", r"(joint|motor).*vel|(^|_)q(d|dot)$|velocity.*joint|joint_speed"),
    ("joint-effort", r"(joint|motor).*(eff|torque)|(^|_)moment$|effort|tau"),
    ("joint-position", r"(^|[_. /])(joints?|q|motors?)[_# ]*$|joint.*(pos|angle)[a-z]*$|\.pos$"),
    ("force", r"force"),
    ("torque", r"torque"),
    ("position", r"(^|[_. /])(p|pos|position|translation|point|field|xyz)$|^$"),
)
_PART = re.compile(r"(?P<stem>.*?)[._ /]*(?:\[(?P<index>\d+)\]|(?P<part>\d+|[wxyz]))", re.IGNORECASE)


class Column(NamedTuple):
    """A column of numbers or words, with its name and unit."""

    name: str
    unit: str
    values: np.ndarray


def grouped(columns: Sequence[Column], ts: np.ndarray) -> list[Channel]:
    """Channels of neighbouring columns whose names differ in a number or an axis, such as `q_0`, `q_1` or `x`, `y`, `z`."""
    groups: list[tuple[Any, list[Column]]] = []
    for column in columns:
        match = _PART.fullmatch(column.name) if column.values.dtype.kind in "if" else None
        stem = match["stem"] if match else re.sub(r"\d+", "#", column.name, count=1)
        letters = bool(match and match["part"] and match["part"].lower() in "wxyz")
        key = (stem, letters, column.unit, column.values.dtype.kind)
        if groups and groups[-1][0] == key and column.values.dtype.kind in "if":
            groups[-1][1].append(column)
        else:
            groups.append((key, [column]))
    found, used = [], set()
    for (stem, letters, unit, _), members in groups:
        names = [c.name for c in members]
        if len(members) > 1:
            values, name = np.stack([c.values for c in members], axis=1), stem.replace("#", "").strip(" ._/")
        else:
            values, name = members[0].values, names[0]
        role = role_of(stem if len(members) > 1 else names[0], names, unit, letters)
        if role == "orientation":  # the real part first
            order = [next(i for i, n in enumerate(names) if n[-1].lower() == axis) for axis in "wxyz"]
            values, names = values[:, order], [names[i] for i in order]
        name = name or (role if role == "orientation" else "position" if letters else "values")
        while name in used:
            name += "'"
        used.add(name)
        if values.dtype.kind == "U":
            role = "text"
        found.append(
            Channel(name, ts, values, role, unit, names if len(members) > 1 or names[0] != name else ())
        )
    return found


def role_of(stem: str, names: Sequence[str], unit: str = "", letters: bool = False) -> str:
    """What columns with a common stem probably are; empty where that is not clear."""
    axes = sorted(name[-1].lower() for name in names)
    if letters and axes == ["w", "x", "y", "z"]:
        return "orientation"
    if unit.lower() in ("rad", "deg", "°"):
        return "joint-position"
    if not letters and re.search(r"goal|target|action|cmd|command", stem, re.IGNORECASE):
        return ""
    for role, pattern in _ROLES:
        if re.search(pattern, stem, re.IGNORECASE):
            if role in ("force", "torque", "position") and not (letters and axes == ["x", "y", "z"]):
                continue
            return role
    return ""


def columns_of(channels: Iterable[Channel]) -> list[tuple[str, np.ndarray]]:
    """Every number of every channel as a named column; names that several channels have are preceded by the channel's."""
    found = []
    channels = list(channels)
    names = [name for channel in channels for name in channel.columns]
    for channel in channels:
        values = np.asarray(channel.values).reshape(len(channel), -1)
        for name, column in zip(channel.columns, values.T, strict=True):
            found.append((name if names.count(name) == 1 else f"{channel.name}.{name}", column))
    return found
