"""Distances of the movements that a network sees from those that drew the images."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ideomotor_encoder_decoder import warped_distance
from ideomotor_encoder_decoder.digits import Pairs

from ._data import TS

_WARPED = 200  # pairs; dynamic programming in Python


def paths_seen(model, images: np.ndarray) -> np.ndarray:
    """(pairs, time, 2), in px, at the study's times."""
    if len(images) == 0:
        return np.zeros((0, len(TS), 2), np.float32)
    size, done = min(200, len(images)), []
    for i in range(0, len(images), size):
        piece = images[i : i + size]
        short = size - len(piece)
        filled = np.concatenate([piece, np.repeat(piece[-1:], short, 0)]) if short else piece
        done.append(np.asarray(_play(model, jnp.asarray(filled)))[: len(piece)])
    return np.concatenate(done)


@eqx.filter_jit
def _play(model, images):
    grey = images / 255.0
    return jax.vmap(lambda image: model.primitive.trajectory(model(image), jnp.asarray(TS)))(grey)


def measure(model, testing: Pairs, zoom: float = 1.0, *, warped: bool = True) -> dict[str, float]:
    """Mean and deviation over pairs of the mean distance at equal times, and of the time-warped one, in px times `zoom`."""
    seen, paths = zoom * paths_seen(model, testing.images), zoom * testing.paths
    apart = np.linalg.norm(seen - paths, axis=-1)
    each = apart.mean(1)
    found = {
        "mean": float(each.mean()),
        "std": float(each.std()),
        "std of points": float(apart.std()),
        "median": float(np.median(each)),
        "over 3 px": float((each > 3).mean()),
    }
    across = _across(seen - paths, paths)
    found |= {
        "across": float(across.mean()),
        "along": float(np.sqrt(np.maximum(apart**2 - across**2, 0)).mean()),
    }
    if warped:
        some = np.linspace(0, len(seen) - 1, min(len(seen), _WARPED)).astype(int)
        matched = np.array([warped_distance(seen[i], paths[i]) for i in some])
        found |= {"warped mean": float(matched.mean()), "warped std": float(matched.std())}
    return found


def _across(apart: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """(pairs, time): the part of a deviation (pairs, time, 2) that is at right angles to the path."""
    along = np.gradient(paths, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    return np.abs(apart[..., 0] * along[..., 1] - apart[..., 1] * along[..., 0])


def measure_by_label(model, testing: Pairs, zoom: float = 1.0) -> dict[str, float]:
    """The mean distance at equal times of each kind of digit, in px times `zoom`."""
    each = zoom * np.linalg.norm(paths_seen(model, testing.images) - testing.paths, axis=-1).mean(1)
    return {str(label): float(each[testing.labels == label].mean()) for label in np.unique(testing.labels)}
