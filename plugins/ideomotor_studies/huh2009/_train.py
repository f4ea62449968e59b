from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import optax

from ideomotor import train
from ideomotor_arm import MuscleArm
from ideomotor_rnn import CircleCommand, CircleTask, RateCell, ReachCommand, ReachTask, RecurrentPolicy


class Training(NamedTuple):
    """How long and with how many trials one network is trained."""

    units: int
    trials: int
    steps: int


class Preset(NamedTuple):
    """Sizes of the two networks, and how many movements are measured."""

    reach: Training
    circle: Training
    targets: int
    circles: int


# The paper: 12 units and 200 samples, 36 units and 400 samples.
PRESETS = {
    "tiny": Preset(Training(12, 40, 60), Training(36, 40, 40), 50, 20),
    "cpu": Preset(Training(12, 200, 700), Training(36, 200, 2500), 1000, 200),
    "paper": Preset(Training(12, 200, 4000), Training(36, 400, 8000), 1000, 200),
}
RATE = 5e-3


def train_reach(training: Training, *, seed: int = 0, **kwargs: Any) -> RecurrentPolicy:
    """Train a network to reach, from nothing; keyword arguments go to `ideomotor.train` (`run`, `callback`, …)."""
    return _train(ReachTask(MuscleArm()), ReachCommand(), training, seed, **kwargs)


def train_circle(training: Training, *, seed: int = 0, **kwargs: Any) -> RecurrentPolicy:
    """Train a network to draw circles, from nothing; keyword arguments go to `ideomotor.train`."""
    return _train(CircleTask(MuscleArm()), CircleCommand(), training, seed, **kwargs)


def _train(
    task,
    command,
    training: Training,
    seed: int,
    *,
    run: Path | None = None,
    callback: Callable[..., Any] | None = None,
    **kwargs: Any,
) -> RecurrentPolicy:
    units, trials, steps = training
    cell_key, key = jax.random.split(jax.random.key(seed))
    policy = RecurrentPolicy(command, RateCell(units, key=cell_key), key=key)
    warmup = min(100, steps // 5)
    rate = optax.warmup_cosine_decay_schedule(0.0, RATE, warmup, steps, 0.01 * RATE)
    # A trial that runs away has a gradient thousands of times too long.
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    return train(
        policy,
        task.loss,
        task.data(policy, trials, steps),
        optimiser,
        steps=steps,
        where=lambda policy: policy.weights(),
        seed=seed,
        run=run,
        callback=callback,
        log_every=max(1, min(100, steps // 4)),
        **kwargs,
    )
