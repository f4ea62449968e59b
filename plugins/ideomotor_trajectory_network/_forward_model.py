"""Lowering the cost as the paper does: with a model of the arm that is learned from noisy versions of own commands."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ideomotor import Pipeline
from ideomotor.errors import DataError, TrainingError
from jaxtyping import Array, Float, PRNGKeyArray

from ._closed_form import least_squares, linear
from ._movements import conditions_of, play_all
from ._problem import ReachProblem
from ._sampling import sample_reaches
from ._self_training import commands_and_states
from ._training import Trainer

WAVES = 12  # for each joint: what a smooth command is made of


def waves(samples: int) -> np.ndarray:
    """Orthonormal cosines over a movement, `(WAVES, samples)`: a command's smooth parts."""
    phase = (np.arange(samples) + 0.5) / samples
    rows = np.cos(np.pi * np.arange(WAVES)[:, None] * phase) * np.sqrt(2 / samples)
    rows[0] /= np.sqrt(2)
    return rows


class ForwardModel(eqx.Module):
    """A learned model of the arm: start and commands of a whole movement → the state at its end.

    One hidden layer, as in the paper, beside a linear path. The commands go in as sums of smooth waves: where noise has
    never been, a network's derivative means nothing.

    - call: hand position (m) at the start and wave heights of the torques (N m) `(2 · WAVES,)` → hand position (m) and
      velocity (m/s) at the end.
    """

    hidden: eqx.nn.Linear
    last: eqx.nn.Linear
    middle: Float[Array, " inputs"]
    spread: Float[Array, " inputs"]

    def __call__(self, start: Float[Array, "2"], heights: Float[Array, " heights"]) -> Float[Array, "4"]:
        """The state at the end."""
        return jnp.concatenate([start, jnp.zeros(2)]) + self.last(self.features(start, heights))

    def features(self, start: Float[Array, "2"], heights: Float[Array, " heights"]) -> Float[Array, " features"]:
        """The inputs, and the hidden units."""
        x = (jnp.concatenate([start, heights]) - self.middle) / self.spread
        return jnp.concatenate([x, jnp.tanh(self.hidden(x))])

    @staticmethod
    def learn(
        start: np.ndarray, heights: np.ndarray, end: np.ndarray, hidden: int, key: PRNGKeyArray
    ) -> "ForwardModel":
        """A random hidden layer, and the last layer by least squares."""
        x = np.concatenate([start, heights], 1)
        middle, spread = x.mean(0), x.std(0) + 1e-9
        key_weight, key_bias = jax.random.split(key)
        weight = 0.3 * jax.random.normal(key_weight, (hidden, x.shape[1]))
        bias = jax.random.uniform(key_bias, (hidden,), minval=-1.5, maxval=1.5)
        nothing = linear(np.zeros((4, x.shape[1] + hidden)), np.zeros(4))
        arrays = (jnp.asarray(middle, jnp.float32), jnp.asarray(spread, jnp.float32))
        model = ForwardModel(linear(weight, bias), nothing, *arrays)
        features = jax.vmap(model.features)(jnp.asarray(start, jnp.float32), jnp.asarray(heights, jnp.float32))
        wanted = end - np.concatenate([start, np.zeros_like(start)], 1)
        return eqx.tree_at(lambda m: m.last, model, linear(*least_squares(np.asarray(features), wanted)))


