from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPlant

_OF_STATES = ("force_response", "torque_response", "energy")


class AbstractWrapper(AbstractPlant):
    """A plant made from another one, kept in `plant`.

    Says how the two states belong together: `start` puts a state of the inner plant into one of the wrapper,
    `inner` takes it out again. What a wrapper does not define itself (`joint_positions`, `jacobian`,
    `lengths`, …) is looked up in the plant it wraps, except for functions of a state that the wrapper adds to.
    """

    plant: eqx.AbstractVar[AbstractPlant]

    def start(self, inner: PyTree) -> PyTree:
        """The wrapper's state at the start, with the wrapped plant in the state `inner`."""
        return inner

    def inner(self, state: PyTree) -> PyTree:
        """The wrapped plant's part of the wrapper's state."""
        return state

    def default_state(self) -> PyTree:
        return self.start(self.plant.default_state())

    def default_command(self) -> PyTree:
        return self.plant.default_command()

    def observe(self, state: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
        return self.plant.observe(self.inner(state), key=key)

    @property
    def at(self) -> Callable[[Float[Array | np.ndarray, "2"]], PyTree]:
        """The state at rest with the hand at a point; only there if the plant inside has it."""
        reach = self.plant.at  # pyright: ignore[reportAttributeAccessIssue]
        return lambda hand: self.start(reach(hand))

    def __getattr__(self, name: str) -> Any:
        # Only called for what the wrapper lacks. Underscored names are asked for by JAX and Python
        # themselves, also while the module is half made and has no `plant` yet.
        if name.startswith("_") or name == "plant":
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        try:
            if name in _OF_STATES and type(self).inner is not AbstractWrapper.inner:
                raise AttributeError  # the plant inside does not know this wrapper's states
            return getattr(self.plant, name)
        except AttributeError:
            raise AttributeError(
                f"Neither {type(self).__name__} nor the {type(self.plant).__name__} in it has {name!r}."
            ) from None


def unwrap(plant: AbstractPlant, state: PyTree = None) -> tuple[AbstractPlant, PyTree]:
    """The innermost plant, and its part of a state of the outermost one."""
    while isinstance(plant, AbstractWrapper):
        state = None if state is None else plant.inner(state)
        plant = plant.plant
    return plant, state


def check_plant(wrapper: AbstractWrapper, *methods: str, keys: tuple[str, ...] = ()):
    """Raise a ValueError if the wrapped plant lacks what the wrapper needs of it."""
    name, plant = type(wrapper).__name__, wrapper.plant
    if not isinstance(plant, AbstractPlant):
        raise ValueError(f"{name} wraps a plant, not a {type(plant).__name__}.")
    missing = [method for method in methods if not hasattr(plant, method)]
    if missing:
        raise ValueError(
            f"{name} cannot wrap {type(plant).__name__}, which has no {' and no '.join(missing)}."
        )
    if keys:
        seen = eqx.filter_eval_shape(lambda plant: plant.observe(plant.default_state()), plant)
        lacking = list(keys) if not isinstance(seen, dict) else [key for key in keys if key not in seen]
        if lacking:
            raise ValueError(
                f"{name} cannot wrap {type(plant).__name__}, whose feedback has no "
                f"{' and no '.join(map(repr, lacking))}."
            )
