"""Demonstrations drawn by hand, as training data."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ideomotor.errors import DataError

from ._strokes import Square, demonstration, even, ink_of, rasterise
from ._write import write_bytes

SAMPLES, DURATION = 101, 3.0


class Recording(NamedTuple):
    """One demonstration: strokes (n, 3) of x, y in px of the canvas and seconds, and what was meant."""

    strokes: list[np.ndarray]
    label: int


def save_recordings(
    recordings: list[Recording], path: Path | str, *, size: int, box: float, overwrite: bool = False
) -> Path:
    """Write demonstrations as an NPZ file, whole or not at all; its arrays are named as in digit training data:

    - `images` (count, size, size) uint8, ink is bright; `paths` (count, 101, 2) float32, (column, row) in px of the
      image at the times `ts` (101,), which run from 0 to 3 s for each; `labels` (count,) int32;
    - `durations` (count,) float32, how long it really took, in s; `strokes` (rows, 3) float32, x, y in px of the canvas
      and t in s, a row of NaN after each stroke; `offsets` (count + 1,), the rows at which demonstrations begin.

    Raises a `DataError` without demonstrations, and for a file that exists.
    """
    path = Path(path)
    if not recordings:
        raise DataError("There is no demonstration to save yet; draw one and press Keep.")
    if path.suffix != ".npz":
        raise DataError(f"{path} must end in .npz.")
    images, paths, durations, rows = [], [], [], []
    for recording in recordings:
        square = Square(recording.strokes, size, box)
        ts, drawn = demonstration(recording.strokes)
        images.append((255 * rasterise(recording.strokes, square)).round().astype(np.uint8))
        paths.append(square.to_image(even(ts, drawn, SAMPLES)[1]).astype(np.float32))
        durations.append(ts[-1])
        rows.append(np.frombuffer(ink_of(recording.strokes), np.float32).reshape(-1, 3))
    out = io.BytesIO()
    np.savez_compressed(
        out,
        allow_pickle=False,
        images=np.stack(images),
        paths=np.stack(paths),
        labels=np.array([recording.label for recording in recordings], np.int32),
        ts=np.linspace(0.0, DURATION, SAMPLES, dtype=np.float32),
        durations=np.array(durations, np.float32),
        strokes=np.concatenate(rows),
        offsets=np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64),
    )
    return write_bytes(path, out.getvalue(), overwrite=overwrite)
