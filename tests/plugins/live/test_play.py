"""Pipelines on the simulated robot. On a busy machine deadlines are missed; what is held here does not depend on that."""

import gc
import json
import os
import signal
import time

import equinox as eqx
import jax
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import ideomotor
from ideomotor.cli import command
from ideomotor.errors import AssemblyError, DataError
from ideomotor_live import Guards, Session, SimulatedRobot

PATIENT = Guards(stale=5, missed=1)
DMP = ideomotor.make("dmp", dof=2, basis=5)
POLICY = ideomotor.make("feedback-dmp", dmp=DMP, position="joint_position", phase_stopping=10.0)


def to(*goal):
    return eqx.tree_at(lambda p: p.goal, DMP.default_params(), np.array(goal, np.float32))


def session(primitive=DMP, robot=None, **options):
    robot = SimulatedRobot(latency=0) if robot is None else robot
    return Session(primitive, robot, **{"rate": 100, "duration": 0.5, "guards": PATIENT, **options})


def within(played):
    return max(played.use_of_limits().values()) <= 1 + 1e-6


@pytest.fixture(scope="module")
def played():
    return session().run(to(0.4, -0.3))


def test_the_robot_goes_where_the_pipeline_says(played):
    assert played.finished and played.stopped_at is None and played.missed >= 0
    np.testing.assert_allclose(played.movement.us[-1], played.movement.xs["reference"][-1], atol=1e-5)
    ts = np.arange(51) * 0.01
    end = ideomotor.rollout(DMP, to(0.4, -0.3), ts).ys[-1]
    np.testing.assert_allclose(played.movement.us[-1], end, atol=1e-5)
    np.testing.assert_allclose(played.movement.ys["joint_position"][-1], end, atol=0.02)
    assert within(played)


def test_commands_within_the_limits_are_those_of_the_rollout():
    generous = dict(velocity=100, acceleration=1e5, jerk=1e8)
    movement = session(limits=generous).run(to(0.4, -0.3)).movement
    expected = ideomotor.rollout(DMP, to(0.4, -0.3), np.arange(51) * 0.01).ys
    np.testing.assert_allclose(movement.us[:51], expected, atol=1e-5)


def test_time_is_kept_by_absolute_deadlines(played):
    ticks = played.movement.ts / played.dt
    np.testing.assert_allclose(ticks, np.round(ticks), atol=1e-6)
    assert np.all(played.movement.xs["lateness"] >= 0)
    assert len(ticks) + played.missed == round(ticks[-1]) + 1
    timing = played.timing()
    assert timing["cycles"] == len(ticks) and timing["late_worst_ms"] >= timing["late_p50_ms"]


