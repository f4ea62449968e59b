import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._gaussian import Gaussian, bounded


def leaky(x: Array) -> Array:
    """The authors' activation: slope 0.2 below zero."""
    return jax.nn.leaky_relu(x, 0.2)


def dense(inputs: int, outputs: int, key: PRNGKeyArray) -> eqx.nn.WeightNorm:
    """A weight-normalised dense layer (Salimans & Kingma 2016), Glorot-uniform, with zero biases."""
    return eqx.nn.WeightNorm(_glorot(eqx.nn.Linear(inputs, outputs, key=key), inputs, outputs, key))


def convolution(
    inputs: int, outputs: int, kernel: int, key: PRNGKeyArray, stride: int = 1
) -> eqx.nn.WeightNorm:
    """A weight-normalised convolution that keeps the size of the picture, or divides it by the stride."""
    layer = _Convolution(jnp.zeros((outputs, inputs, kernel, kernel)), jnp.zeros((outputs, 1, 1)), stride)
    return eqx.nn.WeightNorm(_glorot(layer, inputs * kernel**2, outputs * kernel**2, key))


def _glorot(layer, fan_in: int, fan_out: int, key: PRNGKeyArray):
    limit = (6 / (fan_in + fan_out)) ** 0.5
    weight = jax.random.uniform(key, layer.weight.shape, layer.weight.dtype, -limit, limit)
    return eqx.tree_at(lambda m: (m.weight, m.bias), layer, (weight, jnp.zeros_like(layer.bias)))


class _Convolution(eqx.Module):
    """Channels come last: XLA trains so one and a half times as fast on a processor as with `eqx.nn.Conv2d`."""

    weight: Float[Array, "outputs inputs kernel kernel"]
    bias: Float[Array, "outputs 1 1"]
    stride: int = eqx.field(static=True)

    def __call__(
        self, x: Float[Array, "height width inputs"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "down across outputs"]:
        beside = self.weight.shape[-1] // 2
        y = jax.lax.conv_general_dilated(
            x[None],
            self.weight,
            (self.stride, self.stride),
            [(beside, beside)] * 2,
            dimension_numbers=("NHWC", "OIHW", "NHWC"),
        )
        return y[0] + self.bias[:, 0, 0]


class Perceptron(eqx.Module):
    """Dense layers, each followed by the activation."""

    layers: tuple[eqx.nn.WeightNorm, ...]

    def __init__(self, inputs: int, widths: tuple[int, ...], *, key: PRNGKeyArray):
        sizes = (inputs, *widths)
        keys = jax.random.split(key, max(len(widths), 1))
        self.layers = tuple(dense(a, b, k) for a, b, k in zip(sizes, widths, keys, strict=False))

    def __call__(self, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        """The last layer's activations."""
        for layer in self.layers:
            x = leaky(layer(x))
        return x


class GaussianHead(eqx.Module):
    """Features become a normal distribution."""

    mean: eqx.nn.WeightNorm
    log_sigma: eqx.nn.WeightNorm

    def __init__(self, inputs: int, outputs: int, *, key: PRNGKeyArray):
        first, second = jax.random.split(key)
        self.mean, self.log_sigma = dense(inputs, outputs, first), dense(inputs, outputs, second)

    def __call__(self, x: Float[Array, " inputs"]) -> Gaussian:
        """The distribution, with deviations between e⁻³ and e."""
        return Gaussian(self.mean(x), bounded(self.log_sigma(x)))


class LatentEncoder(eqx.Module):
    """Features of the observation, and parameters if there are any, become a distribution over the latent."""

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
        """The distribution over the latent."""
        if self.given is not None and given is not None:
            features = jnp.concatenate([features, self.given(given)])
        return self.head(self.shared(features))


class Generator(eqx.Module):
    """A first guess and a latent become a distribution over the (scaled) parameters.

    - `guess`: the prediction network, from features alone.
    - `widths=()` is the authors' network: the latent's own contribution and the guess, one layer, two heads.
      With widths, layers that see features and latent together correct the guess.
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

    def guess(self, features: Float[Array, " features"]) -> Float[Array, " outputs"]:
        """What the features alone say."""
        return self.guess_out(self.guess_layers(features))

    def __call__(
        self,
        features: Float[Array, " features"],
        guess: Float[Array, " outputs"],
        latent: Float[Array, " latent"],
    ) -> Gaussian:
        """The distribution over the scaled parameters for one latent."""
        seen = [features, latent, guess] if self.latent is None else [guess, self.latent(latent)]
        made = self.head(self.joint(jnp.concatenate(seen)))
        return Gaussian(guess + made.mean, made.log_sigma)
