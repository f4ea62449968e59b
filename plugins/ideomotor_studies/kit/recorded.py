"""Leave-one-out on recorded demonstrations: is the movement found from the others like the one that was left out?"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from ideomotor.errors import DataError
from ideomotor_movement_database import Demonstrations, MovementGraph, read_demonstrations

RATE = 1 / 0.0105  # Hz, of the KUKA recordings
_POINTS = 200
SHOWN = (
    ("distance", "distance of the movement found from the one left out"),
    ("nearest_warped", "the same of the nearest other demonstration, shifted to its ends"),
    ("straight_line", "the same of the straight line"),
    ("largest_gap", "largest gap bridged"),
    ("end_error", "end error"),
    ("length", "length of the movement"),
)
"""Lengths (m) that `leave_one_out` returns as NAME_median and NAME_worst."""


def read(file: Path | str, rate: float = RATE, columns: tuple[str, ...] = ("0", "1", "2")) -> Demonstrations:
    """Recorded positions; see `read_demonstrations`. Raises `DataError` for fewer than three."""
    found = read_demonstrations(file, rate=rate, columns=columns)
    if len(found) < 3:
        raise DataError(f"{file} has {len(found)} demonstrations; leaving one out needs at least three.")
    return Demonstrations(found)


def leave_one_out(
    made: Demonstrations,
    *,
    count: int | None = None,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> dict[str, Any]:
    """From the start of each demonstration to its end, by a graph of all others.

    Its distance (m) is the mean from the points of either path to the other, both at even distances along the way; beside it
    that of the straight line, and of the nearest other demonstration, moved and stretched to start and end.
    """
    chosen = (
        np.arange(len(made)) if count is None else np.linspace(0, len(made) - 1, count).round().astype(int)
    )
    rows = []
    for i in progress(chosen):
        others = Demonstrations([item for j, item in enumerate(made) if j != i])
        wanted = made[int(i)].ys
        planner = MovementGraph(others, limit=None)
        path = planner.find(wanted[0], wanted[-1])
        movement = planner.movement(path, wanted[0], wanted[-1])
        own = Demonstrations([made[int(i)]]).speeds().peak
        ys, ts = np.asarray(movement.ys), np.asarray(movement.ts)
        speed = np.linalg.norm(np.diff(ys, axis=0), axis=1).max() / (ts[1] - ts[0])
        warped = [_warped(item.ys, wanted[0], wanted[-1]) for item in others]
        ends = [np.linalg.norm(x.ys[[0, -1]] - wanted[[0, -1]], axis=1).sum() for x in others]
        rows.append(
            (
                _apart(ys, wanted),
                _apart(wanted[[0, -1]], wanted),
                _apart(warped[int(np.argmin(ends))], wanted),
                max(path.gaps, default=0.0),
                speed / max(own, planner.speeds.peak),
                np.linalg.norm(ys[-1] - wanted[-1]),
                np.linalg.norm(np.diff(wanted, axis=0), axis=1).sum(),
            )
        )
    table = np.array(rows)
    names = ("distance", "straight_line", "nearest_warped", "largest_gap", "peak", "end_error", "length")
    return {
        "demonstrations": len(made),
        "left_out": len(rows),
        **{f"{name}_median": float(np.median(column)) for name, column in zip(names, table.T, strict=True)},
        **{f"{name}_worst": float(column.max()) for name, column in zip(names, table.T, strict=True)},
        "better_than_straight_line": int(np.sum(table[:, 0] < table[:, 1])),
        "better_than_nearest": int(np.sum(table[:, 0] < table[:, 2])),
    }


def _even(ys: Float[np.ndarray, "time 3"]) -> np.ndarray:
    way = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(ys, axis=0), axis=1)))
    at = np.linspace(0.0, way[-1], _POINTS)
    return np.stack([np.interp(at, way, column) for column in ys.T], axis=1)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    a, b = _even(one), _even(other)
    return 0.5 * float(KDTree(a).query(b)[0].mean() + KDTree(b).query(a)[0].mean())


def _warped(ys: np.ndarray, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Shifted to both ends, by shares that grow along the way."""
    share = np.linspace(0.0, 1.0, _POINTS)[:, None]
    even = _even(ys)
    return even + (1 - share) * (start - even[0]) + share * (goal - even[-1])
