import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ._encoders import AbstractEncoder, _positive
from ._thinned import lines

UNIT = 10.0  # px; the size of what places are divided by
_BLUR = 0.2  # px; of a knot


class Located(AbstractEncoder):
    """Finds places in the image: each knot of a path looks for its own, and its attention's mean is where it lies.

    A small U-net (Ronneberger et al. 2015) works at half and at a quarter of the image's resolution, and a dense
    layer sees all of it; the last layer gives one map for each knot at full resolution, whose softmax is averaged
    over the pixels' places (integral regression; Sun et al. 2018). The features are the knots' (column, row), in
    units of 10 px from the middle. To be followed by a linear map from the knots to a movement:
    `EncoderDecoder(encoder=Located(), latent=None, decoder=(), components=...)`, which
    `with_principal_movements` sets to the smoothest movement through the knots.

    - `knots`: how many places; `channels`: at half and at a quarter of the resolution; `width`: of the dense layer.
    - `lines`: besides the image the network sees its ink, thinned to lines: what holds together best (`core`), and the
      brightest pixels, once for each of these shares of the ink; none for the image alone.
    """

    knots: int = eqx.field(static=True)
    channels: tuple[int, int] = eqx.field(static=True)
    width: int = eqx.field(static=True)
    lines: tuple[float, ...] = eqx.field(static=True)

    def __init__(
        self,
        knots: int = 32,
        channels: tuple[int, ...] = (48, 96),
        width: int = 128,
        lines: tuple[float | int, ...] = (),
    ):
        self.knots, self.width = _positive("knots", knots)[0], _positive("width", width)[0]
        if len(channels) != 2:
            raise ValueError(
                f"channels must be two numbers, of the finer and the coarser maps, not {channels!r}."
            )
        fine, coarse = _positive("channels", channels)
        self.channels = fine, coarse
        if any(not 0 < share <= 1 for share in lines):
            raise ValueError(f"lines must be shares of the ink, above 0 and up to 1, not {lines!r}.")
        self.lines = tuple(float(share) for share in lines)

    def see(self, image: Float[Array, "height width"]) -> Float[Array, "channels height width"]:
        """The image, then its lines."""
        return jnp.concatenate([image[None], lines(image, self.lines)]) if self.lines else image[None]

    def layers(self, image_shape: tuple[int, int], key: PRNGKeyArray) -> tuple[list[eqx.Module], int]:
        """One layer, from the image and its lines to the places of the knots."""
        if any(side % 4 for side in image_shape):
            raise ValueError(f"Located needs images whose sides are multiples of 4, not {image_shape!r}.")
        inputs = 2 + len(self.lines) if self.lines else 1
        found = Places(inputs, self.knots, self.channels, self.width, image_shape, key)
        return [found], 2 * self.knots


