"""Figures 6, 7 and 8 of the paper."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ideomotor import AbstractPlant, Trajectory, rollout
from ideomotor_arm import draw_arm
from ideomotor_rnn import (
    CircleCommand,
    ReachCommand,
    RecurrentPolicy,
    ScheduledPolicy,
)

from ._measure import BETWEEN, DT, tracked_path

HAND, TARGET, GRID = "tab:blue", "tab:red", "0.85"
TARGETS = ((0.10, 0.46), (0.30, 0.36), (0.16, 0.28), (0.26, 0.46))
FIRST = (0.18, 0.36)


def play(
    scheduled: ScheduledPolicy,
    schedule: Any,
    plant: AbstractPlant,
    seconds: float,
    start: Any,
    key: Any = None,
) -> Trajectory:
    """A movement whose hand starts at rest at the point `start` (m)."""
    x0 = plant.at(jnp.asarray(start, jnp.float32))  # pyright: ignore[reportAttributeAccessIssue]
    ts = np.arange(round(seconds / DT) + 1) * DT
    return jax.tree.map(np.asarray, rollout(scheduled, schedule, ts, plant=plant, x0=x0, key=key))


def _axes_of_arm(axes, plant: AbstractPlant, *, grid: bool = True) -> None:
    """Axes in metres, with the grid of joint coordinates in the background."""
    if grid:
        shoulder, elbow = np.linspace(-0.4, 1.4, 10), np.linspace(0.8, 2.6, 10)
        fine = np.linspace(0, 1, 40)
        for value in shoulder:
            line = np.stack([np.full(40, value), elbow[0] + fine * np.ptp(elbow)], -1)
            axes.plot(*np.asarray(plant.forward_kinematics(line)).T, color=GRID, linewidth=0.6, zorder=0)  # pyright: ignore
        for value in elbow:
            line = np.stack([shoulder[0] + fine * np.ptp(shoulder), np.full(40, value)], -1)
            axes.plot(*np.asarray(plant.forward_kinematics(line)).T, color=GRID, linewidth=0.6, zorder=0)  # pyright: ignore
    axes.set_aspect("equal")
    axes.set_xlabel("x (m)")
    axes.set_ylabel("y (m)")


def _arm(axes, plant: AbstractPlant, movement: Trajectory, i: int) -> list:
    return draw_arm(axes, plant, movement.ys["angle"][i], color="0.3", alpha=0.35, linewidth=7)


def figure_6(
    policy: RecurrentPolicy, plant: AbstractPlant, *, seed: int | None = 0, hold: float = 1.0
) -> Figure:
    """Reaching to four targets one after the other, and tracking a target that moves."""
    key = None if seed is None else jax.random.key(seed)
    targets = np.asarray(TARGETS, np.float32)
    reach = play(
        *ScheduledPolicy.steps(policy, ReachCommand(jnp.asarray(targets)), hold), plant, hold * 4, FIRST, key
    )
    path = tracked_path(12.0)
    track = play(
        *ScheduledPolicy.moving_target(policy, path.astype(np.float32), BETWEEN), plant, 12.0, path[0], key
    )
    fig = Figure(figsize=(10, 8), layout="constrained")
    FigureCanvasAgg(fig)
    (a, b), (c, d) = fig.subplots(2, 2)
    show_reach(a, plant, reach, targets)
    a.set_title("(a) reaching four targets")
    current = targets[np.clip((reach.ts / hold + 1e-6).astype(int), 0, 3)]
    b.plot(reach.ts, 100 * np.linalg.norm(reach.ys["hand"] - current, axis=-1), color=HAND)
    b.set(title="(b) distance to target", xlabel="time (s)", ylabel="distance (cm)", ylim=(0, None))
    c.plot(reach.ts, np.linalg.norm(reach.ys["hand_velocity"], axis=-1), color=HAND)
    c.set(title="(c) speed", xlabel="time (s)", ylabel="speed (m/s)", ylim=(0, None))
    show_tracking(d, plant, track, path)
    d.set_title("(d) tracking a moving target")
    return fig


def show_tracking(axes, plant: AbstractPlant, movement: Trajectory, path: np.ndarray) -> None:
    """The hand's path and that of the target, with the arm at the end."""
    _axes_of_arm(axes, plant)
    axes.plot(*np.asarray(path).T, ":", color=TARGET, label="target")
    axes.plot(*movement.ys["hand"].T, color=HAND, label="hand")
    _arm(axes, plant, movement, -1)
    axes.legend(loc="upper left", frameon=False)


def show_reach(axes, plant: AbstractPlant, movement: Trajectory, targets: np.ndarray) -> None:
    """The hand's path and the targets as open circles, with the arm at the end."""
    _axes_of_arm(axes, plant)
    axes.plot(*movement.ys["hand"].T, color=HAND)
    axes.plot(*movement.ys["hand"][0], "s", color=HAND, markersize=4)
    axes.plot(*np.asarray(targets).T, "o", markerfacecolor="none", markeredgecolor=TARGET, markersize=10)
    for i, target in enumerate(np.asarray(targets)):
        axes.annotate(str(i + 1), target, xytext=(8, 6), textcoords="offset points", color=TARGET)
    _arm(axes, plant, movement, -1)


