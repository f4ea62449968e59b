"""A level of a transition graph as a picture to lie under what moves."""

import io
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

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
