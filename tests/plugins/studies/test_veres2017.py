"""The grasping study: which objects, what becomes of a collection, and the tables. Training is tested with the networks."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("mujoco")

from ideomotor.errors import DataError  # noqa: E402
from ideomotor_mujoco.grasping import WristPlacement, collect, to_world  # noqa: E402
from ideomotor_studies.veres2017 import PRESETS, gather, jobs  # noqa: E402
from ideomotor_studies.veres2017._judge import baselines, lift  # noqa: E402
from ideomotor_studies.veres2017._models import KINDS, constant_likelihood  # noqa: E402
from ideomotor_studies.veres2017._report import table_1, table_2, table_3  # noqa: E402

SMALL = dataclasses.replace(PRESETS["tiny"], families=1, unseen=1, instances=1, trials=80)


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
    assert grasps.observations.shape == (len(grasps), SMALL.pixels, SMALL.pixels, 5)
    np.testing.assert_allclose(np.linalg.norm(grasps.normals, axis=-1), 1.0, atol=1e-5)
    job = grasps.names[0]
    with np.load(folder / f"{job.name}.npz", allow_pickle=False) as arrays:
        world = to_world(grasps.frames[0], {"contacts": grasps.contacts[0], "normals": grasps.normals[0]})
        np.testing.assert_allclose(world["contacts"], arrays["contacts"][0], atol=1e-6)
    # An apple is small: its grasps lie within a few centimetres of the middle of its pixels.
    assert np.abs(grasps.contacts).max() < 0.12


def test_true_grasps_lift_more_often_than_random_ones(sets):
    grasps = sets["different"]
    found = baselines(sets["training"], grasps)
    placement = WristPlacement(ways=2, grid=5, steps=12)
    held = {name: lift(grasps, found[name], placement)["held"] for name in ("true", "constant")}
    assert held["true"] > held["constant"]
    assert sum(lift(grasps, found["random, first of ten"], placement).values()) == len(grasps)


def test_the_constant_predictor_has_the_entropy_of_its_deviations(sets):
    grasps = sets["different"]
    # Of its own data: every scaled number has variance one, so that 18 numbers cost 9 (1 + log 2π) nats.
    assert abs(constant_likelihood(grasps, grasps) - 9 * (1 + np.log(2 * np.pi))) < 1e-3


def test_tables_show_ours_beside_the_papers():
    one = {"nll": 12.0, "mean": {"held": 0.4}, "one sample": {"held": 0.5}, "first of ten": {"held": 0.7}}
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
    assert "| training | 3 | 40 | 161, 42351 |" in table_1(found)
    assert "| R-CVAE | 12.000 ± 0.00 | 12.000 ± 0.00 | 12.511 / 13.514 |" in table_2(found)
    text = table_3(found)
    assert "| CVAE | mean | 0.400 ± 0.00 | 0.400 ± 0.00 | 0.347 / 0.295 |" in text
    assert "| baseline | true | 0.900 | 0.900 | |" in text
    assert all(line.count("|") == text.splitlines()[2].count("|") for line in text.splitlines()[2:])


def test_bad_input_is_refused_in_one_sentence(folder, tmp_path):
    with pytest.raises(DataError, match="ideomotor grasp collect"):
        gather(tmp_path, jobs(SMALL)["training"], SMALL)
    with pytest.raises(DataError, match="cannot be shrunk to 24"):
        gather(folder, jobs(SMALL)["different"], dataclasses.replace(SMALL, pixels=24))
