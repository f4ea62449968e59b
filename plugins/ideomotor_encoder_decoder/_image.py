"""Pictures of digits, photographed or scanned, in the form that a digit reader was trained on."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Num
from scipy import ndimage

from ideomotor.errors import DataError

from ._losses import ink_distances
from ._picture import load_picture, to_grey
from .digits._varied import BOX, SIZE

_WORK, _PAGE, _LEAST = (
    320,
    1600,
    20,
)  # longer side, in px, of a picture of one digit, of a page, and of the least
_WIDE = 2.0  # times the height: a word
_NOISY = 1.4  # pixels nearly as dark as ink, for each pixel of ink: grain rather than writing
_MIN_CONTRAST = 0.06  # of ink against paper, of full scale
_MIN_STROKE = 1.8  # px in the result; a thinner line would fade when made smaller


class DigitImage(NamedTuple):
    """A digit, normalised, and the way back.

    - `image`: (40, 40) float32, paper 0 and ink 1; the ink's longer side is 28 px, its box is centred.
    - `scale`, `offset`: `original = scale * normalised + offset`, both (column, row) with (0, 0) the centre
      of the first pixel; of a photograph, after it was turned upright as its EXIF orientation says.
    - `picture`: the original, grey values from 0 (black) to 1 (white).
    """

    image: Float[np.ndarray, "40 40"]
    scale: float
    offset: tuple[float, float]
    picture: Float[np.ndarray, "height width"]

    def to_original(self, path: Num[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """A path in the normalised image as pixels (column, row) of the original picture."""
        return self.scale * np.asarray(path) + np.asarray(self.offset)

    def misfit(self, path: Num[Array | np.ndarray, "time 2"]) -> float:
        """How far the path that a reader gives for the image is from its ink, px: the reader's own doubt.

        The two `ink_distances` together, less what half the line's width makes. For a path that was not refined it is below 0.5
        for 97 % of digits, and above for four of five letters and other characters, and nine of ten digits turned by 90°.
        """
        ink = self.image > 0.5
        from_ink, from_path = ink_distances(path, self.image)
        return from_ink + from_path - float(np.asarray(ndimage.distance_transform_edt(ink))[ink].mean())


class SeveralPiecesError(DataError):
    """More than one piece of writing where one digit is read."""


def read_image(source: str | Path | np.ndarray, *, name: str | None = None) -> DigitImage:
    """Read one handwritten digit from a picture file (PNG, JPEG, …, or an array as `.npy`) or an array.

    - `source`: an array holds grey (rows, columns) or colour (rows, columns, 3 or 4) values of any type.
    - `name`: what it is called in messages; by default the path.

    Dark on light or light on dark, of any size from 8 to 10,000 px a side, grey, colour, transparent or 16
    bit, with uneven light. Returns the digit as readers take it (`image`, 40 x 40, ink 1), with the `picture` in grey,
    `to_original(path)`, which takes a path in the image into the picture, and `misfit(path)`, a reader's doubt. Raises a
    `DataError` when there is no such file, when it is empty, damaged or not a picture, too large, blank or without a digit, and a
    `SeveralPiecesError` for several pieces of writing, which `read_digits` reads.
    """
    grey, name = _grey(source, name)
    box, looks = np.array([0, 0, *grey.shape]), 0
    while True:  # a digit that is small in a large picture is cropped and searched again
        work, factor = _resized(grey[box[0] : box[2], box[1] : box[3]], _WORK)
        ink, mask, margin, pieces = _inked_pieces(work, name)
        groups = pieces.groups()
        whole = min(_extent(pieces, groups[0]) / work.shape) > 0.85
        if len(groups) > 1 or (whole and factor > 1):  # a page of small writing may look like one thing
            count = len(_inked_pieces(_resized(grey, _PAGE)[0], name)[3].groups()) if factor > 1 else 0
            if (count := count if count > 1 else len(groups)) > 1:
                raise SeveralPiecesError(
                    f"{name} shows {count} separate pieces of writing, and one digit is read at a time; crop it to one, or "
                    f"read them all with read_digits."
                )
        ink, mask, found = _only(ink, mask, margin, pieces, groups[0], name)
        looks += 1
        if looks == 3 or factor < 1.5 or max(found[2:] - found[:2]) > 0.3 * max(work.shape):
            break
        box = _around(found, factor, box, grey.shape)
    return _digit_image(ink, mask, found, factor, box[:2], grey)


def read_digits(source: str | Path | np.ndarray, *, name: str | None = None) -> list[DigitImage]:
    """Read all digits of a page, in reading order; `source` and `name` as for `read_image`, and the errors, except for several digits.

    Any other piece of writing is returned too, unless it is more than twice as wide as high: its `misfit` tells how little the
    path that a reader gives for it resembles it.
    """
    grey, name = _grey(source, name)
    work, factor = _resized(grey, _PAGE)
    ink, mask, frame, pieces = _inked_pieces(work, name)
    images = []
    found = [(*_bounds([pieces.boxes[i] for i in group]), group) for group in pieces.groups()]
    for top, left, bottom, right, group in _in_lines(found):
        if right - left > _WIDE * (bottom - top):
            continue
        room = max(bottom - top, right - left)
        corner = np.array([max(top - room, frame), max(left - room, frame)])
        rows, columns = (
            slice(corner[0], min(bottom + room, frame + work.shape[0])),
            slice(corner[1], right + room),
        )
        mine = mask[rows, columns] & np.isin(pieces.labels[rows, columns], np.array(group) + 1)
        if mine.any():
            part = _normalised(ink[rows, columns], mine)
            images.append(_digit_image(*part, factor, factor * (corner - frame), grey))
    return images


def _grey(source: str | Path | np.ndarray, name: str | None) -> tuple[np.ndarray, str]:
    if isinstance(source, str | Path):
        name = str(source) if name is None else name
        source = load_picture(Path(source))
    name = "the picture" if name is None else name
    return to_grey(source, name), name


def _digit_image(ink, mask, found, factor, corner, grey) -> DigitImage:
    ink = ink * ndimage.gaussian_filter(ndimage.binary_dilation(mask, iterations=2).astype(float), 0.7)
    image, scale, first = _fit_box(ink, mask, found)
    # Centres of the resized picture's pixels sit half a pixel inside those they were made from.
    offset = ((first + 0.5) * factor - 0.5 + corner)[::-1]
    return DigitImage(image, float(scale * factor), (float(offset[0]), float(offset[1])), grey)


def _resized(grey, most):
    """The picture with its longer side at most `most` px, and at least `_LEAST`; and how much larger it was."""
    factor = max(grey.shape) / np.clip(max(grey.shape), _LEAST, most)
    if factor == 1.0:
        return grey, 1.0
    blurred = ndimage.gaussian_filter(grey, 0.4 * factor) if factor > 1 else grey
    rows, cols = (np.arange(int(n / factor)) for n in grey.shape)
    at = np.meshgrid((rows + 0.5) * factor - 0.5, (cols + 0.5) * factor - 0.5, indexing="ij")
    return ndimage.map_coordinates(blurred, at, order=1, mode="nearest"), float(factor)


def _inked_pieces(grey, name):
    """The ink of a picture, the mask of all writing, the width of the frame around both, and the pieces of writing."""
    ink, mask, margin = _inked(grey, name)
    side = max(grey.shape)
    return ink, mask, margin, _pieces(mask, ink, max(1, round(side / 120)) if side <= _WORK else 1, name)


def _extent(pieces, group):
    top, left, bottom, right = _bounds([pieces.boxes[i] for i in group])
    return np.array([bottom - top, right - left])


def _only(ink, mask, margin, pieces, group, name):
    """The ink (0 to about 1), the mask and the box (top, left, bottom, right) of the one digit."""
    height, width = _extent(pieces, group)
    if width > _WIDE * height:
        raise DataError(
            f"{name} shows one piece of writing {width / height:.1f} times as wide as high, such as a word or a line; crop it "
            f"to one digit."
        )
    mask = mask & np.isin(pieces.labels, np.array(group) + 1)
    inside = slice(margin, -margin), slice(margin, -margin)
    if not mask[inside].any():
        raise DataError(f"No digit was found in {name}: only its edge is dark; include all of the digit.")
    return _normalised(ink[inside], mask[inside])


def _inked(grey, name):
    """How dark the writing on each pixel is, the mask of all writing, and the width of the frame put around both."""
    if np.ptp(grey) < _MIN_CONTRAST / 2:
        raise DataError(f"{name} is blank: its brightness hardly changes; pass a picture with a digit on it.")
    # A frame of paper: where a digit touches the edge, the paper is still seen all round.
    side = max(grey.shape)
    margin = max(3, min(side, _WORK) // 16)
    grey = np.pad(grey, margin, mode="edge")
    fine = ndimage.median_filter(grey, 3) if side > 96 else grey
    fine = ndimage.gaussian_filter(fine, min(side, _WORK) / 500)
    ink = _ink(fine, min(side, 2 * _WORK))
    # Noise lifts the estimate of the paper by the same amount everywhere; few pixels may be ink, so no
    # quantile.
    ink = np.clip(ink - np.quantile(ink, 0.3), 0, 1)
    level = np.partition(ink, -(12 + ink.size // 2000), axis=None)[-(12 + ink.size // 2000)]
    noise = 1.4826 * np.median(np.abs(fine - ndimage.gaussian_filter(fine, 2.0)))
    if level < _MIN_CONTRAST or level < 6 * noise:
        raise DataError(
            f"No digit was found in {name}: nothing stands out from the paper; move the camera closer and use more light."
        )
    threshold = max(_otsu(ink[ink > 0.1 * level]), 0.4 * level)
    return ink, ink > threshold, margin


def _normalised(ink, mask):
    """Ink from 0 to 1, the mask, and its box."""
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
    coarse = max(1, max(grey.shape) // _WORK)
    grey = grey[::coarse, ::coarse]
    flat = grey - ndimage.gaussian_filter(grey, side / coarse / 6, mode="nearest")
    rim = max(2, side // (12 * coarse))
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


class _Pieces(NamedTuple):
    """Connected ink: an image of labels from 1, the box of each piece, and how much ink it holds."""

    labels: np.ndarray
    boxes: list
    mass: np.ndarray

    def groups(self) -> list[list[int]]:
        """The pieces of each piece of writing, the one with the most ink first; specks belong to none."""
        sizes = np.array([max(_height(box), _width(box)) for box in self.boxes])
        # What counts is measured by a typical piece: the quarter of the ink in smaller ones may be bars and dirt.
        rising = np.argsort(sizes)
        typical = rising[np.searchsorted(np.cumsum(self.mass[rising]), 0.25 * self.mass.sum())]
        size, ink = sizes[typical], self.mass[typical]
        order = [int(i) for i in np.argsort(-self.mass * sizes) if self.mass[i] > 0]
        order = [i for i in order if self.mass[i] >= 0.03 * ink or sizes[i] > 0.25 * size]
        groups: list[list[int]] = []
        for i in order:
            near = [group for group in groups if any(self._together(i, j) for j in group)]
            for other in near[1:]:
                near[0].extend(other)
                groups.remove(other)
            near[0].append(i) if near else groups.append([i])
        return [g for g in groups if sizes[g].max() > 0.2 * size and self.mass[g].sum() > 0.04 * ink]

    def _together(self, i: int, j: int) -> bool:
        """Whether piece i belongs to the larger piece j: a bar or a dot near it, or a part that a gap cut off."""
        one, other = self.boxes[i], self.boxes[j]
        size = max(_height(other), _width(other))
        gap = max(
            one[0].start - other[0].stop,
            other[0].start - one[0].stop,
            one[1].start - other[1].stop,
            other[1].start - one[1].stop,
        )
        if gap >= 0.25 * size:
            return False
        flat = _height(one) < 0.35 * size
        if flat and (_height(one) < 0.2 * size or _width(one) > _height(one)):
            return True
        if self.mass[i] < 0.2 * self.mass[j] and gap < 0.12 * size:
            return True
        # Parts of a torn stroke overlap, or follow each other downwards in the proportions of one digit.
        top, left, bottom, right = _bounds([one, other])
        beside = one[1].start >= other[1].stop or other[1].start >= one[1].stop
        narrow = all(_width(box) < 0.4 * _height(box) for box in (one, other))
        torn = not beside and (bottom - top < 2 * (right - left) or narrow)
        return self._distance(i, j) < (0.15 if torn else 0.05) * size

    def _distance(self, i: int, j: int) -> float:
        from scipy.spatial import KDTree  # a tenth of a second, and seldom needed

        points = []
        for k in (i, j):
            rows, columns = self.boxes[k]
            inside = self.labels[rows, columns] == k + 1
            edge = np.logical_and(inside, np.logical_not(ndimage.binary_erosion(inside)))
            points.append(np.argwhere(edge) + (rows.start, columns.start))
        return float(KDTree(points[0]).query(points[1])[0].min()) - 1


def _pieces(mask, ink, join: int, name: str) -> _Pieces:
    """The connected pieces of a mask whose gaps of up to 2 `join` px are closed."""
    joined = ndimage.binary_dilation(mask, iterations=join)
    found: Any = ndimage.label(joined, np.ones((3, 3)))
    labels, count = found
    boxes = ndimage.find_objects(labels)
    mass = np.asarray(ndimage.sum(ink * mask, labels, np.arange(1, count + 1)))
    edge = _at_edge(boxes, mask.shape)
    if not np.all(edge):
        mass = np.where(edge, 0, mass)
    main = int(np.argmax(mass))
    pixels, size = (mask & (labels == main + 1)).sum(), max(_height(boxes[main]), _width(boxes[main]))
    faint = ((ink > 0.6 * ink[mask].min()) & ~mask).sum() / mask.sum()
    if pixels < 12 or size < 6 or (faint > _NOISY and mass[main] < 0.15 * mass.sum()):
        raise DataError(
            f"No digit was found in {name}: only specks; move the camera closer and focus it on the digit."
        )
    return _Pieces(labels, boxes, mass)


def _height(box) -> int:
    return box[0].stop - box[0].start


def _width(box) -> int:
    return box[1].stop - box[1].start


def _bounds(boxes) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of several boxes."""
    rows, columns = zip(*boxes, strict=True)
    return (
        min(r.start for r in rows),
        min(c.start for c in columns),
        max(r.stop for r in rows),
        max(c.stop for c in columns),
    )


def _in_lines(found):
    """Boxes in reading order: a box whose middle is within the height of a line belongs to it."""
    lines: list[list] = []
    for box in sorted(found, key=lambda box: box[0] + box[2]):
        middle = (box[0] + box[2]) / 2
        line = next((line for line in lines if line[-1][0] <= middle <= line[-1][2]), None)
        lines.append([box]) if line is None else line.append(box)
    return [box for line in lines for box in sorted(line, key=lambda box: box[1])]


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
