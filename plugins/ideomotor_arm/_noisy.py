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
      noise; Huh & Todorov 2009 use 0.2). A new value is drawn at every step.
    - `observation`: standard deviation of what is added to the feedback, in the feedback's own units: one
      number for all of it, or a dictionary such as `{"angle": 0.01}`.

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

    def __check_init__(self):
        check_plant(self)
        check_numbers(self, "scale", least=0.0)
        if isinstance(self.observation, dict):
            check_plant(self, keys=tuple(self.observation))
        for scale in jax.tree.leaves(self.observation):
            if scale.shape != () or (concrete(scale) and not (np.isfinite(scale) and scale >= 0)):
                raise ValueError(
                    f"Noisy: observation must hold standard deviations of at least 0, not {scale}."
                )

    def step(self, state: PyTree, command: PyTree, dt, *, key: PRNGKeyArray | None = None) -> PyTree:
        """See `AbstractPlant`; each number of the command is multiplied by 1 + scale · N(0, 1)."""
        if key is None:
            return self.plant.step(state, command, dt)
        key_noise, key = jax.random.split(key)
        command = _draw(key_noise, command, lambda leaf: self.scale * leaf)
        return self.plant.step(state, command, dt, key=key)

    def observe(self, state: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
        """See `AbstractPlant`."""
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
