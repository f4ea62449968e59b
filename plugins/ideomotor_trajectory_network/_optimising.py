"""Lowering the cost of a trajectory function's own reaches: through the arm itself, or through a learned model of it."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from ideomotor import Pipeline, train
from ideomotor.errors import TrainingError
from jaxtyping import Array, Float, PRNGKeyArray

from ._layers import dense
from ._movements import conditions_of, play_all
from ._problem import ReachProblem
from ._sampling import LOWER, UPPER, sample_reaches
from ._self_training import commands_and_states
from ._shooting import gauss_newton
from ._training import SCALE

WHERE = lambda function: (function.perception.layers, function.primitive.layers)  # noqa: E731


def random_conditions(key: PRNGKeyArray, count: int) -> dict[str, Float[Array, "reach 2"]]:
    """Starts and targets as `sample_reaches` draws them, on the device; targets outside are mirrored back inside."""
    key_start, key_angle, key_away = jax.random.split(key, 3)
    low, high = jnp.asarray(LOWER), jnp.asarray(UPPER)
    start = jax.random.uniform(key_start, (count, 2), minval=low, maxval=high)
    angle = jax.random.uniform(key_angle, (count,), maxval=2 * jnp.pi)
    away = jax.random.uniform(key_away, (count,), minval=0.01, maxval=0.15)
    step = away[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
    outside = (start + step < low) | (start + step > high)
    return {"start": start, "target": start + jnp.where(outside, -step, step)}


def optimise_through_plant(
    problem: ReachProblem,
    function: Pipeline,
    *,
    steps: int = 2000,
    batch_size: int = 128,
    rate: float = 2e-3,
    gradient: str = "gauss-newton",
    seed: int = 0,
    callback: Callable[[int, dict[str, float], Any], Any] | None = None,
    progress: bool = True,
) -> Pipeline:
    """Minimise the cost of the function's reaches with the exact gradient through the arm.

    - `gradient`: `"plain"`, the cost's own gradient by the chain rule through the movement; or `"gauss-newton"`, the
      same gradient preconditioned in the space of commands, where the cost is steep for the target and flat for the
      effort. Both vanish at the same reaches.

    Commands and expected states are trained together, the states on what the arm does.
    """
    losses = {"plain": _plain_loss, "gauss-newton": _preconditioned_loss}
    if gradient not in losses:
        raise TrainingError(f"gradient must be one of {', '.join(losses)}, not {gradient!r}.")
    draw = jax.jit(lambda key, step: random_conditions(key, batch_size))
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps))
    loss = losses[gradient](problem)
    return train(
        function, loss, draw, optimiser, steps=steps, where=WHERE, seed=seed, callback=callback, progress=progress
    )


def _scaled_parts(function, observed, samples):
    code = function.perception(observed)
    phase = jnp.linspace(0.0, 1.0, samples)
    movement = function.primitive.movement(code, phase * code.duration)
    states = jnp.concatenate([movement.ys["hand"], movement.ys["hand_velocity"]], -1)
    span = function.primitive.high - function.primitive.low
    return code, movement.us, states, span


def _plain_loss(problem):
    steps = problem.samples - 1

    def one(function, observed):
        code, us, expected, span = _scaled_parts(function, observed, problem.samples)
        states = problem.play(observed["start"], us, code.duration)
        miss = states[-1] - jnp.concatenate([observed["target"], jnp.zeros(2)])
        cost = 0.5 * problem.terminal * miss @ miss
        cost += 0.5 * problem.effort * code.duration / steps * jnp.sum(us[:-1] ** 2)
        wrong = jnp.mean(((expected - jax.lax.stop_gradient(states)) / span[:4]) ** 2)
        return cost, wrong, jnp.linalg.norm(miss[:2])

    def loss(function, batch, key):
        cost, wrong, miss = jax.tree.map(jnp.mean, jax.vmap(lambda o: one(function, o))(batch))
        return cost + SCALE / 100 * wrong, {"cost": cost, "expected": wrong**0.5, "end_error": miss}

    return loss


def _preconditioned_loss(problem):
    def one(function, observed):
        code, us, expected, span = _scaled_parts(function, observed, problem.samples)
        held = jax.lax.stop_gradient(us)
        better, _ = gauss_newton(problem, observed["start"], observed["target"], code.duration, held[:-1])
        better = jnp.concatenate([better, 2 * better[-1:] - better[-2:-1]])
        # No step beyond what a linear model of the arm is good for.
        far = jnp.sqrt(jnp.mean(((better - held) / span[4:]) ** 2))
        better = held + jnp.minimum(1.0, 0.1 / jnp.maximum(far, 1e-9)) * (better - held)
        states = problem.play(observed["start"], better, code.duration)
        better, states = jax.lax.stop_gradient((better, states))
        miss = jnp.linalg.norm(states[-1, :2] - observed["target"])
        wrong = jnp.sum(((us - better) / span[4:]) ** 2) + jnp.sum(((expected - states) / span[:4]) ** 2)
        return wrong / (6 * problem.samples), far, miss

    def loss(function, batch, key):
        wrong, far, miss = jax.tree.map(jnp.mean, jax.vmap(lambda o: one(function, o))(batch))
        return SCALE * wrong, {"to_optimum": far, "end_error_of_step": miss}

    return loss


class ForwardModel(eqx.Module):
    """The paper's learned forward dynamics: all commands and the start → all states, with one hidden layer."""

    layers: tuple[eqx.nn.Linear, ...]
    skip: eqx.nn.Linear
    low: Float[Array, "6"]
    high: Float[Array, "6"]

    def __init__(self, samples: int, hidden: int, low, high, *, key: PRNGKeyArray):
        width = 2 * samples + 2
        self.layers = dense((width, hidden, 4 * samples), key)
        # What is linear in the commands need not be learned by the hidden units.
        (self.skip,) = dense((width, 4 * samples), key)
        self.low, self.high = jnp.asarray(low, float), jnp.asarray(high, float)

    def __call__(
        self, start: Float[Array, "2"], commands: Float[Array, "time 2"]
    ) -> Float[Array, "time 4"]:
        """Expected hand position (m) and velocity (m/s)."""
        span = self.high - self.low
        x = jnp.concatenate([(start - self.low[:2]) / span[:2] - 0.5, (commands / span[4:]).ravel()])
        y = self.layers[1](jnp.tanh(self.layers[0](x))) + self.skip(x)
        rest = jnp.concatenate([start, jnp.zeros(2)])
        return rest + y.reshape(-1, 4) * span[:4]


