import abc
from typing import Generic, TypeVar

import equinox as eqx
from jaxtyping import PRNGKeyArray, PyTree

Params = TypeVar("Params")


class AbstractPerception(eqx.Module, Generic[Params]):
    """Turns one observation (an image, a start and target, a query) into the parameters of a movement.

    One observation in, one set of parameters out; `jax.vmap` makes batches.
    """

    @abc.abstractmethod
    def default_observation(self) -> PyTree:
        """An observation this perception accepts: its structure, shapes and dtypes are the input type."""

    @abc.abstractmethod
    def __call__(self, observation: PyTree, *, key: PRNGKeyArray | None = None) -> Params:
        """The parameters of the movement; deterministic with `key=None`, and what must sample raises."""
