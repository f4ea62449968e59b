from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPlant, quantity

from ._checks import check_numbers, floats
from ._two_link_arm import TwoLinkArm
from ._wrapper import AbstractWrapper, check_plant

# A step equal to the resolution must be pushed although its age is a sum of rounded numbers.
ROUNDING = 1e-5


class DelayedState(eqx.Module):
    """The wrapped plant's state, and its feedback of the past, newest first, with ages in s."""

    plant: PyTree[Any]
    ages: Float[Array | np.ndarray, "*axes samples"]
    feedback: PyTree[Any]


class Delayed(AbstractWrapper):
    """A plant whose feedback is `delay` seconds old (proprioception about 0.04 s, vision about 0.09 s).

    The last feedback is kept at most every `delay / (samples - 1)` seconds, so that the record always reaches
    back far enough, whatever the time step; between kept values it is interpolated linearly. It is exact
    where both delay and time step are multiples of the resolution, or the delay is a multiple of a time step
    longer than the resolution. Feedback from before the start is that of the start.
    """

    plant: AbstractPlant = eqx.field(
        default=None, converter=lambda plant: TwoLinkArm() if plant is None else plant
    )
    delay: Float[Array, ""] = quantity(unit="s", bounds=(0.0, 0.5), default=0.05, converter=floats)
    samples: int = eqx.field(static=True, default=64)

    def __check_init__(self):
        check_plant(self)
        check_numbers(self, "delay", least=0.0)
        if self.samples < 2:
            raise ValueError(f"Delayed: samples must be at least 2, not {self.samples}.")

    def start(self, inner: PyTree) -> DelayedState:
        """The wrapped plant in the state `inner`, seen like this for ever."""
        seen = self.plant.observe(inner)
        history = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (self.samples, *jnp.shape(leaf))), seen)
        return DelayedState(inner, jnp.arange(self.samples) * self._resolution(), history)

    def inner(self, state: DelayedState) -> PyTree:
        """See `AbstractWrapper`."""
        return state.plant

    def step(
        self, state: DelayedState, command: PyTree, dt: Any, *, key: PRNGKeyArray | None = None
    ) -> DelayedState:
        """See `AbstractPlant`."""
        key_move, key_see = (None, None) if key is None else jax.random.split(key)
        plant = self.plant.step(state.plant, command, dt, key=key_move)
        seen = self.plant.observe(plant, key=key_see)
        ages = state.ages + dt
        due = ages[0] >= self._resolution() * (1 - ROUNDING)

        def push(new, past):
            pushed = jnp.concatenate([jnp.asarray(new, past.dtype)[None], past[:-1]])
            return jnp.where(due, pushed, past)

        return DelayedState(plant, push(0.0, ages), jax.tree.map(push, seen, state.feedback))

    def observe(self, state: DelayedState, *, key: PRNGKeyArray | None = None) -> PyTree:
        """The feedback as it was `delay` seconds ago; its noise was drawn then."""
        ages = state.ages
        older = jnp.clip(jnp.searchsorted(ages, self.delay), 1, self.samples - 1)
        span = ages[older] - ages[older - 1]
        # Without a delay all ages may be equal.
        part = (self.delay - ages[older - 1]) / jnp.where(span > 0, span, 1.0)
        weight = jnp.clip(jnp.where(span > 0, part, 0.0), 0.0, 1.0)

        def interpolate(past):
            if not jnp.issubdtype(past.dtype, jnp.floating):
                return past[older - 1]
            return past[older - 1] + weight.astype(past.dtype) * (past[older] - past[older - 1])

        return jax.tree.map(interpolate, state.feedback)

    def _resolution(self):
        return self.delay / (self.samples - 1)
