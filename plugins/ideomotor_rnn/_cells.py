import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ideomotor import quantity

TRANSFER = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus}


class AbstractCell(eqx.Module):
    """The neurons: how their activity follows what drives them and each other.

    - `drives`: how many numbers drive them from outside; one for each unit, or for each of its gates.
    """

    units: eqx.AbstractVar[int]
    drives: eqx.AbstractVar[int]

    @abc.abstractmethod
    def step(
        self, activity: Float[Array, " units"], drive: Float[Array, " drives"], dt: Float[ArrayLike, ""]
    ) -> Float[Array, " units"]:
        """The activity `dt` seconds later; `drive` is what comes from outside."""


class RateCell(AbstractCell):
    """Leaky rate units: time y' = -y + σ(W y + drive + bias), Huh & Todorov 2009, eq. (2).

    - `time`: the time constant of a unit in s. The paper gives none.
    - `transfer`: σ, one of `"relu"` (the paper's), `"tanh"`, `"sigmoid"`, `"softplus"`.
    """

    recurrent: Float[Array, "units units"]
    bias: Float[Array, " units"]
    time: float = quantity(unit="s", bounds=(0.005, 0.5), static=True)
    units: int = eqx.field(static=True)
    transfer: str = eqx.field(static=True)  # pyright: ignore[reportGeneralTypeIssues]

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

    @property
    def drives(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """One for each unit."""
        return self.units

    def step(
        self, activity: Float[Array, " units"], drive: Float[Array, " units"], dt: Float[ArrayLike, ""]
    ) -> Float[Array, " units"]:
        """See `AbstractCell`."""
        goal = TRANSFER[self.transfer](self.recurrent @ activity + drive + self.bias)
        return activity + dt / self.time * (goal - activity)


class GRUCell(AbstractCell):
    """Gated recurrent units (Cho et al. 2014), one update for each time step, whatever its length.

    Three drives for each unit: for the reset gate r, the update gate z and the new activity n,

        r = σ(d_r + W_r y + b_r),  z = σ(d_z + W_z y + b_z),  n = tanh(d_n + b_n + r (W_n y + b)),  y' = n + z (y - n)
    """

    recurrent: Float[Array, "drives units"]
    bias: Float[Array, " drives"]
    recurrent_bias: Float[Array, " units"]
    units: int = eqx.field(static=True)

    def __init__(self, units: int = 12, *, key: PRNGKeyArray | None = None):
        if units < 1:
            raise ValueError(f"GRUCell: units must be at least 1, not {units}.")
        self.units = units
        key = jax.random.key(0) if key is None else key
        self.recurrent = 0.6 / units**0.5 * jax.random.normal(key, (3 * units, units))
        self.bias, self.recurrent_bias = jnp.zeros(3 * units), jnp.zeros(units)

    @property
    def drives(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Three for each unit."""
        return 3 * self.units

    def step(
        self, activity: Float[Array, " units"], drive: Float[Array, " drives"], dt: Float[ArrayLike, ""]
    ) -> Float[Array, " units"]:
        """See `AbstractCell`."""
        reset, update, new = jnp.split(drive + self.bias, 3)
        by_reset, by_update, by_new = jnp.split(self.recurrent @ activity, 3)
        reset, update = jax.nn.sigmoid(reset + by_reset), jax.nn.sigmoid(update + by_update)
        new = jnp.tanh(new + reset * (by_new + self.recurrent_bias))
        return new + update * (activity - new)
