"""The arm of the study, its execution, and the commands on small sizes."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from ideomotor import Trajectory
from ideomotor.cli import command
from ideomotor.errors import DataError, IdeomotorError, UnknownNameError
from ideomotor_movement_database import Demonstration, Demonstrations, shelf_demonstrations

pytest.importorskip("mujoco")
pytest.importorskip("sklearn")

from ideomotor_studies import reproduce
from ideomotor_studies.denisa2015 import joints, robot

# Batches of movements on the robot are a stage's own.
from ideomotor_studies.denisa2015._data import demonstrations, planner_of
from ideomotor_studies.denisa2015._robot import SCENE, execute, place
from ideomotor_studies.kit import Run, recorded


def _invoke(*arguments):
    return CliRunner().invoke(command, [str(word) for word in arguments])


@pytest.fixture(scope="module")
def arm():
    return robot()


def test_place_is_the_arms_forward_kinematics(arm):
    for angles in np.random.default_rng(0).uniform(arm.robot.lower, arm.robot.upper, (10, 7)):
        np.testing.assert_allclose(place(angles), arm.observe(arm.at_joints(angles))["tip"], atol=1e-12)


def test_place_is_where_the_simulated_arm_has_the_object(arm):
    angles = joints(SCENE, SCENE.goals)
    for one, goal in zip(angles, SCENE.goals, strict=True):
        np.testing.assert_allclose(arm.observe(arm.at_joints(one))["tip"], goal, atol=1e-9)


def test_all_of_the_start_area_and_all_goals_are_reached_within_the_joints_limits(arm):
    places = np.concatenate([SCENE.starts(500, np.random.default_rng(0)), SCENE.goals])
    angles = joints(SCENE, places)
    np.testing.assert_allclose(place(angles), places, atol=1e-9)
    assert np.all(angles >= arm.robot.lower) and np.all(angles <= arm.robot.upper)


def test_joint_angles_are_a_smooth_function_of_the_place():
    """Along demonstrations no joint is faster than the real arm's (rad/s)."""
    fastest = np.radians((110, 110, 128, 128, 204, 184, 184))
    for item in shelf_demonstrations(1, scene=SCENE, fan=0.3):
        speed = np.abs(np.diff(joints(SCENE, item.ys), axis=0)) / np.diff(item.ts)[:, None]
        assert np.all(speed.max(axis=0) <= fastest)
        np.testing.assert_allclose(place(joints(SCENE, item.ys)), item.ys, atol=1e-9)


def test_a_movement_into_a_board_counts_as_a_hit_and_a_demonstration_does_not(arm):
    item = shelf_demonstrations(0, scene=SCENE, fan=0.3)[0]
    good = Trajectory(item.ts, joints(SCENE, item.ys))
    # From the middle of a compartment down onto its floor.
    goal, ts = SCENE.goals[2], np.linspace(0, 1, 51)
    down = goal - np.linspace(0, 1, 51)[:, None] * [0, 0, 0.5 * SCENE.opening]
    bad = Trajectory(ts, joints(SCENE, down))
    done = execute(arm, [good, bad])
    assert done.hit.tolist() == [False, True] and not done.table.any()
    assert np.linalg.norm(done.end[0] - item.ys[-1]) < 1e-4 and done.tracking[0] < 5e-3
    assert np.linalg.norm(done.end[1] - down[-1]) > 0.01  # the board held it up


def test_a_movement_into_the_table_is_seen_too(arm):
    ts, (x, y, z) = np.linspace(0, 1, 51), SCENE.table
    down = np.array([x, y, z + 0.1]) - np.linspace(0, 1, 51)[:, None] * [0, 0, 0.2]
    done = execute(arm, [Trajectory(ts, joints(SCENE, down))])
    assert done.table.all() and not done.hit.any()


