from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import Pipeline, train

from ._problem import ReachProblem
from ._sampling import LOWER, UPPER
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
    rate: float = 2e-5,
    seed: int = 0,
    callback: Callable[[int, dict[str, float], Any], Any] | None = None,
    progress: bool = True,
) -> Pipeline:
    """Minimise the cost of the function's reaches with the exact gradient through the arm.

    By the chain rule through the movement, and Adam. The cost is steep for the target and flat for the effort, so that
    this creeps; `improve_through_plant` uses the same gradient and does not.

    Commands and expected states are trained together, the states on what the arm does.
    """
    draw = jax.jit(lambda key, step: random_conditions(key, batch_size))
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps))
    loss = _cost_loss(problem)
    return train(
        function,
        loss,
        draw,
        optimiser,
        steps=steps,
        where=WHERE,
        seed=seed,
        callback=callback,
        progress=progress,
    )


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
