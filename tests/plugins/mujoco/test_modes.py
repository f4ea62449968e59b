"""What commands do, and how well they are followed."""

import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError, SimulationError
from ideomotor_mujoco import MujocoPlant, lwr4

TS = np.linspace(0, 1, 101)
S = 10 * TS**3 - 15 * TS**4 + 6 * TS**5


def test_joint_set_points_are_followed_by_motors(links, play):
    plant = MujocoPlant(links(), mode=ideomotor.make("joint-position"))
    wanted = S[:, None] * (1.0, -0.8)
    movement = play(wanted, TS, plant=ideomotor_plant(plant))
    np.testing.assert_allclose(
        movement.ys["joint_position"], wanted, atol=5e-4
    )  # a command is held and extrapolated for 10 ms


def test_joint_set_points_are_followed_by_position_actuators(links, play):
    plant = MujocoPlant(links(actuators=links.servos), mode=ideomotor.make("joint-position"))
    wanted = S[:, None] * (1.0, -0.8)
    movement = play(wanted, TS, plant=ideomotor_plant(plant))
    # Gravity, Coriolis forces and inertia are fed forward to the set points.
    np.testing.assert_allclose(movement.ys["joint_position"], wanted, atol=2e-3)
    np.testing.assert_allclose(movement.ys["joint_position"][-1], wanted[-1], atol=1e-3)
    plain = play(wanted, TS, plant=ideomotor_plant(MujocoPlant(links(actuators=links.servos))))
    assert np.abs(plain.ys["joint_position"] - wanted).max() > 0.02


def test_jumps_of_the_set_point_stay_within_the_speed(links):
    plant = MujocoPlant(links(), mode=ideomotor.make("joint-position", max_speed=1.0))
    x, fastest = plant.default_state(), 0.0
    for _ in range(150):
        x = plant.step(x, np.array([1.0, 0.0]), 0.01)
        fastest = max(fastest, np.abs(plant.observe(x)["joint_velocity"]).max())
    assert 0.5 < fastest < 1.05
    np.testing.assert_allclose(plant.observe(x)["joint_position"], [1.0, 0.0], atol=1e-3)


