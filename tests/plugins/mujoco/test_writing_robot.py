"""A pen pressed on paper with a set force."""

import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError
from ideomotor_mujoco import lwr4, writing_robot

DT = 0.01


def press(robot, down=80, points=()):
    """Feedback while the pen goes down in the middle, and then follows `points`."""
    x, start = robot.default_state(), robot.default_command()
    seen = []
    for point in [*[start[:2]] * down, *points]:
        x = robot.step(x, np.array([*point, 1.0]), DT)
        seen.append(robot.observe(x))
    return x, seen


def circle(n=100, radius=8.0):
    """Around the middle of the sheet, at rest at both ends, from the middle's right."""
    s = np.linspace(0, 1, n)
    angle = 2 * np.pi * (10 * s**3 - 15 * s**4 + 6 * s**5)
    return np.stack([19.5 + radius * np.sin(angle), 19.5 + radius * (np.cos(angle) - 1)], -1)


TILTED = ideomotor.make("paper", position=(0.65, 0.1, 0.3), rotation=(0, -30, -60))


@pytest.mark.parametrize("sheet", [ideomotor.make("paper"), TILTED], ids=["flat", "tilted"])
def test_pen_keeps_its_force_and_its_path(sheet):
    robot = writing_robot(sheet=sheet, strokes=True)
    points = circle()
    _, seen = press(robot, points=points)
    force = np.array([s["pen_force"] for s in seen])
    np.testing.assert_allclose(force[75:80], 1.0, rtol=0.02)
    assert np.sqrt(np.mean((force[80:] - 1) ** 2)) < 0.05
    # The feedback after a step belongs to the next command.
    pen = np.array([s["pen"] for s in seen[80:]])[:-1]
    assert np.linalg.norm(pen - points[1:], axis=1).max() < 0.1


def test_force_is_what_was_set_and_what_the_spring_says():
    robot = writing_robot(strokes=True, mode=ideomotor.make("admittance", strokes=True, force=2.5))
    x, seen = press(robot)
    assert seen[-1]["pen_force"] == pytest.approx(2.5, rel=0.02)
    data = robot.data(x)
    pen, tip_mass = robot.mj_model.joint("pen"), robot.mj_model.body("pen").mass[0]
    stiffness = robot.mj_model.jnt_stiffness[pen.id]
    stiffness = float(np.ravel(stiffness)[0])
    # The spring and the weight of the tip press together.
    assert stiffness * data.joint("pen").qpos[0] + 9.81 * tip_mass == pytest.approx(2.5, rel=0.02)


@pytest.mark.parametrize("force", [0.2, 5.0])
def test_a_small_or_a_large_force_is_reached_before_the_stroke_and_kept(force):
    """Nine tenths of a second are what `run write-digit` waits for the pen to come down."""
    robot = writing_robot(strokes=True, mode=ideomotor.make("admittance", strokes=True, force=force))
    _, seen = press(robot, down=90, points=circle(300))
    found = np.array([s["pen_force"] for s in seen[88:]])
    assert found.min() > 0.05 and np.sqrt(np.mean((found / force - 1) ** 2)) < 0.1


def test_lifted_pen_stays_off_the_paper():
    robot = writing_robot(strokes=True)
    x, _ = press(robot)
    for _ in range(60):
        x = robot.step(x, robot.default_command(), DT)
    seen = robot.observe(x)
    assert seen["pen_force"] == 0 and seen["pen_height"] == pytest.approx(0.01, abs=5e-4)


def test_pixels_run_along_the_sheet():
    robot = writing_robot(sheet=TILTED, strokes=True)
    data = robot.data(robot.default_state())
    origin, axes = data.body("sheet").xpos, data.body("sheet").xmat.reshape(3, 3)
    x = robot.default_state()
    for _ in range(80):
        x = robot.step(x, np.array([29.5, 14.5, 0.0]), DT)
    seen = robot.observe(x)
    np.testing.assert_allclose(seen["pen"], [29.5, 14.5], atol=0.02)
    expected = origin + axes @ np.array([10 * 0.003, 5 * 0.003, 0.01])
    np.testing.assert_allclose(seen["tip"], expected, atol=2e-4)
    # square to the paper
    w, i, j, k = seen["tip_quaternion"]
    along = np.array([2 * (i * k + w * j), 2 * (j * k - w * i), 1 - 2 * (i**2 + j**2)])
    np.testing.assert_allclose(along, -axes[:, 2], atol=1e-3)


def test_a_sheet_out_of_reach():
    with pytest.raises(DataError, match="The pen cannot reach all of the sheet: .* mm and"):
        writing_robot(sheet=ideomotor.make("paper", position=(1.2, 0, 0.1)))


def test_admittance_needs_a_tool_and_a_surface():
    with pytest.raises(DataError, match="needs a body 'sheet', which LWR4 lacks"):
        lwr4(mode=ideomotor.make("admittance"))
    with pytest.raises(ValueError, match="force must be positive, not -1"):
        ideomotor.make("admittance", force=-1)
    with pytest.raises(DataError, match="pass only one of them"):
        writing_robot(strokes=True, mode=ideomotor.make("admittance"))


def test_writing_robot_fits_a_primitive_of_two_dimensions():
    pipeline = ideomotor.Pipeline(
        None, ideomotor.make("dmp", dof=2, basis=10), plant=ideomotor.make("writing-robot")
    )
    assert pipeline.plant.default_command().shape == (2,)
