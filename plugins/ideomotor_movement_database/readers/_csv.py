import csv
import math
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor.errors import DataError, did_you_mean

from .._demonstrations import Demonstration

_TIMES = ("time", "t", "ts", "timestamp", "time_s", "time [s]")


def read_csv(path: Path, space: str | None, rate: float | None, columns: tuple[str, ...]) -> Demonstration:
    """One demonstration, a row per sample; see `read_demonstrations`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from error
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and line.strip()[0] not in "#%"
    ]
    if not lines:
        raise DataError(f"{path} has no rows.")
    rows = _split([line for _, line in lines])
    header = None if _is_numbers(rows[0]) else [word.strip() for word in rows[0]]
    first = 0 if header is None else 1
    width = len(rows[0])
    values = np.empty((len(rows) - first, width))
    for i, ((number, _), row) in enumerate(zip(lines[first:], rows[first:], strict=True)):
        if len(row) != width:
            raise DataError(f"{path}, line {number}, has {len(row)} columns, and the first row has {width}.")
        for j, word in enumerate(row):
            try:
                values[i, j] = float(word)
            except ValueError:
                raise DataError(
                    f"{path}, line {number}, column {j + 1}: {word.strip()!r} is not a number."
                ) from None
            if not math.isfinite(values[i, j]):
                raise DataError(
                    f"{path}, line {number}, column {j + 1}: {word.strip()} is not a finite number."
                )
    names = header or [str(i + 1) for i in range(width)]
    time = _time_column(header, rate)
    chosen = _chosen(path, names, columns, time)
    if not chosen:
        raise DataError(
            f"{path} has one column; a movement needs times and coordinates, or rate= and coordinates."
        )
    ts = np.arange(len(values)) / rate if time is None and rate else values[:, time or 0]
    return Demonstration(path.stem, ts, values[:, chosen], _known(space), {"source": path.name})


def _known(space: str | None) -> Any:
    return space or "cartesian"


def _split(lines: list[str]) -> list[list[str]]:
    delimiter = next((c for c in (",", ";", "\t") if c in lines[0]), None)
    return (
        [line.split() for line in lines]
        if delimiter is None
        else list(csv.reader(lines, delimiter=delimiter))
    )


def _is_numbers(row: list[str]) -> bool:
    try:
        return bool([float(word) for word in row])
    except ValueError:
        return False


def _time_column(header: list[str] | None, rate: float | None) -> int | None:
    """None if there is no time in the table."""
    names = [name.lower() for name in header or ()]
    named = next((names.index(name) for name in _TIMES if name in names), None)
    return named if named is not None or rate is not None else 0


def _chosen(path: Path, names: list[str], columns: tuple[str, ...], time: int | None) -> list[int]:
    if not columns:
        return [i for i in range(len(names)) if i != time]
    for name in columns:
        if name not in names:
            raise DataError(f"{path} has no column {name!r}.{did_you_mean(name, names)}")
    return [names.index(name) for name in columns]
