"""The shipped trajectory function, the commands that play and train it, and the sizes of the paper's preset."""

import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from ideomotor import load
from ideomotor.errors import IdeomotorError, UnknownNameError
from ideomotor_studies import reproduce

# Stages of a study have no public face of their own.
from ideomotor_studies.berniker2015 import _measures
from ideomotor_studies.berniker2015._settings import CONSTANTS, PRESETS, table
from ideomotor_studies.berniker2015._stages import balanced
from ideomotor_studies.berniker2015._study import Study
from ideomotor_studies.berniker2015._train import reach_problem, train_one
from ideomotor_studies.kit import Run
from ideomotor_trajectory_network import optimal_reaches, pretrained, sample_reaches


def test_the_shipped_function_reaches_in_any_field_and_time():
    """On new reaches. The paper's function, of one duration and three fields, ends 0.35 cm from its targets."""
    rng = np.random.default_rng(123)
    start, target = sample_reaches(rng, 100)
    reaches = optimal_reaches(
        reach_problem(),
        start,
        target,
        field=rng.uniform(-0.08, 0.08, 100),
        duration=rng.uniform(0.6, 1.4, 100),
        progress=False,
    )
    function = pretrained()
    moved, _ = _measures.played(reach_problem(), function, reaches)
    assert _measures.end_errors(moved.states, reaches.target).mean() <= 0.3
    assert _measures.error(function, reaches) <= 0.002
    with pytest.raises(UnknownNameError, match="Did you mean 'optimal-reach'"):
        pretrained("optimal-reech")


def test_a_function_is_trained_and_training_goes_on(tmp_path):
    out, said = tmp_path / "run", []
    first = train_one(out, preset="tiny", say=said.append).results["network"]
    function = load(out / "network", kind="pipeline")
    assert function.perception.timed and function.perception.field > 0
    assert first["end_error_cm"] < 5.0
    (out / "stages" / "network.json").unlink()
    said.clear()
    again = train_one(out, preset="tiny", resume=True, say=said.append).results["network"]
    assert "data: kept from before" in said
    assert again["validation_error"] == pytest.approx(first["validation_error"], rel=1e-6)
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        train_one(tmp_path / "x", preset="tiney")


