"""What the camera saw, and the hand at work."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ideomotor_mujoco.grasping import View

from ._pick_up import PickedUp

_COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd")
_MOMENTS = (("start", 0.0), ("reached", 1.6), ("closed", 3.15), ("lifting", 4.0), ("end", 9.9))


def strip(found: PickedUp, fovy: float | int = 50.0) -> Figure:
    """The camera's picture with the chosen grasp, its depth, the hand in five moments, and who touched what over time."""
    figure = Figure(figsize=(13, 6.6), layout="constrained")
    FigureCanvasAgg(figure)
    rows: Any = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    panels: Any = rows[0].subplots(1, len(_MOMENTS))
    plant, ts = _plant(found), np.asarray(found.movement.ts)
    for axis, (name, time) in zip(panels, _MOMENTS, strict=True):
        i = min(int(np.searchsorted(ts, time)), len(ts) - 1)
        picture = plant.render(found.movement.xs[i], camera="side", width=300, height=330, backend="rays")
        axis.imshow(picture)
        axis.set_title(f"{name}, {ts[i]:.1f} s", fontsize=10)
        axis.axis("off")
    if found.view is not None and found.contacts is not None:
        left, right = rows[1].subfigures(1, 2, width_ratios=(1, 1.5))
        _seen(left.subplots(1, 2), found.view, found.contacts, fovy)
    else:
        right = rows[1]
    _touches(right.subplots(2, 1, sharex=True, height_ratios=(1.3, 1)), found)
    return figure


def animation(found: PickedUp, path: Path) -> None:
    """The movement as a GIF."""
    options = {"camera": "side", "width": 320, "height": 360, "backend": "rays"}
    _plant(found).animate(found.movement, path, fps=12.5, **options)


def _seen(axes: Any, view: View, contacts: np.ndarray, fovy: float | int) -> None:
    (left, right), size = axes, len(view.mask)
    local = (contacts - view.pose[:3, 3]) @ view.pose[:3, :3]
    focal = 0.5 * size / np.tan(np.radians(fovy) / 2)
    column = 0.5 * (size - 1) + focal * local[:, 0] / -local[:, 2]
    row = 0.5 * (size - 1) - focal * local[:, 1] / -local[:, 2]
    left.imshow(view.rgb)
    left.set_title("seen, with the chosen grasp", fontsize=10)
    right.imshow(np.where(view.mask, view.depth, np.nan), cmap="viridis_r")
    right.set_title("depth of the object", fontsize=10)
    for axis in (left, right):
        for i, (x, y) in enumerate(zip(column, row, strict=True)):
            axis.plot(x, y, "o", color=_COLOURS[i % 5], markeredgecolor="white", clip_on=True)
        axis.set_xlim(-0.5, size - 0.5)
        axis.set_ylim(size - 0.5, -0.5)
        axis.axis("off")


def _touches(axes: Any, found: PickedUp) -> None:
    """The object's height, and a bar for each part of the hand while it touches."""
    top, bottom = axes
    ts, seen = np.asarray(found.movement.ts), found.movement.ys
    height = 100 * np.asarray(seen["body"]["object"])[:, 2]
    top.plot(ts, height - height[0], color="black")
    top.set_ylabel("height (cm)", fontsize=9)
    top.set_title(f"the object's height, and what touches it: {found.outcome.reason}", fontsize=10)
    tips = np.asarray(seen["touching"]["tips"]) > 0.5
    rows = [(name, tips[:, i], _COLOURS[i % 5]) for i, name in enumerate(found.task.hand.tips)]
    rows.append(("other part", np.asarray(seen["touching"]["other"]) > 0.5, "0.3"))
    rows.append(("hand on table", np.asarray(seen["touching"]["table"]) > 0.5, "0.6"))
    for level, (_, touches, colour) in enumerate(rows):
        bottom.fill_between(ts, level - 0.35, level + 0.35, where=touches, color=colour, linewidth=0)
    bottom.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
    bottom.set_ylim(len(rows) - 0.5, -0.5)
    bottom.set_xlim(0, ts[-1])
    bottom.set_xlabel("time (s); dotted: the object is let go", fontsize=9)
    for axis in (top, bottom):
        axis.axvline(found.outcome.let_go, color="0.5", linewidth=0.9, linestyle=":")


def _plant(found: PickedUp) -> Any:
    plant: Any = found.pipeline.plant
    return plant.component