def improve_through_forward_model(
    problem: ReachProblem,
    function: Pipeline,
    trainer: Trainer,
    *,
    rounds: int = 10,
    count: int = 1000,
    commands: int = 150,
    versions: int = 20,
    noise: float = 0.02,
    hidden: int = 300,
    seed: int = 0,
    callback: Callable[[int, dict[str, float], Pipeline], Any] | None = None,
) -> Pipeline:
    """Minimise the cost of the function's reaches with the derivatives of a learned model of the arm, never the arm's own.

    Each round plays `commands` of the function's commands in `versions` noisy versions, learns the forward model from
    them, plays `count` random reaches, moves their commands to where the model's derivative says that the cost is least,
    and trains the function on what the arm did with these.

    - `noise`: standard deviation of the disturbance, in parts of the range of the commands.
    - `callback(round, metrics, function)`: a true result stops.
    """
    if min(rounds, commands, versions, hidden) < 1 or not noise > 0 or count <= function.primitive.latent:
        raise DataError(
            f"rounds, commands, versions, hidden and noise must be positive and count more than the features, not "
            f"{rounds}, {commands}, {versions}, {hidden}, {noise:g} and {count}."
        )
    rng, basis = np.random.default_rng(seed), waves(problem.samples)
    for number in range(rounds):
        span = np.asarray(function.primitive.high - function.primitive.low)[4:]
        start, _, us = _own(function, rng, commands, problem.samples)
        start, us = np.repeat(start, versions, 0), np.repeat(us, versions, 0)
        disturbance = rng.normal(size=(len(us), WAVES, 2)) / np.sqrt(np.arange(1, WAVES + 1))[:, None]
        us = us + noise * span * np.sqrt(problem.samples / 2) * np.einsum("mku,kt->mtu", disturbance, basis)
        moved = play_all(problem, start, us)
        good = np.isfinite(moved.states).all((1, 2))
        if good.sum() < 50:
            raise TrainingError(f"Round {number + 1}: most noisy commands lead nowhere; lower noise ({noise:g}).")
        key = jax.random.key(rng.integers(2**31))
        heights = np.einsum("mtu,kt->mku", us, basis).reshape(len(us), -1)
        model = ForwardModel.learn(start[good], heights[good], moved.states[good, -1], hidden, key)
        start, target, us = _own(function, rng, count, problem.samples)
        end = play_all(problem, start, us).states[:, -1]
        heights = np.einsum("mtu,kt->mku", us, basis).reshape(count, -1)
        arrays = (jnp.asarray(x, jnp.float32) for x in (start, target, heights, end))
        better = np.asarray(_step(problem, model, *arrays)).reshape(count, WAVES, 2)
        us = np.einsum("mku,kt->mtu", better, basis)
        moved = play_all(problem, start, us)
        good = np.isfinite(moved.states).all((1, 2))
        decoder = function.primitive.scaled_to(moved.states[good], moved.commands[good])
        inputs = jax.vmap(function.perception.inputs)(conditions_of(start[good], target[good]))
        numbers = decoder.scaled(jnp.asarray(moved.states[good]), jnp.asarray(us[good], jnp.float32))
        function = trainer.function(function.perception, decoder, inputs, numbers)
        metrics = {"end_error": float(np.linalg.norm(moved.states[good, -1, :2] - target[good], axis=1).mean())}
        if callback is not None and callback(number + 1, metrics, function):
            break
    return function


def _own(function, rng, count, samples):
    start, target = sample_reaches(rng, count)
    us, _ = commands_and_states(function, conditions_of(start, target), samples)
    return start, target, np.asarray(us)


@eqx.filter_jit
def _step(problem, model, start, target, heights, end):
    """The wave heights of least cost, were the arm as linear as the model's derivative at each movement.

    min Φ/2 |e + J (a* - a)|² + R/2 dt |a*|², with the end state that was really reached in e; the waves are orthonormal.
    """
    dt = 1.0 / (problem.samples - 1)

    def one(start, target, heights, end):
        j = jax.jacrev(lambda a: model(start, a))(heights)
        miss = end - jnp.concatenate([target, jnp.zeros_like(target)])
        system = jnp.eye(4) / problem.terminal + j @ j.T / (problem.effort * dt)
        multiplier = jax.scipy.linalg.solve(system, j @ heights - miss, assume_a="pos")
        better = j.T @ multiplier / (problem.effort * dt)
        # Not farther than the derivative is good for.
        away = jnp.sqrt(jnp.mean((better - heights) ** 2) / jnp.mean(heights**2))
        return heights + jnp.minimum(1.0, 0.5 / jnp.maximum(away, 1e-6)) * (better - heights)

    return jax.vmap(one)(start, target, heights, end)
