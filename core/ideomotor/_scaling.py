"""From the numbers a network gives, all of order one, to a primitive's parameters and back."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from ._quantity import Quantity, leaf_quantities
from .common.trees import as_array, named_leaves
from .errors import DataError


class OutputScaling(eqx.Module):
    """`params = offset + scale · output`, number by number; what must be positive is scaled in its logarithm.

    What must not be negative is cut off at zero. A number whose `scale` is zero stays at its offset whatever the
    network says. The arrays are saved with the network's weights and are never trained.
    """

    offset: Float[Array, " params"]
    scale: Float[Array, " params"]
    positive: tuple[bool, ...] = eqx.field(static=True)

    @staticmethod
    def identity(example: PyTree) -> "OutputScaling":
        """Outputs around the example's own values, with unit scale.

        Raises a `ValueError` for an example with numbers that are not finite, or not positive where they must be.
        """
        positive = positive_numbers(example)
        _check_example(example)
        leaves = jax.tree.leaves(example)
        if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            flat = _log(_flat(example), positive)
        else:
            flat = np.concatenate([np.ravel(leaf).astype(jnp.result_type(*leaves)) for leaf in leaves])
            flat = as_array(np.log(flat, out=flat, where=np.asarray(positive)))
        return OutputScaling(flat, as_array(np.ones(flat.shape, flat.dtype)), positive)

    @staticmethod
    def learn(batch: PyTree, example: PyTree, per: str = "leaf") -> "OutputScaling":
        """Scaling learnt from many parameters, whose leaves lead with a batch axis.

        - `per="leaf"`: the range of each leaf's numbers together becomes [−1, 1]: one range for all weights,
          one for starts, one for goals, as the authors of Pahič et al. 2018 did.
        - `per="number"`: mean zero and deviation one for each number on its own.
        """
        positive = positive_numbers(example)
        flat = np.array(jax.vmap(_flat)(batch), float)
        if len(flat) < 2 or not np.all(np.isfinite(flat)):
            raise DataError(
                f"the scaling is learnt from at least two sets of finite parameters, and {len(flat)} were given"
                f"{'' if np.all(np.isfinite(flat)) else ', some not finite'}."
            )
        mask = np.asarray(positive)
        if np.any(flat[:, mask] <= 0):
            raise DataError(
                "the scaling is learnt from a positive quantity that is zero or negative; drop that sample."
            )
        flat[:, mask] = np.log(flat[:, mask])
        if per == "number":
            offset, scale = flat.mean(0), flat.std(0)
        elif per == "leaf":
            offset, scale = np.empty(flat.shape[1]), np.empty(flat.shape[1])
            for part in _leaf_slices(example):
                low, high = flat[:, part].min(), flat[:, part].max()
                offset[part], scale[part] = (high + low) / 2, (high - low) / 2
        else:
            raise ValueError(f"per must be 'leaf' or 'number', not {per!r}.")
        scale = np.where(scale < 1e-6 * (1 + np.abs(offset)), 0, scale)  # what never varies stays as it is
        dtype = jnp.result_type(float)
        return OutputScaling(jnp.asarray(offset, dtype), jnp.asarray(scale, dtype), positive)

    def to_params(self, output: Float[Array, " params"], example: PyTree) -> PyTree:
        """The primitive's parameters for one vector of outputs; `example` gives their structure."""
        offset, scale = jax.lax.stop_gradient((self.offset, self.scale))
        flat = offset + scale * output
        mask = np.asarray(self.positive)
        if mask.any():
            flat = jnp.where(mask, jnp.exp(jnp.where(mask, flat, 0)), flat)
        mask = np.asarray(_numbers_that(example, lambda quantity: quantity.not_negative))
        if mask.any():
            flat = jnp.where(mask, jnp.maximum(flat, 0), flat)
        return ravel_pytree(example)[1](flat.astype(_flat(example).dtype))

    def to_output(self, params: PyTree) -> Float[Array, " params"]:
        """The outputs that give these parameters: the inverse of `to_params` (zero where `scale` is)."""
        offset, scale = jax.lax.stop_gradient((self.offset, self.scale))
        shifted = _log(_flat(params), self.positive) - offset
        return jnp.where(scale == 0, 0, shifted / jnp.where(scale == 0, 1, scale))


def positive_numbers(example: PyTree) -> tuple[bool, ...]:
    """For each number of the flattened parameters, whether its quantity is `positive`."""
    return _numbers_that(example, lambda quantity: quantity.positive)


def _numbers_that(example: PyTree, holds: Callable[[Quantity], bool]) -> tuple[bool, ...]:
    return tuple(
        holds(quantity)
        for leaf, quantity in zip(jax.tree.leaves(example), leaf_quantities(example), strict=True)
        for _ in range(np.size(leaf))
    )


def _check_example(example: PyTree) -> None:
    for (name, leaf), quantity in zip(named_leaves(example), leaf_quantities(example), strict=True):
        if isinstance(leaf, jax.core.Tracer):
            continue
        values = np.asarray(leaf, float)
        if not np.all(np.isfinite(values)):
            raise ValueError(
                f"The parameters' {name or 'number'} is not finite, so a network cannot be initialised there."
            )
        if quantity.positive and np.any(values <= 0):
            raise ValueError(
                f"The parameters' {name or 'number'} is {values.min():g} by default and declared positive; give it a "
                f"positive default, or declare it with bounds=(0, None) if zero is allowed."
            )


def _flat(params: PyTree) -> Array:
    return ravel_pytree(params)[0]


def _log(flat: Array, positive: tuple[bool, ...]) -> Array:
    mask = np.asarray(positive)
    return jnp.where(mask, jnp.log(jnp.where(mask, flat, 1)), flat) if mask.any() else flat


def _leaf_slices(example: PyTree) -> list[slice]:
    ends = np.cumsum([np.size(leaf) for leaf in jax.tree.leaves(example)])
    return [
        slice(int(end - np.size(leaf)), int(end))
        for leaf, end in zip(jax.tree.leaves(example), ends, strict=True)
    ]
