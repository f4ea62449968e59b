"""Training without optimal reaches: on a function's own movements, and by the cost's gradient through the arm."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from tqdm import tqdm

from ideomotor import Pipeline, train
from ideomotor.errors import DataError

from ._conditions import LOWER, UPPER, ConditionsNetwork, sample_reaches
from ._decoder import TrajectoryDecoder
from ._problem import Movements, ReachProblem
from ._shooting import gauss_newton
from ._training import SCALE, Trainer, split_function, where_function

CHUNK = 500
FAR = 0.1  # of the range of the commands: how far the arm's linearisation along a movement is trusted


def babble(
    problem: ReachProblem,
    rng: np.random.Generator,
    count: int,
    *,
    amplitude: float = 0.04,
    harmonics: int = 5,
    duration: float = 1.0,
) -> Movements:
    """Movements by random torques: sums of sinusoids of random amplitude, from starts all over the workspace.

    The sinusoids are cosines of half, one, one and a half … periods. None has a mean, so that the hand comes nearly to
    rest; and all have one standard deviation, so that the mean of all commands that lead to one place, which is what a
    function learns of them, is not far from the one of least effort. Movements that leave the workspace are drawn again.

    - `amplitude`: standard deviation of each sinusoid in N m.
    """
    if not (amplitude > 0 and harmonics >= 1 and count >= 1):
        raise DataError(
            f"count, amplitude and harmonics must be positive, not {count}, {amplitude:g} and {harmonics}."
        )
    phase = np.linspace(0, 1, problem.samples)
    waves = np.cos(np.pi * np.arange(1, harmonics + 1)[:, None] * phase)
    found: list[Movements] = []
    for _ in range(50):
        heights = rng.normal(0, amplitude, (count, harmonics, 2))
        commands = np.einsum("mhu,ht->mtu", heights, waves)
        start = rng.uniform(LOWER, UPPER, (count, 2))
        found.append(problem.play_all(start, commands, duration=duration).inside())
        if sum(len(part.start) for part in found) >= count:
            return Movements.joined(found, count)
    raise DataError(
        f"Almost no movement with torques of {amplitude:g} N m stays in the workspace; pass a smaller amplitude."
    )


def commands_and_states(
    function: Pipeline, observed: dict[str, Float[Array, "..."]], samples: int
) -> tuple[Float[Array, "reach time 2"], Float[Array, "reach time 4"]]:
    """The commands of a trajectory function, joined by straight lines, and the states it predicts, for many conditions."""
    return _both(function, observed, jnp.linspace(0.0, 1.0, samples))


@eqx.filter_jit
def _both(function, observed, phase):
    def one(observed):
        code = function.perception(observed)
        ts = phase * code.duration
        return function.primitive.torques(code, ts), function.primitive.states(code, ts)

    return jax.vmap(one)(observed)


def own_reaches(function: Pipeline, rng: np.random.Generator, count: int, samples: int):
    """Random starts and targets, and the function's commands for them."""
    start, target = sample_reaches(rng, count)
    observed = ConditionsNetwork.observations(start, target)
    return start, target, np.asarray(commands_and_states(function, observed, samples)[0])


def trained_on(
    trainer: Trainer, conditions: ConditionsNetwork, decoder: TrajectoryDecoder, target, moved: Movements
) -> Pipeline:
    """The function trained on movements; the decoder is scaled to them.

    - `target`: what the movements count as reaches to.
    """
    good = moved.finite()
    states, commands = (jnp.asarray(x[good], jnp.float32) for x in (moved.states, moved.commands))
    inputs = jax.vmap(conditions.inputs)(ConditionsNetwork.observations(moved.start[good], target[good]))
    decoder = decoder.scaled_to(moved.states[good], moved.commands[good])
    return trainer.function(conditions, decoder, inputs, decoder.scaled(states, commands))


def self_train(
    problem: ReachProblem,
    conditions: ConditionsNetwork,
    decoder: TrajectoryDecoder,
    trainer: Trainer,
    *,
    rounds: int = 3,
    count: int = 4000,
    amplitude: float = 0.04,
    seed: int = 0,
) -> tuple[Pipeline, list[Movements]]:
    """Learn to reach from one's own movements (Berniker & Kording 2015, "Training on self-generated data").

    The first round trains on motor babble. Each later round asks the function for random reaches, plays its commands on
    the arm and trains on the resulting movements, with the end of each as its target. No optimal reach is used.

    Returns the function and the movements of each round. The decoder is scaled to each round's movements.
    """
    rng = np.random.default_rng(seed)
    data, function = [babble(problem, rng, count, amplitude=amplitude)], None
    for _ in range(rounds):
        if function is not None:
            kept: list[Movements] = []
            while sum(len(part.start) for part in kept) < count:
                start, _, commands = own_reaches(function, rng, count, problem.samples)
                kept.append(problem.play_all(start, commands).inside())
            data.append(Movements.joined(kept, count))
        # Every round starts from untrained networks: features of the round before are features of other movements.
        function = trained_on(trainer, conditions, decoder, data[-1].end, data[-1])
    assert function is not None
    return function, data


