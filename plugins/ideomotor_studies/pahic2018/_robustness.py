"""Images made worse: noise, motion blur, low contrast, turned digits, and large scenes with digits of many sizes."""

import numpy as np
from scipy import ndimage

from ideomotor_encoder_decoder.digits import Pairs, transformed_pairs

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
        return transformed_pairs(pairs, seed=seed, rotation=45)
    if kind == KINDS[5]:
        scene = transformed_pairs(
            pairs, seed=seed, size=60, zoom=0.95, scale=0.263, rotation=45, translation=8
        )
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
