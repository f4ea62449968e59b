"""The simulated physics against equations written by hand."""

import numpy as np
import pytest

import ideomotor
from ideomotor_mujoco import MujocoPlant, lwr4

START = np.array([0.9, -0.6])


def swing(plant, time=0.5, dt=0.01):
    x = plant.at_joints(START)
    for _ in range(round(time / dt)):
        x = plant.step(x, np.zeros(2), dt)
    return plant.observe(x)


@pytest.mark.parametrize(("integrator", "order"), [("implicitfast", 1), ("RK4", 4)])
def test_free_swing_converges_to_the_equations_of_motion(links, equations, integrator, order):
    exact = equations.swing(START, 0.5)
    steps = (0.002, 0.001) if order == 1 else (0.01, 0.005)
    errors = [
        np.abs(swing(MujocoPlant(links(h, integrator)), dt=0.01)["joint_position"] - exact).max()
        for h in steps
    ]
    assert errors[1] < (6e-3 if order == 1 else 3e-7)
    assert 0.85 * 2**order < errors[0] / errors[1] < 1.35 * 2**order


def test_free_swing_keeps_its_energy(links, equations):
    seen = swing(MujocoPlant(links(0.001, "RK4")), time=1.0)
    before = equations.energy(START, np.zeros(2))
    assert equations.energy(seen["joint_position"], seen["joint_velocity"]) == pytest.approx(before, abs=1e-8)


def test_torques_of_the_inverse_dynamics_give_the_acceleration(links, equations):
    plant = MujocoPlant(links(1e-5), mode=ideomotor.make("joint-torque", compensate=False))
    rng = np.random.default_rng(0)
    for _ in range(5):
        q, wanted = rng.uniform(-1.5, 1.5, 2), rng.uniform(-5, 5, 2)
        x = plant.at_joints(q)
        torque = equations.inertia(q) @ wanted + equations.bias(q, np.zeros(2))
        velocity = plant.observe(plant.step(x, torque, 1e-5))["joint_velocity"]
        np.testing.assert_allclose(velocity / 1e-5, wanted, atol=1e-3)


def test_torque_at_rest_is_gravitys(links, equations):
    plant = MujocoPlant(links(), mode=ideomotor.make("joint-torque", compensate=False), rest=START)
    np.testing.assert_allclose(plant.default_command(), equations.bias(START, np.zeros(2)), rtol=1e-9)


def test_gravity_compensation_holds_the_arm_still():
    arm = lwr4(mode=ideomotor.make("joint-torque"), rest=(0.3, -0.6, 0.2, 1.4, -0.4, -0.8, 0.5))
    x = arm.default_state()
    for _ in range(100):
        x = arm.step(x, np.zeros(7), 0.01)
    seen = arm.observe(x)
    np.testing.assert_allclose(seen["joint_position"], arm.rest, atol=1e-9)
    np.testing.assert_allclose(seen["joint_velocity"], 0, atol=1e-9)


def test_what_rests_presses_with_its_weight():
    box = ideomotor.make("box", body="parcel", mass=0.8, position=(0, 0, 0.05))
    floor = "<mujoco><worldbody><geom name='floor' type='plane' size='1 1 .1'/></worldbody></mujoco>"
    plant = MujocoPlant(
        floor, scene=(box,), actuators="none", contacts=("parcel", "floor"), bodies=("parcel",)
    )
    x = plant.default_state()
    for _ in range(100):
        x = plant.step(x, np.zeros(0), 0.01)
    seen = plant.observe(x)
    np.testing.assert_allclose(seen["contact"]["parcel"], [0, 0, 0.8 * 9.81], atol=2e-4)
    np.testing.assert_allclose(seen["contact"]["floor"], [0, 0, -0.8 * 9.81], atol=2e-4)
    np.testing.assert_allclose(seen["body"]["parcel"][:2], 0, atol=1e-6)
    touching = plant.touching(x)
    assert {name for contact in touching for name in contact.bodies} == {"world", "parcel"}
    assert sum(contact.force[2] for contact in touching) == pytest.approx(0.8 * 9.81, abs=2e-4)


@pytest.mark.parametrize("seed", range(5))
def test_forward_kinematics_is_that_of_the_denavit_hartenberg_table(seed, denavit_hartenberg):
    arm = ARM
    angles = np.random.default_rng(seed).uniform(0.98 * arm.robot.lower, 0.98 * arm.robot.upper)
    seen, pose = arm.observe(arm.at_joints(angles)), denavit_hartenberg(angles)
    np.testing.assert_allclose(seen["tip"], pose[:3, 3], atol=1e-12)
    w, x, y, z = seen["tip_quaternion"]
    axis = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x**2 + y**2)]  # where the flange looks
    np.testing.assert_allclose(axis, pose[:3, 2], atol=1e-12)
    side = [1 - 2 * (y**2 + z**2), 2 * (x * y + w * z), 2 * (x * z - w * y)]
    np.testing.assert_allclose(side, pose[:3, 0], atol=1e-12)


def test_arm_has_the_makers_limits():
    model = ARM.mj_model
    limits = [model.joint(name).range for name in ARM.joints]
    np.testing.assert_allclose(np.degrees(limits)[:, 1], [170, 120, 170, 120, 170, 120, 170])
    np.testing.assert_allclose(np.degrees(limits)[:, 0], -np.degrees(limits)[:, 1])
    np.testing.assert_allclose(model.actuator_ctrlrange[:, 1], [176, 176, 100, 100, 100, 38, 38])
    # stretched upwards: 0.3105 + 0.40 + 0.39 + 0.078 m
    assert ARM.observe(ARM.at_joints(np.zeros(7)))["tip"][2] == pytest.approx(1.1785, abs=1e-12)
    assert model.body("base").subtreemass == pytest.approx(2.0 + 5 * 2.35 + 1.1 + 0.25, rel=1e-3)


ARM = lwr4()
