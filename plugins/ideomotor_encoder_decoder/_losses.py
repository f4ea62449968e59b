"""The two cost functions of Pahič et al. 2018, and how far a drawn path is from the right one."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num, PRNGKeyArray, PyTree

from ._cascade import Cascade
from ._encoder_decoder import EncoderDecoder
from .digits._drawing import resample


def parameter_loss(
    model: EncoderDecoder | Cascade, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """Half the squared distance of the parameters, averaged over the batch: eq. (9).

    - `batch`: `{"images": (batch, height, width), floats from 0 to 1 or integers to 255, "params": the primitive's
      parameters, leaves leading with batch}`.

    As the authors did, the distance is taken between scaled parameters (`EncoderDecoder.with_scaling`), in which a weight
    of 10⁴ and a duration of 3 s count alike. Without scaling it is eq. (9) to the letter, except that positive quantities
    are compared in their logarithm. For a `Cascade` it is the sum over its corrections.
    """

    def numbers(image):
        if isinstance(model, Cascade):
            return jnp.stack([model.scaling.to_output(params) for params in model.corrections(image)])
        return model.numbers(model.encode(image))[None]

    found = jax.vmap(numbers)(as_grey(batch["images"]))
    wanted = jax.vmap(model.scaling.to_output)(batch["params"])
    squared = jnp.sum((found - wanted[:, None]) ** 2 * (model.scaling.scale != 0), axis=-1)
    return 0.5 * squared.mean(0).sum(), {}


def trajectory_loss(
    model: Any, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """Half the mean squared distance between the movements at equal times, averaged over the batch: eq. (10).

    - `model`: an `EncoderDecoder`, a `Cascade` (the sum over its corrections), or another perception with a `primitive`.
    - `batch`: `{"images": (batch, height, width), "ts": (time,) or (batch, time) in s, "paths": (batch, time,
      dof)}`.

    The metric `distance` is the mean Euclidean distance, in the paths' unit.
    """
    squared = _squared_distances(model, batch)
    return 0.5 * squared.mean((0, 2)).sum(), {"distance": jnp.sqrt(squared[:, -1]).mean()}


def distance_loss(
    model: Any, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """The mean Euclidean distance between the movements at equal times, smoothed within a tenth of a unit of zero.

    Of two ways to draw an ambiguous image it prefers the more probable one, where the square of eq. (10) prefers their
    mean, which is neither. `model` and `batch` are those of `trajectory_loss`.
    """
    squared = _squared_distances(model, batch)
    return jnp.sqrt(squared + 0.01).mean((0, 2)).sum(), {"distance": jnp.sqrt(squared[:, -1]).mean()}


def fixed_primitive(primitive):
    """The primitive with its own arrays (tables, link lengths) excluded from training."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, primitive)


def as_grey(images):
    """Images from 0 to 1; integers count from 0 to 255, as in image files, and are sent to a device at a quarter of the cost."""
    return images / 255.0 if jnp.issubdtype(images.dtype, jnp.integer) else images


def _squared_distances(model, batch):
    """`(batch, prediction, time)`: only a cascade makes several predictions."""
    primitive, ts = fixed_primitive(model.primitive), batch["ts"]

    def play(image, ts):
        predictions = model.corrections(image) if isinstance(model, Cascade) else [model(image)]
        return jnp.stack([primitive.trajectory(params, ts) for params in predictions])

    paths = jax.vmap(play, in_axes=(0, None if ts.ndim == 1 else 0))(as_grey(batch["images"]), ts)
    return jnp.sum((paths - batch["paths"][:, None]) ** 2, axis=-1)


def warped_distance(
    path: Num[Array | np.ndarray, "time 2"], truth: Num[Array | np.ndarray, "other 2"], points: int = 60
) -> float:
    """The mean distance along the best monotone matching (dynamic time warping) of `path` and `truth`, each resampled to `points`."""
    where = np.linspace(0, 1, points)
    one, other = (resample(np.asarray(p, float)[None], where)[0] for p in (path, truth))
    cost = np.linalg.norm(one[:, None] - other, axis=-1)
    total, steps = np.full((points + 1, points + 1), np.inf), np.zeros((points + 1, points + 1), int)
    total[0, 0] = 0
    for i in range(points):
        for j in range(points):
            before = min((total[i, j], i, j), (total[i, j + 1], i, j + 1), (total[i + 1, j], i + 1, j))
            total[i + 1, j + 1] = before[0] + cost[i, j]
            steps[i + 1, j + 1] = steps[before[1], before[2]] + 1
    return float(total[-1, -1] / steps[-1, -1])


def ink_distances(
    path: Num[Array | np.ndarray, "time 2"], image: Num[Array | np.ndarray, "height width"]
) -> tuple[float, float]:
    """`(from ink to path, from path to ink)`: how far each pixel of ink is from the path and back, on average.

    - `path`: (column, row) in px; `image`: ink is what is brighter than one half.

    The first is about a quarter of the line's width at best, the second zero.
    """
    rows, cols = np.nonzero(np.asarray(image) > 0.5)
    points = resample(np.asarray(path, float)[None], np.linspace(0, 1, 150))[0]
    between = np.linalg.norm(np.stack([cols, rows], -1)[:, None] - points, axis=-1)
    return float(between.min(1).mean()), float(np.clip(between.min(0) - 0.5, 0, None).mean())
