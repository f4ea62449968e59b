"""Image encoders: recipes for the layers that turn an image into features."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class AbstractEncoder(eqx.Module):
    """A recipe for the first layers of an `EncoderDecoder`; it holds sizes, no weights."""

    @abc.abstractmethod
    def layers(self, image_shape: tuple[int, int], key: PRNGKeyArray) -> tuple[list[eqx.Module], int]:
        """The layers for images of that shape, and how many features the last one gives."""

    def see(self, image: Float[Array, "height width"]) -> Float[Array, "channels height width"]:
        """What the first layer gets of an image: all of it that needs no weights."""
        return image[None]


class FullyConnected(AbstractEncoder):
    """Dense layers on the flattened image; the default widths are those of Pahič et al. 2018, section II."""

    widths: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, widths: tuple[int, ...] = (1500, 1300, 1000, 600, 200)):
        self.widths = _positive("widths", widths)

    def layers(self, image_shape: tuple[int, int], key: PRNGKeyArray) -> tuple[list[eqx.Module], int]:
        """One dense layer per width."""
        made, width = dense_layers(image_shape[0] * image_shape[1], self.widths, key)
        return [*made], width


class Convolutional(AbstractEncoder):
    """Convolutions that shrink the image by `strides`, then dense layers of `widths`."""

    channels: tuple[int, ...] = eqx.field(static=True)
    kernels: tuple[int, ...] = eqx.field(static=True)
    strides: tuple[int, ...] = eqx.field(static=True)
    widths: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        channels: tuple[int, ...] = (16, 32, 64),
        kernels: tuple[int, ...] = (5, 3, 3),
        strides: tuple[int, ...] = (2, 2, 2),
        widths: tuple[int, ...] = (256,),
    ):
        self.channels = _positive("channels", channels)
        self.kernels = _positive("kernels", kernels)
        self.strides = _positive("strides", strides)
        self.widths = tuple(widths) and _positive("widths", widths)
        if not len(self.channels) == len(self.kernels) == len(self.strides):
            raise ValueError(
                f"channels, kernels and strides need one number for each convolution, and have "
                f"{len(self.channels)}, {len(self.kernels)} and {len(self.strides)}."
            )
        if even := [k for k in self.kernels if k % 2 == 0]:
            raise ValueError(f"kernels must be odd, so that they have a centre, and one is {even[0]}.")

    def layers(self, image_shape: tuple[int, int], key: PRNGKeyArray) -> tuple[list[eqx.Module], int]:
        """The convolutions, then the dense layers on their flattened output."""
        keys = jax.random.split(key, len(self.channels) + 1)
        made, before, size = [], 1, tuple(image_shape)
        for channels, kernel, stride, sub in zip(
            self.channels, self.kernels, self.strides, keys, strict=False
        ):
            layer = eqx.nn.Conv2d(before, channels, kernel, stride, kernel // 2, key=sub)
            fans = kernel * kernel * before, kernel * kernel * channels
            made.append(xavier(layer, *fans, sub))
            before, size = channels, tuple(-(-s // stride) for s in size)
        dense, width = dense_layers(before * size[0] * size[1], self.widths, keys[-1])
        return [*made, *dense], width


def dense_layers(width: int, widths: tuple[int, ...], key: PRNGKeyArray) -> tuple[list[eqx.nn.Linear], int]:
    """Dense layers from `width` inputs through `widths`, and the last width."""
    made = []
    for new, sub in zip(widths, jax.random.split(key, max(len(widths), 1)), strict=False):
        made.append(xavier(eqx.nn.Linear(width, new, key=sub), width, new, sub))
        width = new
    return made, width


def xavier(layer, fan_in: int, fan_out: int, key: PRNGKeyArray):
    """The layer with Xavier-uniform weights (Glorot and Bengio 2010) and zero biases, as in the paper."""
    limit = (6 / (fan_in + fan_out)) ** 0.5
    weight = jax.random.uniform(key, layer.weight.shape, layer.weight.dtype, -limit, limit)
    return eqx.tree_at(lambda m: (m.weight, m.bias), layer, (weight, jnp.zeros_like(layer.bias)))


def _positive(name: str, values) -> tuple[int, ...]:
    if isinstance(values, int):
        values = (values,)
    if not len(tuple(values)) or any(int(v) != v or v < 1 for v in values):
        raise ValueError(f"{name} must be whole numbers of at least 1, such as (200, 20), not {values!r}.")
    return tuple(int(v) for v in values)
