"""The shipped trajectory function, the commands that play and train it, and the sizes of the paper's preset."""

import jax
import numpy as np
import pytest
from click.testing import CliRunner

from ideomotor import load, load_pipeline
from ideomotor.cli import command
from ideomotor.errors import UnknownNameError
from ideomotor_studies._run import Run
from ideomotor_studies.berniker2015 import CONSTANTS, PRESETS, _measures
from ideomotor_studies.berniker2015._study import Study
from ideomotor_studies.berniker2015._train import problem, train_one
from ideomotor_trajectory_network import optimal_reaches, sample_reaches, shipped


def _invoke(*arguments):
    return CliRunner().invoke(command, [str(word) for word in arguments])


def test_the_shipped_function_reaches_in_any_field_and_time():
    """On new reaches. The paper's function, of one duration and three fields, ends 0.35 cm from its targets."""
    rng = np.random.default_rng(123)
    start, target = sample_reaches(rng, 100)
    reaches = optimal_reaches(
        problem(),
        start,
        target,
        field=rng.uniform(-0.08, 0.08, 100),
        duration=rng.uniform(0.6, 1.4, 100),
        progress=False,
    )
    function = shipped()
    moved, _ = _measures.played(problem(), function, reaches)
    assert _measures.end_errors(moved.states, reaches.target).mean() <= 0.3
    assert _measures.error(function, reaches) <= 0.002
    with pytest.raises(UnknownNameError, match="Did you mean 'optimal-reach'"):
        shipped("optimal-reech")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    out = tmp_path_factory.mktemp("reach") / "out"
    result = _invoke(
        "run", "optimal-reach", "--start", "0,0.3", "--target", "0.1,0.35", "--field", "0.05", "--duration", "0.8", "--out", out
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return out, result.output


def test_a_reach_is_played_drawn_and_compared(played):
    out, text = played
    assert {"figure.png", "trajectory.csv", "trajectory.npz", "pipeline.yaml"} <= {
        p.name for p in out.iterdir()
    }
    assert "cm from the target" in text and "of one that is optimal" in text
    with np.load(out / "trajectory.npz") as file:
        hand = next(file[name] for name in file.files if name.endswith("hand"))
    assert np.linalg.norm(hand[-1] - (0.1, 0.35)) < 3e-3
    assert load_pipeline(out / "pipeline.yaml").plant is not None


def test_a_folder_in_use_is_left_alone(played):
    result = _invoke("run", "optimal-reach", "--out", played[0])
    assert result.exit_code != 0 and "--overwrite" in result.output


@pytest.mark.parametrize(
    "given, words",
    [
        (("--target", "0.5,0.5"), "not in the workspace"),
        (("--start", "0.1"), "not 2 numbers"),
        (("--target", "nan,0.3"), "not in the workspace"),
        (("--start", "0.2,0.5", "--target", "-0.2,0.5"), "40 cm apart"),
        (("--field", "5"), "choose from -0.08 to 0.08"),
        (("--duration", "0"), "choose from 0.6 to 1.4 s"),
        (("--duration", "-1"), "choose from 0.6 to 1.4 s"),
        (("--network", "nowhere"), "nowhere"),
    ],
)
def test_what_the_function_has_not_learned_is_refused(tmp_path, given, words):
    result = _invoke("run", "optimal-reach", *given, "--out", tmp_path / "out")
    assert result.exit_code != 0 and words in result.output + str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_function_is_trained_and_training_goes_on(tmp_path):
    out, said = tmp_path / "run", []
    first = train_one(out, preset="tiny", say=said.append)
    function = load(out / "network", kind="pipeline")
    assert function.perception.timed and function.perception.field > 0
    assert first["end_error_cm"] < 5.0
    (out / "stages" / "network.json").unlink()
    said.clear()
    again = train_one(out, preset="tiny", resume=True, say=said.append)
    assert "data: kept from before" in said
    assert again["validation_error"] == pytest.approx(first["validation_error"], rel=1e-6)
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        train_one(tmp_path / "x", preset="tiney")


def test_the_papers_preset_has_the_papers_sizes(tmp_path):
    """5-100-10-100-606 and 4-100-10-100-606, 5,000 of 6,000 reaches; a few steps of it run."""
    paper = PRESETS["paper"]
    assert (paper.reaches, paper.training, paper.self_count, paper.rounds) == (6000, 5000, 4000, 3)
    few = paper._replace(reaches=300, training=250, steps=2, final=2, own_final=2)
    run = Run(tmp_path / "run", {}, resume=False, say=lambda text: None)
    study = Study(few, CONSTANTS["figures"], 0, run)
    for field, inputs in ((0.08, 5), (0.0, 4)):
        conditions, decoder = study.networks(field)
        layers = (*conditions.layers, *decoder.layers)
        assert [layer.in_features for layer in layers] + [606] == [inputs, 100, 10, 100, 606]
        assert (conditions.activation, decoder.activation) == ("sigmoid", "sigmoid")
    study.data()
    found = study.stage("network")
    assert np.isfinite([found["training"], found["validation"], *found["end"]]).all()
    assert jax.tree.leaves(study.kept("network"))
