"""Stamps of recorders as seconds from the first sample on."""

import datetime
import re
from typing import Any

import numpy as np

from ideomotor.errors import DataError

UNITS = {  # per second
    "ns": 1e9, "nsec": 1e9, "nanoseconds": 1e9, "us": 1e6, "µs": 1e6, "μs": 1e6, "usec": 1e6, "microseconds": 1e6,
    "ms": 1e3, "msec": 1e3, "milliseconds": 1e3, "s": 1.0, "sec": 1.0, "secs": 1.0, "seconds": 1.0, "min": 1 / 60,
}  # fmt: skip
_EPOCH = {
    "s": (1e9, 4e9),
    "ms": (1e12, 4e12),
    "us": (1e15, 4e15),
    "ns": (1e18, 4e18),
}  # the years 2001 to 2096


def seconds(where: str, stamps: Any, unit: str | None) -> tuple[np.ndarray, int]:
    """Seconds, of numbers, of words as a table has them, or of dates; and when they start, in ns since 1970, else 0.

    Clock times start at zero.

    `unit`: a key of `UNITS`; where it is None, clock times tell it, and seconds are taken if they are plausible. Raises
    `DataError` where they are not, or where something is no time.
    """
    if unit is not None and unit.lower() not in UNITS:
        raise DataError(f"time_unit = {unit!r}; it must be s, ms, us or ns.")
    values: Any = stamps
    if not isinstance(stamps, np.ndarray):
        dates = [_date(word) for word in stamps] if stamps and ":" in stamps[0] else None
        if dates is not None and None not in dates:
            values, unit = np.array(dates, np.int64), "ns"
        elif UNITS.get((unit or "s").lower()) == 1.0 and all(
            re.fullmatch(r"\d{10}\.\d+", word) for word in stamps
        ):
            # Seconds of a clock, which 64-bit floats hold to 0.2 microseconds only.
            values, unit = (
                np.array([int(word[:10] + word[11:20].ljust(9, "0")) for word in stamps], np.int64),
                "ns",
            )
        else:
            values = _numbers(where, stamps)
    if not np.all(np.isfinite(values.astype(np.float64))):
        raise DataError(f"{where} has a time that is not finite; repair or drop that row.")
    first = float(abs(values[0]))
    clock = next((name for name, (low, high) in _EPOCH.items() if low <= first < high), None)
    scale = UNITS[unit.lower()] if unit else UNITS[clock or "s"]
    times = (values - values[0]).astype(np.float64) / scale
    start = 0
    if clock is not None or (unit and first / scale > 1e8):
        ns = 1e9 / scale
        start = (
            int(values[0]) * round(ns)
            if values.dtype.kind in "iu" and ns >= 1
            else round(float(values[0]) * ns)
        )
    elif values.dtype.kind in "iu":
        times = values.astype(np.float64) / scale
    else:
        times = values / scale  # and not the difference plus the first, which rounds twice
    if unit is None and clock is None and len(times) > 1:
        step, length = float(np.median(np.abs(np.diff(times)))), float(abs(times[-1] - times[0]))
        guess = next(
            (n for n, s in (("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)) if 1e-4 <= step * s < 0.5), None
        )
        if step >= 0.7 and guess is not None and length > 50:
            raise DataError(
                f"{where}: steps of {step:.4g} s, {length:.4g} s in all, look like {guess}; say the unit: "
                f"time_unit='{guess}' (--time-unit {guess}), or 's' if they are seconds."
            )
    return times, start


def _numbers(where: str, words: list[str]) -> np.ndarray:
    try:
        return np.array([int(word) for word in words], np.int64)
    except (ValueError, OverflowError):
        pass
    found = []
    for i, word in enumerate(words):
        try:
            found.append(float(word))
        except ValueError:
            raise DataError(
                f"{where}: the time {word!r} of sample {i + 1} is not a number or a date."
            ) from None
    return np.array(found)


def _date(word: str) -> int | None:
    """A date and time (ISO 8601) in nanoseconds."""
    match = re.fullmatch(r"(.*?:\d\d)(?:[.,](\d+))?(Z|[-+]\d\d:?\d\d)?", word.strip())
    if match is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(match[1] + (match[3] or "+00:00").replace("Z", "+00:00"))
    except ValueError:
        return None
    return int(moment.timestamp()) * 10**9 + int((match[2] or "0").ljust(9, "0")[:9])
