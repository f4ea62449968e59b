from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Float

from ideomotor import AbstractODEPlant, quantity
from ideomotor.capabilities import Capability, SupportsLinks, SupportsReach
from ideomotor.errors import DataError

from ._conditions import LOWER, UPPER


def mass(samples: int) -> np.ndarray:
    """M of ∫ u² = u'Mu for one command, joined by straight lines, at times one second apart."""
    found = np.diag(np.full(samples, 2 / 3)) + np.eye(samples, k=1) / 6 + np.eye(samples, k=-1) / 6
    found[0, 0] = found[-1, -1] = 1 / 3
    return found


@runtime_checkable
class _SupportsField(Capability, Protocol):
    """A plant in a force field."""

    @property
    def strength(self) -> Any:
        """The strength of the field; zero is no field."""
        ...


class ReachProblem(eqx.Module):
    """What an optimal reach minimises (Berniker & Kording 2015, eq. 2 and "Simulations and training data").

        J = Φ/2 |h(T) - h_d|² + R/2 ∫ u'u dt,    h = hand position (m) and velocity (m/s), velocity zero at h_d

    - `plant`: given by an equation; `at(hand)` is its state at rest and its feedback has `hand` and `hand_velocity`.
      If it has a field `strength`, that is the strength of a force field and may differ from reach to reach.
    - `terminal`: Φ, the price of missing the target, one number for position and velocity.
    - `effort`: R, the price of commands.
    - `samples`: times at which command and state are given; straight lines join the commands between them.

    Raises a ValueError for numbers that pose no problem.
    """

    plant: Any
    terminal: Float[Array, ""] = quantity(unit="1/m²", bounds=(0.0, None))
    effort: Float[Array, ""] = quantity(unit="1/(N m)² s", bounds=(0.0, None))
    samples: int = eqx.field(static=True, default=101)

    def __init__(
        self,
        plant: Any,
        terminal: Float[ArrayLike, ""] = 100.0,
        effort: Float[ArrayLike, ""] = 1.0,
        samples: int = 101,
    ):
        self.plant, self.samples = plant, samples
        self.terminal, self.effort = jnp.asarray(terminal, float), jnp.asarray(effort, float)

    def __check_init__(self):
        for name in ("terminal", "effort"):
            value = getattr(self, name)
            if isinstance(value, jax.core.Tracer):  # pyright: ignore[reportAttributeAccessIssue]
                continue
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"ReachProblem: {name} must be a positive number, not {float(value):g}.")
        if self.samples < 3:
            raise ValueError(f"ReachProblem: samples must be at least 3, not {self.samples}.")
        if not (isinstance(self.plant, AbstractODEPlant) and isinstance(self.plant, SupportsReach)):
            raise ValueError(
                f"ReachProblem needs a plant given by an equation with a method at(hand), such as 'two-link-arm', "
                f"not {type(self.plant).__name__}."
            )

    def in_field(self, strength: Float[Array, ""]) -> "ReachProblem":
        """The same problem in a field of another strength; a plant without a field stays as it is."""
        if not isinstance(self.plant, _SupportsField):
            return self
        strength = jnp.asarray(strength, self.plant.strength.dtype)
        return eqx.tree_at(lambda problem: problem.plant.strength, self, strength)

    def advance(self, x, u, following, dt, unravel):
        """The raveled state after `dt` seconds, while the command goes straight from `u` to `following`: one step of the
        classical Runge-Kutta method.

        The plant's own solver may not be differentiable forwards, and it loops over its stages, which costs more than
        this small equation does.
        """
        middle = 0.5 * (u + following)
        k1 = self.slope(x, u, unravel)
        k2 = self.slope(x + 0.5 * dt * k1, middle, unravel)
        k3 = self.slope(x + 0.5 * dt * k2, middle, unravel)
        k4 = self.slope(x + dt * k3, following, unravel)
        return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    def slope(self, x, u, unravel):
        """The time derivative of the raveled state."""
        return ravel_pytree(self.plant.vector_field(jnp.zeros((), x.dtype), unravel(x), u))[0]

    def play(
        self, start: Float[Array, "2"], commands: Float[Array, "time 2"], duration: Any
    ) -> Float[Array, "time 4"]:
        """Hand position (m) and velocity (m/s) at the times of the commands, from rest at `start`, without noise."""
        x0, unravel = ravel_pytree(self.plant.at(start))
        dt = duration / (commands.shape[0] - 1)

        def body(x, us):
            new = self.advance(x, us[0], us[1], dt, unravel)
            return new, new

        # Not a rollout: that holds commands over a step, and straight lines join these.
        _, xs = jax.lax.scan(body, x0, (commands[:-1], commands[1:]))
        return jax.vmap(lambda x: self.hand_state(unravel(x)))(jnp.concatenate([x0[None], xs]))

    def play_all(self, start: Any, commands: Any, field: Any = 0.0, duration: Any = 1.0) -> "Movements":
        """Play many command sequences on the plant, from rest.

        - `start`: hand positions in m, `(reach, 2)`; `commands`: joint torques in N m, `(reach, time, 2)`.
        - `field`, `duration` (s): one for all or one each.
        """
        count = len(start)
        field, duration = np.broadcast_to(field, (count,)), np.broadcast_to(duration, (count,))
        arrays = [jnp.asarray(x, float) for x in (start, commands, field, duration)]
        states = np.asarray(_play(self, *arrays))
        return Movements(np.asarray(start), states[:, -1, :2], states, np.asarray(commands))

    def cost(
        self,
        end: Float[Array, "4"],
        target: Float[Array, "2"],
        commands: Float[Array, "time 2"],
        duration: Any,
    ) -> Float[Array, ""]:
        """J of a movement that ends in the hand state `end`; the integral is exact for joined commands."""
        miss = end - jnp.concatenate([target, jnp.zeros_like(target)])
        before, after = commands[:-1], commands[1:]
        squares = jnp.sum(before**2 + before * after + after**2) / 3
        effort = squares * duration / (commands.shape[0] - 1)
        return 0.5 * self.terminal * miss @ miss + 0.5 * self.effort * effort

    def hand_state(self, state) -> Float[Array, "4"]:
        """Position and velocity of the hand."""
        seen = self.plant.observe(state)
        return jnp.concatenate([seen["hand"], seen["hand_velocity"]])


