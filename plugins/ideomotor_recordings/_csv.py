"""Tables as recorders write them: a row per sample, and columns with names and units, or only numbers."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import AbstractFormat, Channel, ReadOptions, Recording
from ideomotor.errors import DataError, did_you_mean

from ._describe import described, left_out, recording, restored
from ._parse import WRITTEN, Table, parse
from ._tables import Column, columns_of, grouped
from ._times import UNITS, seconds

_TIMES = re.compile(
    r"(.*[._ /])?(time|t|ts|timestamp|time[ _]?stamp|stamp|zeit|temps|tiempo|tempo|elapsed|elapsed[ _]?time|rosbagtimestamp|datetime)",
    re.IGNORECASE,
)
_SECS = re.compile(r"(?P<stem>.*?)(secs?|seconds)", re.IGNORECASE)
_NSECS = ("nsecs", "nsec", "nanosec", "nanosecs", "nanoseconds")
_INDEX = re.compile(r"|unnamed: 0|index|idx|row|#|(.*[._])?seq", re.IGNORECASE)
_UNIT = re.compile(
    r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*[^\])\d][^\])]*|)[\])]|(?P<stem>.*?)_(?P<end>ns|us|ms|s|sec|m|mm|cm|rad|deg)"
)


class CSV(AbstractFormat):
    """Tables of text."""

    suffixes = (".csv", ".tsv", ".txt", ".dat")

    def sniff(self, path, head):
        wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
        if path.is_dir() or not head or (b"\0" in head and not wide):
            return 0.005 if path.suffix.lower() in self.suffixes and not path.is_dir() else 0.0
        text = head.decode("utf-16" if wide else "utf-8", "ignore")
        lines = [line for line in text.splitlines() if line.strip()]
        printable = sum(c.isprintable() or c in "\t\r\n" for c in text) > 0.95 * len(text)
        table = (
            len(lines) > 1
            and len(re.split(r"[,;\t |]+", lines[1].strip())) > 1
            and any(c.isdigit() for c in text)
        )
        return (0.3 if path.suffix.lower() in self.suffixes else 0.2) * (printable and table)

    def read(self, path, options):
        table = parse(path)
        if "channels" in table.about:
            yield _written(table)
            return
        yield recorded(table, path.stem, options)

    def write(self, recordings, path):
        told = []
        for item in recordings:
            kept = [c for c in item if c.numeric or c.values.dtype.kind == "U"]
            told += left_out(item, kept, "a table holds no pictures")
            told += [
                f"the clock of {c.name!r} goes back; its rows are in order of time"
                for c in kept
                if np.any(np.diff(c.ts) < 0)
            ]
            _write(item, kept, path)
        return told


def recorded(table: Table, name: str, options: ReadOptions) -> Recording:
    """The recording in a table that another program wrote."""
    path = table.path
    named = [_split_unit(word) for word in table.names or []]
    names = [word for word, _ in named] or [str(i + 1) for i in range(len(table.rows[0]))]
    units = [unit or (table.units[i] if table.units else "") for i, (_, unit) in enumerate(named)] or [
        ""
    ] * len(names)
    stamps, used, times, index = _time_columns(table, names, units, options.time)
    if options.rate is not None:  # no clock is taken; without names, the first column is none either
        used, times = [], [*used, *times] if table.names is not None else []
    if len({*used, *times, *index}) == len(names):
        raise DataError(
            f"{path} has one column; a movement needs times and coordinates, or rate= and coordinates."
        )
    timed, start = True, 0
    if options.rate is not None:
        ts = np.arange(len(table.rows)) / options.rate
    elif stamps is None:
        ts, timed = np.arange(len(table.rows), dtype=float), False
        table.warnings.append(
            f"{path} has no column that is called like a time; it has {', '.join(names[:12])}. Say which one it is (time=, "
            f"--time), or how many samples per second there are (rate=, --rate)."
        )
    else:
        unit = options.time_unit or _time_unit(units, used)
        ts, start = seconds(f"{path}: {'/'.join(names[j] for j in used[:1])}", stamps(), unit)
    columns = [
        Column(names[j], units[j], table.column(j, names[j]))
        for j in range(len(names))
        if j not in (*used, *index)
    ]
    metadata = table.about.get("metadata", {"source": path.name})
    if "space" in table.about:
        metadata = {**metadata, "space": table.about["space"]}
    if times:
        metadata = {**metadata, "clocks": " ".join(names[j] for j in times)}
    channels = [c for c in grouped(columns, ts) if options.takes(c.name)]
    return Recording(table.about.get("name", name), channels, start, metadata, tuple(table.warnings), timed)


def _written(table: Table) -> Recording:
    """The recording in a table that was written by us: channels of different clocks leave cells empty."""
    times = np.array([float(row[0]) for row in table.rows])
    channels, j = [], 1
    for about in table.about["channels"]:
        width = int(np.prod(about["shape"], dtype=int))
        words = [row[j : j + width] for row in table.rows]
        keep = np.array([any(row) for row in words], bool)
        found = np.array([row for row, k in zip(words, keep, strict=True) if k], object).reshape(-1, width)
        kind = np.dtype(about["dtype"]).kind
        if kind == "U":
            cells: Any = np.array([json.loads(word) for word in found.ravel()], about["dtype"])
        elif kind == "b":
            cells = found == "True"
        else:
            cells = np.array([int(w) for w in found.ravel()] if kind in "iu" else found, about["dtype"])
        channels.append(restored(about, times[keep], cells.reshape(len(found), -1)))
        j += width
    if j != len(table.names or ()):
        raise DataError(f"{table.path}, line 1, does not describe the columns; remove the line.")
    return recording(table.about, channels, table.path.stem)


def _write(item: Recording, channels: Sequence[Channel], path: Path) -> None:
    # A row for each time, and for each repetition of a time in one channel.
    keys: dict[tuple[float, int], dict[int, int]] = {}
    for k, channel in enumerate(channels):
        seen: dict[float, int] = {}
        for i, t in enumerate(channel.ts.tolist()):
            seen[t] = seen.get(t, -1) + 1
            keys.setdefault((t, seen[t]), {})[k] = i
    blocks = []
    for channel in channels:
        values = np.asarray(channel.values).reshape(len(channel), -1)
        text = values.dtype.kind == "U"
        blocks.append([[json.dumps(v) if text else str(v) for v in row] for row in values])
    blanks = [[""] * int(np.prod(c.values.shape[1:], dtype=int)) for c in channels]
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(WRITTEN + json.dumps(described(item, channels)) + "\n")
        writer = csv.writer(file, lineterminator="\n")
        units = [c.unit for c in channels for _ in range(int(np.prod(c.values.shape[1:], dtype=int)))]
        names = [name for name, _ in columns_of(channels)]
        writer.writerow(["time [s]", *(f"{n} [{u}]" if u else n for n, u in zip(names, units, strict=True))])
        for (t, _), found in sorted(keys.items()):
            row = [repr(t)]
            for k, blank in enumerate(blanks):
                row += blocks[k][found[k]] if k in found else blank
            writer.writerow(row)


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


def _time_columns(table: Table, names: list[str], units: list[str], time: str | None):
    """A function that gives the stamps (or None), the columns it takes, further columns of times, and those that count rows."""
    path = table.path
    index = [
        j
        for j in range(min(2, len(names)))
        if table.names is not None and _INDEX.fullmatch(names[j]) and _counts(table, j)
    ]
    found = [j for j, name in enumerate(names) if j not in index and _TIMES.fullmatch(name)]
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

                return both, [j, pair[0]], [k for k in found if k not in (j, pair[0])], index
    if not found:
        if table.names is not None:
            return None, [], [], index
        found = [next(j for j in range(len(names)) if j not in index)]

    def stamps():
        words = table.words(found[0])
        return [word.replace(",", ".") for word in words] if table.decimal == "," else words

    return stamps, found[:1], found[1:], index


def _counts(table: Table, j: int) -> bool:
    words = table.words(j)
    return all(word.isdigit() for word in words) and all(
        int(b) - int(a) == 1 for a, b in zip(words, words[1:], strict=False)
    )
