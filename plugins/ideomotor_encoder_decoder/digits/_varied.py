"""Digits as people write them: many styles, deformed, drawn with an uneven line and photographed badly."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._drawing import gaussian_blur, in_batches, minimum_jerk, resample, signed_distance, smooth, spline
from ._glyphs import GLYPHS, Sketch

SIZE, BOX = 40, 28.0
"""Side of an image, and the longer side of the ink in it, in px; `read_image` keeps to the same."""

_PER_GROUP = 24  # variants that share a style and the coins thrown for it
_PIECES = 72  # straight pieces a path is drawn with


class Digits(NamedTuple):
    """Images with the pen paths that drew them.

    - `images`: (count, 40, 40) uint8, ink is bright.
    - `paths`: (count, time, 2) float32, (column, row) in px; `(0, 0)` is the centre of the first pixel.
    - `labels`: (count,) int32, the digit.
    - `ts`: (time,) float32, seconds.
    """

    images: np.ndarray
    paths: np.ndarray
    labels: np.ndarray
    ts: np.ndarray


def varied_digits(
    count: int,
    *,
    seed: int = 0,
    digits: Sequence[int] = tuple(range(10)),
    samples: int = 101,
    duration: float | int = 3.0,
    clean: bool = False,
) -> Digits:
    """Handwriting-like digits, each with the one pen path that wrote it, minimum jerk in time.

    Paths start where most people start (0, 6, 8, 9 at the top counter-clockwise, 5 at the right end of its
    bar) and go back over their ink instead of lifting the pen. The same seed gives the same digits. `clean`
    leaves out the camera's faults (blur, noise, gaps, specks).
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.resize(np.asarray(digits, np.int32), count))
    shapes = np.empty((count, _PIECES + 1, 2))
    for digit in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(labels == digit))
        for i in range(0, len(mine), _PER_GROUP):
            group = mine[i : i + _PER_GROUP]
            shapes[group] = _write(GLYPHS[digit], rng, len(group))
    radii = _radii(rng, count)
    shapes = _place(rng, _deform(rng, shapes, labels), radii)
    images = _draw(rng, shapes, radii, clean)
    paths = resample(shapes, minimum_jerk(samples)).astype(np.float32)
    return Digits(images, paths, labels, np.linspace(0, duration, samples, dtype=np.float32))


def _write(glyph, rng, count):
    """One style's curve, with a hand's unsteadiness, at equal distances along it."""
    sketch = Sketch(rng, count)
    glyph(sketch)
    points = sketch.array()
    points += rng.normal(0, rng.choice([0.008, 0.018, 0.03]), points.shape)
    curve = resample(spline(points, sketch.corners), np.linspace(0, 1, _PIECES + 1))
    return smooth(curve, rng.choice([0.0, 0.7, 1.2, 2.0]))


def _deform(rng, shapes, labels):
    """Slow waves of displacement over the whole glyph, then slant, aspect and rotation."""
    count = len(shapes)
    shapes = shapes - 0.5
    for _ in range(2):
        wave = rng.normal(0, 2.2, (count, 1, 2))
        phase = rng.uniform(0, 2 * np.pi, (count, 1))
        push = rng.normal(0, 0.025, (count, 1, 2))
        shapes = shapes + push * np.sin((shapes * wave).sum(-1) + phase)[..., None]
    slant = rng.normal(0.15, np.where(labels == 1, 0.35, 0.25))
    wide = np.exp(rng.normal(0.1, 0.25, count))
    turn = rng.normal(0, 0.12, count)
    cos, sin = np.cos(turn), np.sin(turn)
    x = wide[:, None] * shapes[..., 0] - slant[:, None] * shapes[..., 1]
    y = shapes[..., 1]
    return np.stack([cos[:, None] * x - sin[:, None] * y, sin[:, None] * x + cos[:, None] * y], -1)


def _radii(rng, count):
    """Half the line's width in px, changing slowly along the path."""
    base = np.where(rng.random(count) < 0.7, rng.uniform(1.1, 2.6, count), rng.uniform(0.7, 3.6, count))
    along = np.linspace(0, 1, _PIECES + 1)
    waves = sum(
        rng.normal(0, 0.09, (count, 1)) * np.sin(np.pi * f * along + rng.uniform(0, 2 * np.pi, (count, 1)))
        for f in (1, 2.5, 5)
    )
    return base[:, None] * np.clip(1 + waves, 0.55, 1.5)


def _place(rng, shapes, radii):
    """Scale the ink's longer side to `BOX` and centre it, as reading an image does, give or take a little."""
    low, high = shapes.min(1), shapes.max(1)
    size = BOX * np.exp(rng.normal(0, 0.03, len(shapes))) - 2 * radii.mean(1)
    scale = size / np.maximum((high - low).max(-1), 1e-6)
    centre = (SIZE - 1) / 2 + rng.normal(0, 0.5, (len(shapes), 2))
    return (shapes - (low + high)[:, None] / 2) * scale[:, None, None] + centre[:, None]


def _draw(rng, shapes, radii, clean):
    count = len(shapes)
    soft = rng.uniform(0.6, 1.6, count)
    blur = rng.uniform(0.0, 1.1, count)
    gaps = radii.copy()
    if clean:
        soft[:], blur[:] = 1.0, 0.3
    else:
        torn = rng.random(count) < 0.12
        at = rng.integers(5, _PIECES - 5, count)
        for i in np.flatnonzero(torn):
            gaps[i, at[i] : at[i] + rng.integers(2, 4)] = -1.0
    noise = np.where(rng.random(count) < 0.5, 0.0, rng.exponential(0.04, count)) * (not clean)
    specks = np.where(rng.random(count) < 0.15, 0.004, 0.0) * (not clean)
    gain = rng.uniform(0.9, 1.25, count) * (1.0 if not clean else 0) + (1.0 if clean else 0)
    uneven = np.where(rng.random(count) < 0.4, rng.uniform(0, 0.5, count), 0.0) * (not clean)
    seeds = rng.integers(0, 2**31 - 1, count)
    f32 = [np.asarray(a, np.float32) for a in (shapes, gaps, soft, blur, noise, specks, gain, uneven)]
    return in_batches(_photograph, [*f32, seeds.astype(np.int32)])


@jax.jit
def _photograph(paths, radii, soft, blur, noise, specks, gain, uneven, seeds):
    ink = jnp.clip(0.5 - signed_distance(paths, radii, (SIZE, SIZE)) / soft[:, None, None], 0, 1)
    keys = jax.vmap(jax.random.key)(seeds)
    k = jax.vmap(lambda key: jax.random.split(key, 3))(keys)
    shape = (SIZE, SIZE)
    blots = jax.vmap(lambda key: jax.random.normal(key, (5, 5)))(k[:, 0])
    blots = jax.image.resize(blots, (len(paths), *shape), "linear")
    ink = ink * jnp.clip(1 - uneven[:, None, None] * blots**2, 0.25, 1)
    spots = jax.vmap(lambda key: jax.random.uniform(key, shape))(k[:, 1]) < specks[:, None, None]
    ink = gaussian_blur(jnp.maximum(ink, 0.9 * spots), blur)
    grain = jax.vmap(lambda key: jax.random.normal(key, shape))(k[:, 2])
    ink = gain[:, None, None] * ink + noise[:, None, None] * grain
    return jnp.round(255 * jnp.clip(ink, 0, 1)).astype(jnp.uint8)
