"""Each mistake gets one sentence that names the place and the mend."""

import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError
from ideomotor_mujoco import MujocoPlant, lwr4

URDF = """<robot name="r"><link name="base"/><link name="arm">
<inertial><mass value="1"/><origin xyz="0 0 -0.2"/><inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial>
<collision><geometry>GEOMETRY</geometry></collision></link>
<joint name="hinge" type="revolute"><parent link="base"/><child link="arm"/><axis xyz="0 1 0"/>
<limit lower="-1" upper="1" effort="10" velocity="1"/></joint></robot>"""


def sentence(model, **arguments):
    with pytest.raises(DataError) as caught:
        MujocoPlant(model, **arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_file_that_is_not_there():
    assert sentence("no/such.xml").startswith("There is no file no/such.xml;")


def test_a_file_of_another_kind(tmp_path):
    path = tmp_path / "robot.mjcf"
    path.write_text("<mujoco/>")
    assert f"{path} does not end in one of .xml, .urdf" in sentence(str(path))


def test_a_file_that_is_not_xml(tmp_path):
    path = tmp_path / "bad.xml"
    path.write_text("<mujoco>\n<worldbody>\n<body>\n</mujoco>")
    assert f"{path} is not valid XML at line" in sentence(str(path))


def test_a_file_that_is_no_model(tmp_path):
    path = tmp_path / "bad.xml"
    path.write_text("<mujoco>\n<worldbody>\n<thing/>\n</worldbody></mujoco>")
    text = sentence(str(path))
    assert str(path) in text and "thing" in text and "line 3" in text


@pytest.mark.parametrize("kind", ["mjcf", "urdf"])
def test_a_mesh_that_is_missing(kind, tmp_path):
    if kind == "urdf":
        text = URDF.replace("GEOMETRY", '<mesh filename="package://robot/hand.stl"/>')
    else:
        text = """<mujoco><asset><mesh name="hand" file="hand.stl"/></asset>
        <worldbody><geom type="mesh" mesh="hand"/></worldbody></mujoco>"""
    path = tmp_path / f"robot.{'urdf' if kind == 'urdf' else 'xml'}"
    path.write_text(text)
    said = sentence(str(path), actuators="none")
    assert str(path) in said and "hand.stl" in said and "not found" in said


def test_a_model_without_actuators(tmp_path):
    path = tmp_path / "robot.urdf"
    path.write_text(URDF.replace("GEOMETRY", '<sphere radius="0.1"/>'))
    assert f"{path} has no actuators" in sentence(str(path))
    plant = MujocoPlant(str(path), actuators="motors")
    x = plant.step(plant.default_state(), np.array([3.0]), 0.01)
    # about the hinge: 0.01 + 1 · 0.2² kg m²
    assert plant.observe(x)["joint_velocity"][0] == pytest.approx(0.01 * 3.0 / 0.05, rel=0.02)
    assert "actuators must be one of" in sentence(str(path), actuators="some")


def test_names_that_are_not_there(links):
    assert "Did you mean 'elbow'" in sentence(links(), joints=("elbo",))
    assert "Did you mean 'tip'" in sentence(links(), tip="tipp")
    assert "no body, geom or site 'uper'" in sentence(links(), contacts=("uper",))
    assert "no body 'uper'" in sentence(links(), bodies=("uper",))


def test_numbers_that_cannot_be(links):
    assert "timestep must be positive, not -1" in sentence(links(), timestep=-1)
    assert "has 2 joints (shoulder, elbow)" in sentence(links(), rest=(1.0,))
    with pytest.raises(
        DataError, match=r"'a2' of LWR4 is limited to -2\.094 to 2\.094, and its position cannot be 3\.000"
    ):
        lwr4(rest=(0, 3.0, 0, 0, 0, 0, 0))
    with pytest.raises(ValueError, match="three positive lengths"):
        ideomotor.make("box", size=(1.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="levels at least 1"):
        ideomotor.make("shelf", levels=0)


def test_commands_and_states_that_do_not_fit(links):
    plant = MujocoPlant(links())
    with pytest.raises(DataError, match=r"leaves of shape \[\(2,\)\], not \[\(3,\)\]"):
        plant.step(plant.default_state(), np.zeros(3), 0.01)
    for dt in (-1.0, 0.0, np.nan, np.inf):
        with pytest.raises(DataError, match=f"must take a positive time, not dt={dt:g} s"):
            plant.step(plant.default_state(), np.zeros(2), dt)
    with pytest.raises(DataError, match="is not finite"):
        plant.step(plant.default_state(), np.array([0.0, np.nan]), 0.01)
    with pytest.raises(DataError, match=r"has \d+ numbers; its shape cannot be \(3,\)"):
        plant.step(np.zeros(3), np.zeros(2), 0.01)


def test_what_is_no_model_at_all():
    assert "not a int" in sentence(3)
    assert MujocoPlant(ideomotor.make("lwr4-model")).name == "LWR4"
