"""Image encoders: recipes for the layers that turn an image into features."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ideomotor.common.layers import Convolution
from ideomotor.common.trees import as_array


class AbstractEncoder(eqx.Module):
    """A recipe for the first layers of an `EncoderDecoder`: their sizes, without weights."""

    @abc.abstractmethod
    def layers(self, image_shape: tuple[int, int], key: PRNGKeyArray) -> tuple[list[eqx.Module], int]:
        """The layers for images of that shape, and the number of features of the last one."""

    def preprocess(self, image: Float[Array, "height width"]) -> Float[Array, "channels height width"]:
        """The input of the first layer: whatever is computed from the image without weights."""
        return image[None]


class FullyConnected(AbstractEncoder):
    """Dense layers on the flattened image; the default widths are those of Pahič et al. 2018, section II."""

    widths: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, widths: tuple[int, ...] = (1500, 1300, 1000, 600, 200)):
        self.widths = _positive("widths", widths)

    def layers(self, image_shape: tuple[int, int], key: PRNGKeyArray) -> tuple[list[eqx.Module], int]:
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
                f"channels, kernels and strides must have one number for each convolution, not {len(self.channels)}, "
                f"{len(self.kernels)} and {len(self.strides)}."
            )
        if even := [k for k in self.kernels if k % 2 == 0]:
            raise ValueError(f"kernels must be odd, so that they have a centre, not {even[0]}.")

    def layers(self, image_shape: tuple[int, int], key: PRNGKeyArray) -> tuple[list[eqx.Module], int]:
        keys = jax.random.split(key, len(self.channels) + 1)
        made, before, size = [], 1, tuple(image_shape)
        for channels, kernel, stride, sub in zip(
            self.channels, self.kernels, self.strides, keys, strict=False
        ):
            layer = eqx.filter_eval_shape(
                eqx.nn.Conv2d, before, channels, kernel, stride, kernel // 2, key=sub
            )
            fans = kernel * kernel * before, kernel * kernel * channels
            made.append(xavier(layer, *fans, sub))
            before, size = channels, tuple(-(-s // stride) for s in size)
        dense, width = dense_layers(before * size[0] * size[1], self.widths, keys[-1])
        return [*made, *dense], width


def dense_layers(width: int, widths: tuple[int, ...], key: PRNGKeyArray) -> tuple[list[eqx.nn.Linear], int]:
    """Dense layers from `width` inputs through `widths`, and the last width."""
    made = []
    for new, sub in zip(widths, jax.random.split(key, max(len(widths), 1)), strict=False):
        made.append(xavier(eqx.filter_eval_shape(eqx.nn.Linear, width, new, key=sub), width, new, sub))
        width = new
    return made, width


def xavier(layer, fan_in: int, fan_out: int, key: PRNGKeyArray):
    """A layer, or the shapes of one, with Xavier-uniform weights (Glorot and Bengio 2010) and zero biases, as in the paper."""
    limit, dtype = (6 / (fan_in + fan_out)) ** 0.5, layer.weight.dtype
    low, high = as_array(-limit, dtype), as_array(limit, dtype)
    weight = jax.random.uniform(key, layer.weight.shape, dtype, low, high)
    bias = as_array(np.zeros(layer.bias.shape, layer.bias.dtype))
    return eqx.tree_at(lambda m: (m.weight, m.bias), layer, (weight, bias))


def _positive(name: str, values) -> tuple[int, ...]:
    if isinstance(values, int):
        values = (values,)
    if not len(tuple(values)) or any(int(v) != v or v < 1 for v in values):
        raise ValueError(f"{name} must be whole numbers of at least 1, such as (200, 20), not {values!r}.")
    return tuple(int(v) for v in values)


_PAPER = 0.1  # brightness up to which a pixel is bare
_STEP = 20  # of 255


def thinned(ink: Bool[Array, "height width"]) -> Bool[Array, "height width"]:
    """The ink, peeled from its edges to lines one pixel wide that stay connected (Zhang and Suen 1984)."""

    def peel(ink, first):
        # The eight neighbours, clockwise from the one above.
        padded = jnp.pad(ink, 1)
        height, width = ink.shape
        turns = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
        p = [padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in turns]
        up, right, down, left = p[0], p[2], p[4], p[6]
        neighbours = sum(x.astype(int) for x in p)
        begins = sum((~p[i] & p[(i + 1) % 8]).astype(int) for i in range(8))
        if first:
            edge = ~(up & right & down) & ~(right & down & left)
        else:
            edge = ~(up & right & left) & ~(up & down & left)
        return ink & ~((neighbours >= 2) & (neighbours <= 6) & (begins == 1) & edge)

    def again(state):
        ink, _ = state
        less = peel(peel(ink, True), False)
        return less, jnp.any(less != ink)

    return jax.lax.while_loop(lambda state: state[1], again, (ink, jnp.any(ink)))[0]


def pieces(ink: Bool[Array, "height width"]) -> Int[Array, ""]:
    """The number of connected pieces, pixels touching at their sides."""
    height, width = ink.shape
    names = jnp.arange(1, height * width + 1).reshape(height, width)

    def again(state):
        found, _ = state
        padded = jnp.pad(found, 1)
        sides = padded[2:, 1:-1], padded[:-2, 1:-1], padded[1:-1, 2:], padded[1:-1, :-2]
        most = jnp.where(ink, jnp.maximum(found, jnp.max(jnp.stack(sides), 0)), 0)
        return most, jnp.any(most != found)

    found, _ = jax.lax.while_loop(lambda state: state[1], again, (jnp.where(ink, names, 0), jnp.any(ink)))
    return jnp.sum(ink & (found == names))


def core(image: Float[Array, "height width"]) -> Bool[Array, "height width"]:
    """The brightest ink that is as connected as all of it: incremental thresholding, after E. D. de Jong.

    Brighter than the highest of the levels 0, 20/255, 40/255 … at which at least half of the pixels that are not black
    are left, in no more pieces than at the first.
    """
    inks = image > jnp.arange(0, 255, _STEP)[:, None, None] / 255 + 1e-4
    left, parts = inks.sum((1, 2)), jax.vmap(pieces)(inks)
    allowed = (left >= 0.5 * left[0]) & (parts <= parts[0])
    return inks[jnp.max(jnp.where(allowed, jnp.arange(len(inks)), 0))]


def lines(
    image: Float[Array, "height width"], shares: tuple[float, ...]
) -> Float[Array, "lines height width"]:
    """The image's `core`, then the brightest `shares` of its pixels that are not bare paper, each thinned; 1 on the line, else 0."""
    brightness = jnp.sort(image.ravel())[::-1]
    count = jnp.sum(image > _PAPER)
    last = jnp.clip(jnp.ceil(jnp.asarray(shares) * count).astype(int) - 1, 0, image.size - 1)
    dimmest = jnp.maximum(brightness[last], _PAPER)[:, None, None]
    inks = jnp.concatenate([core(image)[None], (image >= dimmest) & (image > _PAPER)])
    return jax.lax.stop_gradient(jax.vmap(thinned)(inks).astype(image.dtype))


