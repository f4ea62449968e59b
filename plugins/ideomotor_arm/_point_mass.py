from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractODEPlant, quantity

from ._checks import check_numbers, floats


class PointMassState(eqx.Module):
    """Position and velocity in the plane."""

    position: Float[Array | np.ndarray, "*axes 2"] = quantity(unit="m", bounds=(-1.0, 1.0))
    velocity: Float[Array | np.ndarray, "*axes 2"] = quantity(unit="m/s")


class PointMass(AbstractODEPlant[PointMassState, Array, dict[str, Array]]):
    """A mass in the plane moved by a force, with viscous friction: m x'' = F - friction x'.

    - command: the force, shape `(2,)`, in N.
    - feedback: `{"hand", "hand_velocity"}`, each `(2,)`, in m and m/s, so that what controls a hand can control it.
    """

    mass: Float[Array, ""] = quantity(unit="kg", bounds=(0.01, 10.0), default=1.0, converter=floats)
    friction: Float[Array, ""] = quantity(unit="N s/m", bounds=(0.0, 10.0), default=0.0, converter=floats)
    rest: Float[Array, "2"] = quantity(
        unit="m", bounds=(-1.0, 1.0), label="position at the start", default=(0.0, 0.0), converter=floats
    )
    solver: diffrax.AbstractSolver = eqx.field(static=True, default=diffrax.Heun())
    substeps: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_numbers(self, "mass", least=0.0, strict=True)
        check_numbers(self, "friction", least=0.0)
        check_numbers(self, "rest", shape=(2,), least=None)
        if self.substeps < 1:
            raise ValueError(f"PointMass: substeps must be at least 1, not {self.substeps}.")

    def default_state(self) -> PointMassState:
        """At rest at `rest`."""
        return self.at(self.rest)

    def default_command(self) -> Float[Array, "2"]:
        """No force."""
        return jnp.zeros_like(self.rest)

    def vector_field(
        self, t: Any, state: PointMassState, command: Float[Array | np.ndarray, "2"]
    ) -> PointMassState:
        """Velocity (m/s) and acceleration (m/s²) for a force in N."""
        return PointMassState(
            jnp.asarray(state.velocity), (command - self.friction * state.velocity) / self.mass
        )

    def force_response(self, state: PointMassState, force: Float[Array, "2"]) -> PointMassState:
        """What an outer force (N) adds to the time derivative of the state."""
        return PointMassState(jnp.zeros_like(state.velocity), force / self.mass)

    def observe(self, state: PointMassState, *, key: PRNGKeyArray | None = None) -> dict[str, Array]:
        """Position and velocity."""
        return {"hand": jnp.asarray(state.position), "hand_velocity": jnp.asarray(state.velocity)}

    def at(self, hand: Float[Array | np.ndarray, "*axes 2"]) -> PointMassState:
        """The state at rest at a point in m."""
        hand = jnp.asarray(hand)
        return PointMassState(hand, jnp.zeros_like(hand))

    def energy(self, state: PointMassState) -> Float[Array, "*axes"]:
        """Kinetic energy in J."""
        return 0.5 * self.mass * jnp.sum(jnp.square(state.velocity), -1)
