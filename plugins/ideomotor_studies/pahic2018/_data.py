"""The three sets of pairs, the movement parameters that eq. (9) is trained on, and images made worse.

Noise, motion blur, low contrast, turned digits, and large scenes with digits of many sizes.
"""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

import ideomotor
from ideomotor import Trajectory
from ideomotor.errors import DataError
from ideomotor_encoder_decoder.digits import Pairs, mnist_pairs, synthetic_digits

from ._settings import DURATION, LINES, SAMPLES, Sizes

SIZE = 40  # px, side of the images that the network takes
TS = np.linspace(0.0, DURATION, SAMPLES, dtype=np.float32)
_AT_ONCE = 10_000
_COPIES = 1000
_AFFINE = {"rotation": 12, "translation": 0.7, "scale": 0.1, "shear": 0.1}  # of copies of MNIST's digits
_LEAP = 1.5  # px over bare paper that a path may go and still count as on its ink
RIDGE = 1e-3  # of the fit; weights that hardly move anything are no example of anything


class Row(NamedTuple):
    """One row of the table: pairs to train on and to test on, apart from each other.

    - `moved`: training pairs are moved randomly at every step, and images are (n, channels, height, width), what a
      the network sees of them: thinning them at every step would take longer than the step.
    - `zoom`: px of the 40 × 40 image, the unit of distances, per px of these images and paths.
    - `unclean`: test pairs whose paths leave their ink.
    - `copies`: affine copies of digits trained on, as a test set holds that is split from copies of all digits.
    """

    training: Pairs
    testing: Pairs
    moved: bool = False
    zoom: float = 1.0
    unclean: Pairs | None = None
    copies: Pairs | None = None


def synthetic_row(sizes: Sizes, seed: int, digits: tuple[int, ...]) -> Row:
    """Synthetic digits; test digits come from a seed of their own."""
    training, testing = (
        _synthetic(count, _seed(seed, part, digits), digits)
        for part, count in ((1, sizes.training), (2, sizes.testing))
    )
    return Row(training, testing)


