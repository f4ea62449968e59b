from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ideomotor import AbstractODEPlant, AbstractPlant, quantity

from ._checks import check_numbers, floats
from ._two_link_arm import TwoLinkArm
from ._wrapper import AbstractWrapper, check_plant


class CurlField(AbstractWrapper, AbstractODEPlant):
    """An arm in a velocity-dependent force field that does no work: F = strength · (v_y, -v_x) at the hand.

    - `strength` in N s/m; positive pushes to the right of the movement (clockwise). Shadmehr & Mussa-Ivaldi
      1994 used 13 N s/m.

    The force is part of the differential equation, so it follows the hand's velocity within a time step.
    Wraps a plant given by an equation, with `torque_response` and `jacobian`; a servo goes around the field:
    `Servo(CurlField(arm))`.
    """

    plant: AbstractPlant = eqx.field(
        default=None, converter=lambda plant: TwoLinkArm() if plant is None else plant
    )
    strength: Float[Array, ""] = quantity(unit="N s/m", bounds=(-50.0, 50.0), default=13.0, converter=floats)

    def __check_init__(self):
        check_plant(self)
        if not isinstance(self.plant, AbstractODEPlant):
            raise ValueError(
                f"CurlField cannot wrap {type(self.plant).__name__}, which is not given by a differential "
                f"equation; put the field around the arm itself, as in Servo(CurlField(arm))."
            )
        check_plant(self, "torque_response", "jacobian", keys=("angle", "hand_velocity"))
        check_numbers(self, "strength", least=None)

    # Equinox lets a property stand for an abstract field.
    @property
    def solver(self) -> diffrax.AbstractSolver:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the arm."""
        arm: Any = self.plant
        return arm.solver

    @property
    def substeps(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Those of the arm."""
        arm: Any = self.plant
        return arm.substeps

    def force(self, hand_velocity: Float[Array, "2"]) -> Float[Array, "2"]:
        """The force on the hand (N) at a velocity of the hand (m/s)."""
        return self.strength * jnp.stack([hand_velocity[..., 1], -hand_velocity[..., 0]], -1)

    def vector_field(self, t: Any, state: PyTree, command: PyTree) -> PyTree:
        """The arm's own, and what the force at the hand adds to it."""
        arm: Any = self.plant
        seen = arm.observe(state)
        torque = arm.jacobian(seen["angle"]).T @ self.force(seen["hand_velocity"])
        free, pushed = arm.vector_field(t, state, command), arm.torque_response(state, torque)
        return eqx.apply_updates(free, pushed)
