import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import ideomotor
from ideomotor.errors import DataError
from ideomotor_movement_database import (
    Demonstration,
    Demonstrations,
    Flat,
    Hierarchical,
    MovementDatabase,
    MovementGraph,
    ShelfScene,
    Timing,
    TransitionGraph,
    TreeSettings,
    build_tree,
    shelf_demonstrations,
)
from ideomotor_movement_database._demonstrations import Speeds
from ideomotor_movement_database._joining import (  # a kernel without a public face
    join,
    node_times,
    smooth_between_rests,
)

SCENE = ShelfScene()


@pytest.fixture(scope="module")
def demonstrations():
    return shelf_demonstrations(0)


@pytest.fixture(scope="module")
def planner(demonstrations):
    return MovementGraph(demonstrations)


def in_joints(demonstrations: Demonstrations) -> Demonstrations:
    """The same reaches as angles of an arm with three joints, shoulder (turn, lift) and elbow, above the base."""
    made = []
    for item in demonstrations:
        x, y, z = (item.ys - [0.0, 0.0, 0.4]).T
        r, upper, lower = np.sqrt(x**2 + y**2 + z**2), 0.75, 0.75
        elbow = np.arccos((r**2 - upper**2 - lower**2) / (2 * upper * lower))
        lift = np.arctan2(z, np.hypot(x, y)) + np.arctan2(
            lower * np.sin(elbow), upper + lower * np.cos(elbow)
        )
        made.append(
            Demonstration(item.name, item.ts, np.column_stack([np.arctan2(y, x), lift, elbow]), "joint")
        )
    return Demonstrations(made)


def in_poses(demonstrations: Demonstrations) -> Demonstrations:
    """The same reaches with a hand that turns upright on the way."""
    made = []
    for item in demonstrations:
        share = (item.ts / item.ts[-1])[:, None]
        turns = Rotation.from_rotvec(share * [0.2, 1.4, 0.1] + item.ys * 0.3)
        made.append(
            Demonstration(item.name, item.ts, np.hstack([item.ys, turns.as_quat(scalar_first=True)]), "pose")
        )
    return Demonstrations(made)


@pytest.mark.parametrize("space", ["cartesian", "joint"])
def test_every_start_reaches_every_goal_and_flat_gaps_are_smaller(demonstrations, space):
    """180 of 180 in 5 seeds, and how much smaller the gaps are: tests/benchmarks/test_movement_graph.py."""
    made = in_joints(demonstrations) if space == "joint" else demonstrations
    tree = build_tree(made, velocity_weight=1.0, threshold=0.02)
    goals = [made[5 * i].ys[-1] for i in range(6)]
    largest = {}
    for search in (Flat(), Hierarchical()):
        planner = MovementGraph(made, search, tree=tree)
        paths = [planner.find(item.ys[0], goal) for item in made[::4] for goal in goals]
        for path, goal in zip(paths, goals * 8, strict=True):
            assert np.linalg.norm(path.position[-1] - goal) < 0.02
        largest[type(search)] = np.median([path.gaps.max() for path in paths if len(path.gaps)])
    assert largest[Hierarchical] > 2 * largest[Flat]


@pytest.mark.parametrize("search", [Flat(), Hierarchical()])
def test_movements_rest_at_both_ends_and_keep_the_pace(demonstrations, search):
    planner = MovementGraph(demonstrations, search)
    peak = np.median(
        [np.linalg.norm(np.diff(d.ys[::2], axis=0), axis=1).max() / 0.02 for d in demonstrations]
    )
    for item in demonstrations[::7]:
        for goal in SCENE.goals:
            movement = planner(item.ys[0], goal)
            assert np.array_equal(movement.ys[0], item.ys[0]) and np.array_equal(movement.ys[-1], goal)
            speed = np.linalg.norm(np.diff(movement.ys, axis=0), axis=1) / np.diff(movement.ts)
            assert speed[0] == speed[-1] == 0.0
            assert speed.max() <= 1.01 * peak
            assert not SCENE.hits(movement.ys[:-1], movement.ys[1:]).any()


