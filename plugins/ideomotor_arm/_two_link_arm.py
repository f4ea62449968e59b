from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractODEPlant, quantity
from ideomotor.errors import DataError

from . import _kinematics
from ._checks import check_numbers, concrete, floats
from ._kinematics import Vectors, components
from ._parameters import LI_TODOROV

# Shoulder at 45 and elbow at 90 degrees, with the digits of float32, so that a config need not repeat them.
REST = (0.7853982, 1.5707963)


class ArmState(eqx.Module):
    """Joint angles and their velocities: shoulder, elbow."""

    angle: Float[Array | np.ndarray, "*axes 2"] = quantity(unit="rad", bounds=(-3.14, 3.14))
    velocity: Float[Array | np.ndarray, "*axes 2"] = quantity(unit="rad/s")


def _damping(value: Any) -> Array:
    value = floats(value)
    return value if value.ndim == 2 else jnp.diag(jnp.broadcast_to(value, (2,)))


class TwoLinkArm(AbstractODEPlant[ArmState, Array, dict[str, Array]]):
    """A planar two-link arm (shoulder and elbow) in a horizontal plane, moved by joint torques.

        M(q) q'' + c(q, q') + B q' = torque

    with the equations and numbers of Li & Todorov 2004. The shoulder is at the origin. The upper arm comes
    first.

    - command: torques of shoulder and elbow, shape `(2,)`, in N m.
    - state: `ArmState(angle, velocity)`, each `(2,)`, in rad and rad/s.
    - feedback: `{"angle", "velocity", "hand", "hand_velocity"}`, each `(2,)`, in rad, rad/s, m and m/s.
    - `inertias` are about the proximal joints; an inertia about a centre of mass gets mass · com² added.
    - `damping`: one number, one for each joint, or a matrix.

    Raises a ValueError for numbers no arm can have.
    """

    lengths: Float[Array, "2"] = quantity(
        unit="m",
        bounds=(0.05, 1.0),
        label="lengths of the links",
        default=LI_TODOROV.lengths,
        converter=floats,
    )
    masses: Float[Array, "2"] = quantity(
        unit="kg",
        bounds=(0.1, 10.0),
        label="masses of the links",
        default=LI_TODOROV.masses,
        converter=floats,
    )
    com: Float[Array, "2"] = quantity(
        unit="m", bounds=(0.0, 1.0), label="joint to centre of mass", default=LI_TODOROV.com, converter=floats
    )
    inertias: Float[Array, "2"] = quantity(
        unit="kg m²",
        bounds=(0.001, 1.0),
        label="inertias about the joints",
        default=LI_TODOROV.inertias,
        converter=floats,
    )
    damping: Float[Array, "2 2"] = quantity(
        unit="N m s/rad",
        bounds=(0.0, 2.0),
        label="joint friction",
        default=LI_TODOROV.damping,
        converter=_damping,
    )
    rest: Float[Array, "2"] = quantity(
        unit="rad", bounds=(-3.14, 3.14), label="joint angles at the start", default=REST, converter=floats
    )
    solver: diffrax.AbstractSolver = eqx.field(static=True, default=diffrax.Bosh3())
    substeps: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        for name in ("lengths", "masses", "inertias"):
            check_numbers(self, name, shape=(2,), least=0.0, strict=True)
        check_numbers(self, "com", shape=(2,), least=0.0)
        check_numbers(self, "damping", shape=(2, 2), least=None)
        check_numbers(self, "rest", shape=(2,), least=None)
        if self.substeps < 1:
            raise ValueError(f"TwoLinkArm: substeps must be at least 1, not {self.substeps}.")
        if concrete(self.masses, self.com, self.inertias):
            about_centre = np.asarray(self.inertias) - np.asarray(self.masses * self.com**2)
            if np.any(about_centre < -1e-6 * np.asarray(self.inertias)):
                given = np.asarray(self.inertias).tolist()
                least = np.asarray(self.masses * self.com**2).tolist()
                raise ValueError(
                    f"TwoLinkArm: inertias {given} are less than masses · com² = {least}, which no body has; "
                    f"they are about the proximal joints, so add masses · com² to those about the centres."
                )
        if concrete(self.damping):
            damping = np.asarray(self.damping)
            if np.linalg.eigvalsh(damping + damping.T)[0] < -1e-6 * np.abs(damping).max():
                raise ValueError(
                    f"TwoLinkArm: damping {damping.tolist()} would speed the arm up; it must be positive."
                )

    def default_state(self) -> ArmState:
        """The arm at rest at `rest`, hand in front of the chest."""
        return ArmState(self.rest, jnp.zeros_like(self.rest))

    def default_command(self) -> Float[Array, "2"]:
        """No torque."""
        return jnp.zeros_like(self.rest)

    def vector_field(self, t: Any, state: ArmState, command: Float[Array | np.ndarray, "2"]) -> ArmState:
        """Velocity (rad/s) and acceleration (rad/s²) for torques in N m."""
        friction = self.damping @ state.velocity
        free = command - self.bias(state.angle, state.velocity) - friction
        return ArmState(state.velocity, _solve(*self._inertia(state.angle), free))

    def torque_response(self, state: ArmState, torque: Float[Array | np.ndarray, "2"]) -> ArmState:
        """What an outer joint torque (N m) adds to the time derivative of the state; force fields push so."""
        return ArmState(jnp.zeros_like(state.velocity), _solve(*self._inertia(state.angle), torque))

    def observe(self, state: ArmState, *, key: PRNGKeyArray | None = None) -> dict[str, Array]:
        """Joint angles and velocities, and position and velocity of the hand."""
        hand_velocity = (self.jacobian(state.angle) @ state.velocity[..., None])[..., 0]
        return {
            "angle": jnp.asarray(state.angle),
            "velocity": jnp.asarray(state.velocity),
            "hand": self.forward_kinematics(state.angle),
            "hand_velocity": hand_velocity,
        }

    def at(self, hand: Vectors) -> ArmState:
        """The state at rest with the hand at a point in m; out of reach as in `inverse_kinematics`."""
        angle = self.inverse_kinematics(hand)
        return ArmState(angle, jnp.zeros_like(angle))

    def joint_positions(self, angle: Vectors) -> Float[Array, "*axes 3 2"]:
        """Shoulder, elbow and hand in m, for drawing."""
        return _kinematics.joint_positions(self.lengths, jnp.asarray(angle))

    def forward_kinematics(self, angle: Vectors) -> Float[Array, "*axes 2"]:
        """The hand's position in m."""
        return self.joint_positions(angle)[..., 2, :]

    def inverse_kinematics(self, hand: Vectors, *, clamp: bool = False) -> Float[Array, "*axes 2"]:
        """Joint angles that bring the hand to a point in m, with the elbow flexed (between 0 and π).

        A point out of reach is a `DataError`; with `clamp`, and inside `jit`, `grad` or `vmap`, the hand goes
        to the nearest point in reach instead, and the gradient stays finite.
        """
        hand = jnp.asarray(hand)
        if not clamp and concrete(hand, self.lengths):
            _check_reach(np.asarray(self.lengths), np.asarray(hand))
        return _kinematics.reaching_angles(self.lengths, hand)

    def jacobian(self, angle: Vectors) -> Float[Array, "*axes 2 2"]:
        """Derivative of the hand's position by the joint angles, in m/rad."""
        return _kinematics.jacobian(self.lengths, jnp.asarray(angle))

    def inertia(self, angle: Vectors) -> Float[Array, "*axes 2 2"]:
        """The joint inertia matrix M(q), in kg m²."""
        upper, across, forearm = self._inertia(angle)
        forearm = jnp.broadcast_to(forearm, across.shape)
        return jnp.stack([jnp.stack([upper, across], -1), jnp.stack([across, forearm], -1)], -2)

    def _inertia(self, angle):
        """The three different entries of the inertia matrix."""
        coupling = self.masses[1] * self.lengths[0] * self.com[1] * jnp.cos(components(angle)[1])
        upper = self.inertias[0] + self.inertias[1] + self.masses[1] * self.lengths[0] ** 2 + 2 * coupling
        return upper, self.inertias[1] + coupling, self.inertias[1]

    def bias(self, angle: Vectors, velocity: Vectors) -> Float[Array, "*axes 2"]:
        """Centrifugal and Coriolis torques c(q, q'), in N m."""
        w1, w2 = components(velocity)
        strength = self.masses[1] * self.lengths[0] * self.com[1] * jnp.sin(components(angle)[1])
        return jnp.stack([-strength * w2 * (2 * w1 + w2), strength * w1 * w1], -1)

    def inverse_dynamics(
        self, angle: Vectors, velocity: Vectors, acceleration: Vectors
    ) -> Float[Array, "*axes 2"]:
        """The torques (N m) that give an acceleration (rad/s²)."""
        needed = (self.inertia(angle) @ acceleration[..., None])[..., 0]
        return needed + self.bias(angle, velocity) + velocity @ self.damping.T

    def energy(self, state: ArmState) -> Float[Array, "*axes"]:
        """Kinetic energy in J; there is no gravity in the plane."""
        momentum = (self.inertia(state.angle) @ state.velocity[..., None])[..., 0]
        return 0.5 * jnp.sum(state.velocity * momentum, -1)


def _solve(a, b, d, vector):
    """Solve a symmetric 2 × 2 system [[a, b], [b, d]]; written out, it costs a tenth of a call to LAPACK."""
    x, y = components(vector)
    return jnp.stack([d * x - b * y, a * y - b * x], -1) / (a * d - b * b)[..., None]


def _check_reach(lengths: np.ndarray, hand: np.ndarray):
    distances = np.linalg.norm(hand, axis=-1)
    nearest, farthest = abs(lengths[0] - lengths[1]), lengths.sum()
    outside = ~((distances >= nearest - 1e-6) & (distances <= farthest + 1e-6))
    if np.any(outside):
        worst = hand[outside].reshape(-1, 2)[0]
        point, distance = tuple(round(float(value), 4) for value in worst), np.linalg.norm(worst)
        raise DataError(
            f"The point {point} m is {distance:.4g} m from the shoulder, and the hand reaches from "
            f"{nearest:.4g} to {farthest:.4g} m; move the point, or scale the drawing down."
        )
