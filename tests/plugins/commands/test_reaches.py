"""`ideomotor run reach | circle | optimal-reach`."""

import re

import numpy as np
import pytest
from click.testing import CliRunner

from ideomotor import load_pipeline
from ideomotor.cli import command


def _invoke(*arguments):
    return CliRunner().invoke(command, [str(word) for word in arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "reach", "--track", "--target", "0.2,0.4"], "leave --target out"),
        (["run", "reach", "--target", "0.2;0.4"], "is not 2 numbers"),
        (["run", "reach", "--target", "2,0"], "the hand reaches only from"),
        (["run", "reach", "--hold", "0"], "--hold"),
        (["run", "circle", "--center", "0.5,0.36", "--radius", "0.2"], "the hand reaches only from"),
        (["run", "circle", "--speed", "0"], "a speed that is not zero"),
    ],
)
def test_bad_options(arguments, message, tmp_path):
    result = CliRunner().invoke(command, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code != 0 and message in result.output
    assert not (tmp_path / "out").exists()


def test_tracking_is_played(tmp_path):
    out = tmp_path / "track"
    result = CliRunner().invoke(command, ["run", "reach", "--track", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert float(result.output.split("target: ")[1].split(" cm")[0]) <= 2.0
    assert {"figure.png", "movement.gif", "trajectory.csv"} <= {path.name for path in out.iterdir()}


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
        (("--target", "0.5,0.5"), "not in the workspace of the function"),
        (("--start", "0.1"), "not 2 numbers"),
        (("--target", "nan,0.3"), "not in the workspace of the function"),
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


def test_the_limits_that_the_messages_name_are_accepted(tmp_path):
    """The advice of each refusal, followed: the lowest corner, the strongest field, the shortest time."""

    def advised(*arguments):
        result = _invoke("run", "optimal-reach", *arguments, "--out", tmp_path / "refused")
        assert result.exit_code != 0
        return re.findall(r"from (\S+) to (\S+)(?: and| m| N|\.| s)", result.output)

    (x, _), (y, _) = advised("--target", "9,9")
    ((_, field),) = advised("--field", "5")
    ((duration, _),) = advised("--duration", "0")
    target = f"{float(x) + 0.01},{y}"  # 1 cm away, the least
    given = ("--start", f"{x},{y}", "--target", target, "--field", field, "--duration", duration)
    result = _invoke("run", "optimal-reach", *given, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
