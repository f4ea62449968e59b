"""`ideomotor run pick-place`."""

import numpy as np
import pytest
from click.testing import CliRunner

from ideomotor.cli import command

pytest.importorskip("mujoco")
pytest.importorskip("sklearn")

from ideomotor_studies.denisa2015._robot import SCENE  # of `run pick-place`


def _invoke(*arguments):
    return CliRunner().invoke(command, [str(word) for word in arguments])


def test_an_object_is_put_where_it_should_be(tmp_path):
    out = tmp_path / "out"
    result = _invoke(
        "run", "pick-place", "--start", "-0.2", "-0.8", "--goal", "3", "--space", "joint", "--out", out
    )
    assert result.exit_code == 0, result.output
    assert {p.name for p in out.iterdir()} == {"figure.png", "trajectory.csv", "trajectory.npz"}
    assert "the shelf was not touched" in result.output
    with np.load(out / "trajectory.npz") as file:
        tip = file["ys.tip"]
    np.testing.assert_allclose(tip[0], (-0.2, -0.8, SCENE.table[2]), atol=1e-6)
    np.testing.assert_allclose(tip[-1], SCENE.goals[2], atol=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--start", "0.5", "-0.6"), "not on the table, which has x from -0.38 to 0.38"),
        (("--start", "nan", "-0.6"), "not on the table"),
        (("--goal", "7"), "7 is not in the range"),
    ],
)
def test_bad_places_are_refused_and_nothing_is_written(tmp_path, words, said):
    result = _invoke("run", "pick-place", *words, "--out", tmp_path / "out")
    assert result.exit_code != 0 and said in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("start", "space"), [(("-0.38", "-0.91"), "cartesian"), (("0.38", "-0.29"), "joint")]
)
def test_the_corners_of_the_table_that_the_message_names_are_allowed(tmp_path, start, space):
    """Both were refused: one by rounding, one because no demonstration begins within 0.2 rad of it."""
    result = _invoke("run", "pick-place", "--start", *start, "--space", space, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "the shelf was not touched" in result.output
    with np.load(tmp_path / "out" / "trajectory.npz") as file:
        np.testing.assert_allclose(
            file["ys.tip"][[0, -1]], ((*map(float, start), SCENE.table[2]), SCENE.goals[5]), atol=1e-3
        )
