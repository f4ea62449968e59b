"""How people write the ten digits: control points of several styles each, as one pen path without lifting.

A glyph is drawn in a unit box (x to the right, y down, both 0 to 1, the digit about one high). Every style of
a digit starts at the same place and goes the same way, so that an image has one right answer. Where a pen
would be lifted (the 4, the foot of a 1, the bar of a 7) the path goes back over its own ink instead.
"""

from collections.abc import Callable

import numpy as np


class Sketch:
    """Collects the control points of `count` variants of one glyph."""

    def __init__(self, rng: np.random.Generator, count: int):
        self.rng, self.count = rng, count
        self.points: list[np.ndarray] = []
        self.corners: list[bool] = []

    def u(self, low, high) -> np.ndarray:
        """Uniform numbers, one for each variant."""
        return self.rng.uniform(low, high, self.count)

    def coin(self, probability: float) -> bool:
        """One choice for the whole batch, for what changes the number of points."""
        return self.rng.random() < probability

    def to(self, x, y, corner: bool = False) -> "Sketch":
        """The next control point; `corner` makes a kink there."""
        self.points.append(np.stack(np.broadcast_arrays(x, y, np.zeros(self.count))[:2], -1))
        self.corners.append(corner)
        return self

    def arc(
        self, x, y, rx, ry, start, stop, pieces: int, shrink: float | np.ndarray = 1.0, corner: bool = False
    ) -> "Sketch":
        """An elliptic arc from angle `start` to `stop` (degrees, counter-clockwise from the right)."""
        for i in range(pieces + 1):
            part = i / pieces
            angle = np.deg2rad(start + (stop - start) * part)
            size = 1 + (shrink - 1) * part
            self.to(x + size * rx * np.cos(angle), y - size * ry * np.sin(angle), corner and i == pieces)
        return self

    def array(self) -> np.ndarray:
        """The control points, shape (count, control, 2)."""
        return np.stack(self.points, 1)


def zero(s: Sketch) -> None:
    """From the top counter-clockwise; open, closed or overlapping at the top."""
    start = s.u(70, 105)
    s.arc(0.5, 0.5, s.u(0.2, 0.45), 0.5, start, start + s.u(320, 395), 12, s.u(0.8, 1.05))


def one(s: Sketch) -> None:
    """Plain, with a flag, with flag and foot."""
    style = s.rng.choice(3, p=[0.6, 0.22, 0.18])
    if style:
        s.to(0.5 - s.u(0.1, 0.42), s.u(0.1, 0.4))
        if s.coin(0.5):
            s.to(0.5 - s.u(0.05, 0.12), s.u(0.04, 0.12))
    s.to(0.5, 0, corner=True).to(0.5 + s.u(-0.05, 0.05), 0.5)
    if style < 2:
        s.to(0.5, 1)
        return
    s.to(0.5, 1, corner=True).to(0.5 - s.u(0.1, 0.4), 1 + s.u(-0.03, 0.05), corner=True)
    s.to(0.5 + s.u(0.1, 0.4), 1 + s.u(-0.06, 0.04))


def two(s: Sketch) -> None:
    """Arc, diagonal and base; a sharp, round or looped turn at the lower left."""
    y, left = s.u(0.2, 0.3), s.u(0.02, 0.2)
    s.arc(0.47, y, s.u(0.25, 0.42), y, s.u(115, 200), s.u(-45, -15), 6)
    s.to(0.5 + s.u(-0.1, 0.08), s.u(0.62, 0.74))
    style = s.rng.choice(3, p=[0.4, 0.22, 0.38])
    if style == 0:
        s.to(left, 1 - s.u(-0.02, 0.08), corner=True)
    elif style == 1:
        s.to(left + 0.08, s.u(0.86, 0.95)).to(left + 0.12, 1)
    else:
        deep, wide = s.u(0.05, 0.3), s.u(0.06, 0.2)
        s.to(left + 0.12, s.u(0.93, 1.02)).to(left - 0.3 * wide, 0.98 - 0.35 * deep)
        s.to(left + 0.1, 0.95 - deep).to(left + 0.1 + wide, 0.98 - 0.6 * deep)
    if s.coin(0.55):
        s.to(s.u(0.45, 0.65), s.u(0.88, 1.03))
    s.to(s.u(0.8, 1.15), s.u(0.84, 1.08))


