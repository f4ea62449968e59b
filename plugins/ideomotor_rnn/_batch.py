"""A batch of movements as one movement of many bodies and networks, for training.

`jax.vmap` of `rollout` puts the trial first in every array, so that the six muscles of one trial lie side by side. Here the
trial comes last and the loop over time is outside: one muscle of all trials lies side by side, and noise is drawn for all of
them at once. That, and computing things anew on the way back instead of keeping them, makes training twice as fast.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractFeedbackPrimitive, AbstractPlant

from ._policy import RecurrentPolicy


def trials_last(tree: PyTree) -> PyTree:
    """Arrays that lead with the trial, with the trial last."""
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), tree)


class ManyPlants(AbstractPlant):
    """`count` plants side by side; the last axis of every array is the trial."""

    plant: AbstractPlant
    count: int = eqx.field(static=True)

    def default_state(self) -> PyTree:
        """That of the plant, for each trial."""
        return _many(self.plant.default_state(), self.count)

    def default_command(self) -> PyTree:
        """That of the plant, for each trial."""
        return _many(self.plant.default_command(), self.count)

    def step(self, state: PyTree, command: PyTree, dt: Any, *, key: PRNGKeyArray | None = None) -> PyTree:
        """That of the plant, in each trial."""
        keys = None if key is None else jax.random.split(key, self.count)

        def steps(plant, state, command):
            return _vmap(lambda x, u, key: plant.step(x, u, dt, key=key), state, command, keys=keys)

        return jax.checkpoint(steps, prevent_cse=False)(self.plant, state, command)

    def observe(self, state: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
        """That of the plant, in each trial."""
        keys = None if key is None else jax.random.split(key, self.count)

        def observations(plant, state):
            return _vmap(lambda x, key: plant.observe(x, key=key), state, keys=keys)

        return jax.checkpoint(observations, prevent_cse=False)(self.plant, state)


class ManyPolicies(AbstractFeedbackPrimitive[Any]):
    """One network in many trials, each starting from an activity of its own; the last axis of every array is the trial."""

    policy: RecurrentPolicy
    activity: Float[Array, "units trials"]

    def default_params(self) -> PyTree:
        """The policy's command, for each trial."""
        return _many(self.policy.default_params(), self.activity.shape[-1])

    def default_feedback(self) -> PyTree:
        """That of the policy, for each trial."""
        return _many(self.policy.default_feedback(), self.activity.shape[-1])

    def init(self, params: Any) -> Float[Array, "units trials"]:
        """The given activity."""
        return self.activity

    def step(
        self, state: PyTree, feedback: PyTree, params: Any, dt: Any, *, key: PRNGKeyArray | None = None
    ) -> tuple[PyTree, PyTree]:
        """That of the policy in each trial, with noise that is drawn for all at once."""
        factors = None if key is None else self.policy.factors(key, (self.activity.shape[-1],))

        def steps(policy, state, feedback, params, factors):
            act = lambda y, s, k, f: policy.respond(y, s, k, dt, f)  # noqa: E731
            axes = (-1, -1, -1, None if factors is None else -1)
            return jax.vmap(act, axes, -1)(state, feedback, params, factors)

        return jax.checkpoint(steps, prevent_cse=False)(self.policy, state, feedback, params, factors)


def _vmap(function, *arguments, keys):
    axes = (*[-1] * len(arguments), None if keys is None else 0)
    return jax.vmap(function, axes, -1)(*arguments, keys)


def _many(tree, count):
    return jax.tree.map(
        lambda leaf: jnp.broadcast_to(jnp.asarray(leaf)[..., None], (*jnp.shape(leaf), count)), tree
    )
