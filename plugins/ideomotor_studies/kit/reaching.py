"""Movements of an arm's hand, and how they are drawn: paths over the grid of joint coordinates, targets, circles."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ideomotor import AbstractPlant, Trajectory, rollout
from ideomotor_arm import draw_arm

from .figures import new_figure, write_gif

HAND, TARGET, GRID = "tab:blue", "tab:red", "0.85"
TARGETS = ((0.10, 0.46), (0.30, 0.36), (0.16, 0.28), (0.26, 0.46))
FIRST = (0.18, 0.36)  # m, the middle of the workspace
DT = 0.01  # s
BETWEEN = 0.05  # s between the points of a tracked path
LEAD = 1.0  # s until tracking is measured


def play(primitive: Any, params: Any, plant: Any, seconds: float, start: Any, key: Any = None) -> Trajectory:
    """A movement whose hand starts at rest at the point `start` (m)."""
    ts = np.arange(round(seconds / DT) + 1) * DT
    x0 = plant.at(jnp.asarray(start, jnp.float32))
    return jax.tree.map(np.asarray, rollout(primitive, params, ts, plant=plant, x0=x0, key=key))


def tracked_path(duration: float, *, phase: float = 0.0, size: float = 0.08) -> np.ndarray:
    """A Lissajous figure about the middle of the workspace, one point each 0.05 s; its mean speed is 7 cm/s."""
    t = np.arange(0.0, duration + BETWEEN, BETWEEN)
    w = 2 * np.pi / 12.0
    return np.array(FIRST) + size * np.stack([np.sin(w * t + phase), np.sin(2 * w * t + 1.7 * phase)], -1)


def arm_axes(axes: Any, plant: Any, *, grid: bool = True) -> None:
    """Axes in metres, with the grid of joint coordinates in the background."""
    if grid:
        shoulder, elbow = np.linspace(-0.4, 1.4, 10), np.linspace(0.8, 2.6, 10)
        fine = np.linspace(0, 1, 40)
        lines = [np.stack([np.full(40, value), elbow[0] + fine * np.ptp(elbow)], -1) for value in shoulder]
        lines += [
            np.stack([shoulder[0] + fine * np.ptp(shoulder), np.full(40, value)], -1) for value in elbow
        ]
        for line in lines:
            axes.plot(*np.asarray(plant.forward_kinematics(line)).T, color=GRID, linewidth=0.6, zorder=0)
    axes.set_aspect("equal")
    axes.set(xlabel="x (m)", ylabel="y (m)")


def show_arm(
    axes: Any, plant: AbstractPlant, movement: Trajectory, i: int, artists: Sequence[Any] = ()
) -> list:
    """The arm at sample `i`; returns its artists, which may be given to move them to another sample."""
    style = {"color": "0.3", "alpha": 0.35, "linewidth": 7}
    return draw_arm(axes, plant, movement.ys["angle"][i], artists=artists, **style)


def show_tracking(axes: Any, plant: AbstractPlant, movement: Trajectory, path: np.ndarray) -> None:
    """The paths of the hand and of the target, with the arm at the end."""
    arm_axes(axes, plant)
    axes.plot(*np.asarray(path).T, ":", color=TARGET, label="target")
    axes.plot(*movement.ys["hand"].T, color=HAND, label="hand")
    show_arm(axes, plant, movement, -1)
    axes.legend(loc="upper left", frameon=False)


def show_reach(axes: Any, plant: AbstractPlant, movement: Trajectory, targets: np.ndarray) -> None:
    """The hand's path and the targets as open circles, with the arm at the end."""
    arm_axes(axes, plant)
    axes.plot(*movement.ys["hand"].T, color=HAND)
    axes.plot(*movement.ys["hand"][0], "s", color=HAND, markersize=4)
    axes.plot(*np.asarray(targets).T, "o", markerfacecolor="none", markeredgecolor=TARGET, markersize=10)
    for i, target in enumerate(np.asarray(targets)):
        axes.annotate(str(i + 1), target, xytext=(8, 6), textcoords="offset points", color=TARGET)
    show_arm(axes, plant, movement, -1)


def show_circle(axes: Any, center: Any, radius: float) -> None:
    """A circle that was commanded."""
    phase = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([center[0] + radius * np.cos(phase), center[1] + radius * np.sin(phase)])
    axes.plot(*circle, "--", color=TARGET, linewidth=1)


def show_circles(
    axes: Any,
    plant: AbstractPlant,
    movement: Trajectory,
    centers: Sequence[Any],
    radius: float,
    settled: float = 0.0,
) -> None:
    """The hand's path, grey until it is `settled` (s), and the circles commanded."""
    arm_axes(axes, plant)
    hand, late = movement.ys["hand"], movement.ts >= settled
    axes.plot(*hand[~late].T, color="0.7", linewidth=0.7)
    axes.plot(*hand[late].T, color=HAND)
    for center in centers:
        show_circle(axes, center, radius)


def animation(
    plant: AbstractPlant, movement: Trajectory, path: Path, marks: Callable[[Any], Any], *, frames: int = 60
) -> None:
    """Write a GIF of the movement in real time; `marks` draws what was commanded into the axes."""
    figure = new_figure(4.8, 4.8, dpi=80)
    axes = figure.subplots()
    arm_axes(axes, plant)
    marks(axes)
    axes.set(xlim=(-0.2, 0.55), ylim=(-0.05, 0.65))
    (line,) = axes.plot([], [], color=HAND, linewidth=2)

    arm = show_arm(axes, plant, movement, 0)

    def move(i: int) -> None:
        line.set_data(*movement.ys["hand"][: i + 1].T)
        show_arm(axes, plant, movement, i, arm)

    shown = np.linspace(0, len(movement.ts) - 1, frames).astype(int).tolist()
    write_gif(path, figure, shown, move, [line, *arm], float(movement.ts[-1]))
