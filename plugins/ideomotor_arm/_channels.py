"""What happens to commands and feedback on their way: noise and delay."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPlant, quantity

from ._checks import check_numbers, concrete, floats
from ._two_link_arm import TwoLinkArm
from ._wrapper import AbstractWrapper, check_plant


def _scales(value):
    return (
        {name: floats(scale) for name, scale in value.items()} if isinstance(value, dict) else floats(value)
    )


class Noisy(AbstractWrapper):
    """A plant whose commands, and if wanted whose feedback, are noisy.

    - `scale`: standard deviation of each number of a command, relative to the number itself (signal-dependent
      noise; Huh & Todorov 2009 use 0.2), of its mean over `interval` seconds. A new value is drawn at every step, the
      larger the shorter the step, so that a movement is as noisy whatever its time step.
    - `interval`: in s; `None`: `scale` is that of each step, whatever its length.
    - `observation`: standard deviation of what is added to each sample of the feedback, in the feedback's own
      units: one number for all of it, or a dictionary such as `{"angle": 0.01}`.

    Without a key nothing is drawn and the plant behaves as the one inside.
    """

    plant: AbstractPlant = eqx.field(
        default=None, converter=lambda plant: TwoLinkArm() if plant is None else plant
    )
    scale: Float[Array, ""] = quantity(
        bounds=(0.0, 1.0), label="noise relative to the command", default=0.1, converter=floats
    )
    observation: Float[Array, ""] | dict[str, Float[Array, ""]] = quantity(
        bounds=(0.0, None), label="noise added to the feedback", default=0.0, converter=_scales
    )
    interval: float | None = eqx.field(static=True, default=0.01)

    def __check_init__(self):
        check_plant(self)
        check_numbers(self, "scale", least=0.0)
        if self.interval is not None and not self.interval > 0:
            raise ValueError(
                f"Noisy: interval must be a positive number of seconds or None, not {self.interval}."
            )
        if isinstance(self.observation, dict):
            check_plant(self, keys=tuple(self.observation))
        for scale in jax.tree.leaves(self.observation):
            if scale.shape != () or (concrete(scale) and not (np.isfinite(scale) and scale >= 0)):
                raise ValueError(
                    f"Noisy: observation must hold standard deviations of at least 0, not {scale}."
                )

    def step(self, state: PyTree, command: PyTree, dt, *, key: PRNGKeyArray | None = None) -> PyTree:
        """Each number of the command is multiplied by 1 + scale · sqrt(interval / dt) · N(0, 1)."""
        if key is None:
            return self.plant.step(state, command, dt)
        key_noise, key = jax.random.split(key)
        scale = self.scale if self.interval is None else self.scale * jnp.sqrt(self.interval / dt)
        command = _draw(key_noise, command, lambda leaf: scale * leaf)
        return self.plant.step(state, command, dt, key=key)

    def observe(self, state: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
        if key is None:
            return self.plant.observe(state)
        key_noise, key = jax.random.split(key)
        seen = self.plant.observe(state, key=key)
        if not isinstance(self.observation, dict):
            return _draw(key_noise, seen, lambda leaf: self.observation)
        noisy = {
            name: _draw(jax.random.fold_in(key_noise, i), seen[name], lambda leaf, scale=scale: scale)
            for i, (name, scale) in enumerate(sorted(self.observation.items()))
        }
        return {**seen, **noisy}


def _draw(key, tree, deviation):
    """The tree with noise of standard deviation `deviation(leaf)` added to its floating-point leaves."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, max(len(leaves), 1))

    def add(key, leaf):
        leaf = jnp.asarray(leaf)
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return leaf
        return leaf + (deviation(leaf) * jax.random.normal(key, leaf.shape, leaf.dtype)).astype(leaf.dtype)

    return jax.tree.unflatten(structure, [add(key, leaf) for key, leaf in zip(keys, leaves, strict=False)])


# A step equal to the resolution must be pushed although its age is a sum of rounded numbers.
ROUNDING = 1e-5


class DelayedState(eqx.Module):
    """The wrapped plant's state, and its states of the past, newest first, with ages in s."""

    plant: PyTree[Any]
    ages: Float[Array | np.ndarray, "*axes samples"]
    past: PyTree[Any]


class Delayed(AbstractWrapper):
    """A plant whose feedback is `delay` seconds old (proprioception about 0.04 s, vision about 0.09 s).

    The last states are kept at most every `delay / (samples - 1)` seconds, so that the record always reaches
    back far enough, whatever the time step; between kept states they are interpolated linearly, and the feedback is
    that of the state at that time, with its noise. It is exact where both delay and time step are multiples of
    the resolution, or the delay is a multiple of a time step longer than the resolution. Feedback from before the
    start is that of the start.
    """

    plant: AbstractPlant = eqx.field(
        default=None, converter=lambda plant: TwoLinkArm() if plant is None else plant
    )
    delay: Float[Array, ""] = quantity(unit="s", bounds=(0.0, 0.5), default=0.05, converter=floats)
    samples: int = eqx.field(static=True, default=16)

    def __check_init__(self):
        check_plant(self)
        check_numbers(self, "delay", least=0.0)
        if self.samples < 2:
            raise ValueError(f"Delayed: samples must be at least 2, not {self.samples}.")

    def start(self, inner: PyTree) -> DelayedState:
        """The wrapped plant in the state `inner`, in which it has always been."""
        past = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (self.samples, *jnp.shape(leaf))), inner)
        return DelayedState(inner, jnp.arange(self.samples) * self._resolution(), past)

    def inner(self, state: DelayedState) -> PyTree:
        return state.plant

    def step(
        self, state: DelayedState, command: PyTree, dt: Any, *, key: PRNGKeyArray | None = None
    ) -> DelayedState:
        plant = self.plant.step(state.plant, command, dt, key=key)
        ages = state.ages + dt
        due = ages[0] >= self._resolution() * (1 - ROUNDING)

        def push(new, past):
            pushed = jnp.concatenate([jnp.asarray(new, past.dtype)[None], past[:-1]])
            return jnp.where(due, pushed, past)

        return DelayedState(plant, push(0.0, ages), jax.tree.map(push, plant, state.past))

    def observe(self, state: DelayedState, *, key: PRNGKeyArray | None = None) -> PyTree:
        """The feedback of the state of `delay` seconds ago."""
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

        return self.plant.observe(jax.tree.map(interpolate, state.past), key=key)

    def _resolution(self):
        return self.delay / (self.samples - 1)
