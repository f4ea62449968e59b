"""Robots as people have them: URDF with meshes in ROS packages, xacro, SDF, robots by name."""

import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError
from ideomotor_mujoco import MujocoPlant

INERTIA = '<inertia ixx="0.01" iyy="0.01" izz="0.001" ixy="0" ixz="0" iyz="0"/>'
LINK = f'<inertial><origin xyz="0 0 .15"/><mass value="1"/>{INERTIA}</inertial>'
URDF = f"""<?xml version="1.0"?>
<robot name="r"><link name="base">{LINK}</link><link name="l1">{LINK}
<collision><geometry><mesh filename="MESH"/></geometry></collision></link><link name="tool0"/>
<joint name="fixed" type="fixed"><parent link="l1"/><child link="tool0"/><origin xyz="0 0 0.3"/></joint>
<joint name="j1" type="revolute"><parent link="base"/><child link="l1"/><origin xyz="0 0 .3"/><axis xyz="0 1 0"/>
<limit lower="-2" upper="2" effort="50" velocity="3"/></joint>MORE</robot>"""
MIMIC = f"""<link name="l2">{LINK}</link><joint name="j2" type="revolute"><parent link="l1"/><child link="l2"/><axis xyz="0 1 0"/>
<limit lower="-4" upper="4" effort="50" velocity="3"/><mimic joint="j1" multiplier="2" offset="0.1"/></joint>"""
TETRAHEDRON = "v 0 0 0\nv 0.1 0 0\nv 0 0.1 0\nv 0 0 0.1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n"


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """`workspace(mesh, folder, package)`: a model in `folder` whose mesh lies in `package`."""
    monkeypatch.delenv("ROS_PACKAGE_PATH", raising=False)
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)

    def made(
        mesh="package://my_robot/meshes/link1.obj",
        folder="my_robot/urdf",
        at="my_robot/meshes",
        more="",
        name="r.urdf",
    ):
        for place in (folder, at):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / at / "link1.obj").write_text(TETRAHEDRON)
        path = tmp_path / folder / name
        path.write_text(URDF.replace("MESH", mesh.replace("HERE", str(tmp_path))).replace("MORE", more))
        return path

    made.root = tmp_path
    return made


def volume(plant):
    """Of the mesh: a corner of a cube of 0.1 m is a sixth of it."""
    assert plant.mj_model.nmesh == 1
    first = np.ptp(plant.mj_model.mesh_vert, axis=0)
    return float(np.prod(first) / 6)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"folder": "my_robot"},
        {"folder": "other/urdf"},
        {"folder": "models", "at": "models/my_robot/meshes"},
        {"mesh": "file://HERE/my_robot/meshes/link1.obj", "folder": "elsewhere"},
        {"mesh": "../meshes/link1.obj"},
        {"mesh": "meshes/link1.obj", "at": "my_robot/urdf"},
        {"mesh": "model://my_robot/meshes/link1.obj"},
        {"folder": "beside", "at": "beside"},
        {"folder": "beside", "at": "beside/meshes"},
    ],
    ids=str,
)
def test_a_mesh_is_found_where_ros_finds_it(workspace, given):
    plant = MujocoPlant(str(workspace(**given)), actuators="motors")
    assert volume(plant) == pytest.approx(0.1**3 / 6, rel=1e-6)


@pytest.mark.parametrize("how", ["ROS_PACKAGE_PATH", "AMENT_PREFIX_PATH", "option", "package.xml"])
def test_a_package_elsewhere_is_found_by_what_names_it(workspace, monkeypatch, how):
    at = {"AMENT_PREFIX_PATH": "ws/share/my_robot/meshes", "package.xml": "checkout/meshes"}.get(
        how, "ws/my_robot/meshes"
    )
    path, root = workspace(folder="far/away", at=at), workspace.root
    if how == "package.xml":
        (root / "checkout" / "package.xml").write_text("<package><name>my_robot</name></package>")
        monkeypatch.setenv("ROS_PACKAGE_PATH", str(root / "checkout"))
    elif how != "option":
        monkeypatch.setenv(how, f"{root / 'nowhere'}:{root / 'ws'}")
    MujocoPlant(str(path), actuators="motors", packages=[root / "ws"] if how == "option" else [])


