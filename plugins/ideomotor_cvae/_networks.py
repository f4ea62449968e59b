import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor.common.layers import Convolution

from ._model import Gaussian, bounded


def leaky(x: Array) -> Array:
    """The authors' activation: slope 0.2 below zero."""
    return jax.nn.leaky_relu(x, 0.2)


def dense(inputs: int, outputs: int, key: PRNGKeyArray) -> eqx.nn.WeightNorm:
    """A weight-normalised dense layer (Salimans & Kingma 2016), Glorot-uniform, with zero biases."""
    limit = _limit(inputs, outputs)
    weight = jax.random.uniform(key, (outputs, inputs), float, -limit, limit)
    layer = eqx.nn.Linear(inputs, outputs, key=key)
    layer = eqx.tree_at(lambda m: (m.weight, m.bias), layer, (weight, jnp.zeros(outputs)))
    return eqx.nn.WeightNorm(layer)


def convolution(
    inputs: int, outputs: int, kernel: int, key: PRNGKeyArray, stride: int = 1
) -> eqx.nn.WeightNorm:
    """A weight-normalised convolution that keeps the size of the image, or divides it by the stride."""
    limit = _limit(inputs * kernel**2, outputs * kernel**2)
    return eqx.nn.WeightNorm(Convolution(inputs, outputs, kernel, limit=limit, key=key, stride=stride))


def _limit(fan_in: int, fan_out: int) -> float:
    return (6 / (fan_in + fan_out)) ** 0.5


class Perceptron(eqx.Module):
    """Dense layers, each followed by the activation."""

    layers: tuple[eqx.nn.WeightNorm, ...]

    def __init__(self, inputs: int, widths: tuple[int, ...], *, key: PRNGKeyArray):
        sizes = (inputs, *widths)
        keys = jax.random.split(key, max(len(widths), 1))
        self.layers = tuple(dense(a, b, k) for a, b, k in zip(sizes, widths, keys, strict=False))

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        for layer in self.layers:
            x = leaky(layer(x))
        return x


class GaussianHead(eqx.Module):
    """From features to a normal distribution with standard deviations between e⁻³ and e."""

    mean: eqx.nn.WeightNorm
    log_sigma: eqx.nn.WeightNorm

    def __init__(self, inputs: int, outputs: int, *, key: PRNGKeyArray):
        first, second = jax.random.split(key)
        self.mean, self.log_sigma = dense(inputs, outputs, first), dense(inputs, outputs, second)

    def __call__(self, x: Float[Array, " inputs"]) -> Gaussian:
        return Gaussian(self.mean(x), bounded(self.log_sigma(x)))


class LatentEncoder(eqx.Module):
    """From features of the observation, and parameters if it is `given` any, to a distribution over the latent."""

    given: Perceptron | None
    shared: Perceptron
    head: GaussianHead

    def __init__(self, features: int, given: int, width: int, latent: int, *, key: PRNGKeyArray):
        one, two, three = jax.random.split(key, 3)
        self.given = Perceptron(given, (given,), key=one) if given else None
        self.shared = Perceptron(features + given, (width,), key=two)
        self.head = GaussianHead(width, latent, key=three)

    def __call__(
        self, features: Float[Array, " features"], given: Float[Array, " outputs"] | None = None
    ) -> Gaussian:
        if self.given is not None and given is not None:
            features = jnp.concatenate([features, self.given(given)])
        return self.head(self.shared(features))


class Generator(eqx.Module):
    """From a first prediction and a latent to a distribution over the (scaled) parameters.

    `widths=()` is the authors' network: the latent's own contribution and the prediction, one layer, two heads. With
    widths, layers that see features and latent together correct the prediction.
    """

    guess_layers: Perceptron
    guess_out: eqx.nn.WeightNorm
    latent: Perceptron | None
    joint: Perceptron
    head: GaussianHead

    def __init__(
        self,
        features: int,
        latent: int,
        outputs: int,
        width: int,
        widths: tuple[int, ...],
        *,
        key: PRNGKeyArray,
    ):
        keys = jax.random.split(key, 5)
        self.guess_layers = Perceptron(features, (width,), key=keys[0])
        self.guess_out = dense(width, outputs, keys[1])
        self.latent = None if widths else Perceptron(latent, (latent, outputs), key=keys[2])
        inputs = features + latent + outputs if widths else 2 * outputs
        self.joint = Perceptron(inputs, widths or (outputs,), key=keys[3])
        self.head = GaussianHead(widths[-1] if widths else outputs, outputs, key=keys[4])

    def predict(self, features: Float[Array, " features"]) -> Float[Array, " outputs"]:
        """The prediction from the features alone."""
        return self.guess_out(self.guess_layers(features))

    def __call__(
        self,
        features: Float[Array, " features"],
        prediction: Float[Array, " outputs"],
        latent: Float[Array, " latent"],
    ) -> Gaussian:
        if self.latent is None:
            inputs = [features, latent, prediction]
        else:
            inputs = [prediction, self.latent(latent)]
        correction = self.head(self.joint(jnp.concatenate(inputs)))
        return Gaussian(prediction + correction.mean, correction.log_sigma)


