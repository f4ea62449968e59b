"""The shipped networks of Huh & Todorov 2009, measured by the command that regenerates the paper's figures."""

import json

import pytest
from click.testing import CliRunner

from ideomotor.cli import command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("huh") / "run"
    result = CliRunner().invoke(command, ["reproduce", "huh2009", "--shipped", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out


def test_figures_and_table_are_written(folder):
    names = {path.name for path in folder.iterdir()}
    assert {"figure_6.png", "figure_7.png", "figure_8.png", "table.md", "measures.json"} <= names


def test_shipped_networks_keep_the_bars(folder):
    measures = json.loads((folder / "measures.json").read_text())
    reach, circles = measures["reach, 20 % noise"], measures["circles"]
    assert reach["median_cm_at_1s"] <= 1.0 and reach["p90_cm_at_1s"] <= 2.5
    assert circles["radius_error_cm"] <= 0.6 and circles["speed_error_percent"] <= 10
    assert circles["wrong_sense_of_rotation"] == 0
    assert measures["tracking, 20 % noise"]["distance_cm"] <= 2.0
