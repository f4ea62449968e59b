"""The synthetic digits of Pahič et al. 2018: lines and elliptic arcs of random sizes and angles."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from ._drawing import affine, gaussian_blur, in_batches, minimum_jerk, resample, signed_distance
from ._varied import SIZE, Digits

_UNITS = 7.0  # the image is this many units wide; a digit is about 2 wide and 4 high
_ARC_POINTS = 48


class _Pen:
    """Draws `count` variants of one digit at once; units, x to the right, y up, (0, 0) the digit's centre."""

    def __init__(self, rng: np.random.Generator, count: int):
        self.rng, self.count = rng, count
        self.pieces: list[np.ndarray] = []

    def near(self, value, spread) -> np.ndarray:
        return value + self.rng.uniform(-spread, spread, self.count)

    def at(self, x, y) -> "_Pen":
        """Put down the pen, or draw a line from where it is."""
        self.pieces.append(np.stack(np.broadcast_arrays(x, y, np.zeros(self.count))[:2], -1)[:, None])
        return self

    @property
    def here(self) -> np.ndarray:
        return self.pieces[-1][:, -1].T

    def arc(self, rx, ry, start, sweep) -> "_Pen":
        """Draw an elliptic arc from where the pen is, at angle `start` (degrees, counter-clockwise)."""
        start, sweep, rx, ry = (np.broadcast_to(v, self.count)[:, None] for v in (start, sweep, rx, ry))
        angle = np.deg2rad(start + sweep * np.linspace(0, 1, _ARC_POINTS))
        arc = np.stack([rx * np.cos(angle), ry * np.sin(angle)], -1)
        self.pieces.append(arc - arc[:, :1] + self.here.T[:, None])
        return self

    def path(self) -> np.ndarray:
        return np.concatenate(self.pieces, 1)


def _zero(p: _Pen) -> None:
    # A closed ellipse does not show where it began, so that it always begins at the same angle, as the authors' does.
    rx, ry = p.near(1, 0.2), p.near(2, 0.2)
    p.at(0, ry).arc(rx, ry, 90, 360)


def _one(p: _Pen) -> None:
    angle, length, top = np.deg2rad(p.near(58, 5)), p.near(1.3, 0.2), p.near(2, 0.1)
    p.at(0.4 - length * np.cos(angle), top - length * np.sin(angle)).at(0.4, top).at(0.4, p.near(-2, 0.2))


def _two(p: _Pen) -> None:
    start, rx, ry = p.near(160, 15), p.near(0.95, 0.15), p.near(0.95, 0.1)
    p.at(rx * np.cos(np.deg2rad(start)), 1 + ry * np.sin(np.deg2rad(start)))
    p.arc(rx, ry, start, p.near(-30, 5) - start)
    base = p.near(-2, 0.1)
    p.at(p.near(-1, 0.1), base).at(p.near(1, 0.2), base)


def _three(p: _Pen) -> None:
    start, rx, ry = p.near(150, 15), p.near(0.9, 0.15), p.near(0.95, 0.1)
    p.at(rx * np.cos(np.deg2rad(start)), 1.05 + ry * np.sin(np.deg2rad(start)))
    p.arc(rx, ry, start, p.near(-90, 5) - start)
    p.arc(p.near(1, 0.15), p.near(1.05, 0.1), 90, -p.near(240, 15))


def _four(p: _Pen) -> None:
    x, top, bar = p.near(0.4, 0.15), p.near(2, 0.1), p.near(-0.6, 0.2)
    p.at(x, p.near(-2, 0.2)).at(x, top).at(p.near(-1, 0.15), bar).at(p.near(1, 0.15), bar)


def _five(p: _Pen) -> None:
    top, left, neck = p.near(2, 0.1), p.near(-0.8, 0.1), p.near(0.1, 0.15)
    p.at(p.near(0.9, 0.2), top).at(left, top).at(left, neck).at(left + 0.25, neck + p.near(0.25, 0.1))
    p.arc(p.near(1, 0.1), p.near(1.15, 0.1), p.near(120, 8), -p.near(240, 15))


