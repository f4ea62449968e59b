import io
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
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
