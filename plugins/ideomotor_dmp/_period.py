"""Finding the period of a demonstration."""

from collections.abc import Callable

import numpy as np

from ideomotor.errors import DataError

_UNEXPLAINED, _MISMATCH = 0.1, 0.3
_CYCLES = 16  # of the strongest frequency, among which the period is searched
_SAMPLES = 3000  # at a time
_TRIED = 24  # periods that are refined
_SAME = 1e-4  # of the movement: what two periods that explain it equally well may differ by


def find_period(ts: np.ndarray, ys: np.ndarray, harmonics: int) -> float:
    """The shortest period (s) that explains `ys`, shape `(time, dof)`, sampled at increasing `ts` from zero.

    Harmonic least squares (Quinn & Thomson 1991) over periods from eight samples to the whole demonstration,
    then refined; of a demonstration of many cycles first over some of them, then over more and more. Raises a
    `DataError` where nothing repeats.
    """
    ys = ys - ys.mean(axis=0)
    n, length = len(ts), ts[-1]
    if n < 8 or np.sum(ys**2) <= 1e-20 * n:
        what = "does not move" if n >= 8 else f"has {n} samples, and a cycle needs at least 8"
        raise DataError(f"The demonstration {what}; no period can be found, give period=... in seconds.")
    end = min(length, _CYCLES / _main_frequency(ts, ys))
    unexplained = _unexplained(*_some(ts, ys, end), harmonics)
    # As long a period as the whole, however few of its cycles are needed.
    period = _shortest(unexplained, min(end, length), max(8 * length / (n - 1), end / 64), harmonics)
    while end < length:
        # The error of a period shrinks with the square of the time over which it is seen.
        off, end = period**2 / end / (4 * max(1, harmonics)), min(length, 4 * end)
        unexplained = _unexplained(*_some(ts, ys, end), harmonics)
        period = _golden_section(unexplained, period - off, period + off)
    # What repeats several times needs no further proof, and sparse samples could not give it.
    opened = period > length / 2 and _mismatch(ts, ys, period) > _MISMATCH
    if unexplained(period) > _UNEXPLAINED or opened:
        raise DataError(
            f"No period was found in the demonstration of {length:g} s: it neither repeats nor returns to where it "
            f"began; show at least one whole cycle, or give period=... in seconds."
        )
    return period


def _shortest(unexplained, length, shortest, harmonics) -> float:
    """The shortest period up to `length` that explains nearly as much as the best."""
    # Frequencies closer together than what a demonstration of this length can tell apart.
    frequencies = np.arange(1 / length, 1 / shortest, 0.1 / length / max(1, harmonics // 2))
    periods = np.append(1 / frequencies, shortest)[::-1]
    errors = np.array([unexplained(period) for period in periods])
    inner = (errors[1:-1] <= errors[:-2]) & (errors[1:-1] <= errors[2:])
    least = [0, *(np.flatnonzero(inner) + 1), len(periods) - 1]
    # What lies between two periods of the grid may be much better than both, but not than a tenth of the movement.
    least = [i for i in least if errors[i] <= max(4 * errors.min(), _UNEXPLAINED)]
    least = sorted(sorted(least, key=lambda i: errors[i])[:_TRIED])
    found = [
        _golden_section(
            unexplained, periods[max(i - 1, 0)], periods[min(i + 1, len(periods) - 1)], tolerance=1e-7
        )
        for i in least
    ]
    errors = np.array([unexplained(period) for period in found])
    # Multiples of a period explain as much as it does; half of it leaves out what only every second cycle does.
    return found[int(np.argmax(errors <= max(2 * errors.min(), _SAME)))]


def _unexplained(ts, ys, harmonics):
    n, length = len(ts), ts[-1]
    size = np.sum(ys**2)
    line = np.stack([np.ones(n), ts], axis=1)
    straightened = ys - line @ np.linalg.lstsq(line, ys, rcond=None)[0]

    def unexplained(period):
        # As many harmonics as the samples of one period can tell apart; those of several fill each other's gaps.
        once = 2 * period > length
        count = max(1, min(harmonics, int(period / (length / (n - 1)) / (4 if once else 2.5))))
        angle = 2 * np.pi / period * ts[:, None] * np.arange(1, count + 1)
        # A drift can only be told from the movement where that repeats.
        design = np.concatenate([np.cos(angle), np.sin(angle), line[:, : 1 if once else 2]], axis=1)
        found = np.linalg.lstsq(design, ys, rcond=1e-10)[0]
        still = ys if once else straightened
        # Of what a drift leaves; where that is nothing, nothing is explained.
        return float((np.sum((ys - design @ found) ** 2) + 1e-9 * size) / (np.sum(still**2) + 1e-9 * size))

    return unexplained


def _main_frequency(ts, ys) -> float:
    """The strongest frequency (1/s), of at least one cycle in the demonstration."""
    even = np.linspace(0.0, ts[-1], min(4 * len(ts), 1 << 17))
    spectrum = np.sum([np.abs(np.fft.rfft(np.interp(even, ts, y))) ** 2 for y in ys.T], axis=0)
    return (1 + int(np.argmax(spectrum[1:]))) / ts[-1]


def _some(ts, ys, end):
    """Up to `_SAMPLES` of the samples until `end`."""
    inside = int(np.searchsorted(ts, end * (1 + 1e-9)))
    every = max(1, inside // _SAMPLES)
    return ts[:inside:every], ys[:inside:every] - ys[:inside:every].mean(axis=0)


def _mismatch(ts: np.ndarray, ys: np.ndarray, period: float) -> float:
    """Root mean square of y(t + period) - y(t) where both are known, over the size of the movement."""
    again = ts + min(period, ts[-1])
    inside = again <= ts[-1] * (1 + 1e-9)
    later = np.stack([np.interp(again[inside], ts, y) for y in ys.T], axis=1)
    return float(np.sqrt(np.mean(np.sum((later - ys[inside]) ** 2, axis=1)) / np.mean(np.sum(ys**2, axis=1))))


def _golden_section(
    function: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-9
) -> float:
    """Where a function of one number is least between `low` and `high`; it must fall and then rise.

    - `tolerance`: width of the last interval, relative to `high`.
    """
    ratio = (5**0.5 - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    at_a, at_b = function(a), function(b)
    while high - low > tolerance * abs(high):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - ratio * (high - low)
            at_a = function(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + ratio * (high - low)
            at_b = function(b)
    return (low + high) / 2