def _six(p: _Pen) -> None:
    rx, ry = p.near(0.9, 0.15), p.near(1.05, 0.15)
    p.at(p.near(0.6, 0.2), p.near(2, 0.1))
    p.arc(p.near(1.5, 0.15), p.near(2.8, 0.2), 95, p.near(80, 5)).arc(rx, ry, 180, 360)


def _seven(p: _Pen) -> None:
    top = p.near(2, 0.1)
    p.at(p.near(-1, 0.2), top).at(p.near(1, 0.2), top).at(p.near(-0.4, 0.3), p.near(-2, 0.2))


def _eight(p: _Pen) -> None:
    p.at(0, p.near(0.2, 0.1)).arc(p.near(0.8, 0.15), p.near(0.9, 0.1), -90, 360)
    p.arc(p.near(1, 0.15), p.near(1.1, 0.1), 90, -360)


def _nine(p: _Pen) -> None:
    p.at(p.near(0.8, 0.1), p.near(1, 0.1)).arc(p.near(0.85, 0.15), p.near(0.95, 0.1), 0, 360)
    p.arc(p.near(1.3, 0.2), p.near(3, 0.2), 0, -p.near(80, 5))


_SHAPES: tuple[Callable[[_Pen], None], ...] = (
    _zero, _one, _two, _three, _four, _five, _six, _seven, _eight, _nine,
)  # fmt: skip


def synthetic_digits(
    count: int,
    *,
    seed: int = 0,
    digits: Sequence[int] = tuple(range(10)),
    samples: int = 301,
    duration: float | int = 3.0,
    rotation: float | int = 8.0,
    translation: float | int = 3.0,
    scale: float | int = 0.1,
    shear: float | int = 0.1,
    noise: float | int = 0.02,
) -> Digits:
    """Pairs of image and pen path as in Pahič et al. 2018, section V, with equally many of each digit.

    Each path is minimum jerk in time, and drawn with a brush of radius 1 px. Rotation (degrees), translation
    (px), relative scale and shear are uniform up to the given size, and are applied to the path that is
    drawn; `noise` is the probability that a pixel of the digit turns black or white. The same seed gives the
    same digits.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.resize(np.asarray(digits, np.int32), count))
    paths, drawn = np.empty((count, samples, 2), np.float32), np.empty((count, 97, 2), np.float32)
    for digit in np.unique(labels):
        mine = np.flatnonzero(labels == digit)
        pen = _Pen(rng, len(mine))
        _SHAPES[digit](pen)
        flipped = pen.path() * [1, -1] * SIZE / _UNITS
        moved = _affine(rng, flipped, rotation, translation, scale, shear) + (SIZE - 1) / 2
        paths[mine] = resample(moved, minimum_jerk(samples))
        drawn[mine] = resample(moved, np.linspace(0, 1, drawn.shape[1]))
    ink = in_batches(_draw, [drawn])
    struck = (ink > 0.5) & (rng.random(ink.shape, np.float32) < noise)
    ink = np.where(struck, rng.integers(0, 2, ink.shape), ink)
    images = np.round(255 * ink).astype(np.uint8)
    return Digits(images, paths, labels, np.linspace(0, duration, samples, dtype=np.float32))


def _affine(rng, paths, rotation, translation, scale, shear):
    count = len(paths)
    angle = np.deg2rad(rng.uniform(-rotation, rotation, count))
    size, slant = 1 + rng.uniform(-scale, scale, count), rng.uniform(-shear, shear, count)
    moved = paths @ affine(angle, size, slant).swapaxes(1, 2)
    return moved + rng.uniform(-translation, translation, (count, 1, 2))


def _draw(paths):
    radius = jnp.ones(paths.shape[:2])
    ink = jnp.clip(0.5 - signed_distance(paths, radius, (SIZE, SIZE)), 0, 1)
    return gaussian_blur(ink, jnp.full(len(paths), 0.1), taps=1)