def optimise_through_forward_model(
    problem: ReachProblem,
    function: Pipeline,
    *,
    rounds: int = 300,
    model_steps: int = 100,
    steps: int = 100,
    commands: int = 50,
    versions: int = 20,
    noise: float = 0.05,
    hidden: int = 400,
    rate: float = 5e-4,
    seed: int = 0,
    callback: Callable[[int, dict[str, float], Pipeline], Any] | None = None,
) -> Pipeline:
    """Minimise the cost as the paper does: with the gradient of a forward model that is learned along the way.

    Each round plays `commands` of the function's command sequences in `versions` noisy versions, trains the forward
    model on these and on those of the two rounds before, and the function through the model.

    - `noise`: standard deviation of a smooth disturbance of the commands, as a part of their range.
    - `callback(round, metrics, function)`: a true result stops.
    """
    rng = np.random.default_rng(seed)
    low, high = function.primitive.low, function.primitive.high
    model = ForwardModel(problem.samples, hidden, low, high, key=jax.random.key(seed))
    kept: list[tuple[np.ndarray, ...]] = []
    model_optimiser, optimiser = optax.adam(1e-3), optax.adam(rate)
    model_memory = model_optimiser.init(_arrays(model.layers, model.skip))
    memory = optimiser.init(_arrays(*WHERE(function)))
    span = np.asarray(high - low)
    phase = np.linspace(0, 1, problem.samples)
    waves = np.concatenate([np.sin(np.pi * k * phase)[None] / k for k in range(1, 9)] + [np.cos(np.pi * k * phase)[None] / max(k, 1) for k in range(8)])
    for number in range(rounds):
        start, target = sample_reaches(rng, commands)
        us = np.asarray(commands_and_states(function, conditions_of(start, target), problem.samples)[0])
        start, us = np.repeat(start, versions, 0), np.repeat(us, versions, 0)
        us = us + noise * span[4:] * np.einsum("mku,kt->mtu", rng.normal(size=(len(us), len(waves), 2)), waves)
        moved = play_all(problem, start, us)
        good = np.isfinite(moved.states).all((1, 2))
        kept = [*kept[-2:], (start[good], us[good], moved.states[good])]
        data = tuple(jnp.asarray(np.concatenate(x), jnp.float32) for x in zip(*kept, strict=True))
        key = jax.random.key(rng.integers(2**31))
        model, model_memory, wrong = _learn_model(model, model_memory, data, key, model_optimiser, model_steps)
        function, memory, cost = _lower_cost(problem, function, memory, model, key, optimiser, steps)
        if not np.isfinite(cost):
            raise TrainingError(f"The cost is not finite in round {number + 1}; lower rate or noise.")
        metrics = {"model_error": float(wrong) ** 0.5, "expected_cost": float(cost)}
        if callback is not None and callback(number + 1, metrics, function):
            break
    return function