def _synthetic(count: int, seed: int, digits: tuple[int, ...]) -> Pairs:
    made = []
    for start in range(0, count, _AT_ONCE):  # images are floats while they are drawn
        part = min(_AT_ONCE, count - start)
        new = synthetic_digits(part, seed=seed + 10**9 * (start // _AT_ONCE), digits=digits, samples=SAMPLES)
        made.append(Pairs(new.images, new.paths, new.labels, start + np.arange(part)))
    return Pairs(*(np.concatenate(arrays) for arrays in zip(*made, strict=True)))


def mnist_row(file: Path, sizes: Sizes, copies: int = 0) -> Row:
    """A user's pairs: the last 15 % by index (at most `testing`) are never trained on, of the others the first `training`,
    as many of each label with `copies`.

    - `copies`: affine copies of each that are trained on, at 40 × 40 px; 0 for the digits themselves, at their own size.

    Pairs whose path leaves its ink (strokes joined across the paper, in a wrong order) are neither trained on nor tested
    on, but kept apart in `unclean`.
    """
    pairs = load_any(file)
    longer = max(pairs.images.shape[1:])
    size = -(-longer // 4) * 4
    numbers = pairs.numbers
    order = np.argsort(numbers, kind="stable")
    held = min(sizes.testing, max(1, round(0.15 * len(order))))
    testing = numbers >= numbers[order[-held]]
    if testing.all():
        raise DataError(f"{file}: all pairs have the same index, so that none can be held out; number them.")
    clean = longest_leap(pairs) <= _LEAP
    if min(clean[testing].sum(), clean[~testing].sum()) < 1:
        raise DataError(f"{file}: hardly a path stays on its ink; are they joined in the right order?")
    if copies:
        labels = np.unique(pairs.labels)
        parts = [np.flatnonzero(~testing & clean & (pairs.labels == label)) for label in labels]
        chosen = np.concatenate([part[: sizes.training // len(labels)] for part in parts])
        training, held_out = (_resampled(pairs.take(rows)) for rows in (chosen, testing & clean))
        training = training.transformed(copies=copies, **_AFFINE)
        return Row(training, held_out.transformed())
    pairs = _resampled(pairs.transformed(size=size, zoom=1))
    training = pairs.take(np.flatnonzero(~testing & clean)[: sizes.training])
    again = training.take(slice(_COPIES)).transformed(size=size, zoom=1, **_AFFINE)
    return Row(
        with_lines(training),
        with_lines(pairs.take(testing & clean)),
        moved=True,
        zoom=SIZE / longer,
        unclean=with_lines(pairs.take(testing & ~clean)) if (testing & ~clean).any() else None,
        copies=with_lines(again),
    )


def with_lines(pairs: Pairs) -> Pairs:
    """The pairs with what a `located` encoder sees for images, in whole numbers."""
    size = min(250, len(pairs.images))
    done = []
    for i in range(0, len(pairs.images), size):
        piece = pairs.images[i : i + size]
        filled = np.concatenate([piece, np.repeat(piece[-1:], size - len(piece), 0)])
        done.append(np.asarray(_see(filled))[: len(piece)])
    return pairs._replace(images=np.concatenate(done))


@jax.jit
@jax.vmap
def _see(image):
    return jnp.round(255 * ideomotor.make("located", lines=LINES).preprocess(image / 255.0)).astype(jnp.uint8)


def load_any(source: Path) -> Pairs:
    """Pairs from an `.npz` file, or from a folder of the public files."""
    return mnist_pairs(source) if Path(source).is_dir() else Pairs.load(source)


def longest_leap(pairs: Pairs) -> np.ndarray:
    """The longest way in px that each path goes over bare paper without a break."""
    found = np.zeros(len(pairs.images))
    for i, (image, path) in enumerate(zip(pairs.images, pairs.paths, strict=True)):
        ink = ndimage.maximum_filter(image, 3) > 0.2 * image.max()
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        length = np.concatenate([[0], np.cumsum(steps)])
        where = np.arange(0, length[-1], 0.25)
        at = np.stack([np.interp(where, length, path[:, k]) for k in (0, 1)], -1).round().astype(int)
        at = np.clip(at, 0, (image.shape[1] - 1, image.shape[0] - 1))
        bare = ~ink[at[:, 1], at[:, 0]]
        runs = np.diff(np.flatnonzero(np.concatenate([[True], ~bare, [True]])))
        found[i] = 0.25 * max(int(runs.max()) - 1, 0)
    return found


def _resampled(pairs: Pairs) -> Pairs:
    """Paths at the study's times; theirs are taken as equally spaced over the same duration."""
    paths, old = pairs.paths, np.linspace(0, 1, pairs.paths.shape[1])
    if paths.shape[1] == SAMPLES:
        return pairs
    at = np.linspace(0, 1, SAMPLES) * (len(old) - 1)
    low = np.minimum(at.astype(int), len(old) - 2)
    part = (at - low)[:, None].astype(np.float32)
    return pairs._replace(paths=paths[:, low] * (1 - part) + paths[:, low + 1] * part)


def fitted(primitive, paths: np.ndarray):
    """The movement parameters of each path, leaves leading with the pair, in NumPy."""

    @jax.jit
    @jax.vmap
    def fit(ys):
        return primitive.fit(Trajectory(jnp.asarray(TS), ys), ridge=RIDGE)

    size = min(2000, len(paths))
    done = []
    for i in range(0, len(paths), size):
        piece = paths[i : i + size]
        short = size - len(piece)
        filled = np.concatenate([piece, np.repeat(piece[-1:], short, 0)]) if short else piece
        found = fit(jnp.asarray(filled))
        done.append(jax.tree.map(lambda leaf, n=len(piece): np.asarray(leaf)[:n], found))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *done)


def _seed(seed: int, part: int, digits: tuple[int, ...]) -> int:
    return 1_000_003 * (seed + 1) + 1009 * part + len(digits)


KINDS = (
    "as generated",
    "white noise, 9.5 dB",
    "motion blur, 5 px, 15°",
    "half the contrast, noise of 12 dB",
    "turned by up to 45°",
    "60 × 60 px, turned, moved, 0.7 to 1.2 times as large",
)
"""The disturbances of the code that Pahič and colleagues published (abr-ijs/imednet, digit_generator)."""


def disturbed(pairs: Pairs, kind: str, seed: int = 0) -> Pairs:
    """The pairs under one disturbance.

    From the scenes of 60 × 60 px the networks get the 40 × 40 px about the middle of the ink's box, and paths are in
    pixels of that part.
    """
    rng = np.random.default_rng(seed)
    if kind == KINDS[0]:
        return pairs
    if kind == KINDS[4]:
        return pairs.transformed(seed=seed, rotation=45)
    if kind == KINDS[5]:
        scene = pairs.transformed(seed=seed, size=60, zoom=0.95, scale=0.263, rotation=45, translation=8)
        return cropped(scene, pairs.images.shape[1])
    done = []
    for i in range(0, len(pairs.images), 4000):
        images = pairs.images[i : i + 4000] / np.float32(255)
        if kind == KINDS[1]:
            images = _noisy(rng, images, 9.5)
        elif kind == KINDS[2]:
            images = ndimage.convolve(images, motion_kernel(5, 15)[None], mode="constant")
        elif kind == KINDS[3]:
            images = _noisy(rng, 0.5 * images + 0.25, 12.0)
        else:
            raise ValueError(f"There is no disturbance {kind!r}; choose one of {', '.join(KINDS)}.")
        done.append(np.round(255 * np.clip(images, 0, 1)).astype(np.uint8))
    return pairs._replace(images=np.concatenate(done))


def all_kinds(pairs: Pairs, seed: int = 0) -> Pairs:
    """A share of the pairs under each disturbance."""
    shares = [
        disturbed(pairs.take(slice(i, None, len(KINDS))), kind, seed + i) for i, kind in enumerate(KINDS)
    ]
    return Pairs(*(np.concatenate(arrays) for arrays in zip(*shares, strict=True)))


def _noisy(rng, images, decibels):
    """White noise so many dB below the image's own power about its mean, pixel by pixel."""
    power = images.var((1, 2), keepdims=True) / 10 ** (decibels / 10)
    return images + np.sqrt(power) * rng.standard_normal(images.shape, np.float32)


def cropped(pairs: Pairs, size: int) -> Pairs:
    """The square of `size` px about the middle of the box of what is brighter than half; paths move along."""
    bright = pairs.images > 127
    lows, highs = [], []
    for axis in (1, 2):  # rows seen over columns, and the other way round
        line = np.asarray(bright.any(axis=3 - axis))
        lows.append(line.argmax(1))
        highs.append(line.shape[1] - 1 - line[:, ::-1].argmax(1))
    corner = np.round((np.stack(lows, 1) + np.stack(highs, 1)) / 2 - (size - 1) / 2).astype(int)
    padded = np.pad(pairs.images, ((0, 0), (size, size), (size, size)))
    at = np.arange(size)
    rows, cols = (size + corner[:, i, None] + at for i in (0, 1))
    images = padded[np.arange(len(padded))[:, None, None], rows[:, :, None], cols[:, None, :]]
    return pairs._replace(images=images, paths=pairs.paths - corner[:, None, ::-1].astype(np.float32))


def motion_kernel(length: int, degrees: float | int) -> np.ndarray:
    """A line so many px long through the middle of a square, in the direction `degrees`; it sums to one."""
    half = length // 2
    along = np.linspace(-half, half, 16 * length)
    kernel = np.zeros((length, length), np.float32)
    cols = np.round(half + along * np.cos(np.deg2rad(degrees))).astype(int)
    rows = np.round(half - along * np.sin(np.deg2rad(degrees))).astype(int)
    np.add.at(kernel, (rows, cols), 1)
    return kernel / kernel.sum()
