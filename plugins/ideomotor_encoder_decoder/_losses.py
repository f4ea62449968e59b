"""The two cost functions of Pahič et al. 2018, and how far a drawn path is from the right one."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ._encoder_decoder import EncoderDecoder


def parameter_loss(
    model: EncoderDecoder, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """Half the squared distance of the parameters, averaged over the batch: eq. (9).

    - `batch`: `{"images": (batch, height, width), "params": the primitive's parameters, leaves leading with
      batch}`.

    As the authors did, the distance is taken between scaled parameters (see `EncoderDecoder.with_scaling`),
    in which a weight of 10⁴ and a duration of 3 s count alike. Without scaling it is eq. (9) to the letter,
    except that what is positive is compared in its logarithm.
    """
    outputs = jax.vmap(lambda image: model.outputs(model.encode(image)))(batch["images"])
    wanted = jax.vmap(model.scaling.to_output)(batch["params"])
    squared = jnp.sum((outputs - wanted) ** 2 * (model.scaling.scale != 0), axis=-1)
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


def _squared_distances(model, batch):
    # The primitive's own arrays (tables, link lengths) are not what is learnt here.
    primitive = jax.tree.map(
        lambda leaf: jax.lax.stop_gradient(leaf) if eqx.is_array(leaf) else leaf, model.primitive
    )
    ts = batch["ts"]

    def play(image, ts):
        return primitive.trajectory(model(image), ts)

    paths = jax.vmap(play, in_axes=(0, None if ts.ndim == 1 else 0))(batch["images"], ts)
    return jnp.sum((paths - batch["paths"]) ** 2, axis=-1)
