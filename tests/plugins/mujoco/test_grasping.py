"""Hands, objects, picks, pictures and wrist placement."""

import collections

import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError

mujoco = pytest.importorskip("mujoco")

from ideomotor_mujoco.grasping import (  # noqa: E402
    TRAINING,
    UNSEEN,
    Camera,
    GraspObject,
    Hand,
    Job,
    PickingScene,
    Settings,
    WristPlacement,
    collect,
    to_frame,
    to_world,
)

# What a placement rests on, without a public face.
from ideomotor_mujoco.grasping._chain import TipKinematics  # noqa: E402


@pytest.fixture(scope="module")
def hand():
    """The three-finger hand."""
    return ideomotor.make("three-finger-hand")


@pytest.fixture(scope="module")
def scene(hand):
    """The hand and a tin can."""
    return PickingScene(GraspObject("tin can", 1).settled(), hand)


@pytest.fixture(scope="module")
def picks(scene):
    """A hundred trials on the can."""
    wrists, shapes = scene.candidates(100, seed=0)
    return [scene.pick(wrist, shape) for wrist, shape in zip(wrists, shapes, strict=True)]


def test_twenty_families_to_learn_from_and_fifty_three_others():
    assert len(TRAINING) == 20 and len(UNSEEN) == 53 and not set(TRAINING) & set(UNSEEN)


@pytest.mark.parametrize("family", [*TRAINING, *UNSEEN])
def test_every_family_stands_on_the_table_and_fits_the_hand(family):
    for instance in (0, 1):
        points = np.vstack(GraspObject(family, instance).parts)
        sides = np.sort(np.ptp(points, axis=0))
        assert abs(points[:, 2].min()) < 1e-9
        assert sides[0] > 0.015 and sides[1] < 0.2 and sides[2] < 0.35


def test_an_object_comes_to_rest_and_weighs_what_it_should():
    thing = GraspObject("mug", 2).settled(seed=3)
    model = thing.spec().compile()
    np.testing.assert_allclose(model.body("object").mass, 1.0)
    again = thing.settled()
    assert np.linalg.norm(np.array(again.pose[:3]) - thing.pose[:3]) < 2e-3


def test_the_finger_tips_are_where_the_published_numbers_put_them(hand):
    """The outermost point of finger 3 in the palm's axes (mm), for a proximal angle: Barrett BH8-280."""
    kinematics = TipKinematics(hand)
    for degrees, y, z in ((0, 157, 112), (45, 87, 176), (90, -1, 160), (120, -34, 115), (140, -38, 80)):
        inner, outer = np.asarray(kinematics.tips(jnp.array([0.0, 0.0, 0.0, np.radians(degrees)])))[2]
        tip = outer + kinematics.radius[2] * (outer - inner) / np.linalg.norm(outer - inner)
        np.testing.assert_allclose(1e3 * tip, [0, y, z], atol=1.5)


def test_kinematics_agree_with_the_simulator(scene):
    kinematics = TipKinematics(scene.hand)
    shape = np.array([0.7, 0.4, 0.9, 1.3])
    scene.place(np.array([0, 0, 0.6, 1, 0, 0, 0.0]), shape)
    ends = np.asarray(kinematics.tips(jnp.asarray(shape)))
    for name, (inner, outer) in zip(scene.hand.tips, ends, strict=True):
        geom = scene.data.geom(name)
        np.testing.assert_allclose(geom.xpos - [0, 0, 0.6], (inner + outer) / 2, atol=1e-6)
        axis = np.abs(geom.xmat.reshape(3, 3)[:, 2] @ (outer - inner))
        np.testing.assert_allclose(axis, np.linalg.norm(outer - inner), atol=1e-6)


def test_the_wrist_stays_where_it_is_put(scene):
    wrist = np.array([0, 0, 0.5, 1, 0, 0, 0.0])
    scene.place(wrist, np.zeros(4))
    mujoco.mj_step(scene.model, scene.data, 300)
    assert np.linalg.norm(scene.data.joint("wrist").qpos[:3] - wrist[:3]) < 5e-4


