"""Pictures of a digit, photographed or scanned, brought into the form a digit reader was trained on."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Num
from scipy import ndimage

from ideomotor.errors import DataError

from ._picture import load_picture, to_grey
from .digits._varied import BOX, SIZE

_WORK = 320  # longer side, in px, of what the digit is looked for in
_MIN_CONTRAST = 0.06  # of ink against paper, of full scale
_MIN_STROKE = 1.8  # px in the result; a thinner line would fade when made smaller


class DigitImage(NamedTuple):
    """A digit, normalised, and the way back.

    - `image`: (40, 40) float32, paper 0 and ink 1; the ink's longer side is 28 px, its box is centred.
    - `scale`, `offset`: `original = scale * normalised + offset`, both (column, row) with (0, 0) the centre
      of the first pixel; of a photograph, after it was turned upright as its EXIF orientation says.
    """

    image: Float[np.ndarray, "40 40"]
    scale: float
    offset: tuple[float, float]

    def to_original(self, path: Num[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """A path in the normalised image as pixels (column, row) of the original picture."""
        return self.scale * np.asarray(path) + np.asarray(self.offset)


def read_image(source: str | Path | np.ndarray) -> DigitImage:
    """Read one handwritten digit from a picture file (PNG, JPEG, …) or an array.

    Dark on light or light on dark, of any size from 8 to 10,000 px a side, grey, colour, transparent or 16
    bit, with uneven light. Raises a `DataError` when there is no such file, when it is empty, damaged or no
    picture, too large, blank, without a digit, or with several side by side.
    """
    if isinstance(source, str | Path):
        return normalise_image(load_picture(Path(source)), name=str(source))
    return normalise_image(source)


def normalise_image(picture: np.ndarray, *, name: str = "the picture") -> DigitImage:
    """Find the one digit in an array of grey (rows, columns) or colour (rows, columns, 3 or 4) values.

    Integers count from 0 to 255 (or to 65535 if they go beyond 255), floats from 0 to 1 (or to 255 if they go beyond 1).
    """
    grey = to_grey(picture, name)
    box, looks = np.array([0, 0, *grey.shape]), 0
    while True:  # a digit small in a large picture is looked at again from nearer
        work, factor = _shrink(grey[box[0] : box[2], box[1] : box[3]])
        ink, mask, found = _find(work, name)
        looks += 1
        if looks == 3 or factor < 1.5 or max(found[2:] - found[:2]) > 0.3 * max(work.shape):
            break
        box = _around(found, factor, box, grey.shape)
    ink = ink * ndimage.gaussian_filter(ndimage.binary_dilation(mask, iterations=2).astype(float), 0.7)
    image, scale, corner = _fit_box(ink, mask, found)
    # Centres of the shrunk picture's pixels sit half a pixel inside those they were made from.
    offset = ((corner + 0.5) * factor - 0.5 + box[:2])[::-1]
    return DigitImage(image, float(scale * factor), (float(offset[0]), float(offset[1])))


def _shrink(grey):
    factor = max(1.0, max(grey.shape) / _WORK)
    if factor == 1.0:
        return grey, 1.0
    blurred = ndimage.gaussian_filter(grey, 0.4 * factor)
    rows, cols = (np.arange(int(n / factor)) for n in grey.shape)
    at = np.meshgrid((rows + 0.5) * factor - 0.5, (cols + 0.5) * factor - 0.5, indexing="ij")
    return ndimage.map_coordinates(blurred, at, order=1, mode="nearest"), factor


def _find(grey, name):
    """The ink (0 to about 1) of a picture, the mask of the digit, and its box (top, left, bottom, right)."""
    if np.ptp(grey) < _MIN_CONTRAST / 2:
        raise DataError(
            f"{name} is blank: its brightness hardly changes; give a picture with one digit on it."
        )
    # A frame of paper: where a digit touches the edge, the paper is still seen all round.
    side = max(grey.shape)
    margin = max(3, side // 16)
    grey = np.pad(grey, margin, mode="edge")
    fine = ndimage.median_filter(grey, 3) if side > 96 else grey
    fine = ndimage.gaussian_filter(fine, side / 500)
    ink = _ink(fine, side)
    # Noise lifts the estimate of the paper by the same amount everywhere; few pixels may be ink, so no
    # quantile.
    ink = np.clip(ink - np.quantile(ink, 0.3), 0, 1)
    level = np.partition(ink, -(12 + ink.size // 2000), axis=None)[-(12 + ink.size // 2000)]
    noise = 1.4826 * np.median(np.abs(fine - ndimage.gaussian_filter(fine, 2.0)))
    if level < _MIN_CONTRAST or level < 6 * noise:
        raise DataError(
            f"No digit was found in {name}: nothing stands out from the paper; "
            "take the picture nearer, in better light."
        )
    threshold = max(_otsu(ink[ink > 0.1 * level]), 0.4 * level)
    mask = _digit(ink > threshold, ink, side, name)
    inside = slice(margin, -margin), slice(margin, -margin)
    mask, ink = mask[inside], ink[inside]
    if not mask.any():
        raise DataError(f"No digit was found in {name}: only its edge is dark; take the digit whole.")
    strong = np.quantile(ink[mask], 0.6)
    ink = np.clip((ink / strong - 0.12) / 0.8, 0, 1)
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return ink, mask, np.array([rows[0], cols[0], rows[-1] + 1, cols[-1] + 1])


def _ink(grey, side):
    """How much darker (or brighter, if the writing is) than the paper around it each pixel is."""
    window = max(9, side // 5) | 1
    if _dark_on_light(grey, side):
        paper = ndimage.gaussian_filter(ndimage.grey_closing(grey, window), window / 6)
        return np.clip(1 - grey / np.maximum(paper, 0.05), 0, 1)  # light falls on paper and ink alike
    paper = ndimage.gaussian_filter(ndimage.grey_opening(grey, window), window / 6)
    return np.clip(grey - paper, 0, 1)


def _dark_on_light(grey, side):
    """Paper is what lies along the edge and what most pixels are near to; two votes that mostly agree."""
    flat = grey - ndimage.gaussian_filter(grey, side / 6, mode="nearest")
    rim = max(2, side // 12)
    inner = np.zeros(grey.shape, bool)
    inner[rim:-rim, rim:-rim] = True
    spread = flat.std() + 1e-9
    edge = (np.median(flat[~inner]) - flat.mean()) / spread
    skew = ((flat - flat.mean()) ** 3).mean() / spread**3
    return edge > skew


def _otsu(values):
    """The threshold with the largest variance between the two classes (Otsu 1979)."""
    counts, edges = np.histogram(values, 64)
    middle = (edges[:-1] + edges[1:]) / 2
    below, mass = np.cumsum(counts), np.cumsum(counts * middle)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    return middle[int(np.argmax(np.nan_to_num(between[:-1])))] if len(values) > 1 else 0.0


def _digit(mask, ink, side, name):
    """The mask of the digit alone: the heaviest piece and what belongs to it."""
    joined = ndimage.binary_dilation(mask, iterations=max(1, round(side / 120)))
    found: Any = ndimage.label(joined, np.ones((3, 3)))
    labels, count = found
    if count == 0:
        raise DataError(f"No digit was found in {name}: no connected line; take the picture nearer.")
    boxes = ndimage.find_objects(labels)
    mass = ndimage.sum(ink * mask, labels, np.arange(1, count + 1))
    edge = _at_edge(boxes, mask.shape)
    if np.all(edge):
        edge[:] = False
    mass = np.where(edge, 0, mass)
    main = int(np.argmax(mass))
    top, left = (s.start for s in boxes[main])
    bottom, right = (s.stop for s in boxes[main])
    height, size = bottom - top, max(bottom - top, right - left)
    if (mask & (labels == main + 1)).sum() < 12 or size < 6 or mass[main] < 0.15 * mass.sum():
        raise DataError(f"No digit was found in {name}: only specks; take the picture nearer and sharper.")
    keep = []
    for i, (rows, cols) in enumerate(boxes):
        if mass[i] < 0.03 * mass[main]:
            continue
        beside = max(cols.start - right, left - cols.stop)
        above = max(rows.start - bottom, top - rows.stop)
        tall = rows.stop - rows.start
        if i != main and mass[i] > 0.3 * mass[main] and tall > 0.5 * height and beside > 0.05 * size:
            raise DataError(
                f"{name} shows several digits side by side, and one is read at a time; crop it to one."
            )
        if max(beside, above) < 0.25 * size:
            keep.append(i + 1)
    return mask & np.isin(labels, keep)


def _at_edge(boxes, shape):
    """Pieces that run along the edge of the picture or across it: a table, a shadow, ruled lines."""
    found = []
    for rows, cols in boxes:
        touches = [rows.start <= 1, cols.start <= 1, rows.stop >= shape[0] - 1, cols.stop >= shape[1] - 1]
        found.append(sum(touches) >= 2)
    return np.array(found)


def _around(found, factor, box, shape):
    """The part of the picture around what was found, with as much again on each side, in its pixels."""
    low, high = found[:2] * factor + box[:2], found[2:] * factor + box[:2]
    room = 0.6 * max(high - low)
    return np.concatenate([np.maximum(low - room, 0), np.minimum(high + room, shape)]).astype(int)


def _fit_box(ink, mask, found):
    """The ink in the standard box, the size of its pixels, and where the first one is (row, column)."""
    scale = max(found[2:] - found[:2]) / BOX
    # A stroke of width b has area b · length, and the distance transform's mean over it is b / 4.
    width = 4 * np.asarray(ndimage.distance_transform_edt(mask))[mask].mean() / scale
    if width < _MIN_STROKE:
        grow = (_MIN_STROKE - width) * scale / 2
        reach = int(np.ceil(grow))
        disc = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= grow + 0.3
        ink = ndimage.grey_dilation(ink, footprint=disc)
        scale = scale + 2 * grow / BOX
    if scale > 1:
        ink = ndimage.gaussian_filter(ink, 0.4 * scale)
    centre = (found[:2] + found[2:] - 1) / 2
    corner = centre - scale * (SIZE - 1) / 2
    at = corner[:, None] + scale * np.arange(SIZE)
    image = ndimage.map_coordinates(ink, np.meshgrid(*at, indexing="ij"), order=1, mode="constant")
    image = np.clip(image / max(np.quantile(image[image > 0.1], 0.8), 0.3), 0, 1)
    return image.astype(np.float32), scale, corner
