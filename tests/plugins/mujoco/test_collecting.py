"""What is kept of the picks, how a collection survives what stops it, and how placed grasps start."""

import collections
import errno
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import ideomotor
from ideomotor.errors import DataError

pytest.importorskip("mujoco")

from ideomotor_mujoco.grasping import GraspObject, Job, PickingScene, WristPlacement, collect

JOB = Job("tin can", 1, 150, 0, wanted=10)


@pytest.fixture(scope="module")
def scene():
    """The object of the job, as it was collected."""
    return PickingScene(
        GraspObject(JOB.family, JOB.instance).settled(seed=JOB.seed), ideomotor.make("three-finger-hand")
    )


@pytest.fixture(scope="module")
def kept():
    """Its grasps."""
    return JOB.collect()


def test_what_is_kept_replays_to_the_same_bits(scene, kept):
    arrays, reasons = kept
    assert len(arrays["wrist"]) == JOB.wanted == reasons["held"]
    for i in range(JOB.wanted):
        pick = scene.pick(arrays["wrist"][i], arrays["preshape"][i])
        assert pick.held
        np.testing.assert_array_equal(pick.contacts, arrays["contacts"][i])
        np.testing.assert_array_equal(pick.normals, arrays["normals"][i])


def test_a_collection_is_the_same_each_time(kept):
    again = JOB.collect()
    assert again[1] == kept[1]
    for name, array in kept[0].items():
        np.testing.assert_array_equal(again[0][name], array)


def test_the_camera_looks_at_the_object_and_not_at_the_answer(kept):
    """A picture aimed at the contacts would have their mean at one place, however the object is grasped."""
    rows = kept[0]
    middle = np.append(GraspObject(JOB.family, JOB.instance).placed(rows["object"]).middle, 1.0)
    seen = [np.linalg.inv(camera) @ middle for camera in rows["camera"]]
    np.testing.assert_allclose(seen, np.tile([0, 0, -0.3, 1], (len(seen), 1)), atol=1e-9)
    contacts = [
        np.linalg.inv(pose)[:3] @ [*c.mean(0), 1]
        for pose, c in zip(rows["camera"], rows["contacts"], strict=True)
    ]
    assert np.std(contacts, axis=0).max() > 0.002


def test_what_is_kept_holds_when_the_palm_is_a_little_elsewhere(scene, kept):
    random = np.random.default_rng(7)
    held = []
    for wrist, shape in zip(kept[0]["wrist"], kept[0]["preshape"], strict=True):
        shift = random.normal(size=3)
        turned = Rotation.from_euler("z", 0.02) * Rotation.from_quat(wrist[3:], scalar_first=True)
        place = wrist[:3] + 0.002 * shift / np.linalg.norm(shift)
        held.append(scene.pick([*place, *turned.as_quat(scalar_first=True)], shape).held)
    assert np.mean(held) >= 0.8


def test_grasps_that_a_nudge_undoes_are_counted_and_left_out():
    """Without variation the same grasps are tried whatever the repeats are, so that repeats only take some away."""
    every, once = Job("tin can", 1, 150, 0, repeats=0, varied=0.0).collect()
    steady, twice = Job("tin can", 1, 150, 0, repeats=3, varied=0.0).collect()
    assert 0 < twice["held"] < once["held"] and twice["unsteady"] == once["held"] - twice["held"]
    known = {wrist.tobytes() for wrist in every["wrist"]}
    assert all(wrist.tobytes() in known for wrist in steady["wrist"])


