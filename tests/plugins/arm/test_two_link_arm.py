import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ideomotor import config, make
from ideomotor_arm import TwoLinkArm, arm26

ArmState = type(TwoLinkArm().default_state())


ANGLE, VELOCITY, TORQUE = np.array([0.4, 1.3]), np.array([2.0, -3.0]), np.array([0.6, -0.3])
angles = st.tuples(st.floats(-3.1, 3.1), st.floats(-3.1, 3.1)).map(np.array)
velocities = st.tuples(st.floats(-10, 10), st.floats(-10, 10)).map(np.array)


@pytest.mark.parametrize(
    "make_arm", [TwoLinkArm, lambda: arm26().arm], ids=["Li & Todorov", "Nijhof & Kouwenhoven"]
)
def test_dynamics_are_those_of_lagrange(make_arm, lagrange):
    with jax.enable_x64(True):
        arm = make_arm()
        truth = lagrange(arm)
        for seed in range(10):
            angle, velocity, torque = np.random.default_rng(seed).normal(size=(3, 2)) * [[2.0], [5.0], [1.0]]
            state = ArmState(jnp.asarray(angle), jnp.asarray(velocity))
            inertia = arm.inertia(angle)
            np.testing.assert_allclose(inertia, truth.inertia(angle, velocity), rtol=1e-12)
            assert np.all(np.linalg.eigvalsh(inertia) > 0)
            np.testing.assert_allclose(arm.bias(angle, velocity), truth.bias(angle, velocity), atol=1e-12)
            np.testing.assert_allclose(arm.energy(state), truth.kinetic(angle, velocity), rtol=1e-12)
            slope = arm.vector_field(0.0, state, torque)
            np.testing.assert_allclose(slope.velocity, truth.acceleration(angle, velocity, torque), atol=1e-9)
            np.testing.assert_array_equal(slope.angle, velocity)
            back = arm.inverse_dynamics(angle, velocity, slope.velocity)
            np.testing.assert_allclose(back, torque, atol=1e-9)
            with_more = arm.vector_field(0.0, state, 3 * torque).velocity
            pushed = slope.velocity + arm.torque_response(state, jnp.asarray(2 * torque)).velocity
            np.testing.assert_allclose(pushed, with_more, atol=1e-9)


@pytest.mark.parametrize(
    ("solver", "order"),
    [
        (diffrax.Euler(), 1),
        (diffrax.Heun(), 2),
        (diffrax.Bosh3(), 3),
        (diffrax.Tsit5(), 5),
        (diffrax.Kvaerno3(root_finder=optx.Newton(rtol=1e-10, atol=1e-10)), 3),
    ],
)
def test_order_of_convergence(solver, order, lagrange):
    with jax.enable_x64(True):
        truth = lagrange(TwoLinkArm()).end(ANGLE, VELOCITY, TORQUE, 0.3)
        errors = []
        for substeps in (16, 32):
            arm = TwoLinkArm(solver=solver, substeps=substeps)
            state = ArmState(jnp.asarray(ANGLE), jnp.asarray(VELOCITY))
            state = eqx.filter_jit(arm.step)(state, jnp.asarray(TORQUE), jnp.asarray(0.3))
            errors.append(np.linalg.norm(np.concatenate([state.angle, state.velocity]) - truth))
    assert np.log2(errors[0] / errors[1]) > order - 0.25
    assert errors[1] < 0.5**order


def test_energy_is_kept_without_friction():
    with jax.enable_x64(True):
        drifts = []
        for dt in (0.01, 0.005):
            arm = TwoLinkArm(damping=0.0, solver=diffrax.Bosh3())
            state = ArmState(jnp.asarray(ANGLE), jnp.asarray(VELOCITY))

            def step(state, _, arm=arm, dt=dt):
                new = arm.step(state, jnp.zeros(2), dt)
                return new, arm.energy(new)

            energies = jax.lax.scan(step, state, length=round(2.0 / dt))[1]
            drifts.append(float(jnp.max(jnp.abs(energies / arm.energy(state) - 1))))
    assert drifts[0] < 1e-3
    assert drifts[0] / drifts[1] > 2**2.75  # third order


def test_friction_takes_energy():
    arm = TwoLinkArm()
    state = ArmState(jnp.asarray(ANGLE, jnp.float32), jnp.asarray(VELOCITY, jnp.float32))
    new = arm.step(state, arm.default_command(), 0.05)
    assert arm.energy(new) < 0.95 * arm.energy(state)


@settings(max_examples=30, deadline=None)
@given(angles, velocities)
def test_jacobian_is_the_derivative_of_the_hand(angle, velocity):
    with jax.enable_x64(True):
        arm = TwoLinkArm()
        angle, velocity = jnp.asarray(angle), jnp.asarray(velocity)
        np.testing.assert_allclose(arm.jacobian(angle), jax.jacfwd(arm.forward_kinematics)(angle), atol=1e-14)
        seen = arm.observe(ArmState(angle, velocity))
        moving = jax.jvp(arm.forward_kinematics, (angle,), (velocity,))
        np.testing.assert_allclose(seen["hand"], moving[0], atol=1e-14)
        np.testing.assert_allclose(seen["hand_velocity"], moving[1], atol=1e-13)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.04, 0.62), st.floats(-3.1, 3.1))
