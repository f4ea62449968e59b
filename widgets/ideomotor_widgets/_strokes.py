"""What was drawn by hand: strokes of (x, y, t), checked, as movements and as images."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ideomotor.errors import DataError

WIDTH = 2.4  # of a line in an image, in px
LONGEST = 4000  # samples kept of one demonstration: 40 s at 100 a second, an hour at one a second


def strokes_of(ink: bytes) -> list[np.ndarray]:
    """The strokes in a canvas's ink, each of shape (n, 3): x, y, seconds."""
    if len(ink) % 12:
        raise DataError(f"The ink holds {len(ink)} bytes, and rows of three float32 numbers are needed.")
    rows = np.frombuffer(ink, np.float32).reshape(-1, 3).astype(float)
    gaps = np.flatnonzero(np.isnan(rows).any(1))
    pieces = np.split(rows, gaps)
    pieces = [piece[~np.isnan(piece).any(1)] for piece in pieces]
    found = [piece for piece in pieces if len(piece)]
    if any(not np.all(np.isfinite(piece)) for piece in found):
        raise DataError("The ink holds a number that is not finite; draw it again.")
    return found


def ink_of(strokes: Any) -> bytes:
    """The reverse of `strokes_of`; strokes of shape (n, 2) get a time of 0.01 s per point."""
    rows, begin = [], 0.0
    for stroke in strokes:
        stroke = np.asarray(stroke, float)
        if stroke.ndim != 2 or stroke.shape[1] not in (2, 3):
            raise DataError(f"A stroke must be of shape (n, 2) or (n, 3), not {stroke.shape}.")
        if stroke.shape[1] == 2:
            times = begin + 0.01 * np.arange(len(stroke))
            stroke = np.column_stack([stroke, times])
            begin = times[-1] + 0.1 if len(times) else begin
        rows += [stroke, np.full((1, 3), np.nan)]
    return np.concatenate(rows).astype(np.float32).tobytes() if rows else b""


def inside(strokes: list[np.ndarray], view: Sequence[float | int]) -> tuple[list[np.ndarray], bool]:
    """The strokes with what lies outside of the canvas brought to its edge, and whether there was any."""
    low, high = np.array([min(view[:2]), min(view[2:])]), np.array([max(view[:2]), max(view[2:])])
    kept, outside = [], False
    for stroke in strokes:
        clipped = np.clip(stroke[:, :2], low, high)
        outside |= not np.allclose(clipped, stroke[:, :2], atol=1e-3 * float((high - low).max()))
        kept.append(np.column_stack([clipped, stroke[:, 2]]))
    return kept, outside


def demonstration(strokes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Times from zero (s) and path (time, 2) of what was drawn; the pen goes straight from stroke to stroke.

    Samples at equal times are dropped, and a very long movement is thinned. Raises a `DataError` for a single point.
    """
    rows = np.concatenate(strokes) if strokes else np.empty((0, 3))
    if len(rows):
        rows = rows[np.concatenate([[True], rows[1:, 2] > np.maximum.accumulate(rows[:, 2])[:-1]])]
    if len(rows) < 2 or np.ptp(rows[:, :2], axis=0).max() == 0:
        raise DataError("A single point is no movement; press, draw a line, and lift.")
    if len(rows) > LONGEST:
        rows = rows[np.linspace(0, len(rows) - 1, LONGEST).round().astype(int)]
    return rows[:, 2] - rows[0, 2], rows[:, :2]


def even(ts: np.ndarray, path: np.ndarray, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """The movement at so many equal steps of time: one shape, so that what takes it is compiled once."""
    times = np.linspace(ts[0], ts[-1], samples)
    return times, np.stack([np.interp(times, ts, column) for column in path.T], -1)


class Square:
    """Where drawn strokes lie in a square image: `image = (point - offset) / scale`, (column, row) in px.

    The ink, with the width of its line, is `box` px long on its longer side, and in the middle.
    """

    def __init__(self, strokes: list[np.ndarray], size: int, box: float):
        points = np.concatenate([s[:, :2] for s in strokes])
        low, high = points.min(0), points.max(0)
        self.scale = max(float((high - low).max()) / (box - WIDTH), 1e-9)
        self.offset = (low + high) / 2 - self.scale * (size - 1) / 2
        self.size = size

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Points of the canvas in pixels of the image."""
        return (np.asarray(points, float) - self.offset) / self.scale

    def to_canvas(self, points: np.ndarray) -> np.ndarray:
        """Pixels of the image as points of the canvas."""
        return np.asarray(points, float) * self.scale + self.offset


def rasterise(strokes: list[np.ndarray], square: Square, width: float = WIDTH) -> np.ndarray:
    """Strokes as an image, shape (size, size), ink 1 and paper 0, lines `width` px wide with soft edges.

    Each pixel has one minus its distance from the line's edge, as the digits have on which readers are trained.
    """
    grid = (
        np.stack(np.meshgrid(np.arange(square.size), np.arange(square.size)), -1)
        .reshape(-1, 1, 2)
        .astype(float)
    )
    best = np.full(square.size**2, np.inf)
    for stroke in strokes:
        points = _thinned(square.to_image(stroke[:, :2]))
        begin, along = points[:-1], np.diff(points, axis=0)
        if not len(along):
            begin, along = points, np.zeros((1, 2))
        for i in range(0, len(begin), 256):
            a, d = begin[i : i + 256], along[i : i + 256]
            away = grid - a
            part = np.clip((away * d).sum(-1) / np.maximum((d * d).sum(-1), 1e-12), 0, 1)
            best = np.minimum(best, np.linalg.norm(away - part[..., None] * d, axis=-1).min(1))
    image = np.clip(0.5 + width / 2 - best, 0, 1)
    return image.reshape(square.size, square.size).astype(np.float32)


def _thinned(points: np.ndarray, least: float = 0.2) -> np.ndarray:
    """Points at least a fifth of a pixel apart along the line, so that an hour of scribbling stays small."""
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=-1))])
    keep = np.concatenate([[True], np.diff(np.floor(travelled / least)) > 0])
    keep[-1] = True
    return points[keep]