def test_some_picks_hold_and_every_failure_has_a_reason(picks):
    reasons = collections.Counter(pick.reason for pick in picks)
    assert reasons["held"] >= 5 and reasons["start collision"] >= 10
    assert reasons["diverged"] == 0
    for pick in picks:
        if pick.held:
            np.testing.assert_allclose(np.linalg.norm(pick.normals, axis=1), 1.0, atol=1e-9)
            # A can is round: normals of its side point away from its axis.
            assert np.all(np.abs(pick.contacts[:, :2]).max(1) < 0.06)


def test_a_replay_is_bit_equal(scene, picks):
    for pick in [p for p in picks if p.held][:3]:
        again = scene.pick(pick.wrist, pick.preshape)
        assert again.reason == "held"
        np.testing.assert_array_equal(again.contacts, pick.contacts)
        np.testing.assert_array_equal(again.normals, pick.normals)


def test_a_gripper_with_two_fingers_picks_too():
    scene = PickingScene(GraspObject("milk carton").settled(), ideomotor.make("parallel-jaw"))
    wrists, shapes = scene.candidates(80, seed=1)
    made = [scene.pick(wrist, shape) for wrist, shape in zip(wrists, shapes, strict=True)]
    held = [pick for pick in made if pick.held]
    assert held and held[0].contacts.shape == (2, 3)


def test_the_placement_reaches_the_contacts_and_its_grasps_hold(scene, picks):
    held = [pick for pick in picks if pick.held]
    place = WristPlacement(scene.hand, count=4)
    found = place(
        np.stack([p.contacts for p in held]),
        np.stack([p.normals for p in held]),
        np.stack([_forward(p.wrist[3:]) for p in held]),
    )
    assert np.median(found.error[:, 0]) < 1e-3
    assert np.all(np.diff(found.error > 0.004, axis=1) >= 0)  # placements that miss come last
    # Most of what held once holds again from its 18 numbers alone; not all do: some hung by a thread.
    again = [scene.pick_placed(*(part[i] for part in found)).held for i in range(len(held))]
    assert np.mean(again) > 0.6


def _forward(quaternion):
    forward = np.empty(3)
    mujoco.mju_rotVecQuat(forward, np.array([0.0, 0.0, 1.0]), quaternion)
    return forward


def test_kabsch_against_scipy():
    from scipy.spatial.transform import Rotation

    from ideomotor_mujoco.grasping._placement import (
        _kabsch,  # the placement's first guess, refined afterwards
    )

    random = np.random.default_rng(0)
    points, weights = (
        random.normal(size=(4, 3)).astype(np.float32),
        np.array([1.0, 2.0, 0.5, 1.0], np.float32),
    )
    truth = Rotation.random(random_state=1)
    aim = points @ truth.as_matrix().T + [0.1, -0.2, 0.3] + 0.05 * random.normal(size=(4, 3))
    rotation, place, _ = _kabsch(points, aim.astype(np.float32), weights)
    p0, a0 = weights @ points / weights.sum(), weights @ aim / weights.sum()
    wanted, _ = Rotation.align_vectors(aim - a0, points - p0, weights=weights)
    np.testing.assert_allclose(rotation, wanted.as_matrix(), atol=1e-5)
    np.testing.assert_allclose(place, a0 - wanted.apply(p0), atol=1e-5)


def test_the_camera_sees_the_object_at_its_distance():
    thing = GraspObject("orange").settled()
    model, data = thing.on_table()
    centre = np.array(thing.pose[:3]) + [0, 0, 0.037]
    view = Camera().capture(model, data, centre, np.array([1.0, 0.0, 0.0]))
    assert view.observation.shape == (64, 64, 5)
    assert view.mask[32, 32] and not view.mask[0, 0]
    np.testing.assert_allclose(view.depth[32, 32], 0.3 - 0.038, atol=2e-3)  # the near side of a ball
    # Its width in pixels, by the pinhole: focal length 68.6 px.
    np.testing.assert_allclose(view.mask[32].sum(), 68.6 * 0.076 / 0.3, atol=2)