def of_hand(angles):
    """Where the hand of `in_joints` is."""
    turn, lift, elbow = np.asarray(angles).T
    out = 0.75 * (np.cos(lift) + np.cos(lift - elbow))
    up = 0.75 * (np.sin(lift) + np.sin(lift - elbow))
    return np.column_stack([out * np.cos(turn), out * np.sin(turn), 0.4 + up])


def test_the_hand_of_a_movement_of_joints_keeps_its_pace_too(demonstrations):
    made = in_joints(demonstrations)
    np.testing.assert_allclose(of_hand(made[3].ys), demonstrations[3].ys, atol=1e-9)
    peak = np.median(
        [np.linalg.norm(np.diff(d.ys[::2], axis=0), axis=1).max() / 0.02 for d in demonstrations]
    )
    tree = build_tree(made, velocity_weight=1.0, threshold=0.02)
    fastest = {}
    for kinematics in (None, of_hand):
        planner = MovementGraph(made, tree=tree, timing=Timing(kinematics=kinematics))
        found = [planner(item.ys[0], made[5 * i].ys[-1]) for item in made[::6] for i in range(6)]
        speeds = [np.linalg.norm(np.diff(of_hand(m.ys), axis=0), axis=1) / np.diff(m.ts) for m in found]
        fastest[kinematics] = max(speed.max() for speed in speeds)
    assert fastest[of_hand] <= 1.01 * peak < fastest[None]


def test_gap_time_makes_movements_slower_than_the_paper(demonstrations):
    peaks = []
    for gap_time in (False, True):
        planner = MovementGraph(
            demonstrations,
            Hierarchical(),
            tree=TreeSettings(velocity_weight=1.0),
            timing=Timing(gap_time=gap_time, limit_speed=False),
        )
        found = [planner(d.ys[0], SCENE.goals[4]) for d in demonstrations[:10]]
        peaks.append(np.median([np.linalg.norm(np.diff(m.ys, axis=0), axis=1).max() / 0.01 for m in found]))
    assert peaks[1] < 0.8 * peaks[0]


def test_node_times_are_those_of_the_demonstration(demonstrations, planner):
    item = demonstrations[4]
    path = planner.find(item.ys[0], item.ys[-1])
    assert not path.gap.any()
    times = node_times(path, planner.speeds.mean)
    nearest = np.array([np.argmin(np.linalg.norm(item.ys - x, axis=1)) for x in path.position])
    assert np.allclose(times, item.ts[nearest] - item.ts[nearest[0]], atol=0.25)
    movement = planner(item.ys[0], item.ys[-1])
    way = np.array([np.linalg.norm(item.ys - y, axis=1).min() for y in movement.ys])
    assert way.max() < 0.01  # a demonstrated movement is found again


def test_smoother_solves_its_normal_equations():
    rng = np.random.default_rng(0)
    line = np.cumsum(rng.normal(size=(40, 2)), axis=0)
    line[:3], line[-3:] = line[0], line[-1]
    ys = smooth_between_rests(line, 4.0)
    weight = (4.0 / np.sqrt(2 * np.log(2))) ** 6
    third = np.diff(np.eye(40), n=3, axis=0)
    gradient = (ys - line) + weight * third.T @ third @ ys
    assert np.abs(gradient[3:-3]).max() < 1e-6 * weight
    assert np.array_equal(ys[:3], line[:3]) and np.array_equal(ys[-3:], line[-3:])


def test_smoother_halves_the_frequency_of_its_gaussian():
    width = 6.0
    t = np.arange(4000)
    wave = np.sin(np.sqrt(2 * np.log(2)) / width * t)[:, None]
    ys = smooth_between_rests(wave, width)
    assert np.isclose(np.abs(ys[1500:2500]).max(), 0.5, atol=0.01)


def test_far_from_every_demonstration_is_refused_with_the_distance(demonstrations, planner):
    far = SCENE.goals[0] + [0, -1.0, 0]
    with pytest.raises(
        DataError, match=r"The goal is 0.\d+ m from the nearest demonstration, more than the limit"
    ):
        planner(demonstrations[0].ys[0], far)
    with pytest.raises(DataError, match="The start is 0"):
        planner(far, SCENE.goals[0])
    bold = MovementGraph(demonstrations, limit=None)
    assert np.array_equal(bold(demonstrations[0].ys[0], far).ys[-1], far)
    for wrong in (np.zeros(2), np.array([0.0, np.nan, 0.0])):
        with pytest.raises(DataError, match="The start must be 3 finite numbers"):
            planner(wrong, wrong)


