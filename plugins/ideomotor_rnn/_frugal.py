from typing import Any

import jax
from jaxtyping import PRNGKeyArray, PyTree

from ideomotor import AbstractPlant


class Frugal(AbstractPlant):
    """A plant that computes its steps anew on the way back instead of keeping every intermediate number.

    For training: a muscle makes some forty numbers of one activation, and reading them all back from memory takes longer
    than computing them twice.
    """

    plant: AbstractPlant

    def default_state(self) -> PyTree:
        """That of the plant."""
        return self.plant.default_state()

    def default_command(self) -> PyTree:
        """That of the plant."""
        return self.plant.default_command()

    def step(self, state: PyTree, command: PyTree, dt: Any, *, key: PRNGKeyArray | None = None) -> PyTree:
        """That of the plant."""
        return jax.checkpoint(lambda plant, state, command: plant.step(state, command, dt, key=key))(
            self.plant, state, command
        )

    def observe(self, state: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
        """That of the plant."""
        return jax.checkpoint(lambda plant, state: plant.observe(state, key=key))(self.plant, state)
