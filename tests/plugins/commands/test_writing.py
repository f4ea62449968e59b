"""From a picture of a digit to ink on paper."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import ideomotor
from ideomotor.cli import command
from ideomotor.errors import DataError
from ideomotor_commands import write_digit, write_path
from ideomotor_encoder_decoder import example_pictures
from ideomotor_encoder_decoder.digits import synthetic_digits

pytest.importorskip("mujoco")

from ideomotor_commands._writing import distance_to_path, measure, script  # what `measure writing` uses


@pytest.fixture(scope="module")
def robot():
    return ideomotor.make("writing-robot", strokes=True)


@pytest.fixture(scope="module")
def digit(robot):
    return write_digit(example_pictures()[0], robot)


def test_distance_to_a_path_of_two_lines():
    path = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]])
    points = np.array([[5.0, 2.0], [12.0, 5.0], [13.0, -4.0], [-3.0, 4.0], [10.0, 10.0]])
    np.testing.assert_allclose(distance_to_path(points, path), [2, 2, 5, 5, 0], atol=1e-12)


def test_script_lifts_the_pen_between_strokes():
    path = np.stack([np.linspace(10, 20, 50), np.full(50, 15.0)], -1)
    pen = np.arange(50) % 25 >= 5
    commands, written = script(path, np.array([19.5, 19.5]), 0.02, pen)
    np.testing.assert_allclose(commands[0, :2], 19.5)
    np.testing.assert_allclose(commands[written, :2], path[pen])
    assert np.all(commands[written, 2] == 1) and commands[-1, 2] == 0
    # While the pen goes down or up, it stays in its place.
    changes = np.flatnonzero(np.diff(commands[:, 2]))
    assert len(changes) == 4
    for i in changes:
        np.testing.assert_array_equal(commands[i + 1 : i + 20, :2], commands[i + 1 : i + 2, :2].repeat(19, 0))


def test_two_strokes_leave_a_gap(robot):
    path = np.stack([np.linspace(10, 30, 101), np.full(101, 20.0)], -1)
    pen = np.abs(np.arange(101) - 50) > 10
    writing = write_path(robot, path, np.linspace(0, 2, 101), pen=pen)
    columns = writing.pen[writing.down, 0]
    assert not np.any((columns > 18.3) & (columns < 21.7))
    assert columns.min() < 10.2 and columns.max() > 29.8
    assert writing.lift_offs == 0 and writing.force_error < 0.1


def test_robot_writes_what_was_read(digit):
    assert digit.ink_to_path < 0.05 and digit.writing.lag < 0.05
    assert digit.writing.force_error < 0.1 and digit.writing.lift_offs == 0
    # All of the path is written, and the ink is on the digit's own pixels.
    written = digit.writing.pen[digit.writing.down]
    assert distance_to_path(digit.path, written).max() < 0.3
    column, row = np.round(written).astype(int).T
    assert np.mean(digit.image[row, column] > 0.3) > 0.97


def test_written_picture_looks_like_the_digit(digit):
    side = digit.image.shape[0]
    small = digit.ink.reshape(side, 8, side, 8).mean((1, 3))
    assert np.corrcoef(small.ravel(), digit.image.ravel())[0, 1] > 0.75


def test_bars_on_synthetic_digits(robot):
    rows = list(measure(2, seed=3, robot=robot))
    assert len(rows) == 2
    for row in rows:
        assert row.ink < 0.8 and row.force < 0.1 and row.lift_offs == 0
        assert row.robot < 0.05  # almost all of the error is the reader's
        assert row.ink < row.reader + row.robot + 0.1


def test_true_paths_leave_the_robots_error_alone(robot):
    (row,) = measure(1, seed=1, robot=robot, reader="none")
    assert row.reader == 0 and row.ink == row.robot < 0.05
    assert row.label == synthetic_digits(1, seed=1).labels[0]


def test_bad_input(robot):
    path = np.full((5, 2), 20.0)
    with pytest.raises(DataError, match="equally spaced"):
        write_path(robot, path, np.array([0.0, 0.1, 0.2, 0.5, 0.6]))
    with pytest.raises(DataError, match="strokes=True"):
        write_path(ideomotor.make("writing-robot"), path, np.linspace(0, 1, 5))
    with pytest.raises(DataError, match="blank"):
        write_digit(np.ones((40, 40)), robot)


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "off")
    out = tmp_path / "out"
    result = CliRunner().invoke(
        command, ["run", "write-digit", "--input", str(example_pictures()[2]), "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    names = {path.name for path in out.iterdir()}
    assert names == {"figure.png", "written.png", "trajectory.csv", "trajectory.npz"}
    with open(out / "trajectory.csv") as file:
        assert "ys.pen_force" in next(csv.reader(file))
    written = np.asarray(Image.open(out / "written.png"))
    assert written.shape == (320, 320) and written.min() == 0 and written.max() == 255
    missing = CliRunner().invoke(
        command, ["run", "write-digit", "--input", "no.png", "--out", str(tmp_path / "o")]
    )
    assert missing.exit_code != 0 and "no.png" in missing.output and not (tmp_path / "o").exists()


def test_a_force_that_cannot_be_held_is_refused_and_the_advice_works(tmp_path, monkeypatch):
    """A light pen jumps over the paper at 30 cm/s; at the speed of the default it stays on it."""
    monkeypatch.setenv("MUJOCO_GL", "off")

    def run(name, *more):
        words = ["run", "write-digit", "--input", str(example_pictures()[2]), "--force", "0.2"]
        return CliRunner().invoke(command, [*words, *more, "--out", str(tmp_path / name)])

    fast = run("fast", "--duration", "1")
    assert fast.exit_code != 0
    assert "0.2 N cannot be held at this speed" in fast.output and "--duration above 1" in fast.output
    assert (tmp_path / "fast" / "written.png").exists() and (tmp_path / "fast" / "trajectory.npz").exists()
    slow = run("slow", "--duration", "4")
    assert slow.exit_code == 0 and " 0 lift-offs" in slow.output, slow.output


def test_the_measurement():
    result = CliRunner().invoke(command, ["measure", "writing", "--count", "1", "--true-paths"])
    assert result.exit_code == 0, result.output
    assert "0 lift-offs" in result.output and "1 digits: ink 0.0" in result.output