@pytest.mark.parametrize(
    "mode",
    [ideomotor.make("cartesian-pose"), ideomotor.make("operational-space", bandwidth=100)],
    ids=lambda m: type(m).__name__,
)
def test_tip_follows_a_line(mode, play):
    arm = lwr4(mode=mode)
    start = arm.default_command()
    wanted = np.tile(start, (len(TS), 1))
    wanted[:, :3] += S[:, None] * (0.05, 0.15, 0.1)
    movement = play(wanted, TS, plant=ideomotor_plant(arm))
    np.testing.assert_allclose(movement.ys["tip"], wanted[:, :3], atol=2e-4)
    np.testing.assert_allclose(movement.ys["tip_quaternion"] * start[3], wanted[:, 3:] * start[3], atol=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_inverse_kinematics_reaches_what_forward_kinematics_reached(seed):
    arm = POSED
    angles = np.random.default_rng(seed).uniform(0.8 * arm.robot.lower, 0.8 * arm.robot.upper)
    seen = arm.observe(arm.at_joints(angles))
    found = arm.reach(seen["tip"], seen["tip_quaternion"])
    again = arm.observe(arm.at_joints(found))
    np.testing.assert_allclose(again["tip"], seen["tip"], atol=1e-8)
    assert abs(again["tip_quaternion"] @ seen["tip_quaternion"]) == pytest.approx(1, abs=1e-12)
    assert np.all(found >= arm.robot.lower) and np.all(found <= arm.robot.upper)


def test_tip_jacobian_is_the_derivative_of_the_tip():
    arm, h = POSED, 1e-6
    angles = np.array([0.3, -0.6, 0.2, 1.4, -0.4, -0.8, 0.5])
    arm.observe(arm.at_joints(angles))
    jacobian = arm.robot.tip_jacobian()[:3].copy()
    for j in range(7):
        step = h * (np.arange(7) == j)
        slope = (
            arm.observe(arm.at_joints(angles + step))["tip"]
            - arm.observe(arm.at_joints(angles - step))["tip"]
        ) / (2 * h)
        np.testing.assert_allclose(jacobian[:, j], slope, atol=1e-8)


def test_out_of_reach_is_said_in_one_sentence(play):
    with pytest.raises(DataError, match=r"cannot reach \(2\.000, 0\.000, 0\.500\) m .* mm"):
        POSED.reach((2.0, 0.0, 0.5))
    wanted = np.tile(POSED.default_command(), (50, 1))
    wanted[:, 0] += np.linspace(0, 2.0, 50)
    with pytest.raises(SimulationError, match="cannot reach") as caught:
        play(wanted, np.linspace(0, 2, 50), plant=ideomotor_plant(POSED))
    kept = caught.value.movement
    assert 2 < len(kept) < 50 and len(kept.xs) == len(kept.ts)


def test_a_shelf_that_is_hit_pushes_back():
    arm = lwr4(scene=(ideomotor.make("shelf", position=(0.7, 0, 0)),), contacts=("shelf",))
    x, free = arm.default_state(), arm.default_command()
    assert np.all(arm.observe(x)["contact"]["shelf"] == 0)
    into = free + np.array([0, -0.8, 0, -0.6, 0, 0, 0])
    hits = []
    for i in range(100):
        x = arm.step(x, free + min(1, i / 60) * (into - free), 0.01)
        force = arm.observe(x)["contact"]["shelf"]
        named = sum((c.force for c in arm.touching(x) if c.bodies[1] == "shelf"), np.zeros(3))
        named -= sum((c.force for c in arm.touching(x) if c.bodies[0] == "shelf"), np.zeros(3))
        np.testing.assert_allclose(force, named, atol=1e-9)
        hits.append(np.linalg.norm(force))
    assert hits[:5] == [0] * 5 and max(hits) > 5


def test_mocap_bodies_are_part_of_the_command():
    weld = """<mujoco><worldbody><body name="hand" mocap="true" pos="0 0 1"/>
    <body name="palm" pos="0 0 1"><freejoint/><geom size=".05" mass="1"/></body></worldbody>
    <equality><weld body1="hand" body2="palm" solref="0.01 1"/></equality></mujoco>"""
    plant = MujocoPlant(
        weld, actuators="none", mode=ideomotor.make("actuators", mocap=True), bodies=("palm",)
    )
    x, command = plant.default_state(), plant.default_command()
    command["mocap_position"][0] += (0.1, 0, 0.2)
    for _ in range(100):
        x = plant.step(x, command, 0.01)
    np.testing.assert_allclose(plant.observe(x)["body"]["palm"][:3], [0.1, 0, 1.2], atol=2e-3)
    # What no command changes is changed in MuJoCo's data: the weld is let go, and the palm falls.
    data = plant.data(x)
    data.eq_active[0] = 0
    free = plant.step(plant.state(data), command, 0.1)
    fallen = plant.observe(free)["body"]["palm"][2] - plant.observe(x)["body"]["palm"][2]
    assert fallen == pytest.approx(-0.5 * 9.81 * 0.1**2, rel=0.05)


def test_modes_say_what_actuators_they_need(links):
    for mode in (ideomotor.make("joint-torque"), ideomotor.make("operational-space")):
        with pytest.raises(DataError, match="actuators='motors'"):
            MujocoPlant(links(actuators=links.servos), mode=mode)
    swapped = MujocoPlant(
        links(actuators=links.servos), mode=ideomotor.make("joint-torque"), actuators="motors"
    )
    assert swapped.robot.has_motors
    with pytest.raises(ValueError, match="bandwidth must be positive, not -1"):
        ideomotor.make("joint-position", bandwidth=-1)


def ideomotor_plant(plant):
    from ideomotor import host

    return host(plant)


POSED = lwr4(mode=ideomotor.make("cartesian-pose"))
