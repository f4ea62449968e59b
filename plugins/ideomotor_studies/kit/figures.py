"""One style for all figures."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
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
    draw: Callable[[int], Iterable[Any]],
    seconds: float,
    pause: float = 0.0,
) -> None:
    """Write an animation.

    - `draw`: draws a frame and returns the artists that are removed after it.
    - `seconds`: of the whole; `pause`: for which the last frame stays longer.
    """
    pictures = []
    for i in frames:
        artists = draw(i)
        figure.canvas.draw()
        shown = np.asarray(figure.canvas.buffer_rgba())  # pyright: ignore[reportAttributeAccessIssue]
        pictures.append(Image.fromarray(shown[..., :3].copy()).quantize(64))
        for artist in artists:
            artist.remove()
    durations = [1000 * seconds / len(pictures)] * len(pictures)
    durations[-1] += 1000 * pause
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=False
    )