class Places(eqx.Module):
    """The layers of `Located`."""

    enter: eqx.nn.Conv2d
    fine: eqx.nn.Conv2d
    down: eqx.nn.Conv2d
    coarse: eqx.nn.Conv2d
    gather: eqx.nn.Linear
    spread: eqx.nn.Linear
    again: eqx.nn.Conv2d
    up: eqx.nn.Conv2d
    finer: eqx.nn.Conv2d
    maps: eqx.nn.Conv2d

    def __init__(self, inputs, knots, channels, width, image_shape, key):
        keys = jax.random.split(key, 10)
        fine, coarse = channels
        area = (image_shape[0] // 4) * (image_shape[1] // 4)
        self.enter = _convolution(4 * inputs, fine, 3, 1.0, keys[0])
        self.fine = _convolution(fine, fine, 3, 0.5, keys[1])
        self.down = _convolution(fine, coarse, 3, 1.0, keys[2], stride=2)
        self.coarse = _convolution(coarse, coarse, 3, 0.5, keys[3])
        self.gather = eqx.nn.Linear(coarse * area, width, key=keys[4])
        self.spread = eqx.nn.Linear(width, coarse, key=keys[5])
        self.again = _convolution(coarse, coarse, 3, 0.5, keys[6])
        self.up = _convolution(coarse, fine, 1, 1.0, keys[7])
        self.finer = _convolution(fine, fine, 3, 0.5, keys[8])
        self.maps = _convolution(fine, 4 * knots, 1, 0.3, keys[9])

    def __call__(self, seen: Float[Array, "channels height width"]) -> Float[Array, " features"]:
        fine = jax.nn.relu(_convolved(self.enter, jnp.moveaxis(_folded(seen), 0, -1)))
        fine = jax.nn.relu(fine + _convolved(self.fine, fine))
        coarse = jax.nn.relu(_convolved(self.down, fine))
        coarse = jax.nn.relu(coarse + _convolved(self.coarse, coarse))
        whole = self.spread(jax.nn.relu(self.gather(jnp.moveaxis(coarse, -1, 0).ravel())))
        coarse = jax.nn.relu(coarse + _convolved(self.again, coarse) + whole)
        fine = jax.nn.relu(fine + jnp.repeat(jnp.repeat(_convolved(self.up, coarse), 2, 0), 2, 1))
        found = _convolved(self.maps, jax.nn.relu(fine + _convolved(self.finer, fine)))
        maps = _unfolded(jnp.moveaxis(found, -1, 0))
        attention = jax.nn.softmax(maps.reshape(len(maps), -1)).reshape(maps.shape)
        rows, columns = (jnp.arange(side) - (side - 1) / 2 for side in maps.shape[1:])
        places = jnp.stack([attention.sum(1) @ columns, attention.sum(2) @ rows], -1)
        return places.ravel() / UNIT


def _convolution(inputs, outputs, kernel, gain, key, stride=1) -> eqx.nn.Conv2d:
    """He-uniform weights (He et al. 2015) times `gain`, less than one where something is added to what there is."""
    layer = eqx.nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, key=key)
    assert layer.bias is not None
    limit = gain * (6 / (inputs * kernel * kernel)) ** 0.5
    weight = jax.random.uniform(key, layer.weight.shape, layer.weight.dtype, -limit, limit)
    return eqx.tree_at(lambda m: (m.weight, m.bias), layer, (weight, jnp.zeros(layer.bias.shape)))


def _convolved(layer: eqx.nn.Conv2d, x: Float[Array, "height width inputs"]) -> Array:
    """The layer with channels last, as XLA trains faster on a processor."""
    assert layer.bias is not None
    y = jax.lax.conv_general_dilated(
        x[None], layer.weight, layer.stride, layer.padding, dimension_numbers=("NHWC", "OIHW", "NHWC")
    )
    return y[0] + layer.bias[:, 0, 0]


def _folded(maps):
    """Half the resolution: each square of four pixels becomes four channels."""
    channels, height, width = maps.shape
    split = maps.reshape(channels, height // 2, 2, width // 2, 2)
    return split.transpose(0, 2, 4, 1, 3).reshape(4 * channels, height // 2, width // 2)


def _unfolded(maps):
    channels, height, width = maps.shape
    split = maps.reshape(channels // 4, 2, 2, height, width)
    return split.transpose(0, 3, 1, 4, 2).reshape(channels // 4, 2 * height, 2 * width)


def through_knots(
    mean: np.ndarray, slope: np.ndarray, knots: int, image_shape: tuple[int, int]
) -> tuple[Array, Array]:
    """Weight and bias of the layer from the knots to the coefficients of principal movements.

    - `mean`: (time, 2) in px, (column, row); `slope`: (time, 2, components), of coefficients whose deviation is one.

    Knots lie at equal parts of the way, at the movements' root mean square speed. The coefficients are the likeliest
    ones, if each knot is seen with a deviation of `_BLUR`: a ridge regression.
    """
    speed = np.sqrt((np.diff(mean, axis=0) ** 2).sum(1) + (np.diff(slope, axis=0) ** 2).sum((1, 2)))
    way = np.concatenate([[0.0], np.cumsum(speed)])
    when = np.interp(np.linspace(0, way[-1], knots), way, np.arange(len(mean)))
    weights = np.maximum(1 - np.abs(when[:, None] - np.arange(len(mean))), 0)
    seen = np.einsum("kt,tdc->kdc", weights, slope).reshape(2 * knots, -1)
    normal = seen.T @ seen + _BLUR**2 * np.eye(seen.shape[1])
    inverse = np.linalg.solve(normal, seen.T)
    middle = (np.array(image_shape[::-1]) - 1) / 2
    bias = inverse @ (middle - weights @ mean).ravel()
    return jnp.asarray(UNIT * inverse, float), jnp.asarray(bias, float)
