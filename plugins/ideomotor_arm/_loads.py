import abc
from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractODEPlant, AbstractPlant, quantity
from ideomotor.capabilities import SupportsForce
from ideomotor.common import clocks

from ._checks import check_numbers, concrete, floats
from ._two_link_arm import TwoLinkArm
from ._wrapper import AbstractWrapper, check_plant

Vector = Float[Array, "2"]


def _arm(plant):
    return TwoLinkArm() if plant is None else plant


class AbstractLoad(AbstractWrapper, AbstractODEPlant):
    """A plant given by an equation, pushed at the hand or at the joints by a force that is part of the equation.

    A servo goes around a load: `Servo(ConstantLoad(arm))`.
    """

    # Equinox lets a property stand for an abstract field.
    @property
    def solver(self) -> diffrax.AbstractSolver:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the plant."""
        arm: Any = self.plant
        return arm.solver

    @property
    def substeps(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Those of the plant."""
        arm: Any = self.plant
        return arm.substeps

    @property
    def longest_step(self) -> float | None:
        """That of the plant."""
        arm: Any = self.plant
        return arm.longest_step

    def limited(self, state: PyTree, before: PyTree, command: PyTree) -> PyTree:
        """With the plant's part of the state limited as the plant does it."""
        arm: Any = self.plant
        return arm.limited(state, before, command)

    @abc.abstractmethod
    def force(self, state: PyTree, seen: dict[str, Array]) -> Vector:
        """The force on the hand (N), from the load's state and the plant's feedback."""

    def vector_field(self, t: Any, state: PyTree, command: PyTree) -> PyTree:
        """The plant's own, and what the load adds to it."""
        inner = self.inner(state)
        seen = self.plant.observe(inner)
        return _pushed(self.plant, t, inner, command, seen, self.force(state, seen))


def _pushed(plant: Any, t, state, command, seen, force):
    free = plant.vector_field(t, state, command)
    if isinstance(plant, SupportsForce):
        return eqx.apply_updates(free, plant.force_response(state, force))
    return eqx.apply_updates(free, plant.torque_response(state, plant.jacobian(seen["angle"]).T @ force))


def _check_load(load, *keys):
    check_plant(load)
    if not isinstance(load.plant, AbstractODEPlant):
        raise ValueError(
            f"{type(load).__name__} cannot wrap {type(load.plant).__name__}, which is not given by a differential "
            f"equation; put the load around the limb itself, as in Servo({type(load).__name__}(arm))."
        )
    if not isinstance(load.plant, SupportsForce):
        check_plant(load, "torque_response", "jacobian", keys=("angle", *keys))


class CurlField(AbstractLoad):
    """A velocity-dependent force field that does no work: F = strength · (v_y, -v_x) at the hand.

    - `strength` in N s/m; positive pushes to the right of the movement (clockwise). Shadmehr & Mussa-Ivaldi
      1994 used 13 N s/m.

    The force is part of the differential equation, so it follows the hand's velocity within a time step.
    """

    plant: AbstractPlant = eqx.field(default=None, converter=_arm)
    strength: Float[Array, ""] = quantity(unit="N s/m", bounds=(-50.0, 50.0), default=13.0, converter=floats)

    def __check_init__(self):
        _check_load(self, "hand_velocity")
        check_numbers(self, "strength", least=None)

    def force(self, state: PyTree, seen: dict[str, Array]) -> Vector:
        velocity = seen["hand_velocity"]
        return self.strength * jnp.stack([velocity[..., 1], -velocity[..., 0]], -1)


class ConstantLoad(AbstractLoad):
    """A limb whose hand is pushed by a constant force (N)."""

    plant: AbstractPlant = eqx.field(default=None, converter=_arm)
    push: Vector = quantity(unit="N", bounds=(-20.0, 20.0), default=(0.0, -2.0), converter=floats)

    def __check_init__(self):
        _check_load(self)
        check_numbers(self, "push", shape=(2,), least=None)

    def force(self, state: PyTree, seen: dict[str, Array]) -> Vector:
        return self.push


class ForceChannel(AbstractLoad):
    """A limb whose hand is kept on the straight line from `start` to `goal` by a stiff wall on either side.

    What the hand presses against the wall is the force it had prepared against a field (Scheidt et al. 2000).
    """

    plant: AbstractPlant = eqx.field(default=None, converter=_arm)
    start_point: Vector = quantity(unit="m", bounds=(-1.0, 1.0), default=(0.0, 0.4), converter=floats)
    goal: Vector = quantity(unit="m", bounds=(-1.0, 1.0), default=(0.0, 0.5), converter=floats)
    stiffness: Float[Array, ""] = quantity(unit="N/m", bounds=(0.0, 6000.0), default=2000.0, converter=floats)
    damping: Float[Array, ""] = quantity(unit="N s/m", bounds=(0.0, 100.0), default=40.0, converter=floats)

    def __check_init__(self):
        _check_load(self, "hand", "hand_velocity")
        for name in ("start_point", "goal"):
            check_numbers(self, name, shape=(2,), least=None)
        for name in ("stiffness", "damping"):
            check_numbers(self, name, least=0.0)
        if concrete(self.start_point, self.goal) and np.allclose(self.start_point, self.goal):
            raise ValueError("ForceChannel: start_point and goal are the same point and give no direction.")

    def force(self, state: PyTree, seen: dict[str, Array]) -> Vector:
        along = self.goal - self.start_point
        across = jnp.stack([-along[1], along[0]]) / jnp.linalg.norm(along)
        off = jnp.dot(seen["hand"] - self.start_point, across)
        leaving = jnp.dot(seen["hand_velocity"], across)
        return -(self.stiffness * off + self.damping * leaving) * across


