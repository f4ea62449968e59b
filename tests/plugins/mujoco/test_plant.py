"""The plant as a part of Ideomotor: pure steps, replays, batches, configurations, the command line."""

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import ideomotor
from ideomotor import host
from ideomotor.cli import command
from ideomotor.config import from_config, to_config
from ideomotor.errors import DataError, SimulationError
from ideomotor_mujoco import MujocoPlant, lwr4, rollout_batch

TS = np.linspace(0, 0.3, 31)


@pytest.fixture(scope="module")
def arm():
    return lwr4(
        mode=ideomotor.make("joint-position"),
        scene=(ideomotor.make("shelf", position=(0.75, 0, 0)),),
        contacts=("shelf",),
    )


def waves(n, rest, size=0.3):
    """Commands of `n` movements: joints that swing about `rest`."""
    phase = np.linspace(0, 2, n)[:, None, None] + 5 * TS[:, None]
    commands = rest + size * (np.sin(phase) - np.sin(phase[:, :1])) * np.cos(np.arange(len(rest)))
    return commands.astype(np.float32).astype(float)  # a primitive gives them in JAX's precision


def test_a_step_depends_on_state_and_command_alone(arm):
    x, u = arm.default_state(), arm.default_command() + 0.1
    one = arm.step(x, u, 0.01)
    arm.step(one, u + 0.3, 0.02)  # something else in between
    arm.observe(one)
    np.testing.assert_array_equal(arm.step(x, u, 0.01), one)
    assert arm.observe(x)["time"] == 0 and arm.observe(one)["time"] == pytest.approx(0.01, abs=1e-15)


def test_a_replay_is_bit_equal_from_any_state_on_the_way(arm, play):
    commands = waves(1, arm.default_command())[0]
    movement = play(commands, TS, plant=host(arm))
    np.testing.assert_array_equal(play(commands, TS, plant=host(arm)).xs, movement.xs)
    rest = play(commands[10:], TS[10:], plant=host(arm), x0=movement.xs[10])
    np.testing.assert_array_equal(rest.xs, movement.xs[10:])
    np.testing.assert_array_equal(rest.ys["contact"]["shelf"], movement.ys["contact"]["shelf"][10:])


def test_steps_are_as_long_as_asked(links):
    plant = MujocoPlant(links(h=0.004), timestep=0.003)
    x = plant.step(plant.default_state(), np.zeros(2), 0.01)
    assert plant.observe(x)["time"] == pytest.approx(0.01, abs=1e-12)
    assert plant.split(0.01) == (4, 0.0025) and plant.split(0.009) == (3, pytest.approx(0.003, rel=1e-12))


@pytest.mark.parametrize(
    "mode",
    [ideomotor.make("joint-position"), ideomotor.make("actuators")],
    ids=lambda mode: type(mode).__name__,
)
def test_a_batch_is_bit_equal_to_one_by_one(mode, play):
    plant = lwr4(mode=mode)
    commands = waves(3, plant.default_command(), 0.3 if type(mode).__name__ == "JointPosition" else 5.0)
    starts = np.stack([plant.at_joints(np.asarray(plant.rest) + 0.1 * i) for i in range(3)])
    batch = rollout_batch(host(plant), commands, TS, x0=starts, threads=2)
    for i in range(3):
        alone = play(commands[i], TS, plant=host(plant), x0=starts[i])
        np.testing.assert_array_equal(batch.xs[i], alone.xs)
        np.testing.assert_array_equal(batch.ys["tip"][i], alone.ys["tip"])
    assert rollout_batch(plant, commands, TS, observe=False).ys is None


def test_a_batch_that_diverges_says_which(links):
    plant = MujocoPlant(links())
    commands = np.zeros((3, len(TS), 2))
    commands[1, 10:] = 5e9
    with pytest.raises(SimulationError, match="diverged at 0.1"):
        rollout_batch(plant, commands, TS)
    commands[1, 10:] = 1e14
    with pytest.raises(SimulationError, match="the control of actuator"):
        rollout_batch(plant, commands, TS)
    with pytest.raises(DataError, match=r"must be \(batch, 31\)"):
        rollout_batch(plant, commands[:, :5], TS)


def test_configurations_come_back(arm):
    config = to_config(host(arm))
    assert config["use"] == "mujoco" and config["mode"] == {"use": "joint-position"}
    again = from_config(yaml.safe_load(yaml.safe_dump(config)), kind="plant")
    u = arm.default_command() + 0.05
    np.testing.assert_array_equal(
        again.step(again.default_state(), u, 0.01), arm.step(arm.default_state(), u, 0.01)
    )


PIPELINE = """
primitive: {use: dmp, dof: 2, basis: 10}
plant: {use: mujoco, model: MODEL, mode: {use: joint-position}}
"""


def test_a_pipeline_file_is_played_and_shown(links, tmp_path, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "off")
    model = tmp_path / "links.xml"
    model.write_text(links().replace('<body name="lower"', '<geom size=".05"/><body name="lower"'))
    (tmp_path / "swing.yaml").write_text(PIPELINE.replace("MODEL", str(model)))
    out = tmp_path / "out"
    arguments = [
        "run",
        str(tmp_path / "swing.yaml"),
        "--out",
        str(out),
        "--duration",
        "0.3",
        "--samples",
        "16",
    ]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert {"figure.png", "movement.gif", "trajectory.csv"} <= {path.name for path in out.iterdir()}


def test_what_was_recorded_before_a_divergence_is_kept(links, play, tmp_path, monkeypatch):
    plant = host(MujocoPlant(links()))
    commands = np.zeros((31, 2))
    commands[12:, 0] = 5e9
    with pytest.raises(
        SimulationError, match=r"diverged at 0\.1\d+ s: .* joint '(shoulder|elbow)'"
    ) as caught:
        play(commands, TS, plant=plant)
    kept = caught.value.movement
    assert 12 < len(kept) < 31
    np.testing.assert_array_equal(kept.xs, play(commands[: len(kept)], TS[: len(kept)], plant=plant).xs)


def test_the_command_line_keeps_it_too(links, tmp_path, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "off")
    model = tmp_path / "links.xml"
    # A spring much too stiff for the step: it blows up by itself.
    model.write_text(
        links(h=0.01, integrator="Euler").replace('name="elbow"', 'name="elbow" stiffness="1e7"')
    )
    config = {"use": "mujoco", "model": str(model), "mode": {"use": "actuators"}, "rest": [0.5, 0.5]}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump({"primitive": {"use": "dmp", "dof": 2}, "plant": config}))
    out = tmp_path / "out"
    result = CliRunner().invoke(
        command, ["run", str(tmp_path / "p.yaml"), "--out", str(out), "--samples", "31"]
    )
    assert result.exit_code != 0
    assert "diverged at" in result.output and f"recorded until then is in {out}" in " ".join(
        result.output.split()
    )
    assert (out / "trajectory.csv").read_text().count("\n") > 1


def test_plants_are_made_by_name():
    plant = ideomotor.make("lwr4", mode=ideomotor.make("cartesian-pose", orientation=False))
    assert plant.default_command().shape == (3,)
    assert type(plant.mode).__name__ == "CartesianPose"
