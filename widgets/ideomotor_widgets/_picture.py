import io
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

BLUE, GREEN, ORANGE, GREY = "#0072b2", "#009e73", "#d55e00", "#8a8f98"
_COLOURS = 96  # of the palette: enough for lines with smooth edges, and a third of the bytes of a full PNG


class Picture:
    """A Matplotlib figure in an image widget; only what moves is drawn anew (blitting), a tenth of the time.

    - `figure`: a `matplotlib.figure.Figure`; no pyplot, so nothing is kept by anyone else.
    - `image`: the `ipywidgets.Image` to show.

    Artists given to `animate` are drawn over a kept background by `update`; `redraw` draws the background, too, after
    limits or labels have changed.
    """

    def __init__(self, width: int = 600, height: int = 400, *, dpi: int = 100, **kwargs: Any):
        self.figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi, layout="constrained", **kwargs)
        self.canvas = FigureCanvasAgg(self.figure)
        layout = ipywidgets.Layout(
            width=f"{width}px", height=f"{height}px", max_width="100%", flex="0 0 auto"
        )
        self.image = ipywidgets.Image(format="png", layout=layout)
        self.image.add_class("ido-picture")
        self._moving: list[Artist] = []
        self._background: Any = None

    def animate(self, *artists: Artist) -> None:
        """Mark artists as those that move."""
        for artist in artists:
            artist.set_animated(True)
        self._moving.extend(artists)
        self._background = None

    def clear(self) -> None:
        """Take everything off the figure."""
        self.figure.clear()
        self._moving, self._background = [], None

    def redraw(self) -> None:
        """Draw everything, with room for the labels as they are now."""
        self.figure.set_layout_engine("constrained")
        self._background = None
        self.update()

    def update(self) -> None:
        """Draw what moves, and show the result."""
        if self._background is None:
            self.canvas.draw()
            self.figure.set_layout_engine("none")
            self._background = self.canvas.copy_from_bbox(self.figure.bbox)
        else:
            self.canvas.restore_region(self._background)
        for artist in self._moving:
            self.figure.draw_artist(artist)
        self.image.value = self.png()

    def png(self) -> bytes:
        """What is on the canvas now."""
        rgb = Image.fromarray(np.ascontiguousarray(np.asarray(self.canvas.buffer_rgba())[..., :3]))
        few = rgb.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        out = io.BytesIO()
        few.save(out, format="PNG", compress_level=1)
        return out.getvalue()


def as_png(picture: np.ndarray) -> bytes:
    """Numbers from 0 to 1, shape (height, width) or (height, width, 3), as a PNG."""
    out = io.BytesIO()
    Image.fromarray(np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)).save(out, format="PNG")
    return out.getvalue()


_EDGE, _NODE = "#8593a6", "#5b87b5"  # seen on white and on black
_ARROWS = 160  # transitions with a head at most


def level_picture(
    xy: np.ndarray,
    weight: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    probability: np.ndarray,
    view: list[float],
    width: int,
    height: int,
) -> bytes:
    """A PNG without a background that fills a view.

    - `xy`: of the nodes, `(node, 2)`; `weight`: samples of each, its area.
    - `source`, `target`: of the transitions, places in `xy`; `probability`: of each, its darkness.
    """
    figure = Figure(figsize=(width / 100, height / 100), dpi=120)
    canvas = FigureCanvasAgg(figure)
    figure.patch.set_alpha(0)
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=view[:2], ylim=view[2:])
    axes.set_axis_off()
    lines = np.stack([xy[source], xy[target]], 1)
    dark = np.clip(0.25 + 0.6 * probability, 0, 0.85)
    if len(lines):
        axes.add_collection(LineCollection(list(lines), colors=_EDGE, lw=0.9, alpha=dark))
    if 0 < len(lines) <= _ARROWS:
        way = lines[:, 1] - lines[:, 0]
        at = lines[:, 0] + 0.6 * way
        long = np.linalg.norm(way, axis=1) > 0.03 * (view[1] - view[0])
        size = np.maximum(np.linalg.norm(way[long], axis=1, keepdims=True), 1e-12)
        axes.quiver(*at[long].T, *(way[long] / size).T, color=_EDGE, pivot="mid", scale=60, width=0.005,
                    headwidth=5, headlength=6, headaxislength=6)  # fmt: skip
    area = np.clip(9000 * weight / max(weight.sum(), 1), 5, 500)
    axes.scatter(*xy.T, s=area, color=_NODE, alpha=0.75, lw=0)
    canvas.draw()
    few = Image.fromarray(np.asarray(canvas.buffer_rgba())).quantize(64, method=Image.Quantize.FASTOCTREE)
    out = io.BytesIO()
    few.save(out, format="PNG", compress_level=6)
    return out.getvalue()