def test_a_killed_collection_goes_on_without_loss_or_doubling(tmp_path):
    program = """
import os, signal, sys
from ideomotor_mujoco.grasping import Job, collect

done = []

def report(family, reasons, successes):
    done.append(family)
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

collect([Job("tin can", i, 40, 0) for i in range(1, 9)], sys.argv[1], report=report)
"""
    process = subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    assert process.returncode == -signal.SIGKILL
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.npz")}
    assert len(before) == 2
    jobs = [Job("tin can", i, 40, 0) for i in range(1, 9)]
    total = collect(jobs, tmp_path)
    assert {path.name for path in tmp_path.glob("*.npz")} == {f"{job.name}.npz" for job in jobs}
    assert all((tmp_path / name).read_bytes() == data for name, data in before.items())
    held = 0
    for job in jobs:
        with np.load(tmp_path / f"{job.name}.npz", allow_pickle=False) as arrays:
            held += len(arrays.get("wrist", ()))
    assert held == total["held"]
    through = jobs[-1].collect()[0]
    with np.load(tmp_path / f"{jobs[-1].name}.npz", allow_pickle=False) as arrays:
        for name, array in through.items():
            np.testing.assert_array_equal(arrays[name], array)


def test_a_full_disk_leaves_what_was_collected_and_says_so(tmp_path, monkeypatch):
    jobs = [Job("tin can", i, 20, 0) for i in (1, 2)]
    collect(jobs[:1], tmp_path)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("ideomotor_mujoco.grasping._collect.write_bytes", full)
        with pytest.raises(DataError, match=r"'tin can' cannot be written.*No space left.*again to continue"):
            collect(jobs, tmp_path)
    assert [path.name for path in tmp_path.glob("*.npz")] == ["tin-can-001-000.npz"]
    np.load(tmp_path / "tin-can-001-000.npz", allow_pickle=False).close()
    assert sum(collect(jobs, tmp_path).values()) == 40


def test_grasps_of_another_hand_or_selection_do_not_mix(tmp_path):
    collect([Job("tin can", 1, 5, 0)], tmp_path)
    for other in (
        Job("tin can", 2, 5, 0, hand=ideomotor.make("parallel-jaw")),
        Job("tin can", 2, 5, 0, repeats=0),
        Job("tin can", 2, 5, 0, aim="contacts"),
    ):
        with pytest.raises(DataError, match="another hand, physics, camera or selection"):
            collect([other], tmp_path)
    assert json.loads((tmp_path / "header.json").read_text())["selection"] == {
        "repeats": 2,
        "varied": 0.5,
        "aim": "object",
    }


def test_a_stalled_finger_pushes_with_its_force_and_resists_more(scene):
    model = scene.model
    ids = [model.actuator(name).id for name in scene.hand.closing]
    np.testing.assert_allclose(model.actuator_forcerange[ids, 1], 5.0)
    np.testing.assert_allclose(scene.lead * model.actuator_gainprm[ids, 0], 2.0)
    assert np.all(PickingScene(scene.thing, ideomotor.make("parallel-jaw")).lead > 0)


def test_true_grasps_start_free_of_collisions_and_hold(scene, kept):
    arrays = kept[0]
    placement = WristPlacement(scene.hand)
    approach = np.stack([scene.forward(wrist) for wrist in arrays["wrist"]])
    found = placement(arrays["contacts"], arrays["normals"], approach)
    reasons: collections.Counter[str] = collections.Counter()
    for i in range(JOB.wanted):
        ways = [part[i] for part in found]
        start = scene.choose(*ways)
        assert start is not None and scene.clear(start.wrist, start.shape)
        reasons[scene.pick_placed(*ways).reason] += 1
    assert reasons["held"] >= 0.8 * JOB.wanted


def test_a_palm_inside_the_object_backs_off_or_gives_up(scene, kept):
    wrist, shape = kept[0]["wrist"][0], kept[0]["preshape"][0]
    clear = scene.choose(wrist[None], shape[None], np.zeros(1))
    assert clear is not None
    inside = np.array(wrist)
    inside[:3] = scene.thing.pose[:3] - 0.08 * scene.forward(wrist) + [0, 0, 0.05]
    assert scene.choose(inside[None], shape[None], np.zeros(1)) is None
    assert scene.pick_placed(inside[None], shape[None], np.zeros(1)).reason == "start collision"
    assert scene.pick_placed(wrist[None], shape[None], np.full(1, 0.1)).reason == "missed"
