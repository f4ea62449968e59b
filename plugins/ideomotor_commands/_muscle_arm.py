from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ideomotor import Pipeline, load, save_pipeline
from ideomotor_arm import MuscleArm, PulseLoad
from ideomotor_rnn import (
    CircleCommand,
    ReachCommand,
    ScheduledPolicy,
    pretrained,
)
from ideomotor_studies.kit import reaching
from ideomotor_studies.kit.figures import new_figure


def play_reach(
    folder: Path, targets: Any, hold: float, track: bool, push: Any, noise: int | None, network: Path | None
) -> Any:
    """Play the movement, write figure, animation and pipeline; returns the movement and what to say."""
    arm, policy = MuscleArm(), _network("reach", network)
    targets = np.asarray(reaching.tracked_path(12.0) if track else targets or reaching.TARGETS, np.float32)
    arm.at(targets)  # raises for a target out of reach
    plant: Any = PulseLoad(arm, push=push, onset=0.5, duration=0.1) if any(push) else arm  # pyright: ignore[reportCallIssue]
    if track:
        scheduled, schedule = ScheduledPolicy.moving_target(policy, targets, reaching.BETWEEN)
        movement = reaching.play(scheduled, schedule, plant, 12.0, targets[0], _key(noise))
    else:
        scheduled, schedule = ScheduledPolicy.steps(policy, ReachCommand(jnp.asarray(targets)), hold)
        movement = reaching.play(scheduled, schedule, plant, hold * len(targets), reaching.FIRST, _key(noise))
    fig = new_figure(10, 4.5)
    left, right = fig.subplots(1, 2)
    (reaching.show_tracking if track else reaching.show_reach)(left, arm, movement, targets)
    right.plot(movement.ts, np.linalg.norm(movement.ys["hand_velocity"], axis=-1), color=reaching.HAND)
    right.set(xlabel="time (s)", ylabel="speed of the hand (m/s)", ylim=(0, None))
    fig.savefig(folder / "figure.png", dpi=110)
    style = {
        "color": reaching.TARGET,
        "mfc": "none",
        "linestyle": ":" if track else "",
        "marker": "" if track else "o",
    }
    reaching.animation(arm, movement, folder / "movement.gif", lambda axes: axes.plot(*targets.T, **style))
    save_pipeline(Pipeline(None, scheduled, plant=plant), folder / "pipeline.yaml")
    if track:
        target = np.stack([np.interp(movement.ts, schedule.times, row) for row in targets.T], -1)
        off = 100 * np.linalg.norm(movement.ys["hand"] - target, axis=-1)
        return (
            movement,
            f"Mean distance to the moving target: {off[movement.ts >= reaching.LEAD].mean():.1f} cm",
        )
    ends = (np.arange(1, len(targets) + 1) * hold / reaching.DT).round().astype(int)
    hands = movement.ys["hand"][np.minimum(ends, len(movement.ts) - 1)]
    misses = ", ".join(f"{100 * miss:.1f} cm" for miss in np.linalg.norm(hands - targets, axis=-1))
    return movement, f"Distance to each target when the next one came: {misses}"


def play_circle(
    folder: Path,
    center: Any,
    radius: float,
    speed: float,
    duration: float,
    eight: bool,
    noise: int | None,
    network: Path | None,
) -> Any:
    """Play the movement, write figure, animation and pipeline; returns the movement and what to say."""
    plant, policy = MuscleArm(), _network("circle", network)
    circle = CircleCommand(np.asarray(center, np.float32), np.float32(radius), np.float32(speed))
    circle.check(plant)
    if eight:
        centers = [np.asarray(center) + side * np.array([radius, 0.0]) for side in (-1, 1)]
        for one in centers:
            CircleCommand(one, radius, speed).check(plant)
        scheduled, schedule = ScheduledPolicy.figure_eight(
            policy, center=center, radius=radius, speed=abs(speed), loops=8, lead=0.15
        )
    else:
        centers = [center]
        scheduled, schedule = ScheduledPolicy.steps(
            policy, jax.tree.map(lambda x: jnp.asarray(x)[None], circle), 1.0
        )
    movement = reaching.play(scheduled, schedule, plant, duration, center, _key(noise))
    fig = new_figure(6, 6)
    axes = fig.subplots()
    reaching.show_circles(axes, plant, movement, centers, radius, duration / 3 if eight else 0.0)
    reaching.show_arm(axes, plant, movement, -1)
    fig.savefig(folder / "figure.png", dpi=110)

    def marks(axes: Any) -> None:
        for one in centers:
            reaching.show_circle(axes, one, radius)

    reaching.animation(plant, movement, folder / "movement.gif", marks)
    save_pipeline(Pipeline(None, scheduled, plant=plant), folder / "pipeline.yaml")
    if eight:
        return movement, "A figure of eight."
    late = len(movement.ts) // 2
    off = movement.ys["hand"][late:] - circle.center
    distance = np.linalg.norm(off, axis=-1)
    tangent = np.stack([off[:, 1], -off[:, 0]], -1) / distance[:, None]
    reached = float(np.mean(np.sum(movement.ys["hand_velocity"][late:] * tangent, -1)))
    return movement, (
        f"In the second half the hand is {100 * np.abs(distance - radius).mean():.2f} cm off the circle and moves at "
        f"{reached:.3f} m/s; {speed:g} m/s were commanded."
    )


def _network(name: str, folder: Path | None) -> Any:
    return pretrained(name) if folder is None else load(folder, kind="primitive")


def _key(noise: int | None) -> Any:
    return None if noise is None else jax.random.key(noise)