def test_the_advice_for_a_mesh_that_is_missing_works(workspace):
    path = workspace(folder="far/away", at="ws/my_robot/meshes")
    with pytest.raises(
        DataError, match=r"needs the mesh 'package://my_robot/meshes/link1.obj'.*packages=\['FOLDER'\]"
    ) as caught:
        MujocoPlant(str(path), actuators="motors")
    assert "\n" not in str(caught.value)
    MujocoPlant(str(path), actuators="motors", packages=[str(workspace.root / "ws")])


def test_links_on_fixed_joints_can_be_named_as_tips(workspace):
    plant = MujocoPlant(str(workspace()), actuators="motors", tip="tool0")
    seen = plant.observe(plant.at_joints([0.5]))
    np.testing.assert_allclose(seen["tip"], [0.3 * np.sin(0.5), 0, 0.3 + 0.3 * np.cos(0.5)], atol=1e-9)


def test_joints_that_mimic_get_no_command_and_follow(workspace):
    plant = MujocoPlant(str(workspace(more=MIMIC)), actuators="motors", mode=ideomotor.make("joint-position"))
    assert plant.robot.joints == ("j1",)
    x = plant.default_state()
    for _ in range(100):
        x = plant.step(x, np.array([0.4]), 0.02)
    np.testing.assert_allclose(plant.data(x).qpos, [0.4, 0.1 + 2 * 0.4], atol=5e-3)


def test_compiler_settings_of_the_file_are_kept(workspace):
    path = workspace(mesh="package://any/thing/link1.obj")
    settings = '<mujoco><compiler meshdir="../meshes" strippath="true" fusestatic="true"/></mujoco>'
    path.write_text(path.read_text().replace('<robot name="r">', f'<robot name="r">{settings}'))
    assert MujocoPlant(str(path), actuators="motors").mj_model.nbody == 2


def test_what_is_no_urdf_is_refused_for_what_it_is(workspace, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "xacrodoc", None)
    xacro = workspace(name="r.urdf.xacro")
    with pytest.raises(DataError, match=r"is a xacro file.*pip install xacrodoc"):
        MujocoPlant(str(xacro))
    left = workspace()
    left.write_text(left.read_text().replace('value="1"', 'value="${mass}"'))
    with pytest.raises(DataError, match=r"holds '\$\{mass\}', which xacro has not expanded yet"):
        MujocoPlant(str(left))
    for name in ("model.sdf", "model.xml"):
        (tmp_path / name).write_text(
            '<?xml version="1.0"?><!-- a model --><sdf version="1.6"><model name="a"/></sdf>'
        )
        with pytest.raises(DataError, match=r"is SDF, Gazebo's format"):
            MujocoPlant(str(tmp_path / name))
    with pytest.raises(DataError, match=r"is a folder; give the path of an MJCF or URDF file \(model\.xml\)"):
        MujocoPlant(str(tmp_path))
    with pytest.raises(DataError, match="is an address; download"):
        MujocoPlant("https://example.org/panda.xml")


def test_a_mesh_in_another_format_is_refused_with_the_conversion(workspace):
    trimesh = pytest.importorskip("trimesh")
    path = workspace("link1.dae", at="my_robot/urdf")
    (path.parent / "link1.dae").write_text("<COLLADA/>")
    with pytest.raises(
        DataError, match=r"link1\.dae', and MuJoCo reads meshes as OBJ.*name 'link1\.obj' in the model"
    ):
        MujocoPlant(str(path), actuators="motors")
    trimesh.load(path.parent / "link1.obj").export(path.parent / "link1.obj")  # the advice
    path.write_text(path.read_text().replace("link1.dae", "link1.obj"))
    assert volume(MujocoPlant(str(path), actuators="motors")) == pytest.approx(1e-3 / 6)


