from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from ideomotor.errors import DataError


def balanced_batches(
    data: PyTree, labels: np.ndarray, batch_size: int
) -> Callable[[PRNGKeyArray, int], PyTree]:
    """Batches in which every class is equally likely, for `ideomotor.train` (Veres et al. 2017, section IV-B).

    - `data`: NumPy arrays that lead with the example; `labels`: the class of each example.

    Examples are drawn with replacement: a class of few examples is seen as often as one of many.
    """
    labels = np.asarray(labels)
    sizes = {len(leaf) for leaf in jax.tree.leaves(data)}
    if sizes != {len(labels)} or not len(labels):
        raise DataError(
            f"every array needs one label per example, and there are {len(labels)} labels for "
            f"{sorted(sizes)} examples."
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
