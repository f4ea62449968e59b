"""Dense layers, and starting points that need no descent: principal components and least squares for last layers.

Descent from random weights takes a trajectory function to a few hundredths of the movements' range and then makes little
progress, because the movements vary a thousand times more in some directions than in others. From here it starts below 0.002.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor.common.trees import as_array

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
    """Fully connected layers, Xavier-uniform (Glorot and Bengio 2010), biases zero."""
    layers = []
    for rows, columns, k in zip(sizes[:-1], sizes[1:], jax.random.split(key, len(sizes) - 1), strict=True):
        shapes = eqx.filter_eval_shape(eqx.nn.Linear, rows, columns, key=k)
        dtype = shapes.weight.dtype
        limit = np.sqrt(3 * np.asarray(2 / (rows + columns), dtype))
        weight = limit * jax.random.uniform(
            k, (columns, rows), dtype, as_array(-1, dtype), as_array(1, dtype)
        )
        layers.append(
            eqx.tree_at(lambda x: (x.weight, x.bias), shapes, (weight, as_array(np.zeros(columns))))
        )
    return tuple(layers)


def run_layers(
    layers: Sequence[eqx.nn.Linear], x: Float[Array, " wide"], activation: str, last: str
) -> Float[Array, " out"]:
    """Through all layers, with another activation after the last."""
    for i, layer in enumerate(layers):
        x = ACTIVATIONS[last if i == len(layers) - 1 else activation](layer(x))
    return x


SPREAD = 0.15  # standard deviation of the widest feature before its activation: nearly linear
RIDGES = 10.0 ** np.arange(-8.0, 1.0, 0.5)  # the least keeps float32 exact enough


def undo(activation: str, values: np.ndarray) -> np.ndarray:
    """What goes into an activation to give `values`; `silu`, which has no inverse, is taken as linear around zero."""
    match activation:
        case "sigmoid":
            inside = np.clip(values, 1e-4, 1 - 1e-4)
            return np.log(inside / (1 - inside))
        case "tanh":
            return np.arctanh(np.clip(values, -1 + 1e-4, 1 - 1e-4))
        case "silu":
            return 2 * values
        case _:
            return values


def least_squares(features: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a linear layer from features to wanted values, with the ridge of least generalised
    cross-validation (Golub, Heath & Wahba 1979): hardly any where the features explain all, more where they do not.
    """
    features, wanted = np.asarray(features, np.float64), np.asarray(wanted, np.float64)
    count, mean, middle = len(features), features.mean(0), wanted.mean(0)
    x, y = features - mean, wanted - middle
    values, axes = np.linalg.eigh(x.T @ x / count)
    values = np.maximum(values, 0.0)
    moments = axes.T @ (x.T @ y) / count
    total, powers = (y**2).sum() / count, (moments**2).sum(1)

    def score(ridge):
        left = total - (powers * (values + 2 * ridge) / (values + ridge) ** 2).sum()
        freedom = 1 - (values / (values + ridge)).sum() / count
        return max(left, 1e-12 * total) / freedom**2

    best = min(RIDGES, key=score)
    weight = (axes @ (moments / (values + best)[:, None])).T
    return weight, middle - weight @ mean


def linear(weight: Any, bias: Any) -> eqx.nn.Linear:
    """A layer with these weights."""
    layer = eqx.nn.Linear(weight.shape[1], weight.shape[0], key=jax.random.key(0))
    return eqx.tree_at(
        lambda x: (x.weight, x.bias), layer, (jnp.asarray(weight, float), jnp.asarray(bias, float))
    )


def principal_pair(
    x: Float[Array, "reach wide"], width: int, inner: str, outer: str, key: PRNGKeyArray
) -> tuple[eqx.nn.Linear, eqx.nn.Linear]:
    """A layer to `width` features and its mirror image: principal components, nearly in the activation's linear range.

    Where there are more features than inputs, the components are spread over them by a random rotation.
    """
    seen = np.asarray(x, np.float64)
    mean = seen.mean(0)
    values, axes = np.linalg.eigh(np.cov(seen, rowvar=False))
    count = min(width, seen.shape[1])
    axes, widest = axes[:, ::-1][:, :count], np.sqrt(values[-1])
    rotation = np.linalg.qr(np.asarray(jax.random.normal(key, (width, count)), np.float64))[0]
    if width == count:
        rotation = np.eye(width)
    weight = SPREAD / widest * np.sqrt(width / count) * rotation @ axes.T
    encoder = linear(weight, -weight @ mean)
    features = jax.vmap(lambda v: run_layers((encoder,), v, inner, inner))(jnp.asarray(seen, jnp.float32))
    decoder = linear(*least_squares(np.asarray(features), undo(outer, seen)))
    return encoder, decoder


def spread_layers(layers: tuple[eqx.nn.Linear, ...], key: PRNGKeyArray) -> tuple[eqx.nn.Linear, ...]:
    """Hidden layers whose first spreads its units over inputs between 0 and 1, and not over the real line."""
    first = layers[0]
    key_weight, key_bias = jax.random.split(key)
    weight = 2 * jax.random.normal(key_weight, first.weight.shape)
    bias = jax.random.uniform(key_bias, weight.shape[:1], minval=-2.0, maxval=2.0)
    bias = bias - 0.5 * weight.sum(1)
    return (eqx.tree_at(lambda x: (x.weight, x.bias), first, (weight, bias)), *layers[1:])


def fitted_last(
    layers: tuple[eqx.nn.Linear, ...],
    activation: str,
    output: str,
    x: Float[Array, "reach inputs"],
    wanted: np.ndarray,
) -> tuple[eqx.nn.Linear, ...]:
    """The same layers, the last of them by least squares before its activation."""
    hidden = jax.vmap(lambda v: run_layers(layers[:-1], v, activation, activation))(x) if layers[:-1] else x
    return (*layers[:-1], linear(*least_squares(np.asarray(hidden), undo(output, np.asarray(wanted)))))
