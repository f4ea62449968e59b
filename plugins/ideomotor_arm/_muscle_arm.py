from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractODEPlant, quantity
from ideomotor.common.trees import as_array

from ._activation import AbstractActivation, FirstOrderActivation
from ._checks import spread
from ._limits import JointLimits
from ._measured import li_todorov_paths
from ._muscles import AbstractMuscle, VirtualMuscle
from ._paths import MusclePaths
from ._two_link_arm import ArmState, TwoLinkArm, Vectors, components


class MuscleArmState(eqx.Module):
    """Joint angles and velocities, and the activations of the muscles."""

    angle: Float[Array | np.ndarray, "*axes 2"] = quantity(unit="rad", bounds=(-3.14, 3.14))
    velocity: Float[Array | np.ndarray, "*axes 2"] = quantity(unit="rad/s")
    activation: Float[Array | np.ndarray, "*axes muscles"] = quantity(bounds=(0.0, 1.0))


class MuscleArm(AbstractODEPlant[MuscleArmState, Array, dict[str, Array]]):
    """A planar two-link limb moved by muscles; by default the six-muscle arm of Li & Todorov 2004, as in Huh & Todorov
    2009: ten states, six excitations.

    - command: excitations, shape `(muscles,)`, from 0 to 1; what lies outside is clipped.
    - state: `MuscleArmState(angle, velocity, activation)`.
    - feedback: `{"length", "speed", "tension", "activation"}`, each `(muscles,)`, in optimal lengths, optimal lengths
      per second (lengthening is positive), N and 1; and `{"angle", "velocity", "hand", "hand_velocity"}`, each `(2,)`,
      as of `TwoLinkArm`.

    The parts can be exchanged: the `arm` (segments and joint friction), the law of the `muscle`, its `activation`, the
    `paths` over the joints, and `limits` of the joints. The default solver is Euler's, with steps of up to
    `longest_step` seconds: longer time steps are divided, so that the muscles stay stable. Take `diffrax.Tsit5()` and
    more `substeps` for accuracy. An activation never overshoots its excitation.
    """

    arm: TwoLinkArm = eqx.field(default=None, converter=lambda arm: TwoLinkArm() if arm is None else arm)
    paths: MusclePaths = eqx.field(
        default=None, converter=lambda paths: li_todorov_paths() if paths is None else paths
    )
    muscle: AbstractMuscle = eqx.field(
        default=None, converter=lambda muscle: VirtualMuscle() if muscle is None else muscle
    )
    activation: AbstractActivation = eqx.field(
        default=None,
        converter=lambda activation: FirstOrderActivation() if activation is None else activation,
    )
    limits: JointLimits | None = None
    solver: diffrax.AbstractSolver = eqx.field(static=True, default=diffrax.Euler())
    substeps: int = eqx.field(static=True, default=1)
    # A field with a default may stand for a property.
    longest_step: float | None = eqx.field(static=True, default=0.01)  # pyright: ignore[reportIncompatibleMethodOverride]

    def __check_init__(self):
        for name, kind in _PARTS.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(
                    f"MuscleArm: {name} must be a {kind.__name__}, not a {type(getattr(self, name)).__name__}."
                )
        if self.paths.linear.shape[1] != 2:
            raise ValueError(
                f"MuscleArm: its muscles must run over 2 joints, but the paths run over {self.paths.linear.shape[1]}."
            )
        if self.substeps < 1:
            raise ValueError(f"MuscleArm: substeps must be at least 1, not {self.substeps}.")
        if self.longest_step is not None and not self.longest_step > 0:
            raise ValueError(
                f"MuscleArm: longest_step must be a positive number of seconds or None, not {self.longest_step}."
            )
        self.paths.check_length(self.arm.rest, "MuscleArm")

    @property
    def muscles(self) -> int:
        """How many muscles there are."""
        return self.paths.muscles

    def default_state(self) -> MuscleArmState:
        """At rest in the arm's posture of rest, with the muscles relaxed."""
        return self._at_rest(self.arm.rest)

    def default_command(self) -> Float[Array, " muscles"]:
        """No excitation."""
        return as_array(np.zeros(self.paths.offset.shape, self.paths.offset.dtype))

    def vector_field(
        self, t: Any, state: MuscleArmState, command: Float[Array | np.ndarray, " muscles"]
    ) -> MuscleArmState:
        """Time derivative of the state for excitations."""
        torque = self.paths.torque(state.angle, self.tension(state))
        if self.limits is not None:
            torque = torque + self.limits.torque(jnp.asarray(state.angle), jnp.asarray(state.velocity))
        moved = self.arm.vector_field(t, ArmState(state.angle, state.velocity), torque)
        rate = self.activation.rate(
            jnp.asarray(state.activation), self.activation.limit(jnp.asarray(command))
        )
        return MuscleArmState(moved.angle, moved.velocity, rate)

    def limited(
        self, state: MuscleArmState, before: MuscleArmState, command: Float[Array | np.ndarray, " muscles"]
    ) -> MuscleArmState:
        """The state after a solver step, with activations between what they were and the excitation, joints in range."""
        first, aim = jnp.asarray(before.activation), self.activation.limit(jnp.asarray(command))
        activation = jnp.where((state.activation - aim) * (first - aim) < 0.0, aim, state.activation)
        activation = jnp.where((activation - first) * (aim - first) < 0.0, first, activation)
        angle, velocity = state.angle, state.velocity
        if self.limits is not None:
            angle, velocity = self.limits.stop(jnp.asarray(angle), jnp.asarray(velocity))
        return MuscleArmState(angle, velocity, activation)

    def torque_response(self, state: MuscleArmState, torque: Float[Array, "2"]) -> MuscleArmState:
        """What an outer joint torque (N m) adds to the time derivative of the state: how force fields push."""
        added = self.arm.torque_response(ArmState(state.angle, state.velocity), torque)
        return MuscleArmState(added.angle, added.velocity, jnp.zeros_like(state.activation))

    def tension(self, state: MuscleArmState) -> Float[Array, "*axes muscles"]:
        """Tensions of the muscles, in N."""
        length, speed = self.length_and_speed(state)
        return self.paths.max_force * self.muscle.tension(jnp.asarray(state.activation), length, speed)

    def length_and_speed(
        self, state: MuscleArmState
    ) -> tuple[Float[Array, "*axes muscles"], Float[Array, "*axes muscles"]]:
        """Lengths and lengthening speeds of the muscles, in optimal lengths (per second)."""
        speed = self.paths.speed(state.angle, state.velocity)
        return self.paths.length(state.angle) / self.paths.optimal_length, speed / self.paths.optimal_length

    def observe(self, state: MuscleArmState, *, key: PRNGKeyArray | None = None) -> dict[str, Array]:
        """What the muscle spindles and tendon organs sense, and where arm and hand are."""
        length, speed = self.length_and_speed(state)
        tension = self.paths.max_force * self.muscle.tension(jnp.asarray(state.activation), length, speed)
        hand, hand_velocity = _hand(self.arm.lengths, jnp.asarray(state.angle), jnp.asarray(state.velocity))
        return {
            "length": length,
            "speed": speed,
            "tension": tension,
            "activation": jnp.asarray(state.activation),
            "angle": jnp.asarray(state.angle),
            "velocity": jnp.asarray(state.velocity),
            "hand": hand,
            "hand_velocity": hand_velocity,
        }

    def at(self, hand: Vectors) -> MuscleArmState:
        """The state at rest with the hand at a point in m; as `TwoLinkArm.inverse_kinematics` for points out of reach."""
        return self._at_rest(self.arm.inverse_kinematics(hand))

    def moving(self, hand: Vectors, hand_velocity: Vectors) -> MuscleArmState:
        """The state with the hand at a point (m) and moving (m/s), the muscles relaxed."""
        angle = self.arm.inverse_kinematics(hand)
        velocity = jnp.linalg.solve(self.arm.jacobian(angle), jnp.asarray(hand_velocity)[..., None])[..., 0]
        return MuscleArmState(angle, velocity, self._at_rest(angle).activation)

    @property
    def lengths(self) -> Float[Array, "2"]:
        """Those of the arm, in m."""
        return self.arm.lengths

    def joint_positions(self, angle: Vectors) -> Float[Array, "*axes 3 2"]:
        """Shoulder, elbow and hand in m, for drawing."""
        return self.arm.joint_positions(angle)

    def forward_kinematics(self, angle: Vectors) -> Float[Array, "*axes 2"]:
        """The hand's position in m."""
        return self.arm.forward_kinematics(angle)

    def inverse_kinematics(self, hand: Vectors, *, clamp: bool = False) -> Float[Array, "*axes 2"]:
        """Joint angles that bring the hand to a point in m; as `TwoLinkArm.inverse_kinematics`."""
        return self.arm.inverse_kinematics(hand, clamp=clamp)

    def jacobian(self, angle: Vectors) -> Float[Array, "*axes 2 2"]:
        """Derivative of the hand's position by the joint angles, in m/rad."""
        return self.arm.jacobian(angle)

    def energy(self, state: MuscleArmState) -> Float[Array, "*axes"]:
        """Kinetic energy of the segments in J."""
        return self.arm.energy(ArmState(state.angle, state.velocity))

    def _at_rest(self, angle) -> MuscleArmState:
        velocity = as_array(np.zeros(angle.shape, angle.dtype))
        muscles = spread(self.activation.least, (*angle.shape[:-1], self.muscles))
        return MuscleArmState(angle, velocity, muscles.astype(angle.dtype))


_PARTS = {"arm": TwoLinkArm, "paths": MusclePaths, "muscle": AbstractMuscle, "activation": AbstractActivation}


def _hand(lengths, angle, velocity):
    """Position and velocity of the hand.

    As `TwoLinkArm.observe`, but written out: in a batched loop the small sums and products of matrices there take four
    times as long as all of the muscles.
    """
    (first, second), (w1, w2) = components(angle), components(velocity)
    both, w2 = first + second, w1 + w2
    x1, y1 = lengths[..., 0] * jnp.cos(first), lengths[..., 0] * jnp.sin(first)
    x2, y2 = lengths[..., 1] * jnp.cos(both), lengths[..., 1] * jnp.sin(both)
    return jnp.stack([x1 + x2, y1 + y2], -1), jnp.stack([-y1 * w1 - y2 * w2, x1 * w1 + x2 * w2], -1)
