"""The numbers of the study; each function says its protocol."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ideomotor import AbstractPlant, rollout
from ideomotor_rnn import (
    CircleTask,
    ReachTask,
    RecurrentPolicy,
    ScheduledPolicy,
    Workspace,
)

from ..kit.reaching import BETWEEN, DT, LEAD, tracked_path

HOLD = 0.5  # s at the first target, before the jump
SETTLE = 3.0  # s until a circle counts as settled
ROUND = 4.0  # s for which it is then measured: one period of the slowest circle


def measure_reach(
    policy: RecurrentPolicy,
    plant: AbstractPlant,
    *,
    count: int = 1000,
    seed: int = 1000,
    noise: bool = True,
    workspace: Workspace = Workspace(),
) -> dict[str, float]:
    """Reaching to `count` new targets, uniform over the area of the workspace.

    The hand rests at a random point with random neural activity, which is the target for 0.5 s; then the target jumps to
    another random point. Distances in cm, in time after the jump. Straightness is the direct distance over the length of
    the path during the first second (reaches of more than 5 cm); the bell is the correlation of the speed with that of
    the minimum-jerk movement of the same mean time and duration.
    """
    keys = jax.random.split(jax.random.key(seed), 2)
    trials = ReachTask(plant, workspace, hold=HOLD).sample(policy, keys[0], count)
    ts = np.arange(round((HOLD + 1.5) / DT) + 1) * DT

    def reach(x0, activity, first, second, key):
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), first, second)
        scheduled, schedule = ScheduledPolicy.steps(policy, both, HOLD)
        seen = rollout(scheduled, schedule, ts, plant=plant, x0=x0, p0=scheduled.state(activity), key=key).ys
        return seen["hand"], seen["hand_velocity"]

    hand, velocity = _batched(reach, trials, keys[1], noise, count)
    jump = round(HOLD / DT)
    distance = 100 * np.linalg.norm(hand - np.asarray(trials.second.target)[:, None], axis=-1)
    after = {t: distance[:, jump + round(t / DT)] for t in (0.5, 1.0, 1.5)}
    moving = slice(jump, jump + round(1.0 / DT) + 1)
    far = np.linalg.norm(hand[:, moving.stop - 1] - hand[:, jump], axis=-1) > 0.05
    path, speed = hand[far, moving], np.linalg.norm(velocity[far, moving], axis=-1)
    direct = np.linalg.norm(path[:, -1] - path[:, 0], axis=-1)
    length = np.linalg.norm(np.diff(path, axis=1), axis=-1).sum(1)
    return {
        "median_cm_at_0.5s": float(np.median(after[0.5])),
        "median_cm_at_1s": float(np.median(after[1.0])),
        "p90_cm_at_1s": float(np.percentile(after[1.0], 90)),
        "median_cm_at_1.5s": float(np.median(after[1.5])),
        "straightness": float(np.median(direct / length)),
        "bell_correlation": float(np.median([_bell(s) for s in speed])),
        "peak_speed_time_s": float(np.median(speed.argmax(1)) * DT),
    }


def _bell(speed: np.ndarray) -> float:
    """Correlation with the minimum-jerk speed profile whose moments are those of this one."""
    t = np.arange(len(speed)) * DT
    weight = speed**2 / np.sum(speed**2)  # the square, so that the sway after the movement counts little
    middle = weight @ t
    # The squared minimum-jerk profile 30² s⁴(1-s)⁴ of duration D has the standard deviation D/√44.
    duration = np.sqrt(44.0 * (weight @ (t - middle) ** 2))
    s = np.clip((t - middle) / duration + 0.5, 0.0, 1.0)
    return float(np.corrcoef(speed, s**2 * (1 - s) ** 2)[0, 1])


def measure_circles(
    policy: RecurrentPolicy,
    plant: AbstractPlant,
    *,
    count: int = 200,
    seed: int = 2000,
    noise: bool = False,
    **ranges: tuple[float, float],
) -> dict[str, float]:
    """Drawing `count` new circles of either sense of rotation, centers, radii and speeds at random; as in training, or in
    other `ranges` of `radius` (m) and `speed` (m/s).

    The hand starts anywhere on another circle, three times in ten at rest. After 3 s, for 4 s: the radius error is the mean
    absolute distance of the hand from the circle; the speed error that of the mean tangential speed from the commanded,
    in percent of it, and `instant_speed_error` that of the speed of each moment. Means over the circles, and percentiles.
    """
    keys = jax.random.split(jax.random.key(seed), 2)
    trials = CircleTask(plant, **ranges).sample(policy, keys[0], count)
    ts = np.arange(round((SETTLE + ROUND) / DT) + 1) * DT

    def draw(x0, activity, first, second, key):
        seen = rollout(policy, second, ts, plant=plant, x0=x0, p0=activity, key=key).ys
        return seen["hand"], seen["hand_velocity"]

    hand, velocity = _batched(draw, trials, keys[1], noise, count)
    circle = jax.tree.map(np.asarray, trials.second)
    settled = slice(round(SETTLE / DT), None)
    off = (hand - circle.center[:, None])[:, settled]
    distance = np.linalg.norm(off, axis=-1)
    tangent = np.stack([off[..., 1], -off[..., 0]], -1) / distance[..., None]
    speed = np.sum(velocity[:, settled] * tangent, -1)
    wrong_radius = 100 * np.abs(distance - circle.radius[:, None]).mean(1)
    wrong_speed = 100 * np.abs(speed.mean(1) / circle.speed - 1)
    wrong_instant = 100 * np.abs(speed / circle.speed[:, None] - 1).mean(1)
    return {
        "radius_error_cm": float(wrong_radius.mean()),
        "radius_error_p90_cm": float(np.percentile(wrong_radius, 90)),
        "speed_error_percent": float(wrong_speed.mean()),
        "speed_error_p90_percent": float(np.percentile(wrong_speed, 90)),
        "instant_speed_error_percent": float(wrong_instant.mean()),
        "wrong_sense_of_rotation": int(np.sum(np.sign(speed.mean(1)) != np.sign(circle.speed))),
    }


def measure_tracking(
    policy: RecurrentPolicy, plant: AbstractPlant, *, count: int = 20, seed: int = 3000, noise: bool = True
) -> dict[str, float]:
    """Following a target that never stops, for 12 s, from 1 s on; mean distance between hand and target in cm.

    `count` paths of Lissajous of 8 cm amplitude and 7 cm/s mean speed with random phases; the hand starts on the target.
    The network was trained on jumps only. `lag_ms` is the delay that explains most of it, and the distance without it.
    """
    rng = np.random.default_rng(seed)
    ts = np.arange(round(12.0 / DT) + 1) * DT
    distances, lags, remaining = [], [], []
    paths = [tracked_path(12.0, phase=phase) for phase in rng.uniform(0, 2 * np.pi, count)]

    @jax.jit
    def follow(points, key):
        scheduled, schedule = ScheduledPolicy.moving_target(policy, points, BETWEEN)
        x0 = plant.at(points[0])  # pyright: ignore[reportAttributeAccessIssue]
        return rollout(scheduled, schedule, ts, plant=plant, x0=x0, key=key if noise else None).ys["hand"]

    for i, points in enumerate(paths):
        hand = np.asarray(
            follow(jnp.asarray(points, jnp.float32), jax.random.fold_in(jax.random.key(seed), i))
        )
        knots = np.arange(len(points)) * BETWEEN
        target = np.stack([np.interp(ts, knots, points[:, j]) for j in range(2)], -1)
        start = round(LEAD / DT)
        distances.append(np.linalg.norm(hand - target, axis=-1)[start:].mean())
        shifted = [
            np.linalg.norm(hand[start:] - target[start - lag : len(ts) - lag], axis=-1).mean()
            for lag in range(0, 60)
        ]
        lags.append(1000 * DT * int(np.argmin(shifted)))
        remaining.append(min(shifted))
    return {
        "distance_cm": float(100 * np.mean(distances)),
        "lag_ms": float(np.mean(lags)),
        "distance_without_lag_cm": float(100 * np.mean(remaining)),
    }


def _batched(movement, trials, key: Any, noise: bool, count: int):
    keys = jax.random.split(key, count) if noise else None
    run = jax.jit(jax.vmap(movement, (0, 0, 0, 0, 0 if noise else None)))
    found = run(trials.x0, trials.activity, trials.first, trials.second, keys)
    return tuple(np.asarray(x) for x in found)
