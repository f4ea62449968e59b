"""The two cost functions of Pahič et al. 2018, and how far a drawn path is from the right one."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ._cascade import Cascade
from ._encoder_decoder import EncoderDecoder


def parameter_loss(
    model: EncoderDecoder, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """Half the squared distance of the parameters, averaged over the batch: eq. (9).

    - `batch`: `{"images": (batch, height, width), 0 to 1 or whole numbers to 255, "params": the primitive's
      parameters, leaves leading with batch}`.

    As the authors did, the distance is taken between scaled parameters (see `EncoderDecoder.with_scaling`),
    in which a weight of 10⁴ and a duration of 3 s count alike. Without scaling it is eq. (9) to the letter,
    except that what is positive is compared in its logarithm.
    """
    found = jax.vmap(lambda image: model.numbers(model.encode(image)))(as_grey(batch["images"]))
    wanted = jax.vmap(model.scaling.to_output)(batch["params"])
    squared = jnp.sum((found - wanted) ** 2 * (model.scaling.scale != 0), axis=-1)
    return 0.5 * squared.mean(), {}


def trajectory_loss(
    model: EncoderDecoder, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """Half the mean squared distance between the movements at equal times, averaged over the batch: eq. (10).

    - `batch`: `{"images": (batch, height, width), "ts": (time,) or (batch, time) in s, "paths": (batch, time,
      dof)}`.

    The metric `distance` is the mean Euclidean distance, in the paths' unit.
    """
    squared = _squared_distances(model, batch)
    return 0.5 * squared.mean(), {"distance": jnp.sqrt(squared).mean()}


def distance_loss(
    model: EncoderDecoder, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """The mean Euclidean distance between the movements at equal times, smoothed within a tenth of a unit of zero.

    Of two ways an ambiguous image can be drawn it prefers the likelier one, where the square of eq. (10)
    prefers their mean, which is neither. The batch is that of `trajectory_loss`.
    """
    squared = _squared_distances(model, batch)
    return jnp.sqrt(squared + 0.01).mean(), {"distance": jnp.sqrt(squared).mean()}


def cascade_loss(
    model: Cascade, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """`distance_loss` after each correction of a cascade, summed; the metric `distance` is after the last.

    Train with `where=lambda model: model.layers`; what the first perception sees is left out of the sum.
    """
    primitive, ts = fixed_primitive(model.primitive), batch["ts"]

    def play(image, ts):
        return jnp.stack([primitive.trajectory(params, ts) for params in model.seen(image, apart=True)[1:]])

    paths = jax.vmap(play, in_axes=(0, None if ts.ndim == 1 else 0))(as_grey(batch["images"]), ts)
    squared = jnp.sum((paths - batch["paths"][:, None]) ** 2, axis=-1)
    smooth = jnp.sqrt(squared + 0.01).mean((0, 2)).sum()
    return smooth, {"distance": jnp.sqrt(squared[:, -1]).mean()}


def cascade_parameter_loss(
    model: Cascade, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """`parameter_loss` after each correction of a cascade, summed."""
    scaling = model.perception.scaling

    def numbers(image):
        return jnp.stack([scaling.to_output(params) for params in model.seen(image, apart=True)[1:]])

    found = jax.vmap(numbers)(as_grey(batch["images"]))
    wanted = jax.vmap(scaling.to_output)(batch["params"])
    squared = jnp.sum((found - wanted[:, None]) ** 2 * (scaling.scale != 0), axis=-1)
    return 0.5 * squared.mean(0).sum(), {}


def fixed_primitive(primitive):
    """The primitive's own arrays (tables, link lengths) are not what is learnt here."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, primitive)


def as_grey(images):
    """Whole numbers count from 0 to 255, as in image files; they are sent to a device at a quarter of the cost."""
    return images / 255.0 if jnp.issubdtype(images.dtype, jnp.integer) else images


def _squared_distances(model, batch):
    primitive, ts = fixed_primitive(model.primitive), batch["ts"]

    def play(image, ts):
        return primitive.trajectory(model(image), ts)

    paths = jax.vmap(play, in_axes=(0, None if ts.ndim == 1 else 0))(as_grey(batch["images"]), ts)
    return jnp.sum((paths - batch["paths"]) ** 2, axis=-1)