def improve_through_plant(
    problem: ReachProblem,
    function: Pipeline,
    trainer: Trainer,
    *,
    rounds: int = 6,
    count: int = 4000,
    seed: int = 0,
    progress: bool = True,
) -> Pipeline:
    """Minimise the cost of the function's own reaches by Gauss-Newton steps through the arm.

    Each round asks the function for random reaches, improves their commands by one Gauss-Newton step (minus the exact
    gradient of the cost through the arm, preconditioned where the cost is steep for the target and flat for the effort),
    plays the improved commands and trains the function on the resulting movements. The rounds can only come to rest where
    the gradient vanishes. No optimal reach is used.
    """
    conditions, decoder = split_function(function)
    if rounds < 1 or count <= decoder.latent:
        raise DataError(
            f"rounds must be at least 1 and count more than the features, not {rounds} and {count}."
        )
    rng = np.random.default_rng(seed)
    bar = tqdm(range(rounds), unit="round", delay=2, disable=None if progress else True)
    for _ in bar:
        start, target, us = own_reaches(function, rng, count, problem.samples)
        span = np.asarray(decoder.high - decoder.low)[4:]
        chunks = [
            [jnp.asarray(x[i : i + CHUNK], jnp.float32) for x in (start, target, us)]
            for i in range(0, count, CHUNK)
        ]
        better = np.concatenate([np.asarray(_improve(problem, *chunk)) for chunk in chunks])
        away = np.sqrt((((better - us) / span) ** 2).mean((1, 2), keepdims=True))
        us = us + np.minimum(1.0, FAR / np.maximum(away, 1e-9)) * (better - us)
        # The conditions are the targets that were asked for: the cost is about them, wherever the hand went.
        function = trained_on(trainer, conditions, decoder, target, problem.play_all(start, us))
        conditions, decoder = split_function(function)
        bar.set_postfix({"to optimum": f"{float(np.median(away)):.2g}"}, refresh=False)
    return function


@eqx.filter_jit
def _improve(problem, start, target, us):
    def one(start, target, us):
        return gauss_newton(problem, start, target, 1.0, us)[0]

    return jax.vmap(one)(start, target, us)


def optimise_through_plant(
    problem: ReachProblem,
    function: Pipeline,
    *,
    steps: int = 2000,
    batch_size: int = 128,
    rate: float = 2e-5,
    seed: int = 0,
    callback: Callable[[int, dict[str, float], Any], Any] | None = None,
    progress: bool = True,
) -> Pipeline:
    """Minimise the cost of the function's reaches with the exact gradient through the arm, by Adam.

    The cost is steep for the target and flat for the effort, so that this makes slow progress;
    `improve_through_plant` preconditions the same gradient. Commands and expected states are trained together, the states
    on the movement of the arm.
    """
    draw = jax.jit(lambda key, step: _random_conditions(key, batch_size))
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps))
    return train(
        function,
        _cost_loss(problem),
        draw,
        optimiser,
        steps=steps,
        where=where_function,
        seed=seed,
        callback=callback,
        progress=progress,
    )


def _random_conditions(key, count):
    """Starts and targets as `sample_reaches` draws them, on the device; targets outside are mirrored back inside."""
    key_start, key_angle, key_away = jax.random.split(key, 3)
    low, high = jnp.asarray(LOWER), jnp.asarray(UPPER)
    start = jax.random.uniform(key_start, (count, 2), minval=low, maxval=high)
    angle = jax.random.uniform(key_angle, (count,), maxval=2 * jnp.pi)
    away = jax.random.uniform(key_away, (count,), minval=0.01, maxval=0.15)
    step = away[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
    outside = (start + step < low) | (start + step > high)
    return {"start": start, "target": start + jnp.where(outside, -step, step)}


def _cost_loss(problem):
    phase = jnp.linspace(0.0, 1.0, problem.samples)

    def one(function, observed):
        code = function.perception(observed)
        us, expected = (
            of(code, phase * code.duration) for of in (function.primitive.torques, function.primitive.states)
        )
        span = function.primitive.high - function.primitive.low
        states = problem.play(observed["start"], us, code.duration)
        cost = problem.cost(states[-1], observed["target"], us, code.duration)
        wrong = jnp.mean(((expected - jax.lax.stop_gradient(states)) / span[:4]) ** 2)
        return cost, wrong, jnp.linalg.norm(states[-1, :2] - observed["target"])

    def loss(function, batch, key):
        cost, wrong, miss = jax.tree.map(jnp.mean, jax.vmap(lambda o: one(function, o))(batch))
        return cost + SCALE / 100 * wrong, {"cost": cost, "expected": wrong**0.5, "end_error": miss}

    return loss
