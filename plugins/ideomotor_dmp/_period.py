"""Finding the period of a demonstration."""

import numpy as np

from ideomotor.common.solvers import golden_section
from ideomotor.errors import DataError

_UNEXPLAINED, _MISMATCH = 0.1, 0.3


def find_period(ts: np.ndarray, ys: np.ndarray, harmonics: int) -> float:
    """The shortest period (s) that explains `ys`, shape `(time, dof)`, sampled at increasing `ts` from zero.

    Harmonic least squares (Quinn & Thomson 1991) over periods from eight samples to the whole demonstration,
    then refined. Raises a `DataError` where nothing repeats.
    """
    ys = ys - ys.mean(axis=0)
    size = np.sum(ys**2)
    n, length = len(ts), ts[-1]
    if n < 8 or size <= 1e-20 * n:
        what = "does not move" if n >= 8 else f"has {n} samples, and a cycle needs at least 8"
        raise DataError(f"The demonstration {what}; no period can be found, give period=... in seconds.")

    def unexplained(period):
        # As many harmonics as the samples of one period can tell apart.
        count = max(1, min(harmonics, int(period / (length / (n - 1)) / 4)))
        angle = 2 * np.pi / period * ts[:, None] * np.arange(1, count + 1)
        design = np.concatenate([np.cos(angle), np.sin(angle), np.ones((n, 1))], axis=1)
        found = np.linalg.lstsq(design, ys, rcond=1e-10)[0]
        return float(np.sum((ys - design @ found) ** 2) / size)

    shortest = max(8 * length / (n - 1), length / 64)
    # Frequencies closer together than what a demonstration of this length can tell apart.
    frequencies = np.arange(1 / length, 1 / shortest, 0.1 / length / max(1, harmonics // 2))
    periods = np.append(1 / frequencies, shortest)[::-1]
    errors = np.array([unexplained(period) for period in periods])
    # Multiples of a period explain as much as it does: take the shortest that is nearly as good as the best.
    good = np.flatnonzero(errors <= max(2 * errors.min(), 0.02))
    best = good[0]
    while best + 1 < len(periods) and errors[best + 1] < errors[best]:
        best += 1
    low, high = periods[max(best - 1, 0)], periods[min(best + 1, len(periods) - 1)]
    period = golden_section(unexplained, float(low), float(high))
    if unexplained(period) > _UNEXPLAINED or _mismatch(ts, ys, period) > _MISMATCH:
        raise DataError(
            f"No period was found in the demonstration of {length:g} s: it does not repeat itself or close "
            f"within its size; show at least one whole cycle, or give period=... in seconds."
        )
    return period


def _mismatch(ts: np.ndarray, ys: np.ndarray, period: float) -> float:
    """Root mean square of y(t + period) - y(t) where both are known, over the size of the movement."""
    again = ts + min(period, ts[-1])
    inside = again <= ts[-1] * (1 + 1e-9)
    later = np.stack([np.interp(again[inside], ts, y) for y in ys.T], axis=1)
    return float(np.sqrt(np.mean(np.sum((later - ys[inside]) ** 2, axis=1)) / np.mean(np.sum(ys**2, axis=1))))
