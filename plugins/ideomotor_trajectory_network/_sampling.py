import numpy as np

from ideomotor.errors import DataError

LOWER, UPPER = (-0.25, 0.15), (0.25, 0.55)
"""Corners of the workspace of Berniker & Kording 2015, in m from the shoulder."""

CENTRES = ((0.0, 0.35),)


def sample_reaches(
    rng: np.random.Generator,
    count: int,
    *,
    lower: tuple[float, float] = LOWER,
    upper: tuple[float, float] = UPPER,
    distance: tuple[float, float] = (0.01, 0.15),
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and targets `(count, 2)` in m: starts uniform over the workspace, targets in a uniform direction at a
    uniform distance, drawn again until the target lies in the workspace.
    """
    if count < 1:
        raise DataError(f"count must be at least 1, not {count}.")
    low, high = np.asarray(lower, float), np.asarray(upper, float)
    if not ((high > low).all() and 0 < distance[0] <= distance[1] and distance[0] < (high - low).max()):
        raise DataError(
            f"There is no reach of {distance[0]:g} to {distance[1]:g} m between the corners {low.tolist()} and "
            f"{high.tolist()}; the second corner and the second distance must be larger than the first."
        )
    start = rng.uniform(lower, upper, (count, 2))
    target = np.full((count, 2), np.nan)
    missing = np.arange(count)
    while missing.size:
        angle = rng.uniform(0, 2 * np.pi, missing.size)
        away = rng.uniform(*distance, missing.size)
        target[missing] = start[missing] + away[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
        outside = ((target[missing] < lower) | (target[missing] > upper)).any(1)
        missing = missing[outside]
    return start, target


def centre_out(
    centres: tuple[tuple[float, float], ...] = CENTRES, *, directions: int = 24, distance: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and targets of reaches in evenly spread directions from each centre; by default 24 of 10 cm."""
    angle = 2 * np.pi * np.arange(directions) / directions
    away = distance * np.stack([np.cos(angle), np.sin(angle)], -1)
    start = np.repeat(np.asarray(centres, float), directions, axis=0)
    return start, start + np.tile(away, (len(centres), 1))