def test_hierarchical_search_among_joint_angles_keeps_clear_of_the_shelf(arm):
    """From the corner of the table, where the search that is not checked ends 32 cm off at the shelf, and eleven other places."""
    made, rng = demonstrations(0, "joint"), np.random.default_rng(0)
    (x, y, z), (a, b) = SCENE.table, SCENE.area
    places = [(x + 0.4995 * a, y + 0.4995 * b, z)]
    places += [(x + a * u, y + b * v, z) for u, v in rng.uniform(-0.5, 0.5, (11, 2))]
    goals = SCENE.goals[np.arange(12) % 6]

    def played(places, checked):
        planner, moves = planner_of(made, "hierarchical", checked=checked, limit=None), []
        for place_, goal in zip(places, goals, strict=False):
            begin, end = joints(SCENE, np.array([place_, goal]))
            moves.append(planner.movement(planner.find(begin, end), begin, end))
        done = execute(arm, moves)
        return done.hit, np.linalg.norm(done.end - goals[: len(places)], axis=1)

    hit, off = played(places[:1], False)
    assert hit.all() and off[0] > 0.1
    hit, off = played(places, True)
    assert not hit.any() and off.max() < 1e-3


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Reaches to one goal, as a recording without times."""
    made = list(shelf_demonstrations(0, per_cell=2, rate=50.0))[:6]
    file = tmp_path_factory.mktemp("recorded") / "moves.npz"
    offsets = np.cumsum([0, *(len(item) for item in made)])
    np.savez(file, data=np.concatenate([item.ys for item in made]), offsets=offsets)
    return file


@pytest.fixture(scope="module")
def study(tmp_path_factory, recording):
    out = tmp_path_factory.mktemp("denisa") / "run"
    result = _invoke("reproduce", "denisa2015", "--preset", "tiny", "--data", recording, "--out", out)
    assert result.exit_code == 0, result.output
    return out, result.output


def test_the_tiny_study_writes_all(study):
    out, text = study
    assert {f"figure{i}.png" for i in (3, 6, 8, 10, 11, 14)} == {p.name for p in (out / "figures").iterdir()}
    table = (out / "table.md").read_text(encoding="utf-8")
    assert "| 4,133 |" in table and "Protocol." in table and table in text
    results = json.loads((out / "results.json").read_text())["stages"]
    for space in ("cartesian", "joint"):
        for kind in ("flat", "hierarchical"):
            assert results[f"search-{space}-0"][kind]["found"] == 180
        for stage in (f"execute-{space}-flat", f"generalise-{space}"):
            found = results[stage]
            assert found["executed"] == (12 if stage.startswith("execute") else 2) and found["hits"] == 0
            assert found["end_error_median"] <= 0.0085 and found["end_error_worst"] <= 0.02
    assert results["recorded"]["left_out"] == 4
    stages = [json.loads(line)["stage"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert stages == list(results)


def test_a_killed_study_goes_on_to_the_same_result(study, recording):
    """A stage that is missing is made again from what is kept; all others stay as they are."""
    out, _ = study
    before = json.loads((out / "results.json").read_text())["stages"]
    kept = (out / "stages" / "clustering.json").stat().st_mtime_ns
    (out / "stages" / "execute-joint-flat.json").unlink()
    after = reproduce("denisa2015", out, preset="tiny", data=recording, resume=True).results
    timed = ("cpu_s", "wall_s")
    for stage, found in before.items():
        assert {k: v for k, v in found.items() if k not in timed} == {
            k: v for k, v in after[stage].items() if k not in timed
        }
    assert (out / "stages" / "clustering.json").stat().st_mtime_ns == kept


def test_another_run_in_the_same_folder_is_refused(study):
    out, _ = study
    with pytest.raises(IdeomotorError, match="not empty"):
        Run("denisa2015", out, {"preset": "tiny"})
    with pytest.raises(IdeomotorError, match="its seed is 0, not 3"):
        Run("denisa2015", out, {"preset": "tiny", "seed": 3}, resume=True)
    result = _invoke("reproduce", "denisa2015", "--resume")
    assert result.exit_code == 1 and "--out FOLDER" in result.output
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        reproduce("denisa2015", out / "other", preset="tiney")


def test_leaving_one_out_of_identical_ways_finds_it_again():
    """Parallel straight lines 1 cm apart: what is left out is found among the others within that."""
    ts, share = np.linspace(0, 2, 101), np.linspace(0, 1, 101)[:, None] ** 2
    lines = [np.array([0.0, 0.01 * i, 0.0]) + share * [0.5, 0.0, 0.0] for i in range(4)]
    found = recorded.leave_one_out(
        Demonstrations([Demonstration(f"{i}", ts, y) for i, y in enumerate(lines)])
    )
    assert found["left_out"] == 4 and found["distance_worst"] <= 0.01 and found["end_error_worst"] < 1e-9
    assert found["straight_line_worst"] < 1e-9 and found["nearest_warped_worst"] < 1e-9


def test_recordings_are_measured_and_too_few_are_refused(recording, tmp_path):
    result = _invoke("measure", "movement-database", "--data", recording, "--rate", "50", "--count", "2")
    assert result.exit_code == 0 and "2 of 6 demonstrations left out" in result.output
    few = tmp_path / "few.npz"
    np.savez(few, data=np.random.default_rng(0).random((20, 3)), offsets=[0, 10, 20])
    with pytest.raises(DataError, match="2 demonstrations; leaving one out needs at least three"):
        recorded.read(few)


def test_the_kuka_recordings_are_found_again_without_each(shared_data):
    """Six of the real demonstrations: nearer than a straight line, at rest at the end, no faster than demonstrated."""
    file = shared_data / "kuka_demos_part.npz"
    if not file.exists():
        pytest.skip("the KUKA recordings are not here")
    found = recorded.leave_one_out(recorded.read(file), count=6)
    assert found["better_than_straight_line"] == 6 and found["distance_median"] < 0.05
    assert found["peak_worst"] <= 1.01 and found["end_error_worst"] < 1e-6
