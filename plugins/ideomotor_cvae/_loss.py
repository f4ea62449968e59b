import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ._model import AbstractConditionalModel


def negative_bound(
    model: AbstractConditionalModel, batch: dict[str, PyTree], key: PRNGKeyArray, noise: float = 0.05
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """The mean negative lower bound of the log density (nats), Veres et al. 2017, eq. (4).

    - `batch`: `{"observations": (batch, *shape), "params": the parameters, leaves leading with batch}`.
      Whole-number pictures are taken as they are, so scale the model with the same numbers.
    - `noise`: deviation of the white noise added to all scaled inputs (0.05 in the paper).
    """
    observations = jnp.asarray(batch["observations"], jnp.result_type(float))
    sigma = jax.lax.stop_gradient(model.eye.sigma)

    def one(observation, params, key):
        see, know, draw = jax.random.split(key, 3)
        observation = observation + noise * sigma * jax.random.normal(
            see, observation.shape, observation.dtype
        )
        output = model.scaling.to_output(params)
        known = output + noise * jax.random.normal(know, output.shape, output.dtype)
        return model.bound(model.see(observation), output, draw, known=known)

    bounds, parts = jax.vmap(one)(observations, batch["params"], jax.random.split(key, len(observations)))
    return -bounds.mean(), jax.tree.map(jnp.mean, parts)