class PulseState(eqx.Module):
    """The wrapped plant's state, and the time since the start in s.

    - `lost`: what rounding took away from the time, so that a pulse starts at its step after any time.
    """

    plant: PyTree[Any]
    time: Float[ArrayLike, ""]
    lost: Float[ArrayLike, ""]


class PulseLoad(AbstractLoad):
    """A limb whose hand is pushed by a force (N) from `onset` seconds on, for `duration` seconds.

    Onset and end fall within a solver step unless they are multiples of it; there the step is of first order.
    """

    plant: AbstractPlant = eqx.field(default=None, converter=_arm)
    push: Vector = quantity(unit="N", bounds=(-50.0, 50.0), default=(0.0, -10.0), converter=floats)
    onset: Float[Array, ""] = quantity(unit="s", bounds=(0.0, 5.0), default=0.2, converter=floats)
    duration: Float[Array, ""] = quantity(unit="s", bounds=(0.0, 2.0), default=0.1, converter=floats)

    def __check_init__(self):
        _check_load(self)
        check_numbers(self, "push", shape=(2,), least=None)
        for name in ("onset", "duration"):
            check_numbers(self, name, least=0.0)

    def start(self, inner: PyTree) -> PulseState:
        """The wrapped plant in the state `inner`, at time zero."""
        return PulseState(inner, jnp.zeros(()), jnp.zeros(()))

    def inner(self, state: PulseState) -> PyTree:
        return state.plant

    def step(
        self, state: PulseState, command: PyTree, dt: Any, *, key: PRNGKeyArray | None = None
    ) -> PulseState:
        moved = AbstractODEPlant.step(self, state, command, dt)
        return PulseState(moved.plant, *clocks.advance(state.time, state.lost, dt))

    def limited(self, state: PulseState, before: PulseState, command: PyTree) -> PulseState:
        """With the plant's part of the state limited as the plant does it."""
        inner = super().limited(state.plant, before.plant, command)
        return PulseState(inner, state.time, state.lost)

    @property
    def torque_response(self) -> Callable[[PulseState, Array], PulseState]:
        """That of the plant, for a further load around this one."""
        return _without_time(self.plant.torque_response)  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def force_response(self) -> Callable[[PulseState, Array], PulseState]:
        """That of the plant, if it has one."""
        return _without_time(self.plant.force_response)  # pyright: ignore[reportAttributeAccessIssue]

    def force(self, state: PulseState, seen: dict[str, Array]) -> Vector:
        # A microsecond early, because steps and times are rounded.
        since = jnp.asarray(state.time) + state.lost - self.onset + 1e-6
        return jnp.where((since >= 0.0) & (since < self.duration), self.push, 0.0)

    def vector_field(self, t: Any, state: PulseState, command: PyTree) -> PulseState:
        """The plant's own, and what the load adds to it; time runs."""
        seen = self.plant.observe(state.plant)
        moved = _pushed(self.plant, t, state.plant, command, seen, self.force(state, seen))
        return PulseState(moved, jnp.ones_like(state.time), jnp.zeros_like(state.lost))


def _without_time(response):
    def respond(state, push):
        none = jnp.zeros_like(jnp.asarray(state.time))
        return PulseState(response(state.plant, push), none, none)

    return respond


class JointCurlField(AbstractLoad):
    """An arm in a field of torques that turns with the joint velocities and does no work.

    torque = strength · (θ2', -θ1'), as in Berniker & Kording 2015 (whose sign of the strength is the field's direction).
    """

    plant: AbstractPlant = eqx.field(default=None, converter=_arm)
    strength: Float[Array, ""] = quantity(unit="N m s/rad", bounds=(-5.0, 5.0), default=0.5, converter=floats)

    def __check_init__(self):
        _check_load(self, "velocity")
        check_plant(self, "torque_response", keys=("velocity",))
        check_numbers(self, "strength", least=None)

    def force(self, state: PyTree, seen: dict[str, Array]) -> Vector:
        """The force on the hand (N) that has the same effect as the torque, where the arm is not stretched."""
        arm: Any = self.plant
        return jnp.linalg.solve(arm.jacobian(seen["angle"]).T, self.torque(seen["velocity"]))

    def torque(self, velocity: Vector) -> Vector:
        """The torques (N m) at joint velocities (rad/s)."""
        return self.strength * jnp.stack([velocity[..., 1], -velocity[..., 0]], -1)

    def vector_field(self, t: Any, state: PyTree, command: PyTree) -> PyTree:
        """The arm's own, and what the torques add to it."""
        arm: Any = self.plant
        torque = self.torque(arm.observe(state)["velocity"])
        free, pushed = arm.vector_field(t, state, command), arm.torque_response(state, torque)
        return eqx.apply_updates(free, pushed)
