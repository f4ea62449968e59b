"""Tables as recorders write them: one demonstration, a row per sample."""

import csv
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor.errors import DataError, did_you_mean

from .._demonstrations import Demonstration
from ._times import UNITS, seconds

_TIMES = re.compile(
    r"(.*[._ /])?(time|t|ts|timestamp|time[ _]?stamp|stamp|zeit|temps|tiempo|tempo|elapsed|elapsed[ _]?time|rosbagtimestamp|datetime)",
    re.IGNORECASE,
)
_SECS = re.compile(r"(?P<stem>.*?)(secs?|seconds)", re.IGNORECASE)
_NSECS = ("nsecs", "nsec", "nanosec", "nanosecs", "nanoseconds")
_INDEX = re.compile(r"|unnamed: 0|index|idx|row|#|(.*[._])?seq", re.IGNORECASE)
_UNIT = re.compile(
    r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]|(?P<stem>.*?)_(?P<end>ns|us|ms|s|sec|m|mm|cm|rad|deg)"
)
_QUATERNION = re.compile(r"(.*[._ ])?(q|quat|quaternion|orientation|rotation|o)[._ ]?(?P<axis>[wxyz])", re.I)
_SCALES = {"m": 1.0, "mm": 1e-3, "cm": 1e-2, "rad": 1.0, "deg": math.pi / 180, "°": math.pi / 180}
_WRITTEN = "# ideomotor "  # how the first line of an exported table begins


@dataclass
class _Table:
    path: Path
    names: list[str] | None = None
    units: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    decimal: str = "."

    def column(self, j: int) -> np.ndarray:
        """Its numbers; raises `DataError` that names the place of a word that is none."""
        found = np.empty(len(self.rows))
        for i, (row, number) in enumerate(zip(self.rows, self.lines, strict=True)):
            word, place = row[j].strip(), f"{self.path}, line {number}, column {j + 1}"
            if not word:
                raise DataError(
                    f"{place} is empty; fill it or drop the row, or choose other columns (columns=, --columns)."
                )
            value = _number(word, self.decimal)
            if value is None:
                raise DataError(
                    f"{place}: {word!r} is not a number; choose the columns to take (columns=, --columns)."
                )
            if not math.isfinite(value):
                raise DataError(f"{place}: {word} is not a finite number.")
            found[i] = value
        return found

    def words(self, j: int) -> list[str]:
        """A column as it is written."""
        return [row[j].strip() for row in self.rows]


def read_csv(
    path: Path,
    space: str | None,
    rate: float | None,
    columns: tuple[str, ...],
    time: str | None = None,
    time_unit: str | None = None,
) -> Demonstration:
    """One demonstration, a row per sample; see `read_demonstrations`."""
    table = _parsed(path)
    named = [_split_unit(name) for name in table.names or []]
    names = [name for name, _ in named] or [str(i + 1) for i in range(len(table.rows[0]))]
    units = [unit or (table.units[i] if table.units else "") for i, (_, unit) in enumerate(named)] or [
        ""
    ] * len(names)
    stamps, used = _time_columns(table, names, units, rate, time)
    chosen = _chosen(table, names, columns, used)
    if not chosen:
        raise DataError(
            f"{path} has one column; a movement needs times and coordinates, or rate= and coordinates."
        )
    space = (
        space or table.about.get("space") or _space_of([names[j] for j in chosen], [units[j] for j in chosen])
    )
    if space == "pose" and not columns:
        chosen = _real_first(table, names, chosen)
    if rate is not None or stamps is None:
        ts = np.arange(len(table.rows)) / (rate or 1.0)
    else:
        ts = seconds(
            f"{path}: {'/'.join(names[j] for j in used[:1])}", stamps(), time_unit or _time_unit(units, used)
        )
    ys = np.stack([table.column(j) * _SCALES.get(units[j].lower(), 1.0) for j in chosen], axis=1)
    metadata = table.about.get("metadata", {"source": path.name})
    kind: Any = space
    return Demonstration(table.about.get("name", path.stem), ts, ys, kind, metadata)