def test_the_refusal_names_the_option_of_both_python_and_the_command_line(planner):
    with pytest.raises(DataError, match=r"allow more \(limit=, --limit\)"):
        planner.find(SCENE.goals[0] + [0, -1.0, 0], SCENE.goals[0])


def test_one_sample_that_jumps_is_no_speed():
    """Of a line at 0.2 m/s whose 40th of 1000 samples is 5 cm off."""
    ts = 0.01 * np.arange(1000)
    ys = np.column_stack([0.2 * ts, 0 * ts])
    ys[40, 1] = 0.05
    made = Demonstrations([Demonstration("jump", ts, ys)])
    found = made.speeds()
    assert found.peak + 1e-9 >= 0.2 and found.peak < 0.21


def test_a_graph_that_was_built_before_is_used_and_another_is_refused(demonstrations):
    tree = build_tree(demonstrations)
    graph = TransitionGraph.of(tree)
    planner = MovementGraph(demonstrations, tree=graph)
    assert planner.graph is graph
    with pytest.raises(DataError, match="built from different demonstrations"):
        MovementGraph(demonstrations[:-1], tree=graph)


def test_validity_keeps_a_new_obstacle_clear(demonstrations, planner):
    start, goal = demonstrations[0].ys[0], SCENE.goals[3]
    blocked = planner.find(start, goal).position[60]

    def valid(a, b):
        between = a[:, None] + np.linspace(0, 1, 9)[:, None] * (b - a)[:, None]
        return np.linalg.norm(between - blocked, axis=-1).min(axis=1) > 0.08

    careful = MovementGraph(demonstrations, valid=valid)
    path = careful.find(start, goal)
    assert np.linalg.norm(path.position - blocked, axis=1).min() > 0.08
    with pytest.raises(DataError, match="The start itself is forbidden"):
        MovementGraph(demonstrations, valid=lambda a, b: np.zeros(len(a), bool)).find(start, goal)
    wall = 0.5 * (start[1] + goal[1])
    for search in (Flat(), Hierarchical()):
        walled = MovementGraph(
            demonstrations, search, valid=lambda a, b: (a[:, 1] < wall) == (b[:, 1] < wall)
        )
        with pytest.raises(DataError, match="No valid path leads"):
            walled.find(start, goal)


def test_several_paths_differ(demonstrations, planner):
    paths = planner.find_alternatives(demonstrations[0].ys[0], SCENE.goals[4], 3)
    assert len(paths) == 3
    for i, one in enumerate(paths):
        assert all(np.isin(one.nodes, other.nodes).mean() <= 0.55 for other in paths[:i])


def test_a_primitive_imitates_the_path(demonstrations):
    dmp = ideomotor.make("dmp", dof=3, basis=50)
    plain, with_dmp = (MovementGraph(demonstrations, primitive=p) for p in (None, dmp))
    query = demonstrations[0].ys[0], SCENE.goals[5]
    one, two = plain(*query), with_dmp(*query)
    assert np.linalg.norm(two.ys - one.ys, axis=1).max() < 0.01
    assert np.linalg.norm(two.ys[-1] - query[1]) < 0.001


def test_poses_come_back_as_poses(demonstrations):
    made = in_poses(Demonstrations(demonstrations[::5]))
    movement = MovementGraph(made)(made[0].ys[0], made[3].ys[-1])
    assert np.allclose(np.linalg.norm(movement.ys[:, 3:], axis=1), 1.0)
    assert np.allclose(movement.ys[[0, -1]], [made[0].ys[0], made[3].ys[-1]], atol=1e-9)
    turns = np.abs(np.sum(movement.ys[1:, 3:] * movement.ys[:-1, 3:], axis=1))
    assert np.rad2deg(2 * np.arccos(np.clip(turns, 0, 1))).max() < 3  # no orientation is jumped over


