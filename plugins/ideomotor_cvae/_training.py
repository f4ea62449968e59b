from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor.errors import DataError

from ._model import AbstractConditionalModel


def negative_bound(
    model: AbstractConditionalModel, batch: dict[str, PyTree], key: PRNGKeyArray, noise: float = 0.05
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """The mean negative lower bound of the log density (nats), Veres et al. 2017, eq. (4).

    - `batch`: `{"observations": (batch, *shape), "params": the parameters, leaves leading with batch}`.
      Integer images are not rescaled; give `with_scaling` the same numbers.
    - `noise`: standard deviation of the white noise added to all scaled inputs (0.05 in the paper).
    """
    observations = jnp.asarray(batch["observations"], jnp.result_type(float))
    sigma = jax.lax.stop_gradient(model.eye.sigma)

    def one(observation, params, key):
        of_input, of_output, draw = jax.random.split(key, 3)
        white = jax.random.normal(of_input, observation.shape, observation.dtype)
        output = model.scaling.to_output(params)
        recognised = output + noise * jax.random.normal(of_output, output.shape, output.dtype)
        return model.bound(
            model.encode(observation + noise * sigma * white), output, draw, recognised=recognised
        )

    bounds, parts = jax.vmap(one)(observations, batch["params"], jax.random.split(key, len(observations)))
    return -bounds.mean(), jax.tree.map(jnp.mean, parts)


def balanced_batches(
    data: PyTree, labels: np.ndarray, batch_size: int
) -> Callable[[PRNGKeyArray, int], PyTree]:
    """Batches in which every class is equally likely, for `ideomotor.train` (Veres et al. 2017, section IV-B).

    - `data`: NumPy arrays that lead with the example; `labels`: the class of each example.

    Examples are drawn with replacement, so small classes are seen as often as large ones.
    """
    labels = np.asarray(labels)
    sizes = {len(leaf) for leaf in jax.tree.leaves(data)}
    if sizes != {len(labels)} or not len(labels):
        raise DataError(
            f"every array needs one label per example, but there are {len(labels)} labels for {sorted(sizes)} examples."
        )
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}.")
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def batch(key: PRNGKeyArray, step: int) -> PyTree:
        random = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        chosen = [members[c] for c in random.integers(len(members), size=batch_size)]
        rows = np.array([group[random.integers(len(group))] for group in chosen])
        return jax.tree.map(lambda leaf: np.asarray(leaf[rows]), data)

    return batch