def _parsed(path: Path) -> _Table:
    table, lines, comment = _Table(path), [], ""
    for number, line in enumerate(_text(path).splitlines(), 1):
        if number == 1 and line.startswith(_WRITTEN):
            try:
                table.about = dict(json.loads(line[len(_WRITTEN) :]))
            except (ValueError, TypeError, RecursionError) as error:
                raise DataError(
                    f"{path}, line 1, is not what an export writes there; remove the line."
                ) from error
        elif line.strip() and line.lstrip()[0] not in "#%":
            lines.append((number, line))
        elif line.strip() and not lines:
            comment = line.strip().lstrip("#% ")
    if not lines:
        raise DataError(f"{path} has no rows.")
    head = comment if comment and "," not in lines[0][1] and ";" in lines[0][1] else lines[0][1]
    delimiter = next((c for c in (";", "\t", ",", "|") if c in head), None)
    rows = _split([line for _, line in lines], delimiter, path)
    numbers = [number for number, _ in lines]
    if delimiter != ",":
        words = [word for row in rows[-20:] for word in row]
        if any(re.fullmatch(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*", word) for word in words):
            table.decimal = ","
    if not any(_number(word, table.decimal) is not None for word in rows[0]):
        table.names, rows, numbers = [word.strip() for word in rows[0]], rows[1:], numbers[1:]
    elif comment:
        split = (
            _split([comment], delimiter, path)[0]
            if delimiter and delimiter in comment
            else comment.replace(",", " ").split()
        )
        if len(split) == len(rows[0]):
            table.names = [word.strip() for word in split]
    if (
        table.names
        and rows
        and all(_is_unit(word) for word in rows[0])
        and any(word.strip() for word in rows[0])
    ):
        table.units, rows, numbers = [word.strip(" []()") for word in rows[0]], rows[1:], numbers[1:]
    if not rows:
        raise DataError(f"{path} has a header and no rows.")
    width = len(table.names or rows[0])
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != width:
            raise DataError(f"{path}, line {number}, has {len(row)} columns, and the first row has {width}.")
    if (
        width > 1
        and all(not row[-1].strip() for row in rows)
        and (table.names is None or not table.names[-1])
    ):
        rows, table.names = [row[:-1] for row in rows], table.names and table.names[:-1]
    table.rows, table.lines = rows, numbers
    return table


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252", "latin-1")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise DataError(f"{path} cannot be read as text; save it as UTF-8.")
    if "\0" in text:
        raise DataError(f"{path} is not a text file.")
    return text


def _split(lines: list[str], delimiter: str | None, path: Path) -> list[list[str]]:
    if delimiter is None:
        return [line.split() for line in lines]
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise DataError(f"{path} cannot be split into columns: {error}.") from error
    if len(rows) != len(lines):
        raise DataError(f"{path} has a quoted cell that goes over several lines; write each row in one line.")
    return rows


def _number(word: str, decimal: str) -> float | None:
    try:
        return float(word.replace(",", ".") if decimal == "," else word)
    except ValueError:
        return None


def _is_unit(word: str) -> bool:
    word = word.strip(" []()").lower()
    return (
        word in _SCALES
        or word in UNITS
        or word in ("", "-", "n", "nm", "m/s", "rad/s", "1", "µm", "kg", "hz")
        and word != "1"
    )


def _split_unit(name: str) -> tuple[str, str]:
    match = _UNIT.fullmatch(name)
    if match is None:
        return name, ""
    if match["name"] is not None:
        return match["name"].strip(), match["unit"].strip()
    # A word behind an underscore is the unit of a time; x_m may be the name of a coordinate.
    return (match["stem"], match["end"]) if _TIMES.fullmatch(match["stem"]) else (name, "")


def _time_unit(units: list[str], used: list[int]) -> str | None:
    return (units[used[0]].lower() or None) if used and units[used[0]].lower() in UNITS else None


def _time_columns(table: _Table, names: list[str], units: list[str], rate: float | None, time: str | None):
    """A function that gives the stamps (seconds, or ns as integers), and which columns are no coordinates."""
    path = table.path
    index = [
        j
        for j in range(min(2, len(names)))
        if table.names is not None and _INDEX.fullmatch(names[j]) and _counts(table, j)
    ]
    if time is not None:
        full = table.names or names
        if time not in names and time not in full:
            raise DataError(f"{path} has no column {time!r}.{did_you_mean(time, full)}")
        found = [(names.index(time) if time in names else full.index(time))]
    else:
        for j, name in enumerate(names):
            match = _SECS.fullmatch(name)
            pair = [
                k
                for k, other in enumerate(names)
                if match and other.lower() in {match["stem"].lower() + n for n in _NSECS}
            ]
            if pair:
                units[j] = "ns"
                whole, part = (table.words(k) for k in (j, pair[0]))

                def both(whole=whole, part=part):
                    try:
                        return [str(int(a) * 10**9 + int(b)) for a, b in zip(whole, part, strict=True)]
                    except ValueError:
                        raise DataError(f"{path}: seconds and nanoseconds must be whole numbers.") from None

                return both, [j, pair[0], *index]
        found = [j for j, name in enumerate(names) if j not in index and _TIMES.fullmatch(name)]
    if found:
        if table.decimal == ",":
            return (lambda: [word.replace(",", ".") for word in table.words(found[0])]), [*found, *index]
        return (lambda: table.words(found[0])), [*found, *index]
    if rate is not None:
        return None, index
    first = next(j for j in range(len(names)) if j not in index)
    if table.names is not None:
        raise DataError(
            f"{path} has no column that is called like a time; it has {', '.join(names[:12])}. Say which one it is (time=, "
            f"--time), or how many samples per second there are (rate=, --rate)."
        )
    return (lambda: table.column(first)), [first]


def _counts(table: _Table, j: int) -> bool:
    words = table.words(j)
    return all(word.isdigit() for word in words) and all(
        int(b) - int(a) == 1 for a, b in zip(words, words[1:], strict=False)
    )


def _chosen(table: _Table, names: list[str], columns: tuple[str, ...], used: list[int]) -> list[int]:
    if not columns:
        return [i for i in range(len(names)) if i not in used]
    full, found = table.names or names, []
    for name in columns:
        if name not in names and name not in full:
            raise DataError(f"{table.path} has no column {name!r}.{did_you_mean(name, full)}")
        if (names if name in names else full).count(name) > 1:
            raise DataError(f"{table.path} has several columns {name!r}; rename them.")
        found.append(names.index(name) if name in names else full.index(name))
    return found


def _space_of(names: list[str], units: list[str]) -> str:
    if len(names) == 7 and len({m["axis"] for name in names if (m := _QUATERNION.fullmatch(name))}) == 4:
        return "pose"
    angles = all(unit.lower() in ("rad", "deg", "°") for unit in units)
    return "joint" if angles or all("joint" in name.lower() for name in names) else "cartesian"


def _real_first(table: _Table, names: list[str], chosen: list[int]) -> list[int]:
    """The columns of poses with the quaternion as w, x, y, z, by their names."""
    axes = {m["axis"].lower(): j for j in chosen if (m := _QUATERNION.fullmatch(names[j]))}
    if len(axes) == 4:
        return [j for j in chosen if j not in axes.values()] + [axes[axis] for axis in "wxyz"]
    if table.names is not None and len(chosen) == 7:
        raise DataError(
            f"{table.path}: the names {', '.join(names[j] for j in chosen[3:])} do not say the order of the quaternion; call "
            f"its columns qw, qx, qy and qz."
        )
    return chosen