def test_is_made_from_the_registry_and_written_down():
    search = ideomotor.make("hierarchical-search", gap_weight=2.0)
    planner = ideomotor.make("movement-graph", search=search, tree=TreeSettings(threshold=0.02))
    config = ideomotor.config.to_config(planner)
    assert config["search"] == {"use": "hierarchical-search", "gap_weight": 2.0}
    again = ideomotor.config.from_config(config)
    assert np.array_equal(again(*again.default_query()).ys, planner(*planner.default_query()).ys)
    for make, wrong in (
        (TreeSettings, {"threshold": -1.0}),
        (Timing, {"dt": 0.0}),
        (MovementGraph, {"limit": -0.1}),
    ):
        with pytest.raises(DataError, match=f"{next(iter(wrong))} = "):
            make(**wrong)


def test_a_tree_of_other_demonstrations_is_refused(demonstrations):
    tree = build_tree(demonstrations[:3])
    with pytest.raises(DataError, match="built from different demonstrations"):
        MovementGraph(demonstrations, tree=tree)


def test_a_slow_or_short_movement_can_be_joined(demonstrations):
    tree = build_tree(demonstrations[:2])
    graph = TransitionGraph.of(tree)
    path = Flat().prepare(graph).find(*graph.nodes(-1)[[0, 0]].tolist())
    assert path is not None
    here = path.position[0]
    movement = join(path, here, here, Speeds(0.3, 0.5), Timing())
    assert np.allclose(movement.ys, here, atol=1e-9)
    with pytest.raises(DataError, match="choose a longer dt"):
        join(path, here, here + 1.0, Speeds(1e-3, 0.5), Timing(dt=1e-4))


def test_real_demonstrations_reach_each_others_goals(shared_data):
    with np.load(shared_data / "kuka_demos_part.npz") as data:
        names = [str(name) for name in data["name"]]
        rows, offsets = data["data"], data["offsets"]
    chosen = [i for i, name in enumerate(names) if name == names[0]]
    made = []
    for i in chosen:
        ys = rows[offsets[i] : offsets[i + 1], :3].astype(float)
        made.append(Demonstration(f"{names[i]}-{i}", np.arange(len(ys)) * 0.0105, ys))
    planner = MovementGraph(made, Flat())
    goal = made[-1].ys[-1]
    for item in made[:4]:
        movement = planner(item.ys[0], goal)
        assert np.array_equal(movement.ys[-1], goal)


def line(rest, laps=1, name="line"):
    """`laps` times along half a circle of 0.5 m in 1 s and back in 1 s, at even speed, after `rest` seconds of idle time."""
    angle = np.pi * np.abs((np.arange(200 * laps + 1) / 100.0 + 1) % 2 - 1)[: 200 * laps - 99]
    angle = np.concatenate([np.full(round(100 * rest), angle[0]), angle])
    return Demonstration(
        name, 0.01 * np.arange(len(angle)), 0.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    )


@pytest.mark.parametrize("rest", [0.0, 20.0, 200.0])
def test_idle_time_before_a_movement_does_not_slow_it(rest):
    """It is shown in 1 s; with 20 s of rest before it, 24.8 s were planned, with 200 s 410,000 s (#8)."""
    made = line(rest)
    movement = MovementGraph([made])(made.ys[0], made.ys[-1])
    assert 0.9 < movement.ts[-1] < 1.6
    if rest == 20.0:
        waiting = MovementGraph([made], tree=TreeSettings(keep_pauses=True))(made.ys[0], made.ys[-1])
        assert waiting.ts[-1] > 10.0  # on request


@pytest.mark.parametrize("laps", [1, 2, 5, 10])
def test_repeated_laps_take_the_time_of_one(laps):
    """Half a circle shown in 1 s took 2.1, 5.2 and 10.3 s from 2, 5 and 10 laps (#8)."""
    made = line(0.0, laps)
    movement = MovementGraph([made])(np.array([0.5, 0.0]), np.array([-0.5, 0.0]))
    assert 0.9 < movement.ts[-1] < 1.6


