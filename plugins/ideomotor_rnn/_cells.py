import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ideomotor import quantity

TRANSFER = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus}


class AbstractCell(eqx.Module):
    """The neurons: how their activity follows what drives them and each other."""

    units: eqx.AbstractVar[int]

    @abc.abstractmethod
    def step(
        self, activity: Float[Array, " units"], drive: Float[Array, " units"], dt: Float[ArrayLike, ""]
    ) -> Float[Array, " units"]:
        """The activity `dt` seconds later; `drive` is what comes from outside, one number for each unit."""


class RateCell(AbstractCell):
    """Leaky rate units: time y' = -y + σ(W y + drive + bias), Huh & Todorov 2009, eq. (2).

    - `time`: the time constant of a unit in s. The paper gives none.
    - `transfer`: σ, one of `"relu"` (the paper's), `"tanh"`, `"sigmoid"`, `"softplus"`.
    """

    recurrent: Float[Array, "units units"]
    bias: Float[Array, " units"]
    time: float = quantity(unit="s", bounds=(0.005, 0.5), static=True)
    units: int = eqx.field(static=True)
    transfer: str = eqx.field(static=True)

    def __init__(
        self, units: int = 12, time: float = 0.05, transfer: str = "relu", *, key: PRNGKeyArray | None = None
    ):
        if units < 1:
            raise ValueError(f"RateCell: units must be at least 1, not {units}.")
        if not time > 0:
            raise ValueError(f"RateCell: time must be greater than 0 s, not {time}.")
        if transfer not in TRANSFER:
            raise ValueError(f"RateCell: transfer must be one of {', '.join(TRANSFER)}, not {transfer!r}.")
        key = jax.random.key(0) if key is None else key
        self.units, self.time, self.transfer = units, time, transfer
        self.recurrent = 0.9 / units**0.5 * jax.random.normal(key, (units, units))
        self.bias = jnp.full(units, 0.2)

    def step(
        self, activity: Float[Array, " units"], drive: Float[Array, " units"], dt: Float[ArrayLike, ""]
    ) -> Float[Array, " units"]:
        """See `AbstractCell`."""
        goal = TRANSFER[self.transfer](self.recurrent @ activity + drive + self.bias)
        return activity + dt / self.time * (goal - activity)


class GRUCell(AbstractCell):
    """Gated recurrent units, one update for each time step, whatever its length."""

    cell: eqx.nn.GRUCell
    units: int = eqx.field(static=True)

    def __init__(self, units: int = 12, *, key: PRNGKeyArray | None = None):
        if units < 1:
            raise ValueError(f"GRUCell: units must be at least 1, not {units}.")
        self.units = units
        self.cell = eqx.nn.GRUCell(units, units, key=jax.random.key(0) if key is None else key)

    def step(
        self, activity: Float[Array, " units"], drive: Float[Array, " units"], dt: Float[ArrayLike, ""]
    ) -> Float[Array, " units"]:
        """See `AbstractCell`."""
        return self.cell(drive, activity)
