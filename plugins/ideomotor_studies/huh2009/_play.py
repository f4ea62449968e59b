"""What `ideomotor run reach` and `ideomotor run circle` do."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ideomotor import Pipeline, Trajectory, load, save_pipeline
from ideomotor_arm import MuscleArm, PulseLoad
from ideomotor_rnn import (
    CircleCommand,
    ReachCommand,
    ScheduledPolicy,
    check_movement,
    pretrained,
)

from ._figures import (
    FIRST,
    HAND,
    TARGET,
    TARGETS,
    _axes_of_arm,
    _circle,
    animation,
    play,
    show_eight,
    show_reach,
    show_tracking,
)
from ._measure import BETWEEN, LEAD, tracked_path

TRACKED = 12.0  # s


def _network(name: str, folder: Path | None):
    return pretrained(name) if folder is None else load(folder, kind="primitive")


def _key(noise: int | None):
    return None if noise is None else jax.random.key(noise)


def play_reach(
    folder: Path,
    targets: Any,
    hold: float,
    track: bool,
    push: Any,
    noise: int | None,
    network: Path | None,
) -> tuple[Trajectory, str]:
    """Play the movement, write figure, animation and pipeline; returns the movement and what to say."""
    arm, policy = MuscleArm(), _network("reach", network)
    targets = np.asarray(tracked_path(TRACKED) if track else targets or TARGETS, np.float32)
    arm.at(targets)  # raises for a target out of reach
    plant = PulseLoad(arm, push=push, onset=0.5, duration=0.1) if any(push) else arm  # pyright: ignore[reportCallIssue]
    if track:
        scheduled, schedule = ScheduledPolicy.moving_target(policy, targets, BETWEEN)
        movement = play(scheduled, schedule, plant, TRACKED, targets[0], _key(noise))
    else:
        scheduled, schedule = ScheduledPolicy.steps(policy, ReachCommand(jnp.asarray(targets)), hold)
        movement = play(scheduled, schedule, plant, hold * len(targets), FIRST, _key(noise))
    check_movement(movement)
    fig = Figure(figsize=(10, 4.5), layout="constrained")
    FigureCanvasAgg(fig)
    left, right = fig.subplots(1, 2)
    (show_tracking if track else show_reach)(left, arm, movement, targets)
    right.plot(movement.ts, np.linalg.norm(movement.ys["hand_velocity"], axis=-1), color=HAND)
    right.set(xlabel="time (s)", ylabel="speed of the hand (m/s)", ylim=(0, None))
    fig.savefig(folder / "figure.png", dpi=110)
    animation(
        arm,
        movement,
        folder / "movement.gif",
        lambda axes: axes.plot(*targets.T, ":" if track else "o", color=TARGET, mfc="none"),
    )
    save_pipeline(Pipeline(None, scheduled, plant=plant), folder / "pipeline.yaml")
    if track:
        target = np.stack([np.interp(movement.ts, schedule.times, row) for row in targets.T], -1)
        off = 100 * np.linalg.norm(movement.ys["hand"] - target, axis=-1)
        return movement, f"Mean distance to the moving target: {off[movement.ts >= LEAD].mean():.1f} cm"
    ends = np.minimum(
        (np.arange(1, len(targets) + 1) * hold / 0.01).round().astype(int), len(movement.ts) - 1
    )
    misses = 100 * np.linalg.norm(movement.ys["hand"][ends] - targets, axis=-1)
    return movement, "Distance to each target when the next one came: " + ", ".join(
        f"{m:.1f} cm" for m in misses
    )


def play_circle(
    folder: Path,
    center: Any,
    radius: float,
    speed: float,
    duration: float,
    eight: bool,
    noise: int | None,
    network: Path | None,
) -> tuple[Trajectory, str]:
    """Play the movement, write figure, animation and pipeline; returns the movement and what to say."""
    plant, policy = MuscleArm(), _network("circle", network)
    circle = CircleCommand(np.asarray(center, np.float32), np.float32(radius), np.float32(speed))
    circle.check(plant)
    fig = Figure(figsize=(6, 6), layout="constrained")
    FigureCanvasAgg(fig)
    axes = fig.subplots()
    if eight:
        for side in (-1, 1):
            CircleCommand(np.asarray(center) + side * np.array([radius, 0.0]), radius, speed).check(plant)
        scheduled, schedule = ScheduledPolicy.figure_eight(
            policy, center=center, radius=radius, speed=abs(speed), loops=8, lead=0.15
        )
        movement = play(scheduled, schedule, plant, duration, center, _key(noise))
        centers = [(center[0] + side * radius, center[1]) for side in (-1, 1)]
        text = "A figure of eight."
    else:
        one = jax.tree.map(lambda x: jnp.asarray(x)[None], circle)
        scheduled, schedule = ScheduledPolicy.steps(policy, one, 1.0)
        movement = play(scheduled, schedule, plant, duration, center, _key(noise))
        centers = [center]
        text = _circle_text(movement, circle)
    check_movement(movement)
    if eight and tuple(center) == FIRST:
        show_eight(axes, plant, movement, radius, duration / 3)
    else:
        _axes_of_arm(axes, plant)
        axes.plot(*movement.ys["hand"].T, color=HAND)
        for at in centers:
            _circle(axes, at, radius)
    fig.savefig(folder / "figure.png", dpi=110)

    def marks(axes):
        for at in centers:
            _circle(axes, at, radius)

    animation(plant, movement, folder / "movement.gif", partial(marks))
    save_pipeline(Pipeline(None, scheduled, plant=plant), folder / "pipeline.yaml")
    return movement, text


def _circle_text(movement: Trajectory, circle: CircleCommand) -> str:
    late = len(movement.ts) // 2
    off = movement.ys["hand"][late:] - circle.center
    distance = np.linalg.norm(off, axis=-1)
    tangent = np.stack([off[:, 1], -off[:, 0]], -1) / distance[:, None]
    speed = float(np.mean(np.sum(movement.ys["hand_velocity"][late:] * tangent, -1)))
    return (
        f"In the second half the hand is {100 * np.abs(distance - circle.radius).mean():.2f} cm off the circle and moves "
        f"with {speed:.3f} m/s where {np.asarray(circle.speed).item():g} were commanded."
    )