def test_the_hand_comes_back(distance, direction):
    with jax.enable_x64(True):
        arm = TwoLinkArm()
        hand = distance * np.array([np.cos(direction), np.sin(direction)])
        angle = arm.inverse_kinematics(hand)
        assert 0 < angle[1] < np.pi
        np.testing.assert_allclose(arm.forward_kinematics(angle), hand, atol=1e-12)
        seen = arm.observe(arm.at(hand))
        np.testing.assert_allclose(seen["hand"], hand, atol=1e-12)
        np.testing.assert_array_equal(seen["velocity"], 0)


@settings(max_examples=30, deadline=None)
@given(st.floats(-3.1, 3.1), st.floats(0.02, 3.12))
def test_the_angles_come_back(shoulder, elbow):
    with jax.enable_x64(True):
        arm = TwoLinkArm()
        back = arm.inverse_kinematics(arm.forward_kinematics(jnp.array([shoulder, elbow])))
        difference = np.asarray(back) - [shoulder, elbow]
        np.testing.assert_allclose(np.exp(1j * difference), 1, atol=1e-10)


def test_joints_for_drawing():
    arm = TwoLinkArm(lengths=(0.3, 0.4), com=(0.1, 0.15))
    points = arm.joint_positions(np.array([0.0, np.pi / 2]))
    np.testing.assert_allclose(points, [[0, 0], [0.3, 0], [0.3, 0.4]], atol=1e-7)
    many = arm.joint_positions(np.zeros((5, 7, 2)))
    assert many.shape == (5, 7, 3, 2)


@pytest.mark.parametrize("hand", [(0.6, 0.6), (0.01, 0.0)])
def test_out_of_reach_is_said(hand):
    distance = f"{np.hypot(*hand):.4g} m from the shoulder"
    with pytest.raises(ValueError, match=distance):
        TwoLinkArm().at(np.array(hand))


@pytest.mark.parametrize("lengths", [(0.3, 0.33), (0.3, 0.3)])
@pytest.mark.parametrize("distance", [0.0, 1e-6, 0.02, 0.0300001, 0.6299999, 0.63, 0.6300001, 1.0, 50.0])
def test_out_of_reach_is_the_nearest_point_with_a_finite_gradient(lengths, distance):
    arm = TwoLinkArm(lengths=lengths)
    hand = jnp.array([0.6, 0.8]) * distance
    reached = arm.forward_kinematics(eqx.filter_jit(arm.inverse_kinematics)(hand))
    nearest = np.clip(distance, abs(lengths[0] - lengths[1]), sum(lengths))
    # Kept from the borders: by 3 micrometres outside, 0.04 mm inside, 2 mm where equal links fold to a point.
    least = 5e-6 if distance > 0.1 else 4e-5
    assert abs(np.linalg.norm(reached) - nearest) < (2e-3 if nearest < 1e-5 else least)
    if distance > 1e-3:
        np.testing.assert_allclose(reached / np.linalg.norm(reached), [0.6, 0.8], atol=1e-5)
    slope = jax.jacrev(arm.inverse_kinematics)(hand)
    assert np.all(np.isfinite(slope))
    assert np.all(np.isfinite(jax.jacfwd(lambda arm: arm.inverse_kinematics(hand))(arm).lengths))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masses": (-1.0, 1.0)}, "masses must be greater than 0"),
        ({"lengths": (0.3, 0.0)}, "lengths must be greater than 0"),
        ({"lengths": (0.3, 0.3, 0.3)}, "lengths must be numbers of shape"),
        ({"com": (0.1, float("nan"))}, "com must be finite"),
        ({"com": (-0.1, 0.1)}, "com must be at least 0"),
        ({"inertias": (0.025, 0.02)}, "less than masses"),
        ({"damping": -0.1}, "would speed the arm up"),
        ({"substeps": 0}, "substeps must be at least 1"),
    ],
)
def test_no_such_arm(arguments, message):
    with pytest.raises(ValueError, match=message):
        TwoLinkArm(**arguments)


def test_steiner_of_the_second_set():
    with jax.enable_x64(True):
        given = arm26().arm
    about_centre = np.array(given.inertias) - np.array(given.masses) * np.array(given.com) ** 2
    np.testing.assert_allclose(about_centre, [0.051, 0.057], rtol=1e-12)


def test_config_round_trip():
    arm = TwoLinkArm(masses=(1.8, 1.4), inertias=(0.1, 0.1), damping=0.0, solver=diffrax.Tsit5(), substeps=2)
    text = config.to_config(arm)
    assert text["use"] == "two-link-arm"
    assert set(text) == {"use", "masses", "inertias", "damping", "solver", "substeps"}
    assert eqx.tree_equal(config.from_config(text), arm)
    assert config.to_config(TwoLinkArm()) == {"use": "two-link-arm"}


def test_vmap_over_masses_is_a_loop(play):
    ts, torque = np.linspace(0, 0.5, 51), jnp.tile(jnp.array([0.2, 0.1]), (51, 1))

    def end(mass):
        return play(torque, ts, plant=TwoLinkArm(masses=jnp.stack([1.4, mass]))).ys["hand"]

    masses = jnp.linspace(0.8, 1.2, 4)
    together = jax.vmap(end)(masses)
    np.testing.assert_allclose(together, jnp.stack([end(mass) for mass in masses]), atol=1e-6)
    assert np.abs(together[0, -1] - together[-1, -1]).max() > 1e-3


def test_registered():
    assert isinstance(make("two-link-arm"), TwoLinkArm)
