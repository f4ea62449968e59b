"""What a drawn digit looks like: a figure of picture, path and arm, an animation, and an overview of several."""

from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from ideomotor_arm import draw_arm

from ._drawing import DigitDrawing

INK = "#1f3a93"
HAND = "#d1495b"
SHADE = "0.35"


def figure(drawing: DigitDrawing) -> Figure:
    """The picture with the path over it, the arm in several poses, and the movement over time."""
    fig = Figure(figsize=(13, 4.4), layout="constrained")
    FigureCanvasAgg(fig)
    left, middle, right = fig.subplots(1, 3, width_ratios=(1, 1.25, 1.1))
    show_path(left, drawing)
    left.set_title("picture, and the movement read from it")
    show_arm(middle, drawing, poses=4)
    middle.set_title("the arm that draws it")
    _show_time(right, drawing)
    return fig


def show_path(axes: Axes, drawing: DigitDrawing) -> None:
    """The picture in grey with the path over it, from dark to bright as time goes on."""
    picture = drawing.picture
    axes.imshow(picture, cmap="gray", interpolation="nearest", vmin=0, vmax=1)
    path = drawing.path
    segments = np.stack([path[:-1], path[1:]], axis=1)
    lines = LineCollection(list(segments), cmap="plasma", linewidths=3, capstyle="round")
    lines.set_array(np.linspace(0, 1, len(segments)))
    axes.add_collection(lines)
    axes.plot(*path[0], "o", color="#0d0887", markeredgecolor="white", markersize=8)
    around = np.concatenate([path, drawing.frame])
    low, high = around.min(0), around.max(0)
    margin = 0.15 * (high - low).max()
    height, width = picture.shape
    axes.set_xlim(max(low[0] - margin, -0.5), min(high[0] + margin, width - 0.5))
    axes.set_ylim(min(high[1] + margin, height - 0.5), max(low[1] - margin, -0.5))
    axes.set_xticks([])
    axes.set_yticks([])


def show_arm(axes: Axes, drawing: DigitDrawing, poses: int) -> None:
    """The arm over its sheet in a few poses, with the ink its hand leaves."""
    steps = np.linspace(0, len(drawing.ts) - 1, poses).astype(int)
    _sheet(axes, drawing)
    axes.plot(*drawing.hand.T, color=HAND, linewidth=2.5, zorder=5)
    for place, step in enumerate(steps):
        alpha = 0.15 + 0.5 * (place + 1) / poses
        draw_arm(axes, drawing.plant, drawing.angles[step], color=SHADE, alpha=alpha, linewidth=7)
        axes.plot(*drawing.hand[step], "o", color=HAND, markersize=6, zorder=6)
    _frame_arm(axes, drawing)


def _sheet(axes: Axes, drawing: DigitDrawing) -> None:
    height, width = drawing.image.shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(1 - 0.35 * drawing.image, cmap="gray", vmin=0, vmax=1, extent=extent, zorder=0)
    axes.set_xticks([])
    axes.set_yticks([])


def _frame_arm(axes: Axes, drawing: DigitDrawing) -> None:
    joints = np.asarray(drawing.plant.to_pixels(jax.vmap(drawing.plant.joint_positions)(drawing.angles)))
    height, width = drawing.image.shape
    around = np.concatenate([joints.reshape(-1, 2), [[0, 0], [width, height]]])
    low, high = around.min(0) - 4, around.max(0) + 4
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(high[1], low[1])
    axes.set_aspect("equal")


def _show_time(axes: Axes, drawing: DigitDrawing) -> None:
    for k, name in enumerate(("column", "row")):
        axes.plot(drawing.ts, drawing.wanted[:, k], color=INK, linewidth=1, linestyle="--")
        axes.plot(
            drawing.ts, drawing.hand[:, k], color=(HAND, "#edae49")[k], linewidth=2, label=f"hand, {name}"
        )
    axes.set_xlabel("time (s)")
    axes.set_ylabel("place on the sheet (px), dashed as planned")
    axes.legend(frameon=False, loc="best")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("the movement over time")


def animation(drawing: DigitDrawing, path: Path, *, frames: int = 40) -> None:
    """Write a GIF of the arm drawing the digit, in real time."""
    fig = Figure(figsize=(4.8, 4.8), dpi=80, layout="constrained")
    canvas = FigureCanvasAgg(fig)
    axes = fig.subplots()
    _sheet(axes, drawing)
    _frame_arm(axes, drawing)
    (ink,) = axes.plot([], [], color=HAND, linewidth=3, zorder=5)
    steps = np.linspace(0, len(drawing.ts) - 1, frames).astype(int)
    pictures = []
    for step in steps:
        arm = draw_arm(axes, drawing.plant, drawing.angles[step], color=SHADE, linewidth=8)
        ink.set_data(*drawing.hand[: step + 1].T)
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()).quantize(64))
        for artist in arm:
            artist.remove()
    each = 1000 * float(drawing.ts[-1] - drawing.ts[0]) / frames
    durations = [each] * (frames - 1) + [1200]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=False
    )


def overview(drawings: Sequence[DigitDrawing]) -> Figure:
    """A column for each digit: the picture with the path, and the arm at the end of the movement."""
    fig = Figure(figsize=(2.9 * len(drawings), 5.6), layout="constrained")
    FigureCanvasAgg(fig)
    grid = fig.subplots(2, len(drawings), squeeze=False)
    for (top, bottom), drawing in zip(grid.T, drawings, strict=True):
        show_path(top, drawing)
        top.set_title(drawing.name, fontsize=10)
        show_arm(bottom, drawing, poses=2)
    return fig
