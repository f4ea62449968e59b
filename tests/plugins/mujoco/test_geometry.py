"""Shapes and poses for viewers, against MuJoCo's own numbers and closed forms."""

import numpy as np
import pytest

mujoco = pytest.importorskip("mujoco")

from scipy.spatial.transform import Rotation  # noqa: E402

import ideomotor  # noqa: E402
from ideomotor.errors import DataError  # noqa: E402
from ideomotor_mujoco import MujocoPlant, lwr4  # noqa: E402
from ideomotor_mujoco.grasping import GraspObject, PickingScene, to_frame  # noqa: E402


def test_the_flange_is_where_denavit_and_hartenberg_have_it(denavit_hartenberg):
    robot = lwr4()
    random = np.random.default_rng(0)
    angles = random.uniform(-1.5, 1.5, (5, 7))
    poses = robot.poses(np.stack([robot.at_joints(q) for q in angles]))
    assert poses.shape == (5, robot.mj_model.nbody - 1, 7)
    site = robot.mj_model.site("flange")
    body = int(site.bodyid[0]) - 1
    for q, pose in zip(angles, poses[:, body], strict=True):
        turn = Rotation.from_quat(pose[[4, 5, 6, 3]])
        flange = pose[:3] + turn.apply(site.pos)
        np.testing.assert_allclose(flange, denavit_hartenberg(q)[:3, 3], atol=1e-9)


def test_shapes_lie_where_mujoco_draws_them():
    scene = PickingScene(GraspObject("mug", 2).settled())
    plant = MujocoPlant(scene, mode=ideomotor.make("actuators", mocap=True))
    state = plant.default_state()
    data, model = plant.data(state), plant.mj_model
    shapes, poses = plant.shapes(), plant.poses(state)
    shown = [i for i in range(model.ngeom) if model.geom_group[i] <= 2]
    assert len(shapes) == len(shown) and {s["kind"] for s in shapes} >= {
        "mesh",
        "capsule",
        "plane",
        "cylinder",
    }
    for i, shape in zip(shown, shapes, strict=True):
        body = poses[shape["body"]] if shape["body"] >= 0 else np.array([0, 0, 0, 1.0, 0, 0, 0])
        turn = Rotation.from_quat(body[[4, 5, 6, 3]])
        np.testing.assert_allclose(body[:3] + turn.apply(shape["pose"][:3]), data.geom_xpos[i], atol=1e-9)
        if shape["kind"] == "mesh":
            assert shape["faces"].max() < len(shape["vertices"]) and shape["faces"].min() == 0
            # In the geom's own axes the corners reach as far as MuJoCo's bounding sphere says.
            reach = np.linalg.norm(shape["vertices"], axis=1).max()
            assert reach <= model.geom_rbound[i] + 1e-6


def test_a_grasp_is_seen_with_its_tips_at_its_contacts_and_tried():
    """A pick that MuJoCo has held, written in the object's frame, is placed back within millimetres and tried."""
    stage = ideomotor.make("grasp-stage")
    picking = stage.picking
    tried = (picking.pick(w, s) for w, s in zip(*picking.candidates(400, 0), strict=True))
    pick = next(p for p in tried if p.held)
    grasp = to_frame(stage.frame, pick.contacts, pick.normals)
    np.testing.assert_allclose(stage.marks(grasp)["contacts"], pick.contacts, atol=1e-9)
    poses = stage.poses(grasp)
    names = [picking.model.body(i + 1).name for i in range(len(poses))]
    for tip, contact in zip(("distal 1", "distal 2", "distal 3"), pick.contacts, strict=True):
        # The finger's last joint is at most its length and radius (50 mm) from where it touches.
        assert np.linalg.norm(poses[names.index(tip), :3] - contact) < 0.06
    result = stage.simulate(grasp)
    assert set(result) == {"text", "success", "ts", "poses"} and np.isfinite(result["poses"]).all()
    assert len(result["ts"]) == len(result["poses"]) > 20
    assert result["ts"][0] == 0 and np.diff(result["ts"]).min() > 0 and np.diff(result["ts"]).max() < 0.03
    lifted = result["poses"][-1, names.index("object"), 2] - result["poses"][0, names.index("object"), 2]
    assert result["success"] == (lifted > 0.2)
    assert stage.observation(32).shape == (32, 32, 5) and stage.observation(32)[..., 4].max() == 1


def test_what_is_no_grasp_is_refused():
    stage = ideomotor.make("grasp-stage")
    with pytest.raises(DataError, match="dictionary of contacts and normals"):
        stage.poses({"contacts": np.zeros((3, 3))})
    with pytest.raises(DataError, match="cannot be shrunk to 7"):
        stage.observation(7)
    with pytest.raises(DataError, match="approach must be a direction"):
        ideomotor.make("grasp-stage", approach=(0.0, 0.0, 0.0))
