from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractODEPlant, quantity
from ideomotor.common.trees import as_array
from ideomotor.errors import DataError

from ._checks import check_numbers, concrete, floats
from ._measured import LI_TODOROV

Vectors = Float[Array | np.ndarray, "*axes 2"]

# The arm is kept this far (in the cosine of the elbow) from fully stretched or folded, where the inverse has
# no derivative: 1e-5 is an elbow of 0.26 degrees. It costs an arm of this size micrometres of reach at the
# outer border and hundredths of a millimetre at the inner one; the angle's derivative by the cosine stays
# below 300.
MARGIN = 1e-5


# The two components of a vector, as sums over all of it: the derivative of a slice is padding, which XLA does not
# vectorise, so that a batch of arms would take twice as long to differentiate.
FIRST, SECOND = np.array([1, 0], np.float32), np.array([0, 1], np.float32)

# Shoulder at 45 and elbow at 90 degrees, with the digits of float32, so that a config need not repeat them.
REST = (0.7853982, 1.5707963)


class ArmState(eqx.Module):
    """Joint angles and their velocities: shoulder, elbow."""

    angle: Float[Array | np.ndarray, "*axes 2"] = quantity(unit="rad", bounds=(-3.14, 3.14))
    velocity: Float[Array | np.ndarray, "*axes 2"] = quantity(unit="rad/s")


def _damping(value: Any) -> Array:
    value = floats(value)
    if value.ndim == 2:
        return value
    if concrete(value):
        return floats(np.diag(np.broadcast_to(value, (2,))))
    return jnp.diag(jnp.broadcast_to(value, (2,)))


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
            inertias, least = np.asarray(self.inertias), np.asarray(self.masses) * np.asarray(self.com) ** 2
            if np.any(inertias - least < -1e-6 * inertias):
                raise ValueError(
                    f"TwoLinkArm: inertias {inertias.tolist()} are less than masses · com² = {least.tolist()}, which no body has; "
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
        return ArmState(self.rest, self.default_command())

    def default_command(self) -> Float[Array, "2"]:
        """No torque."""
        return as_array(np.zeros(self.rest.shape, self.rest.dtype))

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
        return ArmState(angle, as_array(np.zeros(angle.shape, angle.dtype)))

    def joint_positions(self, angle: Vectors) -> Float[Array, "*axes 3 2"]:
        """Shoulder, elbow and hand in m, for drawing."""
        return _joint_positions(self.lengths, angle)

    def forward_kinematics(self, angle: Vectors) -> Float[Array, "*axes 2"]:
        """The hand's position in m."""
        return self.joint_positions(angle)[..., 2, :]

    def inverse_kinematics(self, hand: Vectors, *, clamp: bool = False) -> Float[Array, "*axes 2"]:
        """Joint angles that bring the hand to a point in m, with the elbow flexed (between 0 and π).

        A point out of reach is a `DataError`; with `clamp`, and inside `jit`, `grad` or `vmap`, the hand goes
        to the nearest point in reach instead, and the gradient stays finite.
        """
        if not clamp and concrete(hand, self.lengths):
            _check_reach(np.asarray(self.lengths), np.asarray(hand))
        return _reaching_angles(self.lengths, hand)

    def jacobian(self, angle: Vectors) -> Float[Array, "*axes 2 2"]:
        """Derivative of the hand's position by the joint angles, in m/rad."""
        angle = jnp.asarray(angle)
        total = angle[..., 0] + angle[..., 1]
        x2, y2 = self.lengths[1] * jnp.cos(total), self.lengths[1] * jnp.sin(total)
        x1, y1 = self.lengths[0] * jnp.cos(angle[..., 0]), self.lengths[0] * jnp.sin(angle[..., 0])
        return jnp.stack([jnp.stack([-y1 - y2, -y2], -1), jnp.stack([x1 + x2, x2], -1)], -2)

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


def components(vectors: Vectors) -> tuple[Float[Array, "*axes"], Float[Array, "*axes"]]:
    """The two components of vectors."""
    return jnp.sum(vectors * FIRST, -1), jnp.sum(vectors * SECOND, -1)


@jax.jit
def _joint_positions(lengths: Array, angle: Vectors) -> Float[Array, "*axes 3 2"]:
    total = jnp.cumsum(angle, axis=-1)
    links = lengths[:, None] * jnp.stack([jnp.cos(total), jnp.sin(total)], axis=-1)
    elbow = links[..., 0, :]
    return jnp.stack([jnp.zeros_like(elbow), elbow, elbow + links[..., 1, :]], axis=-2)


@jax.jit
def _reaching_angles(lengths: Array, hand: Vectors) -> Float[Array, "*axes 2"]:
    """Joint angles (elbow flexed, between 0 and π) that bring the hand to a point.

    A point out of reach gives the nearest point that is in reach, on the same ray from the shoulder; there
    the derivative along the ray is zero. The derivative is finite everywhere.
    """
    l1, l2 = lengths[0], lengths[1]
    x, y = hand[..., 0], hand[..., 1]
    squared = x * x + y * y
    cosine = jnp.clip((squared - l1 * l1 - l2 * l2) / (2 * l1 * l2), -1 + MARGIN, 1 - MARGIN)
    elbow = jnp.arccos(cosine)
    sine = jnp.sqrt(1 - cosine * cosine)
    # At the shoulder itself the direction is undefined: take the x-axis, with no derivative.
    inside = squared > jnp.finfo(squared.dtype).tiny
    direction = jnp.arctan2(jnp.where(inside, y, 0), jnp.where(inside, x, 1))
    shoulder = direction - jnp.arctan2(l2 * sine, l1 + l2 * cosine)
    return jnp.stack([shoulder, elbow], axis=-1)


def _solve(a, b, d, vector):
    """Solve a symmetric 2 × 2 system [[a, b], [b, d]]; written out, it costs a tenth of a call to LAPACK."""
    x, y = components(vector)
    return jnp.stack([d * x - b * y, a * y - b * x], -1) / (a * d - b * b)[..., None]


def _check_reach(lengths: np.ndarray, hand: np.ndarray):
    distances = np.linalg.norm(hand, axis=-1)
    nearest, farthest = abs(lengths[0] - lengths[1]), lengths.sum()
    outside = ~((distances >= nearest - 1e-6) & (distances <= farthest + 1e-6))
    if np.any(outside):
        first = hand[outside].reshape(-1, 2)[0]
        point, distance = tuple(round(float(value), 4) for value in first), np.linalg.norm(first)
        raise DataError(
            f"The point {point} m is {distance:.4g} m from the shoulder, but the hand reaches only from "
            f"{nearest:.4g} to {farthest:.4g} m; move the point, or scale the drawing down."
        )
