from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractFeedbackPrimitive, quantity
from ideomotor.common import clocks
from ideomotor.common.trees import as_array
from ideomotor.errors import DataError

from ._commands import MIDDLE, CircleCommand, ReachCommand
from ._policy import RecurrentPolicy

ROUNDING = 1e-4  # s; a switch is due although the time, a sum of many steps, falls just short of it


class Schedule(eqx.Module):
    """Commands over time: `commands` leads with the `times` (s after the start) from which each one holds."""

    times: Float[Array | np.ndarray, " switches"] = quantity(unit="s", bounds=(0.0, None))
    commands: PyTree[Any]  # pyright: ignore[reportGeneralTypeIssues]

    def __check_init__(self):
        if isinstance(self.times, Tracer) or not isinstance(self.times, jax.Array | np.ndarray):
            return
        times = np.asarray(self.times)
        if np.any(np.diff(times, axis=-1) <= 0):
            raise DataError(f"Schedule: times must increase, but they are {times.tolist()}.")


class ScheduledState(eqx.Module):
    """The time since the start in s, what rounding took away from it, and the policy's own state."""

    time: Float[ArrayLike, ""]
    lost: Float[ArrayLike, ""]
    state: PyTree[Any]


class ScheduledPolicy(AbstractFeedbackPrimitive[Schedule]):
    """A policy whose command changes during the movement; `steps`, `moving_target` and `figure_eight` make both.

    - `switches`: how many commands a schedule has.
    - `smooth`: whether commands are interpolated linearly; otherwise each one holds until the next.

    Before the first time the first command holds, after the last time the last one.
    """

    primitive: AbstractFeedbackPrimitive = eqx.field(
        default=None, converter=lambda primitive: RecurrentPolicy() if primitive is None else primitive
    )
    switches: int = eqx.field(static=True, default=2)
    smooth: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        if self.switches < 1:
            raise ValueError(f"ScheduledPolicy: switches must be at least 1, not {self.switches}.")

    @staticmethod
    def steps(
        policy: AbstractFeedbackPrimitive, commands: Any, hold: float
    ) -> tuple["ScheduledPolicy", Schedule]:
        """One command after the other, each for `hold` seconds; the last one stays. `commands` leads with the command."""
        if not hold > 0:
            raise DataError(
                f"hold must be positive, so that each command is held for some time, not {hold} s."
            )
        count = jax.tree.leaves(commands)[0].shape[0]
        return ScheduledPolicy(policy, count), Schedule(as_array(hold * np.arange(count), float), commands)

    @staticmethod
    def moving_target(
        policy: AbstractFeedbackPrimitive, points: Float[Array | np.ndarray, "time 2"], dt: float
    ) -> tuple["ScheduledPolicy", Schedule]:
        """A target that moves along `points` (m), one every `dt` seconds, in straight lines between them."""
        if not dt > 0:
            raise DataError(f"dt must be positive, the time between two points of the target, not {dt} s.")
        schedule = Schedule(as_array(dt * np.arange(len(points)), float), ReachCommand(as_array(points)))
        return ScheduledPolicy(policy, len(points), smooth=True), schedule

    @staticmethod
    def figure_eight(
        policy: AbstractFeedbackPrimitive,
        *,
        center: tuple[float, float] = MIDDLE,
        radius: float = 0.06,
        speed: float = 0.25,
        loops: int = 4,
        lead: float = 0.0,
    ) -> tuple["ScheduledPolicy", Schedule]:
        """A figure of eight: two circles in opposite directions, commanded in turn (Huh & Todorov 2009, fig. 8).

        The circles touch at `center`; each is commanded for one round, `2 π radius / speed` seconds.

        - `lead`: how much earlier (s) the next circle is commanded, to make up for the network's reaction time.
        """
        if not (radius > 0 and speed > 0):
            raise DataError(
                f"A figure of eight needs a positive radius and speed, not {radius} m and {speed} m/s."
            )
        count = 2 * loops
        side = np.where(np.arange(count) % 2, 1.0, -1.0)
        centers = np.asarray(center) + side[:, None] * np.array([radius, 0.0])
        commands = CircleCommand(as_array(centers), as_array(np.full(count, radius)), as_array(side * speed))
        times = 2 * np.pi * radius / speed * np.arange(count)
        times[1:] -= lead
        return ScheduledPolicy(policy, count), Schedule(as_array(times), commands)

    def default_params(self) -> Schedule:
        """The policy's own command all the time, repeated each second."""
        one = self.primitive.default_params()
        many = jax.tree.map(lambda x: jnp.broadcast_to(x, (self.switches, *jnp.shape(x))), one)
        return Schedule(as_array(np.arange(self.switches), float), many)

    def default_feedback(self) -> PyTree:
        return self.primitive.default_feedback()

    def init(self, params: Schedule) -> ScheduledState:
        return self.state(self.primitive.init(self.command(params, jnp.zeros(()))))

    def step(
        self,
        state: ScheduledState,
        feedback: PyTree,
        params: Schedule,
        dt: Any,
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[ScheduledState, PyTree]:
        command = self.command(params, state.time)
        inner, excitation = self.primitive.step(state.state, feedback, command, dt, key=key)
        return ScheduledState(*clocks.advance(state.time, state.lost, dt), inner), excitation

    def state(self, inner: PyTree) -> ScheduledState:
        """The state at the start, with the policy in the state `inner`; for `p0` of `ideomotor.rollout`."""
        return ScheduledState(jnp.zeros(()), jnp.zeros(()), inner)

    def command(self, params: Schedule, time: Float[ArrayLike, ""]) -> Any:
        """The command at a time (s after the start)."""
        times = jnp.asarray(params.times)
        if self.smooth and self.switches > 1:
            after = jnp.clip(jnp.sum(times <= time), 1, self.switches - 1)
            part = jnp.clip((time - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0)
            return jax.tree.map(
                lambda x: jnp.asarray(x)[after - 1] * (1 - part) + jnp.asarray(x)[after] * part,
                params.commands,
            )
        now = jnp.clip(jnp.sum(times <= time + ROUNDING) - 1, 0, self.switches - 1)
        return jax.tree.map(lambda x: jnp.asarray(x)[now], params.commands)
