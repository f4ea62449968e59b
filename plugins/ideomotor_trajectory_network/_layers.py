from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

ACTIVATIONS = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "silu": jax.nn.silu, "linear": lambda x: x}


def check_activation(owner: str, **names: str) -> None:
    """Raise a ValueError for a name that is no activation."""
    for argument, name in names.items():
        if name not in ACTIVATIONS:
            raise ValueError(f"{owner}: {argument} must be one of {', '.join(ACTIVATIONS)}, not {name!r}.")


def widths(owner: str, name: str, value: Sequence[int]) -> tuple[int, ...]:
    """Widths of layers as a tuple; raises a ValueError for a width below 1."""
    if isinstance(value, int):
        value = (value,)
    if any(int(width) != width or width < 1 for width in value):
        raise ValueError(f"{owner}: {name} must be whole numbers of at least 1, not {value!r}.")
    return tuple(int(width) for width in value)


def dense(sizes: Sequence[int], key: PRNGKeyArray) -> tuple[eqx.nn.Linear, ...]:
    """Fully connected layers, Xavier-uniform, biases zero."""
    layers = []
    for rows, columns, k in zip(sizes[:-1], sizes[1:], jax.random.split(key, len(sizes) - 1), strict=True):
        layer = eqx.nn.Linear(rows, columns, key=k)
        weight = jax.nn.initializers.glorot_uniform()(k, (columns, rows), layer.weight.dtype)
        layers.append(eqx.tree_at(lambda x: (x.weight, x.bias), layer, (weight, jnp.zeros(columns))))
    return tuple(layers)


def run_layers(
    layers: Sequence[eqx.nn.Linear], x: Float[Array, " wide"], activation: str, last: str
) -> Float[Array, " out"]:
    """Through all layers, with another activation after the last."""
    for i, layer in enumerate(layers):
        x = ACTIVATIONS[last if i == len(layers) - 1 else activation](layer(x))
    return x