class Movements(NamedTuple):
    """Commands, and where they moved the hand; every array leads with the movement.

    - `start`, `end`: hand positions in m; `states` `(movement, time, 4)` and `commands` `(movement, time, 2)` as in
      `OptimalReaches`.
    """

    start: np.ndarray
    end: np.ndarray
    states: np.ndarray
    commands: np.ndarray

    def finite(self) -> np.ndarray:
        """Which movements did not diverge."""
        return np.asarray(np.isfinite(self.states).all((1, 2)))

    def inside(self, margin: float = 0.02) -> "Movements":
        """Those whose hand stays in the workspace, up to `margin` (m)."""
        path = self.states[..., :2]
        low, high = np.asarray(LOWER) - margin, np.asarray(UPPER) + margin
        good = self.finite() & ((path > low) & (path < high)).all((1, 2))
        return Movements(*(leaf[good] for leaf in self))

    @staticmethod
    def joined(parts: "list[Movements]", count: int) -> "Movements":
        """The first `count` of several."""
        return Movements(*(np.concatenate(leaves)[:count] for leaves in zip(*parts, strict=True)))


@eqx.filter_jit
def _play(problem, start, commands, field, duration):
    def one(start, commands, field, duration):
        return problem.in_field(field).play(start, commands, duration)

    return jax.vmap(one)(start, commands, field, duration)


def check_reaches(problem: ReachProblem, start, target, field, duration) -> tuple[np.ndarray, ...]:
    """Arrays of one length for a batch of reaches; raises a `DataError` naming the first that cannot be made."""
    start, target = np.atleast_2d(np.asarray(start, float)), np.atleast_2d(np.asarray(target, float))
    count = max(len(start), len(target))
    try:
        start, target = np.broadcast_to(start, (count, 2)), np.broadcast_to(target, (count, 2))
        field = np.broadcast_to(np.asarray(field, float), (count,))
        duration = np.broadcast_to(np.asarray(duration, float), (count,))
    except ValueError as error:
        raise DataError(
            f"Reaches need starts and targets of shape (reach, 2), and one field and duration each, not shapes "
            f"{start.shape}, {target.shape}, {np.shape(field)} and {np.shape(duration)}."
        ) from error
    for name, values in (("start", start), ("target", target), ("field", field), ("duration", duration)):
        bad = ~np.isfinite(values.reshape(count, -1)).all(1)
        if bad.any():
            raise DataError(f"{name}[{int(bad.argmax())}] is not finite; drop that reach.")
    if (duration <= 0).any():
        bad = int((duration <= 0).argmax())
        raise DataError(
            f"duration[{bad}] is {duration[bad]:g} s; a movement must last longer than zero seconds."
        )
    if field.any() and not isinstance(problem.plant, _SupportsField):
        bad = int((field != 0).argmax())
        raise DataError(
            f"field[{bad}] is {field[bad]:g}, and {type(problem.plant).__name__} has no field; wrap it, as in "
            f"ideomotor.make('joint-curl-field', plant=arm)."
        )
    if isinstance(problem.plant, SupportsLinks):
        lengths = np.asarray(problem.plant.lengths)
        for name, points in (("start", start), ("target", target)):
            far = np.linalg.norm(points, axis=1)
            bad = (far > lengths.sum()) | (far < abs(lengths[0] - lengths[1]))
            if bad.any():
                worst = int(bad.argmax())
                raise DataError(
                    f"{name}[{worst}] = ({points[worst, 0]:g}, {points[worst, 1]:g}) m is {far[worst]:.3g} m from the "
                    f"shoulder, and the hand reaches from {abs(lengths[0] - lengths[1]):.3g} to {lengths.sum():.3g} m; "
                    f"choose a point in reach."
                )
    return start, target, field, duration
