import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

from ideomotor import Trajectory

from ._demonstrations import Demonstrations

_GREY, _BLUE, _ORANGE = "0.75", "#1f6fb4", "#e07b00"


def draw(
    demonstrations: Demonstrations,
    movement: Trajectory,
    nodes: Float[np.ndarray, "node dof"],
    gap: Bool[np.ndarray, " step"],
) -> Figure:
    """A movement among the demonstrations it is made of: in space where there are two or three coordinates, else over time.

    Nodes of the path are dots, the gaps between its partial paths are orange.
    """
    shown = 3 if demonstrations.space == "pose" else demonstrations.dof
    if demonstrations.space == "joint" or shown not in (2, 3):
        return _over_time(demonstrations, movement)
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot(projection="3d") if shown == 3 else figure.add_subplot(aspect="equal")
    for i, item in enumerate(demonstrations):
        axes.plot(*item.ys[:, :shown].T, color=_GREY, lw=0.8, label="demonstrations" if i == 0 else None)
    axes.plot(*np.asarray(movement.ys)[:, :shown].T, color=_BLUE, lw=2, label="movement")
    axes.plot(*nodes[:, :shown].T, ".", color=_BLUE, ms=4, label="nodes")
    for number, i in enumerate(np.flatnonzero(gap)):
        label = "gaps bridged" if number == 0 else None
        axes.plot(*nodes[i : i + 2, :shown].T, color=_ORANGE, lw=3, label=label)
    for name, letter in zip("xyz"[:shown], "xyz", strict=False):
        getattr(axes, f"set_{name}label")(f"{letter} (m)")
    if shown == 3:
        axes.set_aspect("equal")
    axes.legend(loc="upper left")
    return figure


def _over_time(demonstrations: Demonstrations, movement: Trajectory) -> Figure:
    count = demonstrations.dof
    figure = Figure(figsize=(7, 1.2 * count + 1), layout="constrained")
    rows = np.atleast_1d(np.array(figure.subplots(count, sharex=True)))
    unit = " (rad)" if demonstrations.space == "joint" else ""
    for j, axes in enumerate(rows):
        for item in demonstrations:
            axes.plot(item.ts - item.ts[0], item.ys[:, j], color=_GREY, lw=0.6)
        axes.plot(np.asarray(movement.ts), np.asarray(movement.ys)[:, j], color=_BLUE, lw=2)
        axes.set_ylabel(f"y{j}{unit}")
    rows[-1].set_xlabel("time (s)")
    return figure
