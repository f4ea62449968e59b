"""The shipped networks of Huh & Todorov 2009, measured by the command that regenerates the paper's figures."""

import json

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner

from ideomotor.cli import command

# The training of one network with few trials has no public face but a command, whose smallest preset takes longer.
from ideomotor_studies.huh2009._train import (
    PRESETS,
    WHOLE,
    Training,
    parse_objective,
    train_circle,
    train_reach,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("huh") / "run"
    result = CliRunner().invoke(command, ["reproduce", "huh2009", "--shipped", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out


def test_figures_and_table_are_written(folder):
    assert {"figure_6.png", "figure_7.png", "figure_8.png"} == {
        p.name for p in (folder / "figures").iterdir()
    }
    found = json.loads((folder / "results.json").read_text())
    assert found["command"] == "ideomotor reproduce huh2009 --preset cpu --seed 0 --shipped"
    median = next(m for m in found["measures"] if m["what"] == "reach, 20 % noise: median_cm_at_1s")
    assert (
        median["bar"] == "≤ 1.0" and f"| {median['ours']:.3g} | ≤ 1.0 |" in (folder / "table.md").read_text()
    )


def test_shipped_networks_keep_the_bars(folder):
    measures = json.loads((folder / "results.json").read_text())["stages"]
    reach, circles = measures["reach, 20 % noise"], measures["circles"]
    assert reach["median_cm_at_1s"][0] <= 1.0 and reach["p90_cm_at_1s"][0] <= 2.5
    assert circles["radius_error_cm"] <= 0.6 and circles["speed_error_percent"] <= 10
    assert circles["wrong_sense_of_rotation"] == 0
    assert measures["tracking, 20 % noise"]["distance_cm"] <= 2.0


def test_reaches_are_measured_on_the_whole_reach_too(folder):
    """As in the paper; the shipped network was trained for a quarter of it."""
    assert (
        WHOLE.shoulder[0] <= -1 and WHOLE.shoulder[1] >= 2 and WHOLE.elbow[0] <= 0.4 and WHOLE.elbow[1] >= 2.6
    )
    assert PRESETS["paper"].whole and PRESETS["paper"].method == "cg"
    measures = json.loads((folder / "results.json").read_text())["stages"]
    near, far = measures["reach, 20 % noise"], measures["reach, 20 % noise, whole reach"]
    assert far["median_cm_at_1s"][0] > near["median_cm_at_1s"][0]


@pytest.mark.parametrize("text", ["risk:1", "risk:1e400", "mean", "cvar:0.9", "max"])
def test_objectives_by_name(text):
    value = float(parse_objective(text)(jnp.array([0.2, 1.0, 0.4])))
    wanted = {"risk:1": np.log(np.mean(np.exp([0.2, 1.0, 0.4]))), "mean": 1.6 / 3}.get(text, 1.0)
    assert value == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("text", ["risk", "risk:x", "mean:2", "best", "risk:-1", "risk:nan", "cvar:1"])
def test_objectives_there_are_not(text):
    with pytest.raises(ValueError, match="objective|level|beta|risk"):
        parse_objective(text)
    result = CliRunner().invoke(command, ["train", "reach", "--objective", text])
    assert result.exit_code == 2 and "Invalid value for '--objective'" in result.output


def test_a_frozen_sample_cannot_be_resumed():
    result = CliRunner().invoke(command, ["train", "reach", "--method", "cg", "--resume"])
    assert result.exit_code != 0 and "no checkpoints" in result.output


SMALL = Training(4, 4, 6)


def test_a_killed_training_resumes_to_the_same_network(tmp_path, monkeypatch):
    monkeypatch.setattr("ideomotor_studies.huh2009._train.CHECKPOINT", 2)
    whole = train_reach(SMALL, run=tmp_path / "whole", progress=False)

    class Killed(BaseException):
        pass

    def kill(step, metrics, model):
        if step >= 3:
            raise Killed

    with pytest.raises(Killed):
        train_reach(SMALL, run=tmp_path / "run", callback=kill, progress=False)
    again = train_reach(SMALL, run=tmp_path / "run", resume=True, progress=False)
    assert eqx.tree_equal(whole, again)


@pytest.mark.parametrize("method", ["cg", "l-bfgs"])
def test_training_on_a_frozen_sample(method, tmp_path):
    """Each stage has a smaller target; within a stage the loss falls."""
    train_circle(SMALL, method=method, objective="cvar:0.5", run=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    sizes = sorted({line["d0"] for line in lines}, reverse=True)
    assert sizes[0] == pytest.approx(0.12) and sizes[-1] == pytest.approx(0.04)
    for size in sizes:
        losses = [line["loss"] for line in lines if line["d0"] == size]
        assert np.all(np.diff(losses) <= 1e-6)
