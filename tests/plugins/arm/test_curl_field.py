import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor_arm import CurlField, Delayed, Servo, TwoLinkArm

ArmState = type(TwoLinkArm().default_state())


ANGLE, VELOCITY, TORQUE = np.array([0.4, 1.3]), np.array([2.0, -3.0]), np.array([0.6, -0.3])


def test_the_step_is_that_of_the_equation_with_the_force(lagrange):
    with jax.enable_x64(True):
        arm = TwoLinkArm(solver=diffrax.Tsit5(), substeps=20)
        state = ArmState(jnp.asarray(ANGLE), jnp.asarray(VELOCITY))
        new = CurlField(arm, 13.0).step(state, jnp.asarray(TORQUE), 0.1)
        truth = lagrange(arm, lambda v: 13.0 * jnp.stack([v[1], -v[0]])).end(ANGLE, VELOCITY, TORQUE, 0.1)
        np.testing.assert_allclose(np.concatenate([new.angle, new.velocity]), truth, atol=1e-8)
        free = arm.step(state, jnp.asarray(TORQUE), 0.1)
        assert np.abs(free.velocity - new.velocity).max() > 0.5
        # Fields on top of each other add.
        twice = CurlField(CurlField(arm, 8.0), 5.0).step(state, jnp.asarray(TORQUE), 0.1)
        np.testing.assert_allclose(twice.velocity, new.velocity, atol=1e-12)


def test_the_field_does_no_work():
    with jax.enable_x64(True):
        arm = TwoLinkArm(damping=0.0, solver=diffrax.Tsit5(), substeps=2)
        field, state = CurlField(arm, 10.0), ArmState(jnp.asarray(ANGLE), jnp.asarray(VELOCITY))
        energy = arm.energy(state)

        def step(state, _):
            new = field.step(state, jnp.zeros(2), 0.01)
            return new, field.energy(new)

        end, energies = jax.lax.scan(step, state, length=100)
        np.testing.assert_allclose(energies, energy, rtol=1e-5)
        # While the power of the pushed joints is that of force times velocity, here zero:
        pushed = field.vector_field(0.0, end, jnp.zeros(2)).velocity
        extra = arm.inertia(end.angle) @ (pushed - arm.vector_field(0.0, end, jnp.zeros(2)).velocity)
        assert np.linalg.norm(extra) > 0.1
        assert abs(float(extra @ end.velocity)) < 1e-12


def test_pushes_to_the_right():
    np.testing.assert_allclose(
        CurlField(strength=2.0).force(None, {"hand_velocity": jnp.array([0.0, 1.0])}), [2.0, 0.0]
    )
    np.testing.assert_allclose(
        CurlField(strength=2.0).force(None, {"hand_velocity": jnp.array([1.0, 0.0])}), [0.0, -2.0]
    )


@pytest.mark.parametrize("plant", [Servo(), Delayed()])
def test_goes_around_the_arm_itself(plant):
    name = type(plant).__name__
    with pytest.raises(ValueError, match=rf"CurlField cannot wrap {name}.*Servo\(CurlField\(arm\)\)"):
        CurlField(plant)
