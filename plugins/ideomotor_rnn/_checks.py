import jax
import numpy as np

from ideomotor import Trajectory
from ideomotor.errors import DataError


def check_movement(movement: Trajectory) -> Trajectory:
    """Return the movement, or raise a `DataError` that names the first time step and quantity that is not finite."""
    first, what = None, ""
    for path, leaf in jax.tree_util.tree_flatten_with_path((movement.xs, movement.us, movement.ys))[0]:
        bad = ~np.isfinite(np.asarray(leaf, float)).reshape(len(movement.ts), -1).all(1)
        if bad.any() and (first is None or np.argmax(bad) < first):
            first = int(np.argmax(bad))
            what = ("xs", "us", "ys")[path[0].idx] + jax.tree_util.keystr(path[1:])
    if first is not None:
        raise DataError(
            f"The movement ran away: {what} is not finite from step {first} ({float(movement.ts[first]):.3g} s) on; take "
            f"a smaller time step or an earlier checkpoint of the network."
        )
    return movement
