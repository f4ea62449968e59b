from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPlant, quantity

from ._checks import check_numbers, floats
from ._two_link_arm import TwoLinkArm
from ._wrapper import AbstractWrapper, check_plant


class ServoState(eqx.Module):
    """The wrapped plant's state, and the last set point (joint angles in rad) with its velocity (rad/s)."""

    plant: PyTree[Any]
    angle: Float[Array | np.ndarray, "*axes 2"]
    velocity: Float[Array | np.ndarray, "*axes 2"]


class Servo(AbstractWrapper):
    """An arm that follows set points: torques come from a controller inside.

    - command: where the hand (`space="hand"`, m) or the joints (`space="joint"`, rad) should be *now*, shape
      `(2,)`. A point out of the arm's reach stands for the nearest one within.
    - `bandwidth`: errors die away like exp(-bandwidth · t).
    - `model`: whether the torques are computed with the arm's inverse dynamics, or by constant gains alone,
      fitting the inertia of the arm at rest.
    - `max_speed`: set points that move faster (joint speed) are jumps; a jump is not extrapolated.

    Set points come as samples, held over a time step. So that the hand does not lag by one step, velocity and
    acceleration of the set point are taken from its last values and extrapolated over the step. The gains are
    those of the sampled system: a double integrator with its acceleration held over the step gets both poles
    at exp(-bandwidth · dt), and is stable for every dt.

    Wraps any plant with torque commands, `angle` and `velocity` in its feedback, and the methods of
    `TwoLinkArm`. A force field inside (`Servo(CurlField(arm))`) is unknown to the inverse dynamics.
    """

    plant: AbstractPlant = eqx.field(
        default=None, converter=lambda plant: TwoLinkArm() if plant is None else plant
    )
    space: str = eqx.field(static=True, default="hand")
    bandwidth: Float[Array, ""] = quantity(unit="1/s", bounds=(1.0, 200.0), default=60.0, converter=floats)
    model: bool = eqx.field(static=True, default=True)
    max_speed: Float[Array, ""] = quantity(unit="rad/s", bounds=(1.0, 100.0), default=10.0, converter=floats)

    def __check_init__(self):
        if self.space not in ("hand", "joint"):
            raise ValueError(f"Servo: space must be 'hand' or 'joint', not {self.space!r}.")
        check_numbers(self, "bandwidth", least=0.0, strict=True)
        check_numbers(self, "max_speed", least=0.0, strict=True)
        needed = ("inverse_dynamics",) if self.model else ("inertia",)
        needed += ("inverse_kinematics",) if self.space == "hand" else ()
        check_plant(self, *needed, keys=("angle", "velocity", "hand"))

    def start(self, inner: PyTree) -> ServoState:
        """The servo at rest around a state of the arm."""
        angle = self.plant.observe(inner)["angle"]
        return ServoState(inner, angle, jnp.zeros_like(angle))

    def inner(self, state: ServoState) -> PyTree:
        return state.plant

    def default_command(self) -> Float[Array, "2"]:
        """The set point at rest: where hand or joints are by default."""
        seen = self.plant.observe(self.plant.default_state())
        return seen["hand"] if self.space == "hand" else seen["angle"]

    def step(
        self, state: ServoState, command: Any, dt: Any, *, key: PRNGKeyArray | None = None
    ) -> ServoState:
        key_see, key_move = (None, None) if key is None else jax.random.split(key)
        seen = self.plant.observe(state.plant, key=key_see)
        angle = self._set_point(command, state.angle)
        velocity = self._speed(angle - state.angle, dt)
        acceleration = (velocity - state.velocity) / dt
        # `velocity` is a difference over the last step, so it is that of half a step ago.
        error = angle - seen["angle"], velocity + 0.5 * dt * acceleration - seen["velocity"]
        one_minus_pole = -jnp.expm1(-self.bandwidth * dt)
        stiffness = (one_minus_pole / dt) ** 2
        viscosity = one_minus_pole * (4 - one_minus_pole) / (2 * dt)
        acceleration_wanted = acceleration + stiffness * error[0] + viscosity * error[1]
        torque = self._torque(seen, acceleration_wanted)
        return ServoState(self.plant.step(state.plant, torque, dt, key=key_move), angle, velocity)

    def _set_point(self, command, last):
        """The joint angles commanded, without a jump by a full turn from the last ones."""
        if self.space == "joint":
            return jnp.asarray(command)
        arm: Any = self.plant
        change = arm.inverse_kinematics(command, clamp=True) - last
        return last + change - 2 * jnp.pi * jnp.round(change / (2 * jnp.pi))

    def _speed(self, change, dt):
        """The velocity of the set point, fading to zero where it is too high to be a movement."""
        velocity = change / dt
        square = jnp.minimum(jnp.sum(velocity**2) / self.max_speed**2, 100.0)
        return velocity / (1 + square**4)

    def _torque(self, seen, acceleration):
        arm: Any = self.plant
        if self.model:
            return arm.inverse_dynamics(seen["angle"], seen["velocity"], acceleration)
        rest = arm.observe(arm.default_state())["angle"]
        return arm.inertia(rest) @ acceleration
