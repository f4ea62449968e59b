import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ideomotor import AbstractFeedbackPrimitive, quantity
from ideomotor.common.pretrained import load_pretrained
from ideomotor.common.trees import as_array

from ._commands import AbstractCommand, ReachCommand

TRANSFER = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus}


class AbstractCell(eqx.Module):
    """The units of a policy: how their activity follows their inputs and each other.

    - `drives`: number of external inputs: one for each unit, or for each of its gates.
    """

    units: eqx.AbstractVar[int]
    drives: eqx.AbstractVar[int]

    @abc.abstractmethod
    def step(
        self, activity: Float[Array, " units"], drive: Float[Array, " drives"], dt: Float[ArrayLike, ""]
    ) -> Float[Array, " units"]:
        """The activity `dt` seconds later; `drive` is the external input."""


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
        self.recurrent = as_array(0.9 / units**0.5) * jax.random.normal(key, (units, units))
        self.bias = as_array(np.full(units, 0.2))

    @property
    def drives(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """One drive for each unit."""
        return self.units

    def step(
        self, activity: Float[Array, " units"], drive: Float[Array, " units"], dt: Float[ArrayLike, ""]
    ) -> Float[Array, " units"]:
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
        self.recurrent = as_array(0.6 / units**0.5) * jax.random.normal(key, (3 * units, units))
        self.bias, self.recurrent_bias = as_array(np.zeros(3 * units)), as_array(np.zeros(units))

    @property
    def drives(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Those of reset, update and new activity of each unit."""
        return 3 * self.units

    def step(
        self, activity: Float[Array, " units"], drive: Float[Array, " drives"], dt: Float[ArrayLike, ""]
    ) -> Float[Array, " units"]:
        reset, update, new = jnp.split(drive + self.bias, 3)
        by_reset, by_update, by_new = jnp.split(self.recurrent @ activity, 3)
        reset, update = jax.nn.sigmoid(reset + by_reset), jax.nn.sigmoid(update + by_update)
        new = jnp.tanh(new + reset * (by_new + self.recurrent_bias))
        return new + update * (activity - new)


# Zero and unit of each signal: muscle length in optimal lengths, speed in optimal lengths per s, tension in N.
CODE = {
    "length": (1.0, 1 / 3),
    "speed": (0.0, 2.5),
    "tension": (0.0, 300.0),
    "activation": (0.0, 1.0),
    "angle": (0.8, 0.5),
    "velocity": (0.0, 3.0),
    "hand": (0.3, 0.15),
    "hand_velocity": (0.0, 0.5),
}
PAIRS = ("angle", "velocity", "hand", "hand_velocity")


class RecurrentPolicy(AbstractFeedbackPrimitive[Any]):
    """A recurrent network that excites muscles from their sensory signals and a command (Huh & Todorov 2009, eq. (2)):

        time y' = -y + σ(W_recurrent y + W_sensory s + W_command k + bias)
        u = [W_motor y + W_reflex s + bias]₊, at most 1

    There are five weight matrices and no direct path from command to muscle. s are the plant's `signals` and k the
    command, both relative to the middle of their range and in units of it (`AbstractCommand.coded`).

    - `command`: the default parameters, `ReachCommand()`, `CircleCommand()` or your own subclass of `AbstractCommand`.
    - `cell`: the units; `RateCell` as in the paper, `GRUCell`, or your own subclass of `AbstractCell`.
    - `muscles`: number of muscles that are excited, and sensed by each of the muscle `signals`.
    - `noise`: standard deviation of a factor 1 + N(0, noise) on every sense, command and excitation at every step (the
      paper: 0.2). Without a key there is no noise.

    The state is the activity of the units. Raises a ValueError for an unknown signal.
    """

    sensory: Float[Array, "drives senses"]
    commanded: Float[Array, "drives commands"]
    motor: Float[Array, "muscles units"]
    reflex: Float[Array, "muscles senses"]
    tone: Float[Array, " muscles"]
    command: AbstractCommand
    cell: AbstractCell
    noise: float = quantity(bounds=(0.0, 1.0), label="multiplicative noise", static=True)
    muscles: int = eqx.field(static=True)  # pyright: ignore[reportGeneralTypeIssues]
    signals: tuple[str, ...] = eqx.field(static=True)  # pyright: ignore[reportGeneralTypeIssues]

    def __init__(
        self,
        command: AbstractCommand | None = None,
        cell: AbstractCell | None = None,
        muscles: int = 6,
        signals: Any = ("length", "speed", "tension"),
        noise: float = 0.2,
        *,
        key: PRNGKeyArray | None = None,
    ):
        key = jax.random.key(0) if key is None else key
        cell_key, *keys = jax.random.split(key, 5)
        self.command = ReachCommand() if command is None else command
        self.cell = RateCell(key=cell_key) if cell is None else cell
        self.muscles, self.signals, self.noise = muscles, tuple(signals), noise
        if muscles < 1:
            raise ValueError(f"RecurrentPolicy: muscles must be at least 1, not {muscles}.")
        if not noise >= 0:
            raise ValueError(f"RecurrentPolicy: noise must be at least 0, not {noise}.")
        for signal in self.signals:
            if signal not in CODE:
                raise ValueError(f"RecurrentPolicy: signals must be among {', '.join(CODE)}, not {signal!r}.")
        units, senses = self.cell.units, sum(_size(signal, muscles) for signal in self.signals)
        commands = eqx.filter_eval_shape(type(self.command).coded, self.command).shape[-1]

        def weights(key, shape, gain):
            return as_array(gain / shape[1] ** 0.5) * jax.random.normal(key, shape)

        self.sensory = weights(keys[0], (self.cell.drives, senses), 0.5)
        self.commanded = weights(keys[1], (self.cell.drives, commands), 0.7)
        self.motor = weights(keys[2], (muscles, units), 0.3)
        self.reflex = weights(keys[3], (muscles, senses), 0.08)
        self.tone = as_array(np.full(muscles, 0.1))

    def weights(self) -> tuple[Any, ...]:
        """The trained arrays, for `where=` of `ideomotor.train`."""
        return (self.sensory, self.commanded, self.motor, self.reflex, self.tone, self.cell)

    def default_params(self) -> AbstractCommand:
        """The command that the policy was made with."""
        return self.command

    def default_feedback(self) -> dict[str, Array]:
        """The signals at rest."""
        return {
            signal: as_array(np.full(_size(signal, self.muscles), CODE[signal][0])) for signal in self.signals
        }

    def init(self, params: AbstractCommand) -> Float[Array, " units"]:
        """Zero activity. The paper starts its trials from `random_activity`, which `rollout` takes as `p0`."""
        return jnp.zeros(self.cell.units, self.sensory.dtype)

    def random_activity(self, key: PRNGKeyArray, count: int) -> Float[Array, "count units"]:
        """Activity that is uniform between zero and one, for the start of `count` trials."""
        return jax.random.uniform(key, (count, self.cell.units))

    def sense(self, feedback: dict[str, Any]) -> list[Array]:
        """The signals as input of the network."""
        return [
            (jnp.asarray(feedback[signal]) - CODE[signal][0]) / CODE[signal][1] for signal in self.signals
        ]

    def step(
        self,
        state: Float[Array, " units"],
        feedback: dict[str, Any],
        params: AbstractCommand,
        dt: Any,
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Float[Array, " units"], Float[Array, " muscles"]]:
        """The activity after `dt` seconds, and the excitations for those `dt` seconds."""
        return self.respond(state, feedback, params, dt, None if key is None else self.factors(key))

    def respond(
        self,
        state: Float[Array, " units"],
        feedback: dict[str, Any],
        params: AbstractCommand,
        dt: Any,
        factors: Float[Array, " numbers"] | None,
    ) -> tuple[Float[Array, " units"], Float[Array, " muscles"]]:
        """`step` with given noise: a factor for every sense, command and excitation, as `factors` draws them."""
        sensed, commanded, gain = jnp.concatenate(self.sense(feedback)), params.coded(), 1.0
        if factors is not None:
            on_senses, on_command, gain = jnp.split(factors, np.cumsum([sensed.size, commanded.size]))
            sensed, commanded = sensed * on_senses, commanded * on_command
        excitation = jnp.clip(self.motor @ state + self.reflex @ sensed + self.tone, 0.0, 1.0)
        drive = self.sensory @ sensed + self.commanded @ commanded
        return self.cell.step(state, drive, dt), jnp.clip(gain * excitation, 0.0, 1.0)

    def factors(
        self, key: PRNGKeyArray, batch: tuple[int, ...] = ()
    ) -> Float[Array, "numbers *batch"] | None:
        """1 + N(0, noise) for every number that is noisy (and each trial of a batch), in one draw; `None` without noise."""
        if not self.noise:
            return None
        numbers = self.sensory.shape[1] + self.commanded.shape[1] + self.muscles
        return 1.0 + self.noise * jax.random.normal(key, (numbers, *batch), self.sensory.dtype)


def _size(signal: str, muscles: int) -> int:
    return 2 if signal in PAIRS else muscles


def pretrained(name: str) -> RecurrentPolicy:
    """A trained network for the default `MuscleArm`: `"reach"` (12 units) or `"circle"` (36 units).

    Trained by `ideomotor train reach --checkpoint FOLDER` and `ideomotor train circle --checkpoint FOLDER`; the model cards
    in `checkpoints` give their accuracy. Raises an `UnknownNameError` for another name.
    """
    return load_pretrained("ideomotor_rnn", name, kind="primitive")
