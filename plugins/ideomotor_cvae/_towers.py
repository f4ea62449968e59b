"""Recipes for the networks that turn one observation into features."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._layers import Perceptron, convolution, leaky


class AbstractTower(eqx.Module):
    """A recipe for the network from an observation to features; it holds sizes, no weights."""

    @abc.abstractmethod
    def make(self, shape: tuple[int, ...], key: PRNGKeyArray) -> tuple[eqx.Module, int]:
        """The network for observations of that shape, and how many features it gives."""


class NetworkInNetwork(AbstractTower):
    """Convolutions, a 1x1 convolution and its mean over the picture (Lin et al. 2014), one dense layer.

    - `channels`, `kernels`: of the convolutions; the defaults are those of Veres et al. 2017, section IV-B.
    - `pool_after`: after which convolutions (counted from 1) the picture is halved by its maximum.
    - `mixed`: channels of the 1x1 convolution; `width`: features.
    - `stride`: of the first convolution; 2 costs a quarter.
    - `cells`: the mean is taken in so many by so many parts of the picture; 1 is the paper's, more keep where things are.

    Observations are (height, width, channels).
    """

    channels: tuple[int, ...] = eqx.field(static=True, default=(16, 32, 32, 64, 64))
    kernels: tuple[int, ...] = eqx.field(static=True, default=(7, 5, 5, 5, 3))
    pool_after: tuple[int, ...] = eqx.field(static=True, default=(2, 4))
    mixed: int = eqx.field(static=True, default=64)
    width: int = eqx.field(static=True, default=64)
    stride: int = eqx.field(static=True, default=1)
    cells: int = eqx.field(static=True, default=1)

    def __post_init__(self):
        for name in ("channels", "kernels", "pool_after"):
            object.__setattr__(self, name, tuple(int(n) for n in getattr(self, name)))
        if len(self.channels) != len(self.kernels) or not self.channels:
            raise ValueError(
                f"channels and kernels need one number for each convolution, and have {len(self.channels)} and "
                f"{len(self.kernels)}."
            )
        if even := [k for k in self.kernels if k % 2 == 0 or k < 1]:
            raise ValueError(f"kernels must be odd, so that they have a centre, and one is {even[0]}.")
        if min(self.channels) < 1 or min(self.mixed, self.width, self.stride, self.cells) < 1:
            raise ValueError("channels, mixed, width, stride and cells must be at least 1.")

    def make(self, shape: tuple[int, ...], key: PRNGKeyArray) -> tuple[eqx.Module, int]:
        """The network for pictures (height, width, channels)."""
        if len(shape) != 3:
            raise ValueError(
                f"pictures are (height, width, channels), and the observation's shape is {shape}."
            )
        halvings = sum(1 <= n <= len(self.channels) for n in self.pool_after)
        left = min(-(-side // self.stride) // 2**halvings for side in shape[:2])
        if left < 1:
            raise ValueError(
                f"a picture of {shape[0]}x{shape[1]} cannot be halved {halvings} times; give fewer pool_after."
            )
        if left < self.cells:
            raise ValueError(
                f"a picture of {shape[0]}x{shape[1]} is {left} pixels wide in the end, which {self.cells} cells cannot "
                f"share; give fewer cells or fewer pool_after."
            )
        return _Convolutions(self, shape[2], key), self.width


class DenseTower(AbstractTower):
    """Dense layers of `widths` on the flattened observation (a vector, a query point, a small picture)."""

    widths: tuple[int, ...] = eqx.field(static=True, default=(64, 64))

    def __post_init__(self):
        object.__setattr__(self, "widths", tuple(int(n) for n in self.widths))
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths must be whole numbers of at least 1, not {self.widths}.")

    def make(self, shape: tuple[int, ...], key: PRNGKeyArray) -> tuple[eqx.Module, int]:
        """The network for observations of any shape."""
        return _Flat(Perceptron(math.prod(shape), self.widths, key=key)), self.widths[-1]


class _Flat(eqx.Module):
    layers: Perceptron

    def __call__(self, observation: Float[Array, "*any"]) -> Float[Array, " features"]:
        return self.layers(observation.ravel())


class _Convolutions(eqx.Module):
    layers: tuple[eqx.nn.WeightNorm, ...]
    mix: eqx.nn.WeightNorm
    dense: Perceptron
    pool_after: tuple[int, ...] = eqx.field(static=True)
    cells: int = eqx.field(static=True)

    def __init__(self, recipe: NetworkInNetwork, channels: int, key: PRNGKeyArray):
        *keys, mix, last = jax.random.split(key, len(recipe.channels) + 2)
        sizes = (channels, *recipe.channels)
        steps = zip(sizes, recipe.channels, recipe.kernels, keys, strict=False)
        self.layers = tuple(
            convolution(a, b, size, k, 1 if i else recipe.stride) for i, (a, b, size, k) in enumerate(steps)
        )
        self.mix = convolution(sizes[-1], recipe.mixed, 1, mix)
        self.dense = Perceptron(recipe.mixed * recipe.cells**2, (recipe.width,), key=last)
        self.pool_after, self.cells = recipe.pool_after, recipe.cells

    def __call__(self, picture: Float[Array, "height width channels"]) -> Float[Array, " features"]:
        x = picture
        for i, layer in enumerate(self.layers, 1):
            x = leaky(layer(x))
            if i in self.pool_after:
                x = _halved(x)
        return self.dense(_means(leaky(self.mix(x)), self.cells))


def _means(x: Float[Array, "height width channels"], cells: int) -> Array:
    """Means over parts of the picture, `cells` along each side, as one vector; rows and columns left over are left out."""
    height, width, channels = x.shape
    rows, columns = height // cells, width // cells
    parts = x[: cells * rows, : cells * columns].reshape(cells, rows, cells, columns, channels)
    return jnp.moveaxis(parts.mean((1, 3)), -1, 0).ravel()


def _halved(x: Float[Array, "height width channels"]) -> Array:
    """The maximum of each 2x2 block; an odd last row or column is left out."""
    height, width, channels = x.shape
    x = x[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2 * 2, channels)
    x = jnp.maximum(x[:, 0], x[:, 1]).reshape(height // 2, width // 2, 2, channels)
    return jnp.maximum(x[:, :, 0], x[:, :, 1])