def _arrays(*parts):
    return jax.tree.leaves(parts)


def _model_loss(model, start, us, states):
    span = model.high[:4] - model.low[:4]
    return jnp.mean(((jax.vmap(model)(start, us) - states) / span) ** 2)


@eqx.filter_jit
def _learn_model(model, memory, data, key, optimiser, steps):
    leaves, structure = jax.tree.flatten((model.layers, model.skip))

    def rebuilt(leaves):
        return eqx.tree_at(lambda m: (m.layers, m.skip), model, jax.tree.unflatten(structure, leaves))

    def step(carry, key):
        leaves, memory = carry
        rows = jax.random.randint(key, (250,), 0, data[0].shape[0])
        batch = [x[rows] for x in data]
        value, grads = jax.value_and_grad(lambda x: _model_loss(rebuilt(x), *batch))(leaves)
        updates, memory = optimiser.update(grads, memory, leaves)
        return (optax.apply_updates(leaves, updates), memory), value

    (leaves, memory), values = jax.lax.scan(step, (leaves, memory), jax.random.split(key, steps))
    return rebuilt(leaves), memory, values[-10:].mean()


@eqx.filter_jit
def _lower_cost(problem, function, memory, model, key, optimiser, steps):
    leaves, structure = jax.tree.flatten(WHERE(function))

    def rebuilt(leaves):
        return eqx.tree_at(WHERE, function, jax.tree.unflatten(structure, leaves))

    def one(function, observed):
        code, us, expected, span = _scaled_parts(function, observed, problem.samples)
        states = model(observed["start"], us)
        miss = states[-1] - jnp.concatenate([observed["target"], jnp.zeros(2)])
        cost = 0.5 * problem.terminal * miss @ miss
        cost += 0.5 * problem.effort / (problem.samples - 1) * jnp.sum(us[:-1] ** 2)
        wrong = jnp.mean(((expected - jax.lax.stop_gradient(states)) / span[:4]) ** 2)
        return cost, wrong

    def loss(leaves, batch):
        cost, wrong = jax.vmap(lambda o: one(rebuilt(leaves), o))(batch)
        return cost.mean() + SCALE / 100 * wrong.mean(), cost.mean()

    def step(carry, key):
        leaves, memory = carry
        (_, cost), grads = jax.value_and_grad(loss, has_aux=True)(leaves, random_conditions(key, 128))
        updates, memory = optimiser.update(grads, memory, leaves)
        return (optax.apply_updates(leaves, updates), memory), cost

    (leaves, memory), costs = jax.lax.scan(step, (leaves, memory), jax.random.split(key, steps))
    return rebuilt(leaves), memory, costs[-10:].mean()
