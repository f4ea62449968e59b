"""The grasping study: which objects, what becomes of a collection, and the tables. Training is tested with the networks."""

import dataclasses
import shutil

import numpy as np
import pytest

pytest.importorskip("mujoco")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from ideomotor.errors import CheckpointError, DataError, IdeomotorError  # noqa: E402
from ideomotor_mujoco.grasping import View, WristPlacement, collect, to_frame, to_world  # noqa: E402

# Stages of the study have no public face of their own, and the smallest preset takes minutes.
from ideomotor_studies.veres2017._data import collect_all, digest, gather, jobs, yield_table  # noqa: E402
from ideomotor_studies.veres2017._judge import BRIEF, TRIES, baselines, lift, propose  # noqa: E402
from ideomotor_studies.veres2017._models import (
    KINDS,
    GraspModel,
    build,
    constant_likelihood,
    load_grasp_model,
    save_grasp_model,
)  # noqa: E402
from ideomotor_studies.veres2017._report import summary, table_1, table_2, table_3  # noqa: E402
from ideomotor_studies.veres2017._settings import PRESETS  # noqa: E402
from ideomotor_studies.veres2017._study import _baselines, _lifted  # noqa: E402

# Aimed at the contacts: aimed at the object, the mean of the grasps of this one toaster lifts it as often as they do.
SMALL = dataclasses.replace(PRESETS["tiny"], families=1, unseen=1, instances=1, trials=80, aim="contacts")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A collection of a toaster, another toaster and an apple."""
    folder = tmp_path_factory.mktemp("grasps")
    collect([job for wanted in jobs(SMALL).values() for job in wanted], folder)
    return folder


@pytest.fixture(scope="module")
def sets(folder):
    """Its three sets."""
    return {name: gather(folder, wanted, SMALL) for name, wanted in jobs(SMALL).items()}


def test_the_sets_have_the_papers_numbers_of_objects():
    objects = {n: {(j.family, j.instance) for j in wanted} for n, wanted in jobs(PRESETS["paper"]).items()}
    assert {name: len(found) for name, found in objects.items()} == {
        "training": 161,
        "similar": 20,
        "different": 53,
    }
    assert not objects["training"] & objects["similar"]
    assert not {f for f, _ in objects["training"]} & {f for f, _ in objects["different"]}


def test_a_collection_becomes_arrays_in_the_objects_frame(folder, sets):
    grasps = sets["different"]
    assert len(grasps) > 0
    assert grasps.observations.shape == (len(grasps), SMALL.pixels, SMALL.pixels, 3)
    np.testing.assert_allclose(np.linalg.norm(grasps.normals, axis=-1), 1.0, atol=1e-5)
    job = grasps.names[0]
    with np.load(folder / f"{job.name}.npz", allow_pickle=False) as arrays:
        world = to_world(grasps.frames[0], {"contacts": grasps.contacts[0], "normals": grasps.normals[0]})
        np.testing.assert_allclose(world["contacts"], arrays["contacts"][0], atol=1e-6)
    # An apple is small: its grasps lie within a few centimetres of the middle of its pixels.
    assert np.abs(grasps.contacts).max() < 0.12


def test_the_card_counts_what_the_files_hold_and_its_hash_sees_every_change(folder, sets, tmp_path):
    lines = [line.split(" | ") for line in yield_table(folder).splitlines()[2:]]
    held = {line[0].strip("| "): int(line[2]) for line in lines}
    assert held["toaster"] == len(sets["training"]) + len(sets["similar"])
    assert held["all"] == sum(len(grasps) for grasps in sets.values())
    shutil.copytree(folder, tmp_path / "copy")
    before = digest(tmp_path / "copy")
    assert before == digest(folder)
    path = next((tmp_path / "copy").glob("apple*.npz"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert digest(tmp_path / "copy") != before


def test_a_mirror_turns_grasps_into_those_of_the_mirrored_picture(folder):
    """An oracle from outside: the frame and the grasp of a mirrored picture, computed from that picture itself."""
    job = jobs(SMALL)["different"][0]
    grasps = gather(folder, [job], SMALL)
    mirrored = grasps.mirrored()
    with np.load(folder / f"{job.name}.npz", allow_pickle=False) as arrays:
        found = {name: arrays[name][0] for name in ("rgb", "depth", "mask", "camera", "contacts", "normals")}
    across = np.diag([-1.0, 1.0, 1.0])  # left and right exchanged in the camera's axes
    rotation, eye = found["camera"][:3, :3], found["camera"][:3, 3]
    view = View(*(found[n][:, ::-1] for n in ("rgb", "depth", "mask")), found["camera"])
    frame = job.camera.object_frame(view, "camera")
    contacts = (found["contacts"] - eye) @ rotation @ across @ rotation.T + eye
    normals = found["normals"] @ rotation @ across @ rotation.T
    expected = to_frame(frame, contacts[[1, 0, 2]], normals[[1, 0, 2]])
    # The nearest pixel to the middle of an even number of pixels may be its neighbour in the mirror: 4 mm at most.
    np.testing.assert_allclose(mirrored.contacts[0], expected["contacts"], atol=5e-3)
    np.testing.assert_allclose(mirrored.normals[0], expected["normals"], atol=1e-5)
    np.testing.assert_array_equal(mirrored.observations[0], grasps.observations[0][:, ::-1])
    again = mirrored.mirrored()
    np.testing.assert_array_equal(again.contacts, grasps.contacts)


def test_a_grasp_model_comes_back_and_answers_in_the_world(folder, sets, tmp_path):
    grasps = sets["different"]
    network = build("R-CVAE", SMALL, 3, 0).with_scaling(
        sets["training"].params, sets["training"].observations
    )
    job = grasps.names[0]
    model = GraspModel(network, SMALL.frame, SMALL.pixels, SMALL.colours, job.camera, "0123")
    save_grasp_model(model, tmp_path / "grasp", metrics={"similar": 0.5}, card="Untrained.")
    loaded = load_grasp_model(tmp_path / "grasp")
    assert dataclasses.replace(loaded, perception=None) == dataclasses.replace(model, perception=None)
    with np.load(folder / f"{job.name}.npz", allow_pickle=False) as arrays:
        view = View(
            arrays["rgb"][0], arrays["depth"][0].astype(np.float32), arrays["mask"][0], arrays["camera"][0]
        )
    np.testing.assert_allclose(loaded.observe(view), grasps.observations[0], atol=1e-3)
    found = loaded.grasps(view, jax.random.key(0), 4)
    assert found["contacts"].shape == found["normals"].shape == (4, 3, 3)
    np.testing.assert_allclose(np.linalg.norm(found["normals"], axis=-1), 1.0)
    mean = network.to_params(
        network.point_estimate(network.encode(jnp.asarray(grasps.observations[0], float)))
    )
    middle = to_world(grasps.frames[0], {name: np.asarray(array) for name, array in mean.items()})
    assert np.abs(found["contacts"].mean((0, 1)) - middle["contacts"].mean(0)).max() < 0.1
    with pytest.raises(CheckpointError, match="holds no trained grasp model; .*reproduce veres2017"):
        load_grasp_model(tmp_path)


def test_proposals_are_the_networks_own_and_ten_start_with_the_likeliest(sets):
    grasps = sets["different"]
    network = build("CVAE", SMALL, 3, 1).with_scaling(sets["training"].params, sets["training"].observations)
    ten = propose(network, grasps, "first of ten")
    assert ten["contacts"].shape == (len(grasps), 10, 3, 3)
    assert propose(network, grasps, "mode")["normals"].shape == (len(grasps), 1, 3, 3)
    seen = network.encode(jnp.asarray(grasps.observations[0], float))
    mixture = network.components(seen, jax.random.key(5), 2000)
    density = [
        jax.nn.logsumexp(
            mixture.log_density(network.scaling.to_output({n: a[0, i] for n, a in ten.items()})[None])
        )
        for i in range(10)
    ]
    assert np.mean(density[:5]) > np.mean(density[5:])
    mean = propose(network, grasps, "mean")
    known = network(jnp.asarray(grasps.observations[2], float))
    np.testing.assert_allclose(mean["contacts"][2, 0], known["contacts"], atol=1e-5)


def test_true_grasps_lift_more_often_than_their_mean(sets):
    grasps = sets["similar"]  # a toaster; round things are lifted by the mean too
    found = baselines(sets["training"], grasps)
    placement = WristPlacement(count=2, grid=5, steps=12)
    held = {name: lift(grasps, found[name], placement)["held"] for name in ("true", "constant")}
    assert held["true"] > held["constant"]
    assert lift(grasps, found["constant"], placement, start_check="none")["held"] <= held["constant"]
    assert sum(lift(grasps, found["random, first of ten"], placement).values()) == len(grasps)


def test_what_has_one_answer_is_tried_once_with_each_start_check(sets):
    network = build("CNN", SMALL, 3, 0).with_scaling(sets["training"].params, sets["training"].observations)
    asked = []

    def success(grasps, proposals, start_check):
        asked.append(start_check)
        return {"held": 0.1 * len(asked)}

    found = _lifted(network, sets["different"], TRIES, success)
    assert asked == ["none", "collision", "closing"] and tuple(found) == TRIES
    assert found["first of ten"] == found["mean"] != found["mean, plain"] == found["one sample, plain"]
    first = _baselines(sets["training"], {"similar": sets["similar"]}, 0, success)
    assert first["similar"]["true"] != first["similar"]["true, clear"]


def test_the_constant_predictor_has_the_entropy_of_its_deviations(sets):
    grasps = sets["different"]
    # Of its own data: every scaled number has variance one, so that 18 numbers cost 9 (1 + log 2π) nats.
    assert abs(constant_likelihood(grasps, grasps) - 9 * (1 + np.log(2 * np.pi))) < 1e-3


def test_tables_show_ours_beside_the_papers():
    one = {
        "nll": 12.0,
        "mean, plain": {"held": 0.1},
        "one sample, plain": {"held": 0.3},
        "one sample, clear": {"held": 0.35},
        "mean": {"held": 0.4},
        "mode": {"held": 0.6},
        "one sample": {"held": 0.5},
        "first of ten": {"held": 0.7},
    }
    found = {
        "sizes": {name: {"objects": 3, "grasps": 40} for name in ("training", "similar", "different")},
        "constant": {"similar": 25.5, "different": 27.0},
        "baselines": {name: {"true": {"held": 0.9}} for name in ("similar", "different")},
        "models": [
            {"kind": kind, "size": 40, "seed": s, "similar": one, "different": one}
            for kind in KINDS
            for s in (0, 1)
        ],
    }
    # The CNN's one sample is its mean.
    cnn = one | {"one sample": {"held": 0.4}, "one sample, plain": {"held": 0.1}}
    for model in found["models"]:
        if model["kind"] == "CNN":
            model |= {"similar": cnn, "different": cnn}
    assert "| training | 3 | 40 | 161, 42351 |" in table_1(found)
    assert "| R-CVAE | 12.000 ± 0.00 | 12.000 ± 0.00 | 12.511 / 13.514 |" in table_2(found)
    text = table_3(found)
    assert "| CVAE | mean, plain | 0.100 ± 0.00 | 0.100 ± 0.00 | 0.347 / 0.295 |" in text
    assert "| baseline | true | 0.900 | 0.900 |  |" in text
    assert "0.500 / 0.400, 0.500 / 0.400; 1.25 times" in summary(found)
    assert "plainly: one sample of the R-CVAE / the CNN: 0.300 / 0.100, 0.300 / 0.100; 3.00 times" in summary(
        found
    )
    brief = {name: one[name] for name in ("nll", *BRIEF)}  # what is tried of a smaller training set
    found["models"].append({"kind": "CVAE", "size": 20, "seed": 0, "similar": brief, "different": brief})
    assert "| CVAE | one sample | 0.500 | 0.500 ± 0.00 | 0.500 | 0.500 ± 0.00 |  |" in table_3(found)
    assert "| CVAE | mode | – | 0.600 ± 0.00 | – | 0.600 ± 0.00 |  |" in table_3(found)
    for made in (text, table_3(found)):
        rows = made.splitlines()[5:]
        assert all(row.count("|") == rows[0].count("|") > 4 for row in rows)


def test_a_folder_of_another_collection_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny", dataclasses.replace(SMALL, trials=2))
    out = collect_all(tmp_path / "grasps", preset="tiny", seed=3)
    kept = {path.name: path.read_bytes() for path in out.glob("*.npz")}
    collect_all(out, preset="tiny", seed=3)
    assert len(kept) == 3 and kept == {path.name: path.read_bytes() for path in out.glob("*.npz")}
    for other, said in (
        ({"seed": 4}, "its seed is 3, not 4"),
        ({"preset": "cpu", "seed": 3}, "its preset is tiny, not cpu"),
    ):
        with pytest.raises(IdeomotorError, match=said):
            collect_all(out, **{"preset": "tiny", **other})


def test_bad_input_is_refused_in_one_sentence(folder, tmp_path):
    with pytest.raises(DataError, match="ideomotor grasp collect"):
        gather(tmp_path, jobs(SMALL)["training"], SMALL)
    with pytest.raises(DataError, match="cannot be shrunk to 24"):
        gather(folder, jobs(SMALL)["different"], dataclasses.replace(SMALL, pixels=24))
