"""The words of a table, and what its lines say about them."""

import csv
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor.errors import DataError

from ._describe import parsed
from ._times import UNITS

_KNOWN_UNITS = ("", "-", "n", "nm", "m", "mm", "cm", "µm", "rad", "deg", "°", "m/s", "rad/s", "kg", "hz")
_MISSING = ("na", "n/a", "null", "none", "-", "--")
_BIG = 2**53  # above, 64-bit floats skip whole numbers
WRITTEN = "# ideomotor "  # how the first line of a written table begins


@dataclass
class Table:
    """The words of a table, and what its lines say about them."""

    path: Path
    names: list[str] | None = None
    units: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    decimal: str = "."
    warnings: list[str] = field(default_factory=list)

    def words(self, j: int) -> list[str]:
        """A column as it is written."""
        return [row[j].strip() for row in self.rows]

    def column(self, j: int, name: str) -> np.ndarray:
        """Its numbers, NaN where a cell is empty, or its words where some are no numbers."""
        raw = self.words(j)
        words = ["" if word.lower() in _MISSING else word for word in raw]
        numbers = [word.replace(",", ".") if self.decimal == "," else word for word in words]
        try:
            found = np.array([float(word or "nan") for word in numbers])
        except ValueError:
            values = {word.lower() for word in words}
            if values <= {"true", "false"}:
                return np.array([word.lower() == "true" for word in words])
            if sum(_number(word, self.decimal) is not None for word in words) >= len(words) / 2:
                i = next(i for i, w in enumerate(numbers) if w and _number(w, ".") is None)
                self.warnings.append(
                    f"{self._place(i, j, name)}: {words[i]!r} is not a number, and the column is words."
                )
            return np.array(raw)
        if np.abs(found).max(initial=0) >= _BIG and all(
            re.fullmatch(r"[-+]?\d{1,18}|[-+]?[1-8]\d{18}", w) for w in words
        ):
            return np.array([int(word) for word in words])
        bad = np.flatnonzero(~np.isfinite(found))
        if len(bad):
            word = f": {words[bad[0]]} is not a finite number" if words[bad[0]] else " is empty"
            more = f", as in {len(bad) - 1} other rows" if len(bad) > 1 else ""
            self.warnings.append(f"{self._place(int(bad[0]), j, name)}{word}{more}.")
        return found

    def _place(self, i: int, j: int, name: str) -> str:
        return f"{self.path}, line {self.lines[i]}, column {j + 1} ({name})"


def parse(path: Path, text: str | None = None, skip: int = 0) -> Table:
    """The table in a text; `skip`: lines before its first. Raises `DataError` where there is none."""
    table, lines, comment = Table(path), [], ""
    for number, line in enumerate((_text(path) if text is None else text).splitlines()[skip:], 1 + skip):
        if number == 1 and line.startswith(WRITTEN):
            table.about = parsed(line[len(WRITTEN) :], f"{path}, line 1,")
        elif line.strip() and line.lstrip()[0] not in "#%":
            lines.append((number, line))
        elif line.strip() and not lines:
            comment = line.strip().lstrip("#% ")
    if lines and (match := re.fullmatch(r'"?sep=(.)"?', lines[0][1].strip())):  # a spreadsheet's
        lines = lines[1:]
        delimiter = match[1]
    elif lines:
        middle = lines[len(lines) // 2][1]
        delimiter = next((c for c in (";", "\t", ",", "|") if c in middle), None)
    if not lines:
        raise DataError(f"{path} has no rows.")
    if lines[0][1].lstrip()[0] in "<{" or lines[0][1].lstrip()[:2] in ("[[", "[{"):
        raise DataError(f"{path} is JSON or HTML and not a table; export it as CSV.")
    rows = _split([line for _, line in lines], delimiter, path)
    numbers = [number for number, _ in lines]
    widths = [len(row) for row in rows]
    usual = max(set(widths), key=widths.count)
    first = widths.index(usual) if widths.count(usual) > 2 else 0
    if first and not any(_finite(word, ".") for row in rows[:first] for word in row[1:]):
        table.warnings.append(
            f"{path}: {first} line(s) before the table are passed over, such as {lines[0][1].strip()[:40]!r}."
        )
        rows, numbers = rows[first:], numbers[first:]
    words = [word for row in rows[-20:] for word in row]
    if any(re.fullmatch(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*", word) for word in words):
        table.decimal = ","
    if not any(_finite(word, table.decimal) for word in rows[0]):
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
    elif table.names and len(rows) > 1 and len(rows[0]) == len(rows[1]) == len(table.names):
        below = [j for j, word in enumerate(rows[1]) if _finite(word, table.decimal)]
        if below and all(rows[0][j].strip() and _number(rows[0][j], table.decimal) is None for j in below):
            table.names = [f"{a}.{b.strip()}".strip(".") for a, b in zip(table.names, rows[0], strict=True)]
            rows, numbers = rows[1:], numbers[1:]
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
    encodings: tuple[str, ...] = ("utf-8-sig", "cp1252", "latin-1")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ("utf-16",)
    elif len(data) > 3 and data[:200].count(0) >= 0.4 * len(data[:200]):  # without a mark of the byte order
        encodings = ("utf-16-le",) if data[1] == 0 else ("utf-16-be",)
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


def _finite(word: str, decimal: str) -> bool:
    value = _number(word, decimal)
    return value is not None and math.isfinite(value)


def _is_unit(word: str) -> bool:
    word = word.strip(" []()").lower()
    return word in _KNOWN_UNITS or word in UNITS
