"""Pictures of canvases made in Python, for pages without a kernel."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ._canvas import Canvas
from ._canvas3d import Canvas3D
from ._layers import COLOURS, draw_layers
from ._still3d import draw_scene


def still(*parts: Any, dpi: int = 100) -> bytes:
    """Canvases, flat ones and those in space, and PNG pictures, side by side as one PNG."""
    parts = tuple(part for part in parts if not isinstance(part, bytes) or part)
    sizes = [_size(part) for part in parts]
    width, height = sum(w for w, _ in sizes), max(h for _, h in sizes)
    figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi)
    FigureCanvasAgg(figure)
    left = 0.0
    for part, (w, h) in zip(parts, sizes, strict=True):
        axes = figure.add_axes((left / width, 1 - h / height, w / width, h / height))
        left += w
        if isinstance(part, Canvas):
            draw_canvas(axes, part)
        elif isinstance(part, Canvas3D):
            draw_scene(axes, part)
        else:
            _draw_picture(axes, part)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def draw_canvas(axes: Axes, canvas: Canvas) -> None:
    """Draw what a canvas shows into axes."""
    x0, x1, y0, y1 = canvas.view
    scale = (
        max((x1 - x0) / canvas.width, (y1 - y0) / canvas.height) / 2
    )  # one for both axes, as in the browser
    x, y, dx, dy = (x0 + x1) / 2, (y0 + y1) / 2, scale * canvas.width, scale * canvas.height
    limits: Any = {"xlim": (x - dx, x + dx), "ylim": (y + dy, y - dy) if canvas.down else (y - dy, y + dy)}
    axes.set(xticks=[], yticks=[], **limits)
    for spine in axes.spines.values():
        spine.set_color("#cccccc")
    if canvas.picture:
        left, right, low, high = canvas.extent
        with Image.open(io.BytesIO(canvas.picture)) as image:
            extent = (left, right, high, low) if canvas.down else (left, right, low, high)
            axes.imshow(np.asarray(image.convert("RGBA")), extent=extent, aspect="auto")
        axes.set(**limits)
    if canvas.ink:
        rows = np.frombuffer(canvas.ink, np.float32).reshape(-1, 3)
        axes.plot(rows[:, 0], rows[:, 1], color=COLOURS["ink"], lw=0.72 * canvas.pen, solid_capstyle="round")
    draw_layers(axes, canvas.layers, canvas.data, canvas.position)
    for handle in canvas.handles:
        name = handle.get("color", "accent")
        axes.plot([handle["x"]], [handle["y"]], "o", mfc="none", mew=2, ms=11, color=COLOURS.get(name, name))


def _size(part: Any) -> tuple[int, int]:
    if isinstance(part, Canvas | Canvas3D):
        return part.width, part.height
    with Image.open(io.BytesIO(part)) as image:
        return image.size


def _draw_picture(axes: Axes, png: bytes) -> None:
    axes.set_axis_off()
    with Image.open(io.BytesIO(png)) as image:
        axes.imshow(np.asarray(image.convert("RGB")), interpolation="nearest", aspect="auto")
