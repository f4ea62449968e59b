"""`ideomotor run grasp`: one thing picked up, seen from outside."""

import errno
import os
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from click.testing import CliRunner

import ideomotor
from ideomotor.cli import command
from ideomotor.errors import DataError

pytest.importorskip("mujoco")

from ideomotor_commands import pick_up  # noqa: E402
from ideomotor_commands._grasp_report import report, strip, write_pipeline  # noqa: E402 (what `run grasp` writes)
from ideomotor_commands._grasping import assemble, by_trial, hand_named  # noqa: E402
from ideomotor_mujoco.grasping import GraspObject, PickingTask  # noqa: E402


def run(*arguments):
    """What the command says, and its exit code."""
    result = CliRunner().invoke(command, ["run", "grasp", *map(str, arguments)])
    return " ".join(result.output.split()), result.exit_code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A can picked up by the outline in a picture."""
    folder = tmp_path_factory.mktemp("run") / "can"
    said, code = run("--object", "tin can", "--by", "outline", "--seed", 1, "--out", folder)
    assert code == 0, said
    assert "tin can: held, lifted by 30." in said and "of 10 can be reached" in said
    return folder


def test_the_folder_holds_what_happened(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "movement.gif",
        "observation.npz",
        "picture.png",
        "pipeline.yaml",
        "report.md",
        "trajectory.csv",
        "trajectory.npz",
    }
    text = (folder / "report.md").read_text()
    assert text.startswith("# tin can: held") and "ThreeFinger, 3 finger tips" in text
    from PIL import Image

    with Image.open(folder / "movement.gif") as gif:
        assert gif.n_frames > 60


def test_the_pipeline_and_its_observation_make_the_same_movement_again(folder):
    pipeline = ideomotor.load_pipeline(folder / "pipeline.yaml")
    with np.load(folder / "observation.npz") as arrays, np.load(folder / "trajectory.npz") as made:
        seed = int((folder / "report.md").read_text().split("--seed ")[1].split()[0])
        again = pipeline(dict(arrays), made["ts"], key=jax.random.key(seed))
        np.testing.assert_array_equal(again.xs, made["xs"])


def test_a_trained_network_and_a_mesh_are_written_beside_the_pipeline(tmp_path, monkeypatch):
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("coacd")
    mesh = tmp_path / "block.stl"
    trimesh.creation.box((0.05, 0.06, 0.1)).export(mesh)
    output = {"contacts": (3, 3), "normals": (3, 3)}
    network = ideomotor.make(
        "gaussian-regression", output, (16, 16, 5), ideomotor.make("dense-tower", (4,)), key=jax.random.key(5)
    )
    task = PickingTask(GraspObject(str(mesh), pose=(0, 0, 0.05, 1, 0, 0, 0)))
    perception = ideomotor.make("grasp-perception", network=network)
    pipeline = assemble(task, perception, primitive=ideomotor.make("dmp", dof=12, basis=5))
    seen = perception.default_observation()
    folder = tmp_path / "out"
    folder.mkdir()
    write_pipeline(pipeline, seen, folder)
    mesh.unlink()
    monkeypatch.chdir(folder)
    again = ideomotor.load_pipeline(folder / "pipeline.yaml")
    assert (folder / "block.stl").is_file() and (folder / "observation.npz").is_file()
    np.testing.assert_array_equal(again.perception(seen)[1]["contacts"], perception(seen)[1]["contacts"])


def test_a_grasp_by_trial_is_held_by_the_whole_movement():
    task = PickingTask(GraspObject("jar", 1).settled())
    found = pick_up(task, "trial", seed=1)
    assert found.outcome.reason == "held" and found.outcome.lifted > 0.28
    assert "held" in found.notes[0] and "trial in the simulator" in report(found)
    assert len(strip(found).subfigs) == 2


def test_without_a_network_it_says_so_and_tries():
    said = []
    task = PickingTask(GraspObject("tin can").settled(), ideomotor.make("parallel-jaw"))
    found = pick_up(task, seed=1, say=said.append)
    assert found.outcome.reason == "held" and found.how == "trial in the simulator"
    assert "predicts 3 finger tips, and this hand has 2. So grasps are tried" in said[0]
    with pytest.raises(DataError, match="this hand has 2"):
        pick_up(task, "network")


@pytest.mark.parametrize("colours", [False, True])
def test_the_pipeline_shows_a_trained_network_what_it_was_trained_on(colours):
    from ideomotor_mujoco.grasping import Camera
    from ideomotor_studies.veres2017._models import GraspModel  # what `run grasp` loads

    view = Camera().photograph(GraspObject("teapot").settled(), np.array([0.5, 0.6, -0.5]))
    model = GraspModel(None, "camera", 64, colours, Camera(), "")
    perception = ideomotor.make("grasp-perception", layers=model.layers)
    np.testing.assert_allclose(perception.select(view.observation), model.observe(view), atol=1e-6)


def test_what_cannot_be_held_is_refused():
    task = PickingTask(GraspObject("mug", mass=200.0).settled())
    with pytest.raises(DataError, match=r"None of 12 grasps of mug held \(.*start collision"):
        by_trial(task, trials=12)
    under_the_table = PickingTask(GraspObject("mug", pose=(0, 0, -1.0, 1, 0, 0, 0)))
    with pytest.raises(
        DataError, match=r"mug: no grasp could be reached in 2 views of 1 samples each \(View 2: None"
    ):
        pick_up(under_the_table, "outline", samples=1, views=2)


def test_a_mass_that_the_network_has_not_seen_is_said():
    out_of_reach = (0, 0, -1.0, 1, 0, 0, 0)
    for mass, words in (
        (20.0, ["The network was trained with objects of 1 kg, and this one weighs 20 kg."]),
        (1.0, []),
    ):
        said = []
        with pytest.raises(DataError, match="no grasp could be reached"):
            pick_up(
                PickingTask(GraspObject("mug", mass=mass, pose=out_of_reach)),
                "network",
                samples=1,
                views=1,
                say=said.append,
            )
        assert said == words


def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path):
    out = tmp_path / "out"
    for arguments, words in (
        (("--object", "mugg"), "There is no family 'mugg' of objects. Did you mean 'mug'?"),
        (("--object", tmp_path / "none.stl"), "There is no mesh"),
        (("--hand", "claw"), "There is no hand 'claw'; known are three-finger, parallel-jaw"),
        (("--hand", tmp_path / "claw.yaml"), "claw.yaml cannot be read as YAML"),
    ):
        said, code = run(*arguments, "--out", out)
        assert code != 0 and words in said and not out.exists()
    hand = tmp_path / "hand.yaml"
    for text, words in (
        ("{use: hand, model: none.xml, palm: palm}", "cannot be created from"),
        ("{use: grasp-object}", "describes a GraspObject, and a hand is needed"),
        (
            "{use: hand, model: {use: parallel-jaw-model}, palm: palm, grasp: grasp, tips: [], closing: [left], "
            "closed: [0.05], preshapes: [[0.0, 0.0]]}",
            "names no finger tips",
        ),
    ):
        hand.write_text(text)
        said, code = run("--hand", hand, "--out", out)
        assert code != 0 and words in said and not out.exists()


def test_a_hand_of_ones_own_is_a_model_and_names(tmp_path):
    (tmp_path / "jaw.xml").write_text(
        ideomotor.make("parallel-jaw").model.spec().to_xml().replace("tip 1", "pad")
    )
    (tmp_path / "jaw.yaml").write_text(
        "{use: hand, model: jaw.xml, palm: palm, grasp: grasp, tips: [pad, tip 2], closing: [left, right], "
        "closed: [0.069, 0.069], preshapes: [[0.0, 0.0]], speed: 0.15}"
    )
    hand = hand_named(str(tmp_path / "jaw.yaml"))
    assert hand.tips == ("pad", "tip 2")
    assert PickingTask(GraspObject("tin can").settled(), hand).scene.model.nu == 2


def test_a_disk_that_fills_leaves_nothing_half_written(tmp_path, monkeypatch):
    out = tmp_path / "out"

    def full(folder, *, gif):
        (folder / "trajectory.csv").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    found = SimpleNamespace(write=full)
    monkeypatch.setattr("ideomotor_commands._grasping.pick_up_by", lambda *_, **__: found)
    said, code = run("--object", "mug", "--out", out)
    assert code != 0 and "cannot be written (No space left on device); nothing is left there" in said
    assert not list(tmp_path.iterdir())
