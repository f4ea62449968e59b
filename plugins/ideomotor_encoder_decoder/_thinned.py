"""Lines thinned to a pixel's width, in JAX."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

_PAPER = 0.1  # brightness up to which a pixel is bare
_STEP = 20  # of 255


def thinned(ink: Bool[Array, "height width"]) -> Bool[Array, "height width"]:
    """The ink, peeled from its edges to lines one pixel wide that hang together as before (Zhang and Suen 1984)."""

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
    """In how many pieces the ink is, pixels touching at their sides."""
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
    """The brightest ink that still hangs together as all of it does: incremental thresholding, after E. D. de Jong.

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
