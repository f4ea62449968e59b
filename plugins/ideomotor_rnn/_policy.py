from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedbackPrimitive, quantity

from ._cells import AbstractCell, RateCell
from ._commands import AbstractCommand, ReachCommand

# What a sense is measured from and in: muscle length in optimal lengths, speed in optimal lengths per s, tension in N.
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
    """A recurrent network that excites muscles from what they sense and what it is told (Huh & Todorov 2009, eq. (2)):

        time y' = -y + σ(W_recurrent y + W_sensory s + W_command k + bias)
        u = [W_motor y + W_reflex s + bias]₊, at most 1

    There are five weight matrices and no direct path from command to muscle. s are the plant's `signals` and k the
    command, both measured from the middle of their range and in units of it (see `AbstractCommand.coded`).

    - `command`: the default parameters, `ReachCommand()` or `CircleCommand()` or one of your own.
    - `cell`: the units; `RateCell` as in the paper, or `GRUCell`, or one of your own.
    - `muscles`: how many are excited, and sensed by each of the muscle `signals`.
    - `noise`: standard deviation of a factor 1 + N(0, noise) on every sense, command and excitation at every step (the
      paper: 0.2). Without a key nothing is drawn.

    The state is the activity of the units. Raises a ValueError for a signal it does not know.
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
                raise ValueError(
                    f"RecurrentPolicy: signals are of {', '.join(CODE)}, and {signal!r} is not one."
                )
        units, senses = self.cell.units, sum(_size(signal, muscles) for signal in self.signals)
        commands = self.command.coded().shape[-1]

        def weights(key, shape, gain):
            return gain / shape[1] ** 0.5 * jax.random.normal(key, shape)

        self.sensory = weights(keys[0], (self.cell.drives, senses), 0.5)
        self.commanded = weights(keys[1], (self.cell.drives, commands), 0.7)
        self.motor = weights(keys[2], (muscles, units), 0.3)
        self.reflex = weights(keys[3], (muscles, senses), 0.08)
        self.tone = jnp.full(muscles, 0.1)

    def weights(self) -> tuple[Any, ...]:
        """What is trained, for `where=` of `ideomotor.train`."""
        return (self.sensory, self.commanded, self.motor, self.reflex, self.tone, self.cell)

    def default_params(self) -> AbstractCommand:
        """The command in the middle."""
        return self.command

    def default_feedback(self) -> dict[str, Array]:
        """The signals at rest."""
        return {signal: jnp.full(_size(signal, self.muscles), CODE[signal][0]) for signal in self.signals}

    def init(self, params: AbstractCommand) -> Float[Array, " units"]:
        """Silence. The paper starts its trials from random activity: `Started(policy, activity)`."""
        return jnp.zeros(self.cell.units, self.sensory.dtype)

    def sense(self, feedback: dict[str, Any]) -> list[Array]:
        """The signals as the network hears them."""
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
        """`step` with the noise given: a factor for every sense, command and excitation, as `factors` draws them."""
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
