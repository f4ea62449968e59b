"""Lowering the cost as the paper does: with a model of the arm that is learned from noisy versions of own commands."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import Pipeline
from ideomotor.errors import DataError, TrainingError

from ._improving import own_reaches, trained_on
from ._layers import linear
from ._problem import ReachProblem, mass
from ._training import Trainer, split_function

WAVES = 6  # for each joint: what a smooth command is made of
RIDGE = 1e-6
EARLIER = 2  # rounds whose trials are remembered


def waves(samples: int) -> np.ndarray:
    """Polynomials over a movement, `(WAVES, samples)`, a command's smooth parts: ∫ of the product of two of them is 0, of a
    square 1, for steps of one second.
    """
    powers = np.polynomial.legendre.legvander(np.linspace(-1, 1, samples), WAVES - 1)
    root = np.linalg.cholesky(mass(samples))
    return np.linalg.solve(root.T, np.linalg.qr(root.T @ powers)[0]).T


def heights_of(commands: np.ndarray) -> np.ndarray:
    """The wave heights `(movement, WAVES, 2)` of commands `(movement, time, 2)`."""
    samples = commands.shape[1]
    return np.einsum("kt,ts,msu->mku", waves(samples), mass(samples), commands)


class ForwardModel(eqx.Module):
    """A learned model of how the end of a movement depends on changes of its commands.

    The paper's forward model is a network from commands and start to states, of which only the derivative is used. This
    is that derivative, learned directly from the differences between noisy versions of one command: linear in the
    commands' changes, with slopes that one hidden layer gives for the start and the target of the movement. The changes
    are sums of smooth waves, since where noise has never been, no slope can be learned.
    """

    hidden: eqx.nn.Linear
    last: Float[Array, "features heights 4"]

    def features(self, conditions: Float[Array, "4"]) -> Float[Array, " features"]:
        """The hidden units for start and target (m), and a one."""
        return jnp.append(jnp.tanh(self.hidden(conditions)), 1.0)

    def slope(self, conditions: Float[Array, "4"]) -> Float[Array, "4 heights"]:
        """Derivative of the state at the end (m, m/s) by wave heights of the torques (N m)."""
        return jnp.einsum("f,fhi->ih", self.features(conditions), self.last)

    @staticmethod
    def learn(
        conditions: np.ndarray, changes: np.ndarray, effects: np.ndarray, hidden: int, key: PRNGKeyArray
    ) -> "ForwardModel":
        """A random hidden layer, and the last layer by least squares.

        - `conditions` `(sample, 4)` in m, `changes` of wave heights `(sample, heights)`, `effects` `(sample, 4)`.
        """
        middle, spread = conditions.mean(0), conditions.std(0) + 1e-9
        key_weight, key_bias = jax.random.split(key)
        weight = 0.5 * np.asarray(jax.random.normal(key_weight, (hidden, 4))) / spread
        bias = np.asarray(jax.random.uniform(key_bias, (hidden,), minval=-1.5, maxval=1.5)) - weight @ middle
        layer = linear(weight, bias)
        model = ForwardModel(layer, jnp.zeros((hidden + 1, changes.shape[1], 4)))
        features = np.asarray(jax.vmap(model.features)(jnp.asarray(conditions, jnp.float32)), np.float64)
        both = np.einsum("sf,sh->sfh", features, changes / changes.std()).reshape(len(features), -1)
        gram = both.T @ both
        gram[np.diag_indices_from(gram)] += RIDGE * len(both)
        last = np.linalg.solve(gram, both.T @ effects) / changes.std()
        return ForwardModel(layer, jnp.asarray(last.reshape(hidden + 1, -1, 4), jnp.float32))


def improve_through_forward_model(
    problem: ReachProblem,
    function: Pipeline,
    trainer: Trainer,
    *,
    rounds: int = 10,
    count: int = 4000,
    commands: int = 500,
    versions: int = 6,
    noise: float = 0.003,
    hidden: int = 100,
    seed: int = 0,
    callback: Callable[[int, dict[str, float], Pipeline], Any] | None = None,
) -> Pipeline:
    """Minimise the cost of the function's reaches with the derivatives of a learned model of the arm, never the arm's own.

    Each round plays `commands` of the function's commands in `versions` noisy versions, learns the forward model from
    them and those of two rounds before, plays `count` random reaches, moves their commands to where the model's derivative
    says that the cost is least, and trains the function on what the arm did with these.

    - `versions`: an even number; every other has the noise of the one before with the other sign, so that their difference
      is free of the arm's curvature.
    - `noise`: standard deviation of each wave of the disturbance, in N m.
    - `callback(round, metrics, function)`: return True to stop.
    """
    network, decoder = split_function(function)
    if min(rounds, commands, versions, hidden) < 1 or not noise > 0 or count <= decoder.latent:
        raise DataError(
            f"rounds, commands, versions, hidden and noise must be positive and count more than the features, not "
            f"{rounds}, {commands}, {versions}, {hidden}, {noise:g} and {count}."
        )
    if versions % 2:
        raise DataError(f"versions must be even, not {versions}: each noise is tried with either sign.")
    rng, trials = np.random.default_rng(seed), []
    for number in range(rounds):
        trials = [*trials[-EARLIER:], _trials(problem, function, rng, commands, versions // 2, noise)]
        conditions, changes, effects = (np.concatenate(parts) for parts in zip(*trials, strict=True))
        if len(effects) < 50:
            raise TrainingError(
                f"Round {number + 1}: most movements with noisy commands diverged; pass less noise than {noise:g} N m."
            )
        model = ForwardModel.learn(conditions, changes, effects, hidden, jax.random.key(rng.integers(2**31)))
        start, target, us = own_reaches(function, rng, count, problem.samples)
        end = problem.play_all(start, us).states[:, -1]
        arrays = (start, target, heights_of(us).reshape(count, -1), end)
        better = np.asarray(_step(problem, model, *(jnp.asarray(x, jnp.float32) for x in arrays)))
        us = np.einsum("mku,kt->mtu", better.reshape(count, WAVES, 2), waves(problem.samples))
        moved = problem.play_all(start, us)
        good = moved.finite()
        function = trained_on(trainer, network, decoder, target, moved)
        network, decoder = split_function(function)
        metrics = {
            "end_error": float(np.linalg.norm(moved.states[good, -1, :2] - target[good], axis=1).mean())
        }
        if callback is not None and callback(number + 1, metrics, function):
            break
    return function


def _trials(problem, function, rng, commands, pairs, noise):
    """Conditions, changes of wave heights, and what these change at the end: half the difference of a pair."""
    start, target, us = (
        np.repeat(x, pairs, 0) for x in own_reaches(function, rng, commands, problem.samples)
    )
    changes = noise * np.sqrt(problem.samples / 2) * rng.normal(size=(len(us), WAVES, 2))
    added = np.einsum("mku,kt->mtu", changes, waves(problem.samples))
    ends = [problem.play_all(start, us + sign * added).states[:, -1] for sign in (1, -1)]
    effects = (ends[0] - ends[1]) / 2
    good = np.isfinite(effects).all(1)
    return np.concatenate([start, target], 1)[good], changes.reshape(len(us), -1)[good], effects[good]


@eqx.filter_jit
def _step(problem, model, start, target, heights, end):
    """The wave heights of least cost, were the arm as linear as the model's derivative at each movement.

    min Φ/2 |e + J (a* - a)|² + R/2 dt |a*|², with the end state that was really reached in e; the waves are orthonormal.
    """
    dt = 1.0 / (problem.samples - 1)

    def one(start, target, heights, end):
        j = model.slope(jnp.concatenate([start, target]))
        miss = end - jnp.concatenate([target, jnp.zeros_like(target)])
        system = jnp.eye(4) / problem.terminal + j @ j.T / (problem.effort * dt)
        multiplier = jax.scipy.linalg.solve(system, j @ heights - miss, assume_a="pos")
        better = j.T @ multiplier / (problem.effort * dt)
        # Not farther than the derivative is good for.
        away = jnp.sqrt(jnp.mean((better - heights) ** 2) / jnp.mean(heights**2))
        return heights + jnp.minimum(1.0, 0.5 / jnp.maximum(away, 1e-6)) * (better - heights)

    return jax.vmap(one)(start, target, heights, end)
