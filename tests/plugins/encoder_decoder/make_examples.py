"""Draws the bundled example pictures: `python tests/plugins/encoder_decoder/make_examples.py FOLDER`.

They are drawn by hand-placed points and another renderer than the training digits, at the sizes and with the
faults of cameras and scanners.
"""

import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.interpolate import make_interp_spline

# Strokes as control points, x to the right and y down, the digit about one high. Several strokes: the pen was
# lifted.
_STROKES = {
    "three": [[(0.1, 0.14), (0.34, 0.0), (0.6, 0.15), (0.5, 0.38), (0.3, 0.47)],
              [(0.3, 0.47), (0.62, 0.53), (0.7, 0.75), (0.48, 0.98), (0.2, 0.96), (0.05, 0.85)]],
    "five": [[(0.7, 0.02), (0.45, 0.0), (0.2, 0.03)], [(0.2, 0.03), (0.16, 0.22), (0.15, 0.44)],
             [(0.15, 0.44), (0.38, 0.35), (0.64, 0.5), (0.64, 0.8), (0.38, 1.0), (0.05, 0.9)]],
    "two": [[(0.08, 0.24), (0.2, 0.05), (0.42, 0.0), (0.62, 0.13), (0.58, 0.37), (0.35, 0.66), (0.05, 0.97)],
            [(0.05, 0.97), (0.25, 0.93), (0.5, 0.99), (0.75, 0.93)]],
    "eight": [[(0.58, 0.14), (0.36, 0.01), (0.14, 0.14), (0.2, 0.36), (0.42, 0.5), (0.58, 0.7), (0.5, 0.93),
               (0.3, 1.0), (0.1, 0.88), (0.12, 0.66), (0.36, 0.46), (0.56, 0.32), (0.6, 0.16)]],
    "seven": [[(0.03, 0.05), (0.35, 0.02), (0.68, 0.04)], [(0.68, 0.04), (0.5, 0.4), (0.38, 0.7), (0.32, 1.0)]],
    "four": [[(0.3, 0.0), (0.16, 0.3), (0.05, 0.62)], [(0.05, 0.62), (0.4, 0.6), (0.75, 0.58)],
             [(0.56, 0.25), (0.52, 0.6), (0.5, 1.05)]],
}  # fmt: skip


def make_examples(folder: Path | str) -> list[Path]:
    """Write the pictures to a folder; the same bytes every time with the same version of Pillow."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, picture, options in _pictures():
        made.append(folder / name)
        picture.save(made[-1], **options)
    return made


def _pictures() -> Iterator[tuple[str, Image.Image, dict[str, Any]]]:
    rng = np.random.default_rng(3)
    ink = _ink("three", (900, 700), height=430, width=15, centre=(370, 420), slant=0.12)
    yield "photo-three.jpg", _photo(rng, ink, paper=(214, 205, 188), pen=(38, 44, 96)), {"quality": 55}
    ink = _ink("five", (320, 320), height=190, width=13, centre=(150, 165), slant=0.05)
    yield "chalk-five.png", Image.fromarray((28 + 200 * ink).astype(np.uint8)), {"optimize": True}
    ink = _ink("two", (2400, 2000), height=1500, width=22, centre=(1010, 1190), slant=0.2)
    yield "large-two.png", Image.fromarray(255 * (1 - ink) > 127), {"optimize": True}
    ink = _ink("eight", (360, 300), height=240, width=42, centre=(150, 180), slant=0.1)
    yield "marker-eight.png", Image.fromarray((250 - 240 * ink).astype(np.uint8)), {"optimize": True}
    ink = _ink("seven", (600, 600), height=330, width=12, centre=(290, 300), slant=0.55)
    squared = _photo(rng, ink, paper=(236, 236, 230), pen=(40, 40, 46), squares=30)
    yield "squared-seven.jpg", squared, {"quality": 60}
    ink = _ink("four", (700, 900), height=300, width=10, centre=(520, 330), slant=-0.05)
    yield "pencil-four.jpg", _photo(rng, ink, paper=(196, 190, 178), pen=(120, 118, 116)), {"quality": 50}


def _ink(name, shape, *, height, width, centre, slant):
    """How much of each pixel is ink, 0 to 1; `shape` (rows, columns), `centre` (column, row), all in px."""
    canvas = Image.new("L", shape[::-1], 0)
    draw = ImageDraw.Draw(canvas)
    for stroke in _STROKES[name]:
        points = np.array(stroke, float)
        chords = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
        line = make_interp_spline(chords, points, k=min(3, len(points) - 1))(np.linspace(0, chords[-1], 300))
        x, y = line[:, 0] - 0.36, line[:, 1] - 0.5
        x, y = centre[0] + height * (x - slant * y), centre[1] + height * y
        radii = width / 2 * (1 + 0.12 * np.sin(np.linspace(0, 7, 300)))
        for a, b, r in zip(x, y, radii, strict=True):
            draw.ellipse((a - r, b - r, a + r, b + r), fill=255)
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(0.8)), float) / 255


def _photo(rng, ink, *, paper, pen, squares=0):
    """Ink on paper under a lamp to one side, with a soft shadow and the camera's noise."""
    rows, cols = np.mgrid[0 : ink.shape[0], 0 : ink.shape[1]] / max(ink.shape)
    light = 1.08 - 0.45 * np.hypot(cols - 0.2, rows - 0.1)
    light *= 1 - 0.25 / (1 + np.exp(-(rows + 0.6 * cols - 0.95) / 0.05))
    sheet = np.array(paper, float) * np.ones((*ink.shape, 1))
    if squares:
        lines = (np.arange(ink.shape[0])[:, None] % squares < 2) | (np.arange(ink.shape[1]) % squares < 2)
        sheet[lines] = [188, 200, 222]
    colour = sheet * (1 - ink[..., None]) + np.array(pen, float) * ink[..., None]
    colour = colour * light[..., None] + rng.normal(0, 5, colour.shape)
    return Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))


if __name__ == "__main__":
    for path in make_examples(
        sys.argv[1] if len(sys.argv) > 1 else Path(str(files("ideomotor_encoder_decoder"))) / "examples"
    ):
        print(path, path.stat().st_size)