def test_the_papers_preset_has_the_papers_sizes(tmp_path):
    """5-100-10-100-606 and 4-100-10-100-606, sigmoids throughout, 5,000 of 6,000 reaches; a few steps of it run."""
    paper = PRESETS["paper"]
    assert (paper.steps, paper.forward_rounds, paper.commands, paper.versions) == (2000, 300, 50, 20)
    assert (CONSTANTS["literal"].terminal, CONSTANTS["literal"].field) == (100, 5)
    assert (CONSTANTS["centimetres"].terminal, CONSTANTS["centimetres"].field) == (100 * 100**2, 5)
    assert (paper.reaches, paper.training, paper.self_count, paper.rounds) == (6000, 5000, 4000, 3)
    few = paper._replace(reaches=300, training=250, steps=0, final=2, own_final=2)
    run = Run("berniker2015", tmp_path / "run", {})
    study = Study(few, CONSTANTS["figures"], 0, run)
    for field, inputs in ((0.08, 5), (0.0, 4)):
        conditions, decoder = study.networks(field)
        layers = (*conditions.layers, *decoder.layers)
        assert [layer.in_features for layer in layers] + [606] == [inputs, 100, 10, 100, 606]
        kinds = {conditions.activation, conditions.output, decoder.activation, decoder.output}
        assert kinds == {"sigmoid"}
    study.data()
    found = study.stage("network")
    assert np.isfinite([found["training"], found["validation"], *found["end"]]).all()
    assert jax.tree.leaves(study.kept("network"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The first stages of the smallest study."""
    run = Run("berniker2015", tmp_path_factory.mktemp("berniker"), {"preset": "tiny"})
    study = Study(PRESETS["tiny"], CONSTANTS["figures"], 0, run)
    study.data()
    study.stage("pca")
    study.stage("network")
    return study


def test_the_deep_network_beats_the_linear_one(run):
    pca, network = run.run.results["pca"], run.run.results["network"]
    assert network["validation"] < 0.6 * pca["validation"]
    assert all(ours < linear for ours, linear in zip(network["end"], pca["end"], strict=True))


def test_the_linear_baseline_errs_as_in_the_paper(run):
    """6.94 / 1.21 / 6.94 cm and 0.039; here with few reaches to learn from."""
    pca = run.run.results["pca"]
    assert pca["validation"] == pytest.approx(0.039, rel=0.4)
    np.testing.assert_allclose(pca["end"], (6.94, 1.21, 6.94), rtol=0.35)


def test_finished_stages_are_kept_and_functions_come_back(run):
    again = Run("berniker2015", run.run.folder, {"preset": "tiny"}, resume=True)
    first = {key: value for key, value in run.run.results["network"].items() if key != "seeds"}
    assert again.stage("network", lambda: pytest.fail("made again")) == first
    assert len(run.run.results["network"]["seeds"]["validation"]) == 2
    function = load(run.run.folder / "network")
    assert _measures.error(function, run.validation) == pytest.approx(
        run.run.results["network"]["validation"], rel=1e-4
    )
    lines = (run.run.folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(text)["stage"] for text in lines] == ["data", "pca", "network", "network-seed-1"]


def test_folders_of_other_runs_are_left_alone(run, tmp_path):
    with pytest.raises(IdeomotorError, match="not empty"):
        Run("berniker2015", run.run.folder, {"preset": "tiny"})
    with pytest.raises(IdeomotorError, match="its preset is tiny, not cpu; choose another folder"):
        Run("berniker2015", run.run.folder, {"preset": "cpu"}, resume=True)
    with pytest.raises(IdeomotorError, match="its study is berniker2015, not huh2009"):
        Run("huh2009", run.run.folder, {"preset": "tiny"}, resume=True)
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        reproduce("berniker2015", tmp_path / "x", preset="tiney")


def test_reaches_with_small_commands_are_repeated():
    """As many times as their squares are smaller, up to a bound; fields of equal commands are left as they are."""
    reaches = SimpleNamespace(
        field=np.array([-5.0, 0, 5, 0]), commands=np.array([4.0, 1, 4, 1])[:, None, None]
    )
    assert list(balanced(reaches, 60)) == [0, *[1] * 16, 2, *[3] * 16]
    assert list(balanced(reaches, 3)) == [0, 1, 1, 1, 2, 3, 3, 3]
    reaches.commands = np.ones((4, 1, 1))
    assert list(balanced(reaches, 60)) == [0, 1, 2, 3]


def test_table_has_the_papers_numbers(run):
    results = dict(run.run.results)
    some = {"distance": 0.1, "end": 0.2, "cost": 1.0, "optimal_cost": 0.5, "training": 0.1}
    results |= {name: some for name in ("self-trained", "optimised", "optimised-forward-model")}
    results["oracle"] = {"median_difference": 1e-5, "largest_difference": 1e-4}
    found = {"end": [1.0], "lateral": [1.0], "rms_command": [1.0], "converged": 1.0}
    results["constants"] = {name: found for name in CONSTANTS}
    results["beyond"] = {"splines": {"numbers of the output": 120}, "cpu_s": 1.0}
    rows, text = table(results, "tiny", "figures")
    end = next(m for m in rows.measures if m["what"] == "deep network: end error (cm), same order")
    assert len(end["values"]) == 2 and end["paper"] == (0.404, 0.347, 0.305)
    np.testing.assert_allclose(end["spread"], np.std(end["values"], axis=0, ddof=1))
    assert "6.94 / 1.21 / 6.94" in text and "0.018" in text and "| literal | 100 | 5 |" in text
