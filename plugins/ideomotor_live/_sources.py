"""Where the reference of each cycle comes from: a plan along a known movement, or a policy that is asked."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import ideomotor
from ideomotor.errors import AssemblyError

from ._limits import Limits
from ._plan import Plan, make_plan

_FINE = 4  # points of a known movement in each cycle


class Planned:
    """A movement that is known beforehand, of a primitive that looks at no feedback; slowed where limits ask for it."""

    def __init__(self, loop: ideomotor.Loop, params: Any, limits: Limits, dt: float, duration: float):
        cycles = max(3, round(duration / dt) + 1)
        ts = np.arange((cycles - 1) * _FINE + 1) * (dt / _FINE)
        # In 64 bits: at 1 kHz the rounding of 32 is a jerk of tens of rad/s³.
        with jax.enable_x64(True):
            if isinstance(loop.primitive, ideomotor.AbstractFeedforwardPrimitive):
                commands = loop.start(params, ts=ts).commands[1]
            else:
                commands = ideomotor.rollout(loop.primitive, params, ts).ys
        self._limits, self._dt = limits, dt
        self._plan, self._next = make_plan(np.asarray(commands, float), limits, dt, fine=_FINE), 0

    def approach(self, position: np.ndarray) -> None:
        """First go from a position at rest to the start of the movement, with minimum jerk."""
        first, cycles = self._plan.points[0], round(0.5 / self._dt)
        if np.max(np.abs(first - position)) > 1e-6:
            s = np.linspace(0.0, 1.0, cycles + 1)[:, None]
            way = position + (first - position) * (10 * s**3 - 15 * s**4 + 6 * s**5)
            there = make_plan(way, self._limits, self._dt)
            phase = np.concatenate([np.zeros(len(there.phase)), self._plan.phase])
            self._plan = Plan(phase, np.concatenate([there.points, self._plan.points]))

    def follow(self, other: "Planned | Policy", *, again: bool) -> None:
        """Take over from another source: at its phase, or from the start."""
        self._next = 0 if again else int(np.searchsorted(self._plan.phase, other.phase))

    @property
    def phase(self) -> float:
        """Cycles of the movement's own time that are done."""
        return float(self._plan.phase[min(self._next, len(self._plan.phase) - 1)])

    @property
    def done(self) -> bool:
        """Whether the last point has been given."""
        return self._next >= len(self._plan.points)

    def next(self, reading: dict[str, np.ndarray], rate: float) -> np.ndarray:
        """The reference of the next cycle."""
        k = min(self._next, len(self._plan.points) - 1)
        self._next += 1
        return self._plan.points[k]


class Policy:
    """A feedback primitive, asked in each cycle with the newest reading; its time is slowed by `rate`."""

    def __init__(
        self, loop: ideomotor.Loop, params: Any, dt: float, duration: float, like: "Policy | None" = None
    ):
        self._primitive, self._dt, self._cycles, self.phase = loop.primitive, dt, duration / dt, 0.0
        moment = loop.start(params)
        self._state, state_tree = jax.tree.flatten(moment.p)
        self._params, params_tree = jax.tree.flatten(moment.params)
        if ideomotor.plain_object(self._primitive) is not self._primitive:
            self._step: Any = self._on_host(state_tree, params_tree)
            return
        self._state, self._params = (
            [jnp.asarray(x) for x in leaves] for leaves in (self._state, self._params)
        )
        if like is not None and like._primitive is self._primitive:
            self._step = like._step
            return
        arrays, static = eqx.partition(self._primitive, eqx.is_array)
        combined: Any = eqx.combine

        # Plain lists of arrays: what JAX calls most quickly.
        def step(state, reading, params, dt):
            primitive = combined(arrays, static)
            state, params = jax.tree.unflatten(state_tree, state), jax.tree.unflatten(params_tree, params)
            after, command = primitive.step(state, reading, params, dt)
            after = [
                jnp.asarray(new).astype(old.dtype)
                for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True)
            ]
            return after, command

        self._step = jax.jit(step)

    def _on_host(self, state_tree, params_tree):
        primitive: Any = self._primitive

        def step(state, reading, params, dt):
            state, params = jax.tree.unflatten(state_tree, state), jax.tree.unflatten(params_tree, params)
            after, command = primitive.step(state, reading, params, dt)
            return jax.tree.leaves(after), command

        return step

    def compile(self, reading: dict[str, np.ndarray]) -> None:
        """Everything that `next` needs, without a step being made."""
        state, phase = self._state, self.phase
        command = self.next(reading, 1.0)
        self.next(reading, 1.0)
        self._state, self.phase = state, phase
        if command.ndim != 1:
            raise AssemblyError(
                f"The primitive gives commands of shape {command.shape}, and a robot takes (joints,)."
            )

    def approach(self, position: np.ndarray) -> None:
        """Nothing is known of its first command; limits decide how it is approached."""

    def follow(self, other: "Planned | Policy", *, again: bool) -> None:
        """Take over from another source: with its state, or from the start."""
        if not again and isinstance(other, Policy) and other._primitive is self._primitive:
            self._state, self.phase = other._state, other.phase

    @property
    def done(self) -> bool:
        """Whether its time is over."""
        return self.phase >= self._cycles

    def next(self, reading: dict[str, np.ndarray], rate: float) -> np.ndarray:
        """The reference of the next cycle."""
        self._state, command = self._step(self._state, reading, self._params, np.float32(rate * self._dt))
        self.phase += rate
        return np.asarray(command, float)
