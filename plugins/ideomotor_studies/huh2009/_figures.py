"""Figures 6, 7 and 8 of the paper."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from ideomotor_rnn import CircleCommand, ReachCommand, RecurrentPolicy, ScheduledPolicy

from ..kit.figures import new_figure
from ..kit.reaching import (
    BETWEEN,
    FIRST,
    HAND,
    TARGETS,
    arm_axes,
    play,
    show_arm,
    show_circle,
    show_circles,
    show_reach,
    show_tracking,
    tracked_path,
)


def figure(number: int, policy: RecurrentPolicy, plant: Any, *, seed: int | None = 0) -> Figure:
    """A figure of the paper: 6 (reaching and tracking, with a reaching policy), 7 or 8 (circles, and a figure of eight, with a policy
    that draws circles).

    - `policy`: such as `ideomotor_rnn.pretrained("reach")` or `("circle")`; `plant`: such as `MuscleArm()`.
    - `seed`: of the noise; with None there is none.

    Raises a `KeyError` for another number.
    """
    return {6: figure_6, 7: figure_7, 8: figure_8}[number](policy, plant, seed=seed)


def figure_6(policy: RecurrentPolicy, plant: Any, *, seed: int | None = 0, hold: float = 1.0) -> Figure:
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
    fig = new_figure(10, 8)
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


def figure_7(policy: RecurrentPolicy, plant: Any, *, seed: int | None = 0) -> Figure:
    """Circles at several places one after the other, and with several radii and speeds at one place."""
    key = None if seed is None else jax.random.key(seed)
    centers = np.array([[0.10, 0.40], [0.27, 0.38], [0.20, 0.28]], np.float32)
    many = CircleCommand(jnp.asarray(centers), jnp.full(3, 0.06), jnp.full(3, 0.3))
    fig = new_figure(12, 7.5)
    grid = fig.add_gridspec(2, 4)
    a = fig.add_subplot(grid[:, :2])
    moved = play(*ScheduledPolicy.steps(policy, many, 4.0), plant, 12.0, FIRST, key)
    show_circles(a, plant, moved, list(centers), 0.06)
    show_arm(a, plant, moved, -1)
    a.set_title("(a) three centers, 4 s each")
    settings = [(0.09, 0.4), (0.05, 0.2), (0.07, -0.3), (0.05, -0.4)]
    for i, (radius, speed) in enumerate(settings):
        axes = fig.add_subplot(grid[i // 2, 2 + i % 2])
        one = CircleCommand(jnp.asarray([FIRST]), jnp.array([radius]), jnp.array([speed]))
        movement = play(*ScheduledPolicy.steps(policy, one, 1.0), plant, 6.0, FIRST, key)
        arm_axes(axes, plant, grid=False)
        axes.plot(*movement.ys["hand"].T, color="0.7", linewidth=0.7)
        axes.plot(*movement.ys["hand"][300:].T, color=HAND, linewidth=0.9)
        show_circle(axes, FIRST, radius)
        way = "clockwise" if speed > 0 else "counter-clockwise"
        axes.set_title(f"(b) {100 * radius:.0f} cm, {abs(speed):.1f} m/s {way}", fontsize=9)
        axes.set(xlim=(0.06, 0.30), ylim=(0.24, 0.48))
    return fig


def figure_8(
    policy: RecurrentPolicy,
    plant: Any,
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
    fig = new_figure(6, 6)
    axes = fig.subplots()
    show_circles(
        axes, plant, movement, [(FIRST[0] + side * radius, FIRST[1]) for side in (-1, 1)], radius, 4 * period
    )
    show_arm(axes, plant, movement, -1)
    axes.set_title("a figure of eight by commanding the circle")
    return fig