def test_a_robot_that_floats_is_said_and_the_advice_works(caplog):
    free = """<mujoco><worldbody><body name="torso"><freejoint/><geom size=".1"/><body pos="0 0 .2"><joint name="hip"/>
    <geom size=".05" pos=".1 0 0"/></body></body></worldbody><actuator><motor joint="hip"/></actuator></mujoco>"""
    plant = MujocoPlant(free, mode=ideomotor.make("joint-position"))
    assert "floats: no command moves the free joint of its base 'torso'" in caplog.text
    assert plant.observe(plant.step(plant.default_state(), np.zeros(1), 0.5))["tip"][2] < -0.5
    caplog.clear()
    plant = MujocoPlant(free.replace("<freejoint/>", ""), mode=ideomotor.make("joint-position"))
    assert not caplog.text
    assert plant.observe(plant.step(plant.default_state(), np.zeros(1), 0.5))["tip"][2] == pytest.approx(0.2)
    # A thing that lies about is no base.
    MujocoPlant(
        free.replace("<freejoint/>", ""),
        mode=ideomotor.make("joint-position"),
        scene=[
            '<mujoco><worldbody><body name="ball"><freejoint/><geom size=".1"/></body></worldbody></mujoco>'
        ],
    )
    assert not caplog.text


def test_a_model_nested_without_end_is_refused():
    with pytest.raises(DataError, match="nested too deeply"):
        MujocoPlant("<robot>" + "<a>" * 20000 + "</a>" * 20000 + "</robot>")


def test_xacro_is_expanded_by_its_library(workspace, monkeypatch):
    """By a stand-in with the library's two calls, so that the test needs no package; the real one is tried where it is installed."""
    path = workspace(name="r.urdf.xacro")

    class XacroDoc:
        @classmethod
        def from_file(cls, path, resolve_packages):
            made = cls()
            made.text = Path(path).read_text() if not resolve_packages else ""
            return made

        def to_urdf_string(self):
            return self.text

    monkeypatch.setitem(sys.modules, "xacrodoc", types.SimpleNamespace(XacroDoc=XacroDoc))
    assert MujocoPlant(str(path), actuators="motors").robot.joints == ("j1",)


def test_the_real_xacro_library(workspace):
    pytest.importorskip("xacrodoc")
    path = workspace(name="r.urdf.xacro")
    path.write_text(
        path.read_text()
        .replace(
            '<robot name="r">',
            '<robot name="r" xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:property name="m" value="2"/>',
        )
        .replace('value="1"', 'value="${2*m}"')
    )
    assert MujocoPlant(str(path), actuators="motors", tip="l1").mj_model.body("l1").mass[0] == 4


def test_robots_by_name_from_a_copy_of_the_menagerie(links, tmp_path, monkeypatch):
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    folder = tmp_path / "two_links"
    folder.mkdir()
    (folder / "arm.xml").write_text(links())
    (folder / "mjx_arm.xml").write_text(links(h=0.004))
    (folder / "scene.xml").write_text('<mujoco><include file="arm.xml"/></mujoco>')
    assert MujocoPlant("menagerie:two_links").mj_model.opt.timestep == 0.001
    assert MujocoPlant("menagerie:two_links/mjx_arm").mj_model.opt.timestep == 0.004
    (folder / "scene.xml").unlink()
    shutil.copy(folder / "arm.xml", folder / "hand.xml")
    with pytest.raises(
        DataError, match=r"has several files; name one: menagerie:two_links/arm, menagerie:two_links/hand"
    ):
        MujocoPlant("menagerie:two_links")
    with pytest.raises(DataError, match=r"no robot 'two_link'\. Did you mean 'two_links'"):
        MujocoPlant("menagerie:two_link")
    with pytest.raises(DataError, match=r"no file arms\.xml\. Did you mean 'arm'"):
        MujocoPlant("menagerie:two_links/arms")
    monkeypatch.delenv("MENAGERIE_ROOT")
    monkeypatch.setitem(sys.modules, "mujoco_menagerie", None)
    with pytest.raises(DataError, match=r"pip install mujoco-menagerie, or set MENAGERIE_ROOT"):
        MujocoPlant("menagerie:two_links")
    monkeypatch.setitem(sys.modules, "robot_descriptions", None)
    with pytest.raises(DataError, match=r"pip install robot_descriptions"):
        MujocoPlant("robot-descriptions:panda_mj_description")