def wall(height):
    """No step through the line x = 0.25 below y = `height`, as 50 places of each step tell."""

    def valid(a, b):
        between = a[:, None] + np.linspace(0, 1, 50)[:, None] * (b - a)[:, None]
        return ~np.any((np.abs(between[..., 0] - 0.25) < 0.02) & (between[..., 1] < height), axis=1)

    return valid


@pytest.mark.parametrize("search", [Flat(), Hierarchical()])
def test_validity_is_asked_of_start_goal_joining_steps_and_the_smoothed_movement(search):
    """Of movements over a wall, the whole is valid at a finer scale than the planner's own samples (#10)."""
    s = np.linspace(0, 1, 101)[:, None]
    way = 10 * s**3 - 15 * s**4 + 6 * s**5
    made = [
        Demonstration(
            f"d{i}", 2 * s[:, 0], np.hstack([0.5 * way, (0.2 + 0.02 * i) * np.sin(np.pi * way) ** 0.5])
        )
        for i in range(4)
    ]
    valid = wall(0.19)
    planner = MovementGraph(
        made, search, valid=valid, tree=TreeSettings(threshold=0.01), timing=Timing(smoothing=0.3)
    )
    for start, goal in (((0.0, 0.0), (0.5, 0.0)), ((0.2, 0.1), (0.3, 0.1))):
        ys = planner(np.array(start), np.array(goal)).ys
        assert valid(ys[:-1], ys[1:]).all()
    loose = MovementGraph(made, search, tree=TreeSettings(threshold=0.01), timing=Timing(smoothing=0.3))
    ys = loose(np.array([0.0, 0.0]), np.array([0.5, 0.0])).ys
    assert not valid(ys[:-1], ys[1:]).all()  # smoothing alone would touch the wall
    inside = np.array([0.25, 0.1])
    with pytest.raises(DataError, match="The start itself is forbidden"):
        planner(inside, np.array([0.5, 0.0]))
    with pytest.raises(DataError, match="The goal itself is forbidden"):
        planner(np.array([0.0, 0.0]), inside)


def test_there_is_no_second_path_where_there_is_one_demonstration():
    made = line(0.0)
    with pytest.raises(DataError, match="There is no second path"):
        MovementGraph([made]).find_alternatives(made.ys[0], made.ys[-1], 2)


def test_joints_that_turn_without_end_are_compared_within_a_turn():
    """Recorded in (-pi, pi], from 2.5 through pi to -1.8 and shown twice: once begun a turn later (kind 4)."""
    t = np.linspace(0, 2, 201)
    true = np.stack([2.5 + t, 0 * t], 1)
    wrapped = (true + np.pi) % (2 * np.pi) - np.pi
    made = [
        Demonstration("a", t, wrapped, "joint"),
        Demonstration("b", t, wrapped + [-2 * np.pi + 0.01, 0.01], "joint"),
    ]
    planner = MovementGraph(made)
    movement = planner(wrapped[0], wrapped[-1])  # the end as the recorder has it
    assert np.array_equal(movement.ys[0], wrapped[0])
    np.testing.assert_allclose(movement.ys[-1], true[-1], atol=1e-9)
    assert movement.ts[-1] < 3.5
    speed = np.abs(np.diff(movement.ys, axis=0)).max() / (movement.ts[1] - movement.ts[0])
    assert speed < 1.2
    assert len(planner.find(wrapped[0] + [2 * np.pi, 0.0], true[-1]).nodes) > 5


def test_a_database_file_is_a_planner(tmp_path, demonstrations):
    """`demonstrations: moves.db` in YAML."""
    with MovementDatabase(tmp_path / "moves.db", graph="memory") as database:
        database.ingest(demonstrations[::5])
        database.update()
        wanted = database.planner()(demonstrations[0].ys[0], SCENE.goals[2])
    config = {"use": "movement-graph", "demonstrations": str(tmp_path / "moves.db")}
    planner = ideomotor.config.from_config(config)
    assert ideomotor.config.to_config(planner) == config
    assert np.array_equal(planner(demonstrations[0].ys[0], SCENE.goals[2]).ys, wanted.ys)
    with pytest.raises(DataError, match="A database has its own tree"):
        MovementGraph(tmp_path / "moves.db", tree=TreeSettings(threshold=0.1))
