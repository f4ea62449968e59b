"""Pen strokes as one path with a pen channel, and the public files that hold strokes."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from ideomotor.errors import DataError

from ._drawing import minimum_jerk, resample, smooth
from ._pairs import Pairs, check_pairs, stored_arrays

_GAP = 3.0  # px; strokes further apart are not one path
_SMOOTH = 2.5  # samples of a hundred; rounds off a skeleton's staircase


class Characters(NamedTuple):
    """Images of handwritten characters with the strokes that drew them, as one path with a pen channel.

    - `images`: (count, height, width) uint8, ink is bright.
    - `paths`: (count, time, 3) float32: column and row in px, and the pen: `Characters.PEN` (5) on the paper, 0 in the air.
    - `labels`: (count,) of the character; `strokes`: (count,), their number.
    """

    images: np.ndarray
    paths: np.ndarray
    labels: np.ndarray
    strokes: np.ndarray

    PEN = 5.0  # of the size of a stroke in px, so that one loss fits all three channels

    def take(self, chosen: slice | np.ndarray) -> "Characters":
        """Some of the characters: a slice, a mask or an array of indices."""
        return Characters(*(array[chosen] for array in self))

    @staticmethod
    def load(file: Path | str, size: int = 40, samples: int = 151) -> "Characters":
        """Characters with their real pen strokes from an `.npz` file of Omniglot's drawings, brought to `size` × `size` px.

        - keys: `data` (points, 3): x to the right, y upwards (below zero) and t, in px and ms; `pen_up` (points,): whether the pen
          leaves the paper after a point; `offsets` (n + 1,): where each drawing begins; `images_packed` (n, bytes): 105 × 105 bits;
          `alphabet` and `character` (n,).

        The order and direction of strokes are the writer's; the timing is minimum jerk along the whole path.
        """
        needed = ("data", "pen_up", "offsets", "images_packed", "alphabet", "character")
        found = stored_arrays(Path(file), needed, ", ".join(needed))
        data, pen_up, offsets, packed, alphabet, character = (found[name] for name in needed)
        count, side = len(offsets) - 1, 105
        right = data.ndim == 2 and data.shape[1:] == (3,) and pen_up.shape == (len(data),)
        if not right or packed.shape[:1] != (count,) or packed[:1].size * 8 < side * side or count < 2:
            raise DataError(
                f"{file}: data {data.shape}, pen_up {pen_up.shape}, offsets {offsets.shape}, images_packed {packed.shape} do not fit; "
                f"they must be (points, 3), (points,), (n + 1,) and (n, {-(-side * side // 8)}) with n of at least two."
            )
        if not np.all(good := np.isfinite(data).all(1)):
            raise DataError(f"{file}: data[{int(np.argmin(good))}] holds NaN or infinity; drop that drawing.")
        large = np.unpackbits(packed, axis=1)[:, : side * side].reshape(-1, side, side).astype(np.float32)
        ratio = side / size
        at = (np.arange(size) + 0.5) * ratio - 0.5
        images, paths, strokes = [], [], []
        for i in range(count):
            some = slice(int(offsets[i]), int(offsets[i + 1]))
            xy = np.stack([data[some, 0], -data[some, 1]], -1)
            xy = (xy + 0.5) / ratio - 0.5
            parts = [part for part in np.split(xy, np.flatnonzero(pen_up[some]) + 1) if len(part)]
            soft = ndimage.gaussian_filter(large[i], 0.45 * ratio)
            small = ndimage.map_coordinates(soft, np.meshgrid(at, at, indexing="ij"), order=1)
            images.append(small / max(float(small.max()), 1e-6))
            paths.append(pen_path(parts, samples))
            strokes.append(len(parts))
        _, labels = np.unique(np.char.add(alphabet.astype(str), character.astype(str)), return_inverse=True)
        whole = np.round(255 * np.stack(images)).astype(np.uint8)
        return Characters(whole, np.stack(paths).astype(np.float32), labels, np.array(strokes))


def pen_path(strokes: Sequence[np.ndarray], samples: int = 151) -> Float[np.ndarray, "time 3"]:
    """Strokes, each (points, 2), as one path with a pen channel; straight in the air; minimum jerk in time along it all."""
    points, pen = [], []
    for stroke in strokes:
        stroke = np.asarray(stroke, float)
        if points:
            # The pen goes up and comes down in no way of its own: the change of the channel lies in the flight.
            fly = np.linspace(points[-1][-1], stroke[0], 9)[1:-1]
            points.append(fly)
            pen.append(np.zeros(len(fly)))
        points.append(stroke if len(stroke) > 1 else np.repeat(stroke, 2, 0))
        pen.append(np.full(len(points[-1]), Characters.PEN))
    path, down = np.concatenate(points), np.concatenate(pen)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    length = np.concatenate([[0], np.cumsum(steps)])
    where = minimum_jerk(samples) * length[-1]
    # Interpolation needs increasing places; points that do not move stand for the first of them.
    keep = np.concatenate([[True], steps > 1e-6])
    return np.stack([np.interp(where, length[keep], x[keep]) for x in (path[:, 0], path[:, 1], down)], -1)


def mnist_pairs(folder: Path | str, digits: Sequence[int] = (3, 5), *, limit: int | None = None) -> Pairs:
    """Pairs from the public MNIST files and the stroke sequences of E. D. de Jong, as each is unpacked.

    - `folder`: with `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (or `.gz`) and the folder `sequences` with
      `trainimg-0-inputdata.txt` and so on: rows of dx, dy, end of stroke, end of digit, in px from (0, 0).
    - `limit`: no more than so many pairs.

    Strokes are joined where they meet within 3 px (other digits are left out), begin at their upper end, are smoothed and timed by
    minimum jerk.
    """
    folder = Path(folder)
    images = _idx(folder, "train-images-idx3-ubyte", 3)
    labels = _idx(folder, "train-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise DataError(f"{folder} holds {len(images)} images but {len(labels)} labels; download it again.")
    chosen, paths = [], []
    for i in np.flatnonzero(np.isin(labels, digits)):
        if limit is not None and len(chosen) >= limit:
            break
        joined = _joined(read_strokes(folder / "sequences" / f"trainimg-{i}-inputdata.txt"))
        if joined is None:
            continue
        even = smooth(resample(joined[None], np.linspace(0, 1, 100)), _SMOOTH)
        paths.append(resample(even, minimum_jerk(100))[0])
        chosen.append(int(i))
    if len(chosen) < 2:
        raise DataError(
            f"{folder} has {len(chosen)} digit(s) {', '.join(map(str, digits))} with strokes that meet; two are needed."
        )
    return check_pairs(images[chosen], np.stack(paths), labels[chosen], np.array(chosen), str(folder))


def read_strokes(file: Path | str) -> list[np.ndarray]:
    """The strokes, each (points, 2) in px (column, row), of one file of de Jong's sequences."""
    file = Path(file)
    try:
        rows = np.loadtxt(file, ndmin=2)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {file}; unpack sequences.tar.gz beside the images.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is not a table of numbers ({error}).") from error
    if rows.size == 0 or rows.shape[1] != 4:
        raise DataError(
            f"{file} must have four columns (dx, dy, end of stroke, end of digit), and is {rows.shape}."
        )
    points = np.cumsum(rows[:, :2], 0)
    ends = np.flatnonzero((rows[:, 2] > 0) | (rows[:, 3] > 0)) + 1
    return [part for part in np.split(points, ends) if len(part)]


def _joined(strokes: list[np.ndarray]) -> np.ndarray | None:
    """One path from the upper end on, or None where strokes do not meet."""
    left = [np.asarray(s, float) for s in strokes]
    left = [s for s in left if len(s) > 1] or left
    ends = [(s[k][1], i, k) for i, s in enumerate(left) for k in (0, -1)]
    _, first, end = min(ends)
    path = left.pop(first)
    path = path[::-1] if end == -1 else path
    while left:
        gaps = [(float(np.linalg.norm(s[k] - path[-1])), i, k) for i, s in enumerate(left) for k in (0, -1)]
        gap, nearest, end = min(gaps)
        if gap > _GAP:
            return None
        new = left.pop(nearest)
        path = np.concatenate([path, new[::-1] if end == -1 else new])
    return path if len(path) > 4 else None


def _idx(folder: Path, name: str, axes: int) -> np.ndarray:
    """An array in MNIST's own format, gzipped or not."""
    packed = folder / f"{name}.gz"
    file = folder / name if (folder / name).exists() else packed
    if not file.exists():
        raise DataError(f"There is no file {folder / name} (or {name}.gz); put MNIST's training files there.")
    try:
        raw = gzip.decompress(file.read_bytes()) if file == packed else file.read_bytes()
        found = np.frombuffer(raw, ">i4", count=1 + axes)
        if found[0] != 0x0800 + axes:
            raise ValueError(f"its first number is {found[0]}, not {0x0800 + axes}")
        return np.frombuffer(raw, np.uint8, offset=4 * (1 + axes)).reshape(found[1:])
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file} is not a file of MNIST ({error}); download it again.") from error