class AbstractTower(eqx.Module):
    """A recipe for the network from an observation to features: its sizes, without weights."""

    @abc.abstractmethod
    def make(self, shape: tuple[int, ...], key: PRNGKeyArray) -> tuple[Any, int]:
        """The network for observations of that shape, and its number of features."""


class NetworkInNetwork(AbstractTower):
    """Convolutions, a 1x1 convolution and its mean over the picture (Lin et al. 2014), one dense layer.

    - `channels`, `kernels`: of the convolutions; the defaults are those of Veres et al. 2017, section IV-B.
    - `pool_after`: the convolutions (counted from 1) that are followed by 2x2 max pooling.
    - `mixed`: channels of the 1x1 convolution; `width`: number of features.
    - `stride`: of the first convolution; 2 takes a quarter of the time.
    - `cells`: the mean is taken separately in `cells` x `cells` parts of the image; 1 as in the paper, more keep the place.

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
                f"channels and kernels must have one number for each convolution, not {len(self.channels)} and "
                f"{len(self.kernels)}."
            )
        if even := [k for k in self.kernels if k % 2 == 0 or k < 1]:
            raise ValueError(f"kernels must be odd, so that they have a centre, not {even[0]}.")
        if min(self.channels) < 1 or min(self.mixed, self.width, self.stride, self.cells) < 1:
            raise ValueError("channels, mixed, width, stride and cells must be at least 1.")

    def make(self, shape: tuple[int, ...], key: PRNGKeyArray) -> tuple[Any, int]:
        if len(shape) != 3:
            raise ValueError(
                f"the shape of an image must be (height, width, channels), not {shape}; use DenseTower for other shapes."
            )
        halvings = sum(1 <= n <= len(self.channels) for n in self.pool_after)
        left = min(-(-side // self.stride) // 2**halvings for side in shape[:2])
        if left < 1:
            raise ValueError(
                f"an image of {shape[0]}x{shape[1]} cannot be halved {halvings} times; pass fewer pool_after."
            )
        if left < self.cells:
            raise ValueError(
                f"an image of {shape[0]}x{shape[1]} is {left} pixels wide after pooling, fewer than {self.cells} cells; "
                f"pass fewer cells or fewer pool_after."
            )
        return _Convolutions(self, shape[2], key), self.width


class DenseTower(AbstractTower):
    """Dense layers of `widths` on the flattened observation (a vector, a query point, a small image)."""

    widths: tuple[int, ...] = eqx.field(static=True, default=(64, 64))

    def __post_init__(self):
        object.__setattr__(self, "widths", tuple(int(n) for n in self.widths))
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths must be whole numbers of at least 1, not {self.widths}.")

    def make(self, shape: tuple[int, ...], key: PRNGKeyArray) -> tuple[Any, int]:
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
    """Means over `cells` x `cells` parts of the image as one vector; remaining rows and columns are ignored."""
    height, width, channels = x.shape
    rows, columns = height // cells, width // cells
    parts = x[: cells * rows, : cells * columns].reshape(cells, rows, cells, columns, channels)
    return jnp.moveaxis(parts.mean((1, 3)), -1, 0).ravel()


def _halved(x: Float[Array, "height width channels"]) -> Array:
    """The maximum of each 2x2 block; an odd last row or column is ignored."""
    height, width, channels = x.shape
    x = x[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2 * 2, channels)
    x = jnp.maximum(x[:, 0], x[:, 1]).reshape(height // 2, width // 2, 2, channels)
    return jnp.maximum(x[:, :, 0], x[:, :, 1])


class AbstractPrior(eqx.Module):
    """A recipe for the network that gives the distribution of the latent where the parameters are not known."""

    @abc.abstractmethod
    def make(
        self, features: int, outputs: int, width: int, latent: int, key: PRNGKeyArray
    ) -> LatentEncoder | None:
        """The network, or None where the recognition network takes its place."""


class ImagePrior(AbstractPrior):
    """From the observation alone: the CVAE of Sohn et al. 2015 and Veres et al. 2017."""

    def make(
        self, features: int, outputs: int, width: int, latent: int, key: PRNGKeyArray
    ) -> LatentEncoder | None:
        return LatentEncoder(features, 0, width, latent, key=key)


class RecurrentPrior(AbstractPrior):
    """From the observation and a first prediction of the parameters, which receives gradients: the R-CVAE of Veres et al. 2017."""

    def make(
        self, features: int, outputs: int, width: int, latent: int, key: PRNGKeyArray
    ) -> LatentEncoder | None:
        return LatentEncoder(features, outputs, width, latent, key=key)


class SharedPrior(AbstractPrior):
    """Recognition and prior are one network, which never sees parameters: the GSNN of Sohn et al. 2015."""

    def make(
        self, features: int, outputs: int, width: int, latent: int, key: PRNGKeyArray
    ) -> LatentEncoder | None:
        return None
