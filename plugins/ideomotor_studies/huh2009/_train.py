import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import ideomotor
from ideomotor import train
from ideomotor_arm import MuscleArm
from ideomotor_rnn import (
    CircleCommand,
    CircleTask,
    ReachCommand,
    ReachTask,
    RecurrentPolicy,
    Workspace,
    cvar,
    minimise_frozen,
    risk,
)


class Training(NamedTuple):
    """How long and with how many trials one network is trained."""

    units: int
    trials: int
    steps: int


class Preset(NamedTuple):
    """Sizes of the two networks, how many networks learn to reach (one for each seed), and how much is measured.

    - `method`: `"adam"`, or `"cg"` on a frozen sample.
    - `whole`: whether the targets of reaches come from the whole reach.
    """

    reach: Training
    circle: Training
    seeds: int
    targets: int
    circles: int
    method: str = "adam"
    whole: bool = False


WHOLE = Workspace(shoulder=(-1.0, 2.0), elbow=(0.4, 2.6))
"""Nearly all postures of a person's arm in the plane: 0.53 m², and not only where the muscles can push both joints either way."""

# The paper: 12 units and 200 samples, 36 units and 400 samples; conjugate gradients; targets uniform in space within reach.
PRESETS = {
    "tiny": Preset(Training(12, 40, 60), Training(36, 40, 40), 1, 50, 20),
    "cpu": Preset(Training(12, 200, 700), Training(36, 200, 4000), 3, 1000, 200),
    "paper": Preset(Training(12, 200, 4000), Training(36, 400, 8000), 3, 1000, 200, "cg", True),
}
RATE = 5e-3
CHECKPOINT = 100  # steps
STAGES = 4  # of a frozen sample, from the wide to the real target
OBJECTIVES = {"mean": jnp.mean, "max": jnp.max, "risk": risk, "cvar": cvar}
NUMBERED = {"risk": "beta", "cvar": "level"}


def parse_objective(text: str) -> Callable[..., Any]:
    """An objective from its name and number: `"risk:1"` (β), `"mean"`, `"cvar:0.9"` (level) or `"max"`.

    Raises a ValueError for another name, and for a number the objective cannot have.
    """
    name, colon, number = text.partition(":")
    try:
        if name not in OBJECTIVES or (name in NUMBERED) != bool(colon):
            raise ValueError
        found = partial(OBJECTIVES[name], **{NUMBERED[name]: float(number)}) if colon else OBJECTIVES[name]
    except ValueError:
        raise ValueError(f"An objective is risk:BETA, mean, cvar:LEVEL or max, not {text!r}.") from None
    found(jnp.ones(2))  # raises for a number outside its range
    return found


def train_reach(training: Training, *, seed: int = 0, **kwargs: Any) -> RecurrentPolicy:
    """Train a network to reach, from nothing.

    - `objective`: as `parse_objective` takes it; by default the paper's with β = 1.
    - `method`: `"adam"` on new trials at each step, or `"cg"` or `"l-bfgs"` on a frozen sample as in the paper.
    - `workspace`: where the targets are.

    Other keyword arguments go to `ideomotor.train` (`run`, `callback`, …).
    """
    return _train(ReachTask, ReachCommand(), training, seed, **kwargs)


def train_circle(training: Training, *, seed: int = 0, **kwargs: Any) -> RecurrentPolicy:
    """Train a network to draw circles, from nothing; keyword arguments as of `train_reach`."""
    return _train(CircleTask, CircleCommand(), training, seed, **kwargs)


def _train(
    kind: type,
    command,
    training: Training,
    seed: int,
    *,
    objective: str = "risk:1",
    method: str = "adam",
    workspace: Workspace = Workspace(),
    run: Path | None = None,
    **kwargs: Any,
) -> RecurrentPolicy:
    units, trials, steps = training
    task = kind(MuscleArm(), workspace, objective=parse_objective(objective))
    cell_key, key = jax.random.split(jax.random.key(seed))
    policy = RecurrentPolicy(command, ideomotor.make("rate-cell", units, key=cell_key), key=key)
    if method != "adam":
        return _frozen(task, policy, training, seed, method, run)
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
        where=_weights,
        seed=seed,
        run=run,
        log_every=max(1, min(100, steps // 4)),
        checkpoint_every=CHECKPOINT,
        **kwargs,
    )


def _frozen(task, policy, training: Training, seed: int, method: str, run: Path | None):
    """The paper's way: the same trials and the same noise all the time, in stages of a shrinking target."""
    keys = jax.random.split(jax.random.key(seed + 1))
    lines = []
    for stage in range(STAGES):
        d0 = task.wide * (task.d0 / task.wide) ** (stage / (STAGES - 1))
        trials = task.sample(policy, keys[0], training.trials, d0)
        policy, history = minimise_frozen(
            policy,
            lambda policy, trials=trials: task.loss(policy, trials, keys[1])[0],
            steps=max(1, training.steps // STAGES),
            method=method,
            where=_weights,
        )
        lines += [json.dumps({"stage": stage, "d0": d0, "loss": loss}) for loss in history]
        if run is not None:
            run.mkdir(parents=True, exist_ok=True)
            (run / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return policy


def _weights(policy: RecurrentPolicy) -> Any:
    return policy.weights()
