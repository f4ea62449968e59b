import json

import numpy as np
import pytest

from ideomotor import load
from ideomotor.errors import IdeomotorError, UnknownNameError
from ideomotor_studies._run import Run
from ideomotor_studies.berniker2015 import CONSTANTS, PRESETS, _measures, _study, reproduce
from ideomotor_studies.berniker2015._report import line, table
from ideomotor_studies.berniker2015._study import Study


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The first stages of the smallest study."""
    run = Run(tmp_path_factory.mktemp("berniker"), {"preset": "tiny"}, resume=False, say=lambda text: None)
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
    again = Run(run.run.folder, {"preset": "tiny"}, resume=True, say=lambda text: None)
    first = {key: value for key, value in run.run.results["network"].items() if key != "seeds"}
    assert again.stage("network", lambda: pytest.fail("made again")) == first
    assert len(run.run.results["network"]["seeds"]["validation"]) == 2
    function = load(run.run.folder / "network")
    assert _measures.error(function, run.validation) == pytest.approx(
        run.run.results["network"]["validation"], rel=1e-4
    )
    lines = (run.run.folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(text)["stage"] for text in lines] == ["data", "pca", "network", "network-seed-1"]
    assert "validation" in line("network", run.run.results["network"])


def test_folders_of_other_runs_are_left_alone(run, tmp_path):
    with pytest.raises(IdeomotorError, match="not empty"):
        Run(run.run.folder, {"preset": "tiny"}, resume=False, say=print)
    with pytest.raises(IdeomotorError, match="choose another folder"):
        Run(run.run.folder, {"preset": "cpu"}, resume=True, say=print)
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        reproduce(tmp_path / "x", preset="tiney")


def test_table_has_the_papers_numbers(run):
    results = dict(run.run.results)
    some = {"distance": 0.1, "end": 0.2, "cost": 1.0, "optimal_cost": 0.5, "training": 0.1}
    results |= {name: some for name in ("self-trained", "optimised", "optimised-forward-model")}
    results["oracle"] = {"median_difference": 1e-5, "largest_difference": 1e-4}
    found = {"end": [1.0], "lateral": [1.0], "rms_command": [1.0], "converged": 1.0}
    results["constants"] = {name: found for name in CONSTANTS}
    results["beyond"] = {"splines": {"numbers of the output": 120}, "cpu_s": 1.0}
    text = table(results, "tiny", "figures")
    assert "6.94 / 1.21 / 6.94" in text and "0.018" in text and "| literal | 100 | 5 |" in text
    assert _study.FIELDS[1] == "null"
