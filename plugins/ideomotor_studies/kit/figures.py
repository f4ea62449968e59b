"""One style for all figures."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

BLUE, RED, ORANGE, YELLOW, GREY, BLACK = "#1f5fd1", "#d1495b", "#e07b00", "#edae49", "0.6", "black"
COLOURS = (
    "#d62728",
    "#1f77b4",
    "#2ca02c",
    "#ff7f0e",
    "#9467bd",
)  # of fingers and of other things that are counted
_COLOURS_OF_GIF = 128


def new_figure(width: float | int, height: float | int, **options: Any) -> Figure:
    """A figure (inches) with a canvas that needs no display."""
    figure = Figure(figsize=(width, height), layout="constrained", **options)
    FigureCanvasAgg(figure)
    return figure


def plain(*axes: Any) -> None:
    """Axes without a frame at the top and on the right."""
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)


def bare(*axes: Any) -> None:
    """Axes without ticks."""
    for one in axes:
        one.set(xticks=[], yticks=[])


def write_gif(
    path: Path,
    figure: Figure,
    frames: Iterable[int],
    move: Callable[[int], Any],
    moving: Iterable[Artist],
    seconds: float,
    pause: float = 0.0,
) -> None:
    """Write an animation.

    - `move`: brings the artists to a frame; `moving`: those that it changes. All others are drawn once, below them.
    - `seconds`: of the whole; `pause`: for which the last frame stays longer.
    """
    moving = sorted(moving, key=lambda artist: artist.zorder)
    canvas: Any = figure.canvas
    for artist in moving:
        artist.set_animated(True)
    canvas.draw()
    still, shown = canvas.copy_from_bbox(figure.bbox), []
    for i in frames:
        move(i)
        canvas.restore_region(still)
        for artist in moving:
            figure.draw_artist(artist)
        shown.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    # One palette for all frames, of some of them: finding each frame's own takes most of the time.
    some = np.concatenate([shown[0], shown[len(shown) // 2], shown[-1]])
    palette = Image.fromarray(some).quantize(_COLOURS_OF_GIF)
    # Pillow looks up rounded colours: white would become the grey next to it.
    palette.putpalette([255 if part > 248 else part for part in palette.getpalette() or []])
    pictures = [Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE) for one in shown]
    durations = [1000 * seconds / len(pictures)] * len(pictures)
    durations[-1] += 1000 * pause
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=False
    )
