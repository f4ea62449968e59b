import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ideomotor import quantity


class DMPParams(eqx.Module):
    """What one movement of a DMP is made of (Pahič et al. 2018, eq. 8).

    - `weights`: of the forcing term, shape `(dof, basis)`.
    - `goal`, `start`: where the movement ends and begins, shape `(dof,)`, in the unit of the movement.
    - `tau`: duration in seconds; `None` where the DMP itself fixes it (`DMP(duration=...)`).
    - `amplitude`: the size of the demonstration, shape `(dof,)`; only with `DMP(scaling="amplitude")`.

    Leaves may have leading batch axes, as `jax.vmap` over `DMP.fit` makes them.
    """

    weights: Float[Array | np.ndarray, "*batch dof basis"] = quantity(label="weights")
    goal: Float[Array | np.ndarray, "*batch dof"] = quantity(label="goal")
    start: Float[Array | np.ndarray, "*batch dof"] = quantity(label="start")
    tau: Float[Array | np.ndarray, "*batch"] | None = quantity(
        unit="s", bounds=(0.0, None), label="duration", default=None
    )
    amplitude: Float[Array | np.ndarray, "*batch dof"] | None = quantity(label="amplitude", default=None)