def test_the_record_is_written(played, tmp_path):
    played.save(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["reason"] == "finished" and report["limits"]["velocity"] == [2, 2]
    with np.load(tmp_path / "trajectory.npz") as stored:
        np.testing.assert_array_equal(stored["us"], played.movement.us)
        assert stored["ys.joint_position"].shape == stored["xs.reference"].shape


def test_a_run_on_a_robot_is_a_recording_like_any_other(played, tmp_path):
    played.save(tmp_path / "out.npz")
    (again,) = ideomotor.read_recordings(tmp_path / "out.npz")
    command = again["command"]
    assert command.names == ("j1", "j2") and command.unit == "rad" and command.role == "action"
    np.testing.assert_allclose(command.values, played.movement.us, atol=1e-12)
    np.testing.assert_allclose(
        command.ts - command.ts[0], played.movement.ts - played.movement.ts[0], atol=1e-6
    )
    assert {"joint_position", "joint_velocity", "reference", "lateness"} <= set(again.channels)


def test_that_it_cannot_be_written_is_said_before_anything_moves(tmp_path):
    (tmp_path / "there.npz").touch()
    for name, message in (("there.npz", "exists; choose another"), ("out.xyz", "no format that is written")):
        live = session()
        with pytest.raises(DataError, match=message):
            live.play(to(0.1, 0.1), record=tmp_path / name)
        assert live.played is None


def test_a_policy_sees_the_robot_and_moves_it():
    start = np.array([0.2, -0.1])
    params = eqx.tree_at(lambda p: p.start, to(0.4, -0.3), start.astype(np.float32))
    played = session(POLICY, SimulatedRobot(latency=0, start=start), duration=1).run(params)
    assert played.finished and within(played)
    np.testing.assert_allclose(played.movement.us[-1], [0.4, -0.3], atol=0.05)


def test_nothing_is_compiled_or_collected_while_it_moves():
    moving, compiled, collecting = [], [], []

    class Watched(SimulatedRobot):
        def send(self, command):
            moving.append(1)
            collecting.append(gc.isenabled())
            super().send(command)

        def stop(self, release=False):
            moving.clear()
            super().stop(release)

    def listen(event, seconds, **more):
        if moving and "compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for primitive in (DMP, POLICY):
            session(primitive, Watched(latency=0), duration=0.2).run(to(0.1, 0.1))
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert compiled == [] and not any(collecting) and gc.isenabled()


@pytest.mark.skipif(
    not hasattr(os, "SCHED_RESET_ON_FORK"), reason="this system has no scheduling in real time"
)
def test_it_comes_before_other_programs_where_it_may_and_only_while_it_moves():
    def policy():
        return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK

    usual = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    except PermissionError:
        expected = os.SCHED_OTHER
    else:
        os.sched_setscheduler(0, *usual)
        expected = os.SCHED_FIFO
    seen = []

    class Watched(SimulatedRobot):
        def send(self, command):
            seen.append(policy())
            super().send(command)

    session(DMP, Watched(latency=0), duration=0.1).run(to(0.1, 0.1))
    assert seen and set(seen) == {expected}
    assert (os.sched_getscheduler(0), os.sched_getparam(0)) == usual


@pytest.mark.parametrize("primitive", [DMP, POLICY], ids=["known", "policy"])
def test_a_goal_that_moves_is_followed_without_a_jump(primitive):
    live = session(primitive, duration=1.2).start(to(0.4, -0.3))
    for goal in (0.3, 0.2, 0.1):
        time.sleep(0.1)
        live.change(to(goal, -goal))
    played = live.wait()
    assert played.finished and within(played)
    assert 1 <= len([what for _, what in played.events if what == "changed"]) <= 3
    np.testing.assert_allclose(played.movement.us[-1], [0.1, -0.1], atol=0.03)


def test_one_movement_is_handed_over_to_the_next_without_a_jump():
    live = session(duration=1.0).start(to(0.4, -0.3))
    time.sleep(0.3)
    back = eqx.tree_at(lambda p: p.start, to(-0.2, 0.2), np.array([0.4, -0.3], np.float32))
    live.hand_over(back)
    played = live.wait()
    assert played.finished and within(played)
    assert [what for _, what in played.events] == ["handed over"]
    np.testing.assert_allclose(played.movement.us[-1], [-0.2, 0.2], atol=0.03)


def test_it_first_goes_slowly_to_a_start_elsewhere():
    played = session(robot=SimulatedRobot(latency=0, start=[1.0, -1.0])).run(to(0.1, 0.1))
    np.testing.assert_allclose(played.movement.us[0], [1, -1], atol=1e-6)
    assert played.finished and within(played)
    np.testing.assert_allclose(played.movement.us[-1], [0.1, 0.1], atol=0.03)


# ── guards ──


def braked(played):
    """Recorded to the end, by a stop within the limits that ends at rest."""
    us = played.movement.us
    return within(played) and np.allclose(us[-1], us[-2:], atol=1e-6) and np.isfinite(us).all()


FAULTS = {
    "freeze": (dict(freeze=True), dict(stale=0.1), "stale feedback"),
    "nan": (dict(nan=True), {}, "joint_position is not finite"),
    "all lost": (dict(loss=1.0), dict(stale=0.1), "stale feedback"),
    "stuck": (dict(latency=1.0), dict(stale=9, tracking=0.02), "tracking error: joint"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_brakes_the_robot_smoothly_and_is_recorded(fault):
    settings, guards, message = FAULTS[fault]
    robot = SimulatedRobot(latency=0, rate=200)
    live = session(robot=robot, duration=5, guards=Guards(**{"stale": 5, "missed": 1, **guards}))
    live.start(to(2.0, -2.0))
    time.sleep(0.4)
    robot.fault(**settings)
    played = live.wait()
    assert message in played.reason and played.events[-1][1] == played.reason
    assert braked(played) and played.movement.ts[-1] < 5
    assert played.stopped_at <= played.movement.ts[-1]


@pytest.mark.parametrize("settings", [dict(loss=0.2), dict(latency=0.08), dict(noise=1e-3, jitter=0.005)])
def test_gaps_latency_and_noise_are_ridden_through(settings):
    robot = SimulatedRobot(latency=0.005, rate=200)
    live = session(robot=robot, duration=0.5).start(to(0.4, -0.3))
    time.sleep(0.1)
    robot.fault(**settings)
    assert live.wait().finished and within(live.played)


def test_a_dead_process_ends_it_with_what_was_recorded():
    robot = SimulatedRobot(latency=0)
    live = session(robot=robot, duration=5).start(to(1.0, -1.0))
    time.sleep(0.3)
    robot.kill()
    played = live.wait()
    assert "connection lost" in played.reason and len(played.movement.ts) > 5


class Faulty(ideomotor.AbstractFeedbackPrimitive):
    """Goes up, and fails after half a second."""

    how: str = eqx.field(static=True)

    def default_params(self):
        return np.zeros(())

    def default_feedback(self):
        return {"joint_position": np.zeros(2)}

    def init(self, params):
        return np.zeros((), np.float32)

    def step(self, state, feedback, params, dt, *, key=None):
        if self.how == "nan":
            return state + dt, jax.numpy.where(state < 0.5, 0.5 * state, np.nan) * np.ones(2, np.float32)
        return state + dt, 0.5 * state * np.ones(2, np.float32)


def test_a_command_that_is_not_finite_is_not_sent():
    played = session(Faulty("nan"), duration=5).run()
    assert "not finite, and was not sent" in played.reason and braked(played)


def test_an_exception_is_raised_after_the_stop():
    class Raising:
        def default_params(self):
            return np.zeros(())

        def default_feedback(self):
            return {"joint_position": np.zeros(2)}

        def init(self, params):
            return np.zeros(())

        def step(self, state, feedback, params, dt):
            if state > 0.5:
                raise RuntimeError("lost the plot")
            return state + dt, 0.5 * state * np.ones(2)

    live = session(ideomotor.host(Raising()), duration=5)
    with pytest.raises(RuntimeError, match="lost the plot") as caught:
        live.run()
    assert caught.value.played is live.played
    assert "lost the plot" in live.played.reason and braked(live.played)
    with pytest.raises(RuntimeError, match="lost the plot"):
        live.wait()


def test_ctrl_c_brakes_the_robot():
    sent = []

    class Interrupted(SimulatedRobot):
        def send(self, command):
            super().send(command)
            sent.append(command)
            if len(sent) == 20:
                os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    played = session(robot=Interrupted(latency=0), duration=5).run(to(1.0, -1.0))
    assert played.reason == "Ctrl-C" and braked(played)
    assert signal.getsignal(signal.SIGINT) is before


def test_it_stops_on_request_and_when_it_is_left():
    live = session(duration=5).start(to(1.0, -1.0))
    live.stop("enough")
    assert live.wait().reason == "enough"
    with session(duration=5) as live:
        pass
    assert live.wait().reason == "left" and braked(live.played)


def test_a_rate_that_cannot_be_kept_stops_it():
    class Slow(SimulatedRobot):
        def send(self, command):
            time.sleep(0.03)
            super().send(command)

    played = session(robot=Slow(latency=0), duration=9, guards=Guards(stale=5, missed=0.3)).run(to(1.0, 1.0))
    assert "missed deadlines" in played.reason and played.missed > 0 and braked(played)


def test_a_box_of_the_workspace_is_not_left():
    class WithTip(SimulatedRobot):
        def tip(self, command):
            return np.array([np.sin(command[0]), 0.0, np.cos(command[0])])

    guards = Guards(stale=5, missed=1, workspace=([-0.5, -1, -1], [0.5, 1, 1]))
    played = session(robot=WithTip(latency=0), guards=guards, duration=5).run(to(1.5, 0.0))
    assert "outside of the workspace" in played.reason and braked(played)
    assert np.max(np.sin(played.movement.us[:, 0])) < 0.5 + 0.02


# ── what does not fit ──


def test_what_does_not_fit_is_refused_before_anything_moves():
    three = ideomotor.make("dmp", dof=3, basis=5)
    with pytest.raises(AssemblyError, match="DMP does not fit SimulatedRobot"):
        session(three)
    with pytest.raises(DataError, match="takes at most 500 commands per second; give rate=500"):
        session(rate=1000)
    with pytest.raises(AssemblyError, match="TwoLinkArm has no .*stop"):
        session(robot=ideomotor.make("two-link-arm"))
    with pytest.raises(AssemblyError, match="takes a pipeline or a primitive"):
        session(3)
    robot = SimulatedRobot(start=[1.0, 0.0])
    with pytest.raises(DataError, match="'j1' is at 1, and its limits are -0.5 to 0.5"):
        session(robot=robot, limits=dict(lower=-0.5, upper=0.5)).run(to(0.1, 0.1))
    with pytest.raises(DataError, match="nothing was sent"):
        session(limits=dict(lower=-0.5, upper=0.5)).run(to(1.0, 0.1))


def test_one_more_line_than_in_simulation(tmp_path):
    arm = ideomotor.make("servo", space="joint")
    pipeline = ideomotor.Pipeline(None, DMP, plant=arm)
    pipeline(to(0.1, 0.1), np.linspace(0, 1, 101))
    played = ideomotor.play(
        pipeline, "simulated-robot", observation=to(0.1, 0.1), rate=100, duration=0.3, guards=PATIENT,
        record=tmp_path / "out",
    )  # fmt: skip
    assert played.finished and (tmp_path / "out" / "trajectory.npz").is_file()


def test_on_the_command_line(tmp_path):
    path, out = tmp_path / "p.yaml", tmp_path / "out"
    path.write_text(yaml.safe_dump({"primitive": {"use": "dmp", "dof": 2, "basis": 5}}))
    robot = "{use: simulated-robot, latency: 0}"
    arguments = [
        "play",
        str(path),
        "--robot",
        robot,
        "--rate",
        "50",
        "--duration",
        "0.5",
        "--record",
        str(out),
    ]
    result = CliRunner().invoke(command, [*arguments, "--stale", "5", "--missed", "1"])
    assert result.exit_code == 0, result.output
    assert "ended: finished" in result.output and (out / "report.json").is_file()
    failed = CliRunner().invoke(command, ["play", str(path), "--robot", "dmp"])
    assert failed.exit_code == 1 and "dmp" in failed.output


@pytest.mark.thorough
def test_what_is_measured_is_printed():
    result = CliRunner().invoke(
        command, ["measure", "live", "--seconds", "0.2", "--faults", "0", "--examples", "2"]
    )
    assert result.exit_code == 0, result.output
    for words in ("planned: finished", "policy: finished", "beyond positions", "of the path", "of its limit"):
        assert words in result.output
