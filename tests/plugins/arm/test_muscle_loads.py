"""Loads around a limb: they push as they say, and what does no work does none."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor_arm import (
    ConstantLoad,
    ForceChannel,
    JointCurlField,
    MuscleArm,
    PointMass,
    PulseLoad,
    Servo,
    TwoLinkArm,
)

STATE = type(MuscleArm().default_state())(np.array([0.5, 1.6]), np.array([1.0, -2.0]), np.full(6, 0.2))


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def _added_power(load, plant, state):
    """What the load adds to the rate of the kinetic energy: M q''_added · q' (the energy itself depends on velocity only
    through M)."""
    inner = load.inner(state)
    with_load = load.inner(load.vector_field(0.0, state, plant.default_command()))
    without = plant.vector_field(0.0, inner, plant.default_command())
    arm = plant.arm if isinstance(plant, MuscleArm) else plant
    extra = arm.inertia(inner.angle) @ (with_load.velocity - without.velocity)
    return float(extra @ jnp.asarray(inner.velocity))


@pytest.mark.parametrize("strength", [-2.0, 0.5, 5.0])
def test_joint_curl_field_does_no_work(strength):
    plant = MuscleArm()
    load = JointCurlField(plant, strength)
    assert abs(_added_power(load, plant, STATE)) < 1e-12
    np.testing.assert_allclose(load.torque(jnp.array([1.0, -2.0])), strength * np.array([-2.0, -1.0]))
    assert float(jnp.abs(load.torque(jnp.asarray(STATE.velocity))).max()) > 0.4
    # The same as a force on the hand.
    seen = plant.observe(STATE)
    force = load.force(STATE, seen)
    np.testing.assert_allclose(force @ seen["hand_velocity"], 0.0, atol=1e-12)


def test_hand_curl_field_does_no_work_around_muscles():
    plant = MuscleArm()
    assert abs(_added_power(ideomotor.make("curl-field", plant=plant, strength=13.0), plant, STATE)) < 1e-12


def test_constant_load_gives_the_power_of_its_force():
    plant, push = MuscleArm(), np.array([3.0, -2.0])
    power = _added_power(ConstantLoad(plant, push), plant, STATE)
    np.testing.assert_allclose(power, push @ plant.observe(STATE)["hand_velocity"], rtol=1e-10)


def test_pulse_begins_and_ends():
    plant = PointMass(mass=1.0)
    load = PulseLoad(plant, push=(2.0, 0.0), onset=0.2, duration=0.1)
    movement = jax.lax.scan(
        lambda s, _: (load.step(s, jnp.zeros(2), 0.01), load.observe(s)["hand_velocity"][0]),
        load.default_state(),
        length=61,
    )[1]
    np.testing.assert_allclose(movement[:20], 0.0, atol=1e-12)  # the next step already ends in the pulse
    # The impulse is force times duration, to one step of 0.01 s in 0.1.
    np.testing.assert_allclose(movement[31:], 2.0 * 0.1, rtol=0.06)
    assert movement[25] < movement[29]


def test_channel_keeps_the_hand_on_the_line():
    plant = PointMass(mass=1.0, substeps=5)
    channel = ForceChannel(plant, start_point=(0.0, 0.0), goal=(0.0, 0.2))
    step = jax.jit(lambda s: channel.step(s, jnp.array([3.0, 1.0]), 0.005))
    state = channel.at(jnp.array([0.0, 0.0]))
    for _ in range(100):
        state = step(state)
    # Along the channel nothing pushes, across it the wall gives way by force / stiffness.
    np.testing.assert_allclose(state.position[1], 0.5 * 0.5**2, rtol=1e-6)
    np.testing.assert_allclose(state.position[0], 3.0 / 2000.0, rtol=0.05)


def test_loads_can_be_nested_and_wrapped_by_a_servo():
    inner = PulseLoad(MuscleArm())
    both = ConstantLoad(inner, (0.0, -2.0))
    state = both.step(both.default_state(), jnp.full(6, 0.1), 0.01)
    assert np.all(np.isfinite(both.observe(state)["hand"]))
    alone = ConstantLoad(MuscleArm(), (0.0, -2.0))
    same = alone.step(alone.default_state(), jnp.full(6, 0.1), 0.01)
    np.testing.assert_allclose(both.inner(state).plant.velocity, same.velocity, rtol=1e-12)
    servo = Servo(ConstantLoad(TwoLinkArm()))
    moved = servo.step(servo.default_state(), servo.default_command(), 0.01)
    assert np.all(np.isfinite(moved.plant.angle)) and np.any(moved.plant.velocity != 0)


@pytest.mark.parametrize("dt", [0.001, 0.01])
@pytest.mark.parametrize("onset", [1.0, 2.0, 3.0, 4.0])
def test_a_pulse_starts_at_its_step_in_float32(dt, onset):
    """Velocity of a mass of 1 kg under 2 N, sample by sample: 2 (t - onset), zero before."""
    with jax.enable_x64(False):
        load = PulseLoad(PointMass(mass=1.0, solver=diffrax.Euler()), (2.0, 0.0), onset, 0.1)
        moved = jax.lax.scan(
            lambda s, _: (load.step(s, jnp.zeros(2), dt),) * 2, load.default_state(), length=round(4.2 / dt)
        )[1]
    speed = np.concatenate([[0.0], moved.plant.velocity[:, 0]])
    expected = 2.0 * np.clip(dt * np.arange(len(speed)) - onset, 0.0, 0.1)
    np.testing.assert_allclose(speed, expected, atol=0.2 * 2.0 * dt)


@pytest.mark.parametrize("load", [ConstantLoad, PulseLoad, ForceChannel, JointCurlField])
def test_loads_batch_and_differentiate(load):
    plant = load(MuscleArm())

    def end(push, scale):
        state = plant.step(plant.default_state(), push * scale, 0.01)
        return jnp.sum(plant.observe(plant.step(state, push, 0.01))["hand"])

    gradients = jax.vmap(jax.grad(end), (0, None))(jax.random.uniform(jax.random.key(0), (4, 6)), 1.0)
    assert gradients.shape == (4, 6) and np.all(np.isfinite(gradients))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConstantLoad(Servo(TwoLinkArm())), "not given by a differential equation"),
        (lambda: ConstantLoad(MuscleArm(), push=(1.0,)), "push must be numbers of shape"),
        (lambda: PulseLoad(MuscleArm(), duration=-0.1), "duration must be at least 0"),
        (lambda: ForceChannel(MuscleArm(), goal=(0.0, 0.4)), "the same point"),
        (lambda: JointCurlField(PointMass()), "no torque_response"),
    ],
)
def test_loads_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()