@pytest.mark.parametrize("axes", ["principal", "camera"])
def test_the_objects_frame_is_a_rotation_on_the_surface_and_turns_with_the_object(axes):
    thing = GraspObject("beer bottle").settled()
    model, data = thing.on_table()
    target = np.array([0, 0, 0.1])
    view = Camera().capture(model, data, target, np.array([0.9, 0.3, -0.3]))
    frame = Camera().object_frame(view, axes)
    rotation = frame[:3, :3]
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) > 0.99
    assert np.linalg.norm(frame[:3, 3] - target) < 0.08
    assert rotation[:, 2] @ [0, 0, 1] > 0.9  # the long axis of a standing bottle
    contacts, normals = np.random.default_rng(0).normal(size=(2, 3, 3))
    back = to_world(frame, to_frame(frame, contacts, normals))
    np.testing.assert_allclose(back["contacts"], contacts, atol=1e-12)
    np.testing.assert_allclose(back["normals"], normals, atol=1e-12)


def test_noise_of_the_camera_has_the_published_size():
    model, data = GraspObject("cereal box").settled().on_table()
    look = {
        "model": model,
        "data": data,
        "target": np.array([0, 0, 0.09]),
        "forward": np.array([0.0, 1.0, 0.0]),
    }
    clean = Camera().capture(**look)
    noisy = Camera(noise=1.0).capture(**look, random=np.random.default_rng(1))
    apart = (noisy.depth - clean.depth)[clean.mask]
    assert abs(np.std(apart) / 0.0012 - 1) < 0.15  # at 0.28 m, seen squarely


def test_a_collection_goes_on_where_it_was_killed(tmp_path):
    jobs = [Job("tin can", i, 30, 0) for i in (1, 2)]
    total = collect(jobs[:1], tmp_path)
    first = (tmp_path / "tin-can-001-000.npz").read_bytes()
    both = collect(jobs, tmp_path)
    assert sum(total.values()) == 30 and sum(both.values()) == 60
    assert (tmp_path / "tin-can-001-000.npz").read_bytes() == first
    with np.load(tmp_path / "tin-can-002-000.npz", allow_pickle=False) as arrays:
        assert "object" in arrays and len(arrays.get("rgb", ())) == len(arrays.get("wrist", ()))
    with pytest.raises(DataError, match="another hand, physics, camera or selection"):
        collect([Job("tin can", 1, 30, 0, settings=Settings(friction=0.4))], tmp_path)


def test_bad_input_is_refused_in_one_sentence(hand):
    with pytest.raises(DataError, match=r"no family 'mugg'.*mug"):
        GraspObject("mugg")
    with pytest.raises(DataError, match="mass of 'mug' must be positive"):
        GraspObject("mug", mass=0.0)
    with pytest.raises(DataError, match="names no finger tips"):
        Hand(hand.model, "palm", "grasp", (), (), (), ((0.0,) * 4,))
    with pytest.raises(DataError, match="has no geom or body 'thumb'"):
        Hand(hand.model, "palm", "grasp", ("thumb",), ("finger 1",), (2.0,), ((0.0,) * 4,))
    model, data = GraspObject("mug").settled().on_table()
    away = Camera().capture(model, data, np.array([2.0, 0, 0]), np.array([0.0, 1.0, -0.2]))
    with pytest.raises(DataError, match="no object in the picture"):
        Camera().object_frame(away)
    with pytest.raises(DataError, match="within 1 mm of each other"):
        WristPlacement(hand)(np.full((3, 3), 0.05), np.eye(3))
    with pytest.raises(DataError, match="shape"):
        WristPlacement(hand)(np.zeros((2, 3)), np.zeros((2, 3)))
