import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

from ideomotor import AbstractPlant, Trajectory, quantity
from ideomotor.common.trees import as_array
from ideomotor.errors import DataError

# The middle of the workspace of the default arm: what a command is measured from.
MIDDLE = (0.18, 0.36)
POINTS = 16  # on a circle, that must be within the workspace
NOWHERE = 1e-4  # m; at the very center of a circle no direction is tangential

Vectors = Float[Array | np.ndarray, "*axes 2"]


def _array(value):
    """Numbers become arrays; arrays of NumPy and what JAX traces stay as they are."""
    return value if hasattr(value, "dtype") else as_array(value, float)


class AbstractCommand(eqx.Module):
    """What a policy is commanded to do: the parameters of one movement, in physical units."""

    @abc.abstractmethod
    def coded(self) -> Float[Array, "*axes signals"]:
        """The input of the network: of order one, zero for a command in the middle of its range.

        Multiplicative noise acts on these numbers, so that it vanishes where they are zero.
        """

    @abc.abstractmethod
    def errors(self, hand: Vectors, hand_velocity: Vectors) -> tuple[Array, Array, ArrayLike]:
        """Squared distance from where the hand should be (m²), squared error of its velocity (m²/s²), commanded speed."""

    def cost(
        self,
        hand: Vectors,
        hand_velocity: Vectors,
        excitation: Float[Array | np.ndarray, "*axes muscles"],
        *,
        d0: Float[ArrayLike, ""] = 0.04,
        v0: float = 0.3,
        alpha: float = 1.0,
        gamma: float = 0.003,
    ) -> Float[Array, "*axes"]:
        """The cost rate of an instant (1/s), Huh & Todorov 2009, eq. (6) for a reach and (7) for a circle.

        (1 - g)(1 + α/2 v_d²/v0²) + α/2 |v - v_d|²/v0² g + γ/2 |u|² with g = exp(-d²/2d0²), the distance d from target or
        circle and the velocity v_d commanded there, zero at a target.

        - `d0`: size of the target, m; `v0`: typical speed, m/s. The paper gives neither `alpha` nor `gamma`.
        """
        distance, wrong, speed = self.errors(hand, hand_velocity)
        near = jnp.exp(-distance / (2 * jnp.square(d0)))
        resting = 1.0 + alpha / 2 * jnp.square(speed / v0)
        effort = gamma / 2 * jnp.sum(jnp.square(excitation), -1)
        return (1.0 - near) * resting + alpha / 2 * wrong / v0**2 * near + effort

    def movement_cost(self, trajectory: Trajectory, **constants: Any) -> Float[Array, ""]:
        """The cost of a movement, summed over its time steps, in s: eq. (4).

        - `trajectory`: with the `hand` and `hand_velocity` of the plant's feedback and its excitations.
        - `constants`: of `cost`.

        A command may also hold one value for each time. The last sample does not count: the movement ends there.
        """
        feedback = trajectory.ys
        rates = self.cost(feedback["hand"], feedback["hand_velocity"], trajectory.us, **constants)
        return jnp.sum(rates[..., :-1] * jnp.diff(trajectory.ts), -1)


class ReachCommand(AbstractCommand):
    """Bring the hand to `target` and hold it there."""

    target: Float[Array | np.ndarray, "*axes 2"] = quantity(
        unit="m", bounds=(-0.6, 0.6), label="target", default=MIDDLE, converter=_array
    )

    def coded(self) -> Float[Array, "*axes 2"]:
        """From the middle of the workspace, in units of 15 cm."""
        return (jnp.asarray(self.target) - jnp.asarray(MIDDLE)) / 0.15

    def errors(self, hand: Vectors, hand_velocity: Vectors) -> tuple[Array, Array, ArrayLike]:
        off = hand - self.target
        return jnp.sum(off * off, -1), jnp.sum(jnp.square(hand_velocity), -1), 0.0


class CircleCommand(AbstractCommand):
    """Draw circles about `center`, with `radius` and `speed`; a positive speed is clockwise."""

    center: Float[Array | np.ndarray, "*axes 2"] = quantity(
        unit="m", bounds=(-0.6, 0.6), label="center", default=MIDDLE, converter=_array
    )
    radius: Float[ArrayLike, "*axes"] = quantity(
        unit="m", bounds=(0.0, 0.2), label="radius", default=0.07, converter=_array
    )
    speed: Float[ArrayLike, "*axes"] = quantity(
        unit="m/s", bounds=(-1.0, 1.0), label="speed, clockwise", default=0.3, converter=_array
    )

    def coded(self) -> Float[Array, "*axes 4"]:
        """In units of 15 cm, 7 cm and 0.3 m/s."""
        center = (jnp.asarray(self.center) - jnp.asarray(MIDDLE)) / 0.15
        size = jnp.stack([jnp.asarray(self.radius) / 0.07, jnp.asarray(self.speed) / 0.3], -1)
        return jnp.concatenate([center, size], -1)

    def errors(self, hand: Vectors, hand_velocity: Vectors) -> tuple[Array, Array, ArrayLike]:
        off, speed = hand - self.center, jnp.asarray(self.speed)
        distance = jnp.sqrt(jnp.sum(off * off, -1) + NOWHERE**2)
        tangent = jnp.stack([off[..., 1], -off[..., 0]], -1) / distance[..., None]
        wrong = jnp.sum(jnp.square(hand_velocity - speed[..., None] * tangent), -1)
        return jnp.square(distance - self.radius), wrong, speed

    def points(self, count: int = POINTS) -> Float[Array, "*axes count 2"]:
        """Points (m) on the circle, evenly spread."""
        phase = jnp.linspace(0.0, 2 * jnp.pi, count, endpoint=False)
        around = jnp.stack([jnp.cos(phase), jnp.sin(phase)], -1)
        return jnp.asarray(self.center)[..., None, :] + jnp.asarray(self.radius)[..., None, None] * around

    def state(self, plant: AbstractPlant, phase: Float[Array, "*axes"]) -> PyTree:
        """The state of an arm moving along the circle, at a phase (rad, counter-clockwise from the x-axis)."""
        out = jnp.stack([jnp.cos(phase), jnp.sin(phase)], -1)
        tangent = jnp.stack([out[..., 1], -out[..., 0]], -1)
        radius, speed = jnp.asarray(self.radius)[..., None], jnp.asarray(self.speed)[..., None]
        return plant.moving(self.center + radius * out, speed * tangent)  # pyright: ignore[reportAttributeAccessIssue]

    def check(self, plant: AbstractPlant) -> None:
        """Raise a `DataError` unless it is a circle that the arm can reach all of."""
        radius, speed = np.asarray(self.radius).item(), np.asarray(self.speed).item()
        if not (radius > 0 and speed != 0):
            raise DataError(
                f"A circle needs a positive radius and a speed that is not zero, not {radius:g} m and {speed:g} m/s."
            )
        plant.at(self.points())  # pyright: ignore[reportAttributeAccessIssue]
