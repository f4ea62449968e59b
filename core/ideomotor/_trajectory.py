from typing import Any

import equinox as eqx
import jax
import jax.core
import numpy as np
from jaxtyping import Array, Float, PyTree

from .errors import DataError


class Trajectory(eqx.Module):
    """A movement, in control's letters; every array leaf leads with time.

    - `ts`: times in seconds, shape `(time,)`.
    - `ys`: outputs. What the plant let be seen, or the primitive's command where there was no plant.
    - `us`: commands sent to the plant, held over `[ts[i], ts[i + 1])`; `None` without a plant.
    - `xs`: states of the plant; `None` without a plant.

        >>> import jax.numpy as jnp
        >>> ts = jnp.linspace(0.0, 1.0, 101)
        >>> len(Trajectory(ts, jnp.sin(ts))[::10])
        11
    """

    ts: Float[Array | np.ndarray, " time"]
    ys: PyTree[Any]
    us: PyTree[Any] = None
    xs: PyTree[Any] = None

    def __getitem__(self, index) -> "Trajectory":
        """The same movement at some of its times: `trajectory[::10]`."""
        return jax.tree.map(lambda leaf: leaf[index], self)

    def __len__(self) -> int:
        return len(self.ts)

    def _repr_html_(self) -> str:
        from ._repr import trajectory_html

        return trajectory_html(self)


def check_times(ts, *, minimum: int = 2, name: str = "ts"):
    """Return `ts` as an array if its values are finite and increase strictly; raises `DataError`.

    Inside `jit` only the shape is checked: a check of traced values would call back to the host at every
    movement.
    """
    ts = ts if hasattr(ts, "dtype") else np.asarray(ts)
    if ts.ndim != 1:
        raise DataError(
            f"{name} must be a one-dimensional array of times in seconds, not of shape {np.shape(ts)}."
        )
    if ts.shape[0] < minimum:
        raise DataError(f"{name} has {ts.shape[0]} time(s), and at least {minimum} are needed.")
    if isinstance(ts, jax.core.Tracer):
        return ts
    values = np.asarray(ts)
    if not np.all(np.isfinite(values)):
        bad = int(np.argmax(~np.isfinite(values)))
        raise DataError(f"{name}[{bad}] is {values[bad]}; times must be finite.")
    if not np.all(np.diff(values) > 0):
        bad = int(np.argmax(np.diff(values) <= 0))
        raise DataError(
            f"{name} must increase, and {name}[{bad + 1}] = {values[bad + 1]:g} follows "
            f"{name}[{bad}] = {values[bad]:g}; sort the samples and drop repeated times."
        )
    return ts


def check_demonstration(trajectory: Trajectory, *, minimum: int = 2) -> Trajectory:
    """Return the trajectory if it can be imitated: increasing times, finite outputs of one length."""
    check_times(trajectory.ts, minimum=minimum, name="trajectory.ts")
    for path, leaf in jax.tree_util.tree_flatten_with_path(trajectory.ys)[0]:
        name = "trajectory.ys" + jax.tree_util.keystr(path)
        if np.ndim(leaf) < 1 or np.shape(leaf)[0] != trajectory.ts.shape[0]:
            raise DataError(
                f"{name} has shape {np.shape(leaf)} and must lead with {trajectory.ts.shape[0]} times."
            )
        if not isinstance(leaf, jax.core.Tracer) and not np.all(np.isfinite(np.asarray(leaf))):
            where = np.argwhere(~np.isfinite(np.asarray(leaf)))[0]
            raise DataError(
                f"{name}[{', '.join(map(str, where))}] is not finite; repair or drop that sample before "
                f"fitting."
            )
    return trajectory