UNIT = 10.0  # px; the size of what places are divided by
_BLUR = 0.2  # px; of a knot


class Located(AbstractEncoder):
    """Finds places in the image: each knot of a path has an attention map, whose mean is the knot's place.

    A small U-net (Ronneberger et al. 2015) works at half and at a quarter of the image's resolution, and a dense
    layer sees all of it; the last layer gives one map for each knot at full resolution, whose softmax is averaged
    over the pixels' places (integral regression; Sun et al. 2018). The features are the knots' (column, row), in
    units of 10 px from the middle. To be followed by a linear map from the knots to a movement:
    `EncoderDecoder(encoder=ideomotor.make("located"), latent=None, decoder=(), components=...)`, which
    `with_principal_movements` sets to the smoothest movement through the knots.

    - `knots`: how many places; `channels`: at half and at a quarter of the resolution; `width`: of the dense layer.
    - `lines`: further input channels: the ink thinned to lines, once from its connected core and once from the brightest
      pixels for each of these shares of the ink; `()` for the image alone.
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
                f"channels must be two numbers, for the finer and the coarser maps, not {channels!r}."
            )
        fine, coarse = _positive("channels", channels)
        self.channels = fine, coarse
        if any(not 0 < share <= 1 for share in lines):
            raise ValueError(f"lines must be shares of the ink, above 0 and up to 1, not {lines!r}.")
        self.lines = tuple(float(share) for share in lines)

    def preprocess(self, image: Float[Array, "height width"]) -> Float[Array, "channels height width"]:
        """The image, then its lines."""
        return jnp.concatenate([image[None], lines(image, self.lines)]) if self.lines else image[None]

    def layers(self, image_shape: tuple[int, int], key: PRNGKeyArray) -> tuple[list[eqx.Module], int]:
        if any(side % 4 for side in image_shape):
            raise ValueError(f"Located requires images whose sides are multiples of 4, not {image_shape!r}.")
        inputs = 2 + len(self.lines) if self.lines else 1
        found = Places(inputs, self.knots, self.channels, self.width, image_shape, key)
        return [found], 2 * self.knots


class Places(eqx.Module):
    """The network of `Located`."""

    enter: Convolution
    fine: Convolution
    down: Convolution
    coarse: Convolution
    gather: eqx.nn.Linear
    spread: eqx.nn.Linear
    again: Convolution
    up: Convolution
    finer: Convolution
    maps: Convolution

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
        fine = jax.nn.relu(self.enter(jnp.moveaxis(_folded(seen), 0, -1)))
        fine = jax.nn.relu(fine + self.fine(fine))
        coarse = jax.nn.relu(self.down(fine))
        coarse = jax.nn.relu(coarse + self.coarse(coarse))
        whole = self.spread(jax.nn.relu(self.gather(jnp.moveaxis(coarse, -1, 0).ravel())))
        coarse = jax.nn.relu(coarse + self.again(coarse) + whole)
        fine = jax.nn.relu(fine + jnp.repeat(jnp.repeat(self.up(coarse), 2, 0), 2, 1))
        found = self.maps(jax.nn.relu(fine + self.finer(fine)))
        maps = _unfolded(jnp.moveaxis(found, -1, 0))
        attention = jax.nn.softmax(maps.reshape(len(maps), -1)).reshape(maps.shape)
        rows, columns = (jnp.arange(side) - (side - 1) / 2 for side in maps.shape[1:])
        places = jnp.stack([attention.sum(1) @ columns, attention.sum(2) @ rows], -1)
        return places.ravel() / UNIT


def _convolution(inputs, outputs, kernel, gain, key, stride=1) -> Convolution:
    """He-uniform weights (He et al. 2015) times `gain`, which is below one for residual branches."""
    limit = gain * (6 / (inputs * kernel * kernel)) ** 0.5
    return Convolution(inputs, outputs, kernel, limit=limit, key=key, stride=stride)


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