def figure_7(policy: RecurrentPolicy, plant: AbstractPlant, *, seed: int | None = 0) -> Figure:
    """Circles at several places one after the other, and with several radii and speeds at one place."""
    key = None if seed is None else jax.random.key(seed)
    centers = np.array([[0.10, 0.40], [0.27, 0.38], [0.20, 0.28]], np.float32)
    many = CircleCommand(jnp.asarray(centers), jnp.full(3, 0.06), jnp.full(3, 0.3))
    fig = Figure(figsize=(12, 7.5), layout="constrained")
    FigureCanvasAgg(fig)
    grid = fig.add_gridspec(2, 4)
    a = fig.add_subplot(grid[:, :2])
    moved = play(*ScheduledPolicy.steps(policy, many, 4.0), plant, 12.0, FIRST, key)
    _axes_of_arm(a, plant)
    a.plot(*moved.ys["hand"].T, color=HAND, linewidth=0.9)
    for center in centers:
        _circle(a, center, 0.06)
    _arm(a, plant, moved, -1)
    a.set_title("(a) three centers, 4 s each")
    settings = [(0.09, 0.4), (0.05, 0.2), (0.07, -0.3), (0.05, -0.4)]
    for i, (radius, speed) in enumerate(settings):
        axes = fig.add_subplot(grid[i // 2, 2 + i % 2])
        one = CircleCommand(jnp.asarray([FIRST]), jnp.array([radius]), jnp.array([speed]))
        movement = play(*ScheduledPolicy.steps(policy, one, 1.0), plant, 6.0, FIRST, key)
        _axes_of_arm(axes, plant, grid=False)
        axes.plot(*movement.ys["hand"].T, color="0.7", linewidth=0.7)
        axes.plot(*movement.ys["hand"][300:].T, color=HAND, linewidth=0.9)
        _circle(axes, FIRST, radius)
        way = "clockwise" if speed > 0 else "counter-clockwise"
        axes.set_title(f"(b) {100 * radius:.0f} cm, {abs(speed):.1f} m/s {way}", fontsize=9)
        axes.set(xlim=(0.06, 0.30), ylim=(0.24, 0.48))
    return fig


def _circle(axes, center, radius: float) -> None:
    phase = np.linspace(0, 2 * np.pi, 100)
    axes.plot(
        center[0] + radius * np.cos(phase),
        center[1] + radius * np.sin(phase),
        "--",
        color=TARGET,
        linewidth=1,
    )


def figure_8(
    policy: RecurrentPolicy,
    plant: AbstractPlant,
    *,
    seed: int | None = 0,
    radius: float = 0.06,
    speed: float = 0.3,
    lead: float = 0.15,
) -> Figure:
    """A figure of eight, drawn by commanding the circle."""
    key = None if seed is None else jax.random.key(seed)
    period = 2 * np.pi * radius / speed
    eight = ScheduledPolicy.figure_eight(policy, radius=radius, speed=speed, loops=6, lead=lead)
    movement = play(*eight, plant, 12 * period, FIRST, key)
    fig = Figure(figsize=(6, 6), layout="constrained")
    FigureCanvasAgg(fig)
    axes = fig.subplots()
    show_eight(axes, plant, movement, radius, 4 * period)
    return fig


def show_eight(axes, plant: AbstractPlant, movement: Trajectory, radius: float, settled: float) -> None:
    """The hand's path, and both circles."""
    _axes_of_arm(axes, plant)
    hand, late = movement.ys["hand"], movement.ts >= settled
    axes.plot(*hand[~late].T, color="0.7", linewidth=0.7)
    axes.plot(*hand[late].T, color=HAND)
    for side in (-1, 1):
        _circle(axes, (FIRST[0] + side * radius, FIRST[1]), radius)
    _arm(axes, plant, movement, -1)
    axes.set_title("a figure of eight by commanding the circle")


def animation(
    plant: AbstractPlant, movement: Trajectory, path: Path, marks: Any, *, frames: int = 60
) -> None:
    """Write a GIF of the movement in real time.

    - `marks`: draws what was commanded into the axes.
    """
    fig = Figure(figsize=(4.8, 4.8), dpi=80, layout="constrained")
    canvas = FigureCanvasAgg(fig)
    axes = fig.subplots()
    _axes_of_arm(axes, plant)
    marks(axes)
    axes.set(xlim=(-0.2, 0.55), ylim=(-0.05, 0.65))
    (line,) = axes.plot([], [], color=HAND, linewidth=2)
    pictures = []
    for i in np.linspace(0, len(movement.ts) - 1, frames).astype(int).tolist():
        arm = _arm(axes, plant, movement, i)
        line.set_data(*movement.ys["hand"][: i + 1].T)
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()).quantize(64))
        for artist in arm:
            artist.remove()
    each = 1000 * float(movement.ts[-1]) / frames
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=each, loop=0, optimize=False)