def three(s: Sketch) -> None:
    """Two arcs from the upper left, with a kink, a soft turn or a loop between; or a flat top."""
    if s.coin(0.2):
        s.to(s.u(0.05, 0.2), s.u(-0.02, 0.06))
        if s.coin(0.5):
            s.to(0.45, s.u(-0.03, 0.05))
        s.to(s.u(0.7, 0.9), s.u(-0.04, 0.06), corner=s.coin(0.6))
    else:
        y = s.u(0.2, 0.26)
        s.arc(0.42, y, s.u(0.25, 0.42), y, s.u(100, 195), s.u(-35, -5), 6)
    style = s.rng.choice(4, p=[0.5, 0.2, 0.15, 0.15])
    x, y = s.u(0.22, 0.52), s.u(0.4, 0.52)
    if style == 0:
        s.to(x, y, corner=True)
    elif style == 1:
        s.to(x, y)
    elif style == 2:
        s.to(x, y, corner=True).to(x + 0.08, y + 0.02)
    else:
        s.to(x + 0.06, y + 0.05).to(x - s.u(0.03, 0.1), y).to(x + 0.06, y - s.u(0.03, 0.07))
    s.arc(s.u(0.35, 0.48), s.u(0.7, 0.76), s.u(0.26, 0.42), s.u(0.22, 0.29), s.u(40, 65), -s.u(125, 205), 7)


def four(s: Sketch) -> None:
    """Left arm, bar, back along the bar to the stem, up the stem and down it; open or closed at the top."""
    x, y, top = s.u(0.52, 0.8), s.u(0.45, 0.72), s.u(-0.05, 0.3)
    closed = s.coin(0.3)
    tilt, lean = s.u(-0.12, 0.06), s.u(-0.08, 0.08)
    if closed:
        top = np.minimum(top, 0.05)
        s.to(x + lean, top).to((x + lean) * 0.5 + 0.02, (top + y) / 2)
    else:
        s.to(s.u(0.05, 0.35), s.u(-0.02, 0.18))
        if s.coin(0.5):
            s.to(s.u(0.0, 0.12), y - s.u(0.12, 0.25))
    s.to(s.u(-0.02, 0.12), y + s.u(-0.03, 0.05), corner=s.coin(0.65) or closed)
    meet = y + tilt * 0.6
    if s.coin(0.35):
        s.to(0.3, y + s.u(0, 0.06))
    if s.coin(0.7):
        s.to(x + s.u(0.05, 0.45), meet + tilt * 0.3, corner=True)
        s.to(x + 0.3 * lean, meet, corner=True)
    else:
        s.to(x + 0.3 * lean, meet, corner=True)
    s.to(x + lean, top, corner=True).to(x + 0.3 * lean, meet).to(
        x - lean + s.u(-0.1, 0.1), 1 + s.u(-0.05, 0.1)
    )


def five(s: Sketch) -> None:
    """From the right end of the top bar, down the neck, round the bowl."""
    x, rise = s.u(0.12, 0.4), s.u(-0.2, 0.08)
    s.to(x + s.u(0.25, 0.9), rise)
    if s.coin(0.3):
        s.to(x + 0.25, rise / 3 + s.u(-0.03, 0.04))
    soft = s.coin(0.3)
    s.to(x, s.u(-0.02, 0.08), corner=not soft)
    neck = s.u(0.32, 0.52)
    if soft or s.coin(0.3):
        s.to(x - s.u(0.0, 0.1), neck * 0.55)
    cx, cy, rx, ry = s.u(0.32, 0.48), s.u(0.68, 0.74), s.u(0.24, 0.42), s.u(0.24, 0.32)
    stop = -s.u(110, 215)
    if soft:
        s.to(x + s.u(-0.02, 0.1), neck)
        s.arc(cx, cy, rx, ry, s.u(30, 60), stop, 6)
    else:
        s.to(x - s.u(0.0, 0.1), neck, corner=s.coin(0.75))
        s.arc(cx, cy, rx, ry, s.u(75, 115), stop, 7)


