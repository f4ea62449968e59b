from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractFeedbackPrimitive, quantity
from ideomotor.errors import DataError

from ._policy import RecurrentPolicy

# A switch is due although the time, a sum of many steps, has not quite come.
ROUNDING = 1e-4


class Schedule(eqx.Module):
    """Commands over time: `commands` leads with the `times` (s after the start) from which each one holds."""

    times: Float[Array | np.ndarray, " switches"] = quantity(unit="s", bounds=(0.0, None))
    commands: PyTree[Any]  # pyright: ignore[reportGeneralTypeIssues]

    def __check_init__(self):
        if isinstance(self.times, Tracer) or not isinstance(self.times, jax.Array | np.ndarray):
            return
        times = np.asarray(self.times)
        if np.any(np.diff(times, axis=-1) <= 0):
            raise DataError(f"Schedule: times must increase, and they are {times.tolist()}.")


class ScheduledState(eqx.Module):
    """The time since the start in s, and the policy's own state."""

    time: Float[ArrayLike, ""]
    state: PyTree[Any]


class Scheduled(AbstractFeedbackPrimitive[Schedule]):
    """A policy whose command changes while it moves: sequences, jumps, a target that moves, a figure of eight.

    - `switches`: how many commands a schedule has.
    - `smooth`: whether commands move linearly from one to the next; otherwise they jump.

    Before the first time the first command holds, after the last time the last one.
    """

    primitive: AbstractFeedbackPrimitive = eqx.field(
        default=None, converter=lambda primitive: RecurrentPolicy() if primitive is None else primitive
    )
    switches: int = eqx.field(static=True, default=2)
    smooth: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        if self.switches < 1:
            raise ValueError(f"Scheduled: switches must be at least 1, not {self.switches}.")

    def default_params(self) -> Schedule:
        """The policy's own command all the time, said anew each second."""
        one = self.primitive.default_params()
        many = jax.tree.map(lambda x: jnp.broadcast_to(x, (self.switches, *jnp.shape(x))), one)
        return Schedule(jnp.arange(self.switches) * 1.0, many)

    def default_feedback(self) -> PyTree:
        """That of the policy."""
        return self.primitive.default_feedback()

    def init(self, params: Schedule) -> ScheduledState:
        """The policy's own, at time zero."""
        return ScheduledState(jnp.zeros(()), self.primitive.init(self.command(params, jnp.zeros(()))))

    def step(
        self,
        state: ScheduledState,
        feedback: PyTree,
        params: Schedule,
        dt: Any,
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[ScheduledState, PyTree]:
        """That of the policy with the command of the moment."""
        command = self.command(params, state.time)
        inner, excitation = self.primitive.step(state.state, feedback, command, dt, key=key)
        return ScheduledState(state.time + dt, inner), excitation

    def command(self, params: Schedule, time: Float[ArrayLike, ""]) -> Any:
        """The command at a time."""
        times = jnp.asarray(params.times)
        if self.smooth and self.switches > 1:
            after = jnp.clip(_count(times, time), 1, self.switches - 1)
            part = jnp.clip((time - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0)
            return jax.tree.map(
                lambda x: jnp.asarray(x)[after - 1] * (1 - part) + jnp.asarray(x)[after] * part,
                params.commands,
            )
        now = jnp.clip(_count(times, time + ROUNDING) - 1, 0, self.switches - 1)
        return jax.tree.map(lambda x: jnp.asarray(x)[now], params.commands)


def _count(times, time):
    """How many of the times have come."""
    return jnp.sum(times <= time)