def six(s: Sketch) -> None:
    """Down the left side and round the loop counter-clockwise."""
    cy = s.u(0.68, 0.8)
    rx, ry = s.u(0.18, 0.4), 1 - cy
    cx = 0.15 + rx
    if s.coin(0.6):
        s.to(cx + s.u(-0.05, 0.4), s.u(-0.02, 0.06)).to(cx - rx * s.u(0.2, 0.6), s.u(0.2, 0.3))
    else:
        s.to(cx + s.u(-0.25, 0.1), 0).to(cx - rx * s.u(0.6, 1.0), s.u(0.2, 0.35))
    s.to(cx - rx * s.u(0.85, 1.02), s.u(0.48, 0.56))
    s.arc(cx, cy, rx, ry, 180, 180 + s.u(280, 400), 10, s.u(0.75, 1.05))


def seven(s: Sketch) -> None:
    """Top bar and leg; sometimes with a serif, sometimes with a bar through the leg."""
    y = s.u(-0.02, 0.1)
    if s.coin(0.25):
        s.to(s.u(0.0, 0.1), y + s.u(0.1, 0.25)).to(s.u(0.02, 0.1), y, corner=s.coin(0.7))
    else:
        s.to(s.u(0.0, 0.2), y)
    if s.coin(0.4):
        s.to(0.45, y + s.u(-0.04, 0.05))
    x, bottom = s.u(0.75, 1.0), s.u(0.15, 0.65)
    s.to(x, s.u(-0.04, 0.1), corner=s.coin(0.75))
    half = s.u(0.42, 0.58)
    middle = bottom + (x - bottom) * (1 - half) * s.u(0.6, 1.05)
    if s.coin(0.15):
        wide, tilt = s.u(0.1, 0.28), s.u(-0.06, 0.05)
        s.to(middle, half, corner=True).to(middle - wide, half - tilt, corner=True)
        s.to(middle + wide, half + tilt, corner=True).to(middle, half, corner=True)
    else:
        s.to(middle, half)
    s.to(bottom, 1)


def eight(s: Sketch) -> None:
    """An S from the upper right and back up: the upper loop counter-clockwise, the lower one clockwise."""
    top, low = s.u(0.16, 0.3), s.u(0.2, 0.36)
    waist, shift = s.u(0.42, 0.54), s.u(-0.06, 0.06)
    x, y = 0.5 + shift, waist / 2
    first = s.u(15, 65)
    s.arc(x, y, top, y, first, 225 + s.u(-10, 10), 5)
    s.to(0.5 + shift / 2, waist)
    y2, h2 = (1 + waist) / 2, (1 - waist) / 2
    s.arc(0.5, y2, low, h2, 45, -225, 7)
    s.to(0.5 + shift / 2 + s.u(-0.03, 0.06), waist + s.u(-0.04, 0.04))
    s.arc(x, y, top * s.u(0.85, 1.1), y, -40, first + s.u(-45, 25), 3)


def nine(s: Sketch) -> None:
    """Loop counter-clockwise from its upper right, then the leg: straight, curved or hooked."""
    rx, ry = s.u(0.18, 0.38), s.u(0.18, 0.3)
    cx = 0.75 - rx
    start = s.u(5, 65)
    style = s.rng.choice(3, p=[0.45, 0.35, 0.2])
    corner = s.coin(0.5)
    s.arc(cx, ry, rx, ry, start, 360 + s.u(-25, 25), 9, s.u(0.85, 1.05))
    if corner:
        s.to(0.75 + s.u(-0.04, 0.06), s.u(0.0, 0.2), corner=True)
    if style == 0:
        s.to(s.u(0.66, 0.78), 0.5).to(s.u(0.55, 0.82), 1)
    elif style == 1:
        s.to(0.74, s.u(0.42, 0.55)).to(s.u(0.6, 0.7), s.u(0.72, 0.8)).to(s.u(0.35, 0.6), 1)
    else:
        s.to(0.75, 0.5).to(s.u(0.65, 0.72), s.u(0.78, 0.86)).to(s.u(0.4, 0.5), 1)
        s.to(s.u(0.05, 0.22), s.u(0.82, 0.95))


GLYPHS: tuple[Callable[[Sketch], None], ...] = (zero, one, two, three, four, five, six, seven, eight, nine)
