"""A movement database under the mouse, against what its planner says."""

import numpy as np
import pytest

import ideomotor
from ideomotor_movement_database import Demonstration, MovementDatabase, TreeSettings
from ideomotor_widgets import DatabaseExplorer

T = np.linspace(0, 2, 60)


def crossing():
    """Two lines that cross in the middle: from left to right, and from below upwards."""
    s = 10 * (T / 2) ** 3 - 15 * (T / 2) ** 4 + 6 * (T / 2) ** 5
    lines = {
        "across": np.stack([-0.5 + s, 0.004 * np.sin(9 * s)], -1),
        "up": np.stack([0.004 * np.cos(9 * s), -0.5 + s], -1),
    }
    return [Demonstration(name, T, ys) for name, ys in lines.items()]


@pytest.fixture(scope="module")
def planner():
    return ideomotor.make(
        "movement-graph", demonstrations=crossing(), tree=TreeSettings(threshold=0.03, velocity_weight=0.0)
    )


@pytest.fixture(scope="module")
def shared(planner):
    explorer = DatabaseExplorer(planner)
    explorer.ready()
    assert not explorer.error
    return explorer


@pytest.fixture
def explorer(shared):
    shared.start, shared.goal = (-0.5, 0.0), (0.0, 0.5)
    return shared


def drag(explorer, send, name, x, y):
    handles = [{**h, "x": x, "y": y} if h["name"] == name else h for h in explorer.canvas.handles]
    send(explorer.canvas, handles=handles)


def test_it_goes_over_from_one_demonstration_to_the_other(explorer):
    assert len(explorer.path.parts) >= 2 and len(explorer.path.gaps) == len(explorer.path.parts) - 1
    np.testing.assert_allclose(explorer.movement.ys[[0, -1]], [[-0.5, 0.0], [0.0, 0.5]], atol=1e-6)
    dashed = [layer for layer in explorer.canvas.layers if layer.get("dash")]
    assert len(dashed) == len(explorer.path.gaps)
    assert f"in {len(explorer.path.parts)} partial paths" in explorer.found.value


def test_dragging_gives_what_the_planner_gives(explorer, planner, send):
    drag(explorer, send, "goal", 0.01, 0.3)
    assert not explorer.error
    np.testing.assert_allclose(explorer.goal, [0.01, 0.3], atol=1e-9)
    movement = planner(np.array([-0.5, 0.0]), np.array([0.01, 0.3]))
    np.testing.assert_allclose(explorer.movement.ys, movement.ys, atol=1e-9)
    numbers = np.frombuffer(explorer.canvas.data, np.float32)
    way = next(layer for layer in explorer.canvas.layers if layer.get("trail"))
    drawn = numbers[way["at"] : way["at"] + 2 * way["points"]].reshape(-1, 2)
    np.testing.assert_allclose(drawn[[0, -1]], np.float32(movement.ys[[0, -1]]), atol=1e-6)


def test_a_level_has_the_nodes_of_the_tree_and_the_transitions_of_the_demonstrations(explorer, planner):
    """Counted anew, from the demonstrations alone: which node follows which."""
    graph, items = planner.graph, crossing()
    for level in (1, graph.levels - 1):
        explorer.level = level
        nodes = graph.nodes(level)
        pairs = set()
        for item in items:
            leaf = [
                int(graph.nodes(-1)[np.argmin(((graph.position[graph.nodes(-1)] - y) ** 2).sum(1))])
                for y in item.ys
            ]
            labels = graph.ancestors(level)[leaf]
            pairs |= {(a, b) for a, b in zip(labels[:-1], labels[1:], strict=True) if a != b}
        text = explorer.about.value
        assert f"{len(nodes):,} nodes" in text
        counted = int(text.split(", ")[1].split()[0].replace(",", ""))
        # A sample near the border of two nodes may be counted with the other one here.
        assert abs(counted - len(pairs)) <= 0.15 * len(pairs) + 1
    deepest = explorer.canvas.picture
    explorer.level = 0
    assert explorer.about.value.startswith(f"of {graph.levels - 1}; 1 node, 0 transitions")
    assert explorer.canvas.picture != deepest
    explorer.level = -1
    assert explorer.level == graph.levels - 1 and explorer.canvas.picture == deepest


def test_a_goal_far_from_all_demonstrations_is_said_and_loses_nothing(explorer, send):
    drag(explorer, send, "goal", 3.0, 3.0)
    assert "more than the limit of 0.2 m" in explorer.notice.error and explorer.notice.details == ""
    assert (
        explorer.movement is None
        and not explorer.canvas.layers
        and explorer.canvas.handle("goal") == (3.0, 3.0)
    )
    drag(explorer, send, "goal", 0.0, 0.45)
    assert not explorer.error and explorer.movement is not None


def test_bad_input_from_python_changes_nothing(explorer):
    goal = explorer.goal
    for wrong in ((0.1,), (np.nan, 0.0), (1.0, 2.0, 3.0)):
        with pytest.raises(ValueError, match="must be 2 finite numbers"):
            explorer.goal = wrong
    with pytest.raises(ValueError, match="no level 99"):
        explorer.level = 99
    with pytest.raises(ideomotor.errors.DataError, match="limit"):
        explorer.goal = (5.0, 5.0)
    np.testing.assert_array_equal(explorer.goal, goal)
    assert explorer.movement is not None and explorer.canvas.handle("goal") == tuple(goal)


def test_what_has_no_graph_is_refused():
    explorer = DatabaseExplorer(ideomotor.make("dmp"))
    explorer.ready()
    assert "DMP is not one" in explorer.error and "movement-graph" in explorer.error
    explorer.close()


def test_a_database_is_explored_through_its_planner(tmp_path):
    with MovementDatabase(tmp_path / "moves.db", graph="memory") as database:
        database.ingest(crossing())
        explorer = DatabaseExplorer(database)
        explorer.ready()
        assert not explorer.error and explorer.movement is not None
        explorer.close()


def test_the_generated_example_is_seen_along_any_two_axes(open_widgets):
    before = open_widgets()
    explorer = DatabaseExplorer()
    explorer.ready()
    assert not explorer.error and len(explorer.plane.options) == 3
    first, start = explorer.canvas.picture, explorer.start
    assert start.shape == (3,)
    explorer.plane.value = (1, 2)
    assert explorer.canvas.picture != first
    np.testing.assert_allclose(explorer.canvas.handle("start"), start[[1, 2]])
    x, y = explorer.canvas.handle("goal")
    explorer.canvas.place("goal", (x - 0.02, y + 0.01))
    assert not explorer.error
    np.testing.assert_allclose(explorer.goal[[1, 2]], [x - 0.02, y + 0.01], atol=1e-9)
    explorer.close()
    assert open_widgets() == before


def test_bytes_of_an_update(explorer, send, sent_bytes):
    with sent_bytes(explorer) as sent:
        drag(explorer, send, "start", -0.4, 0.02)
    assert 5_000 < sum(sent) <= 60_000
    with sent_bytes(explorer) as sent:
        explorer.level = 3
    assert 5_000 < sum(sent) <= 60_000


def test_many_drags_open_no_widgets(explorer, send, open_widgets):
    before = open_widgets()
    for i in range(12):
        drag(explorer, send, "start", -0.45 + 0.005 * i, 0.0)
        explorer.level = i % 5
    assert open_widgets() == before and not explorer.error


def test_poses_are_seen_by_their_places_and_turns():
    half = 0.3 * np.sin(2 * T)
    turns = np.stack([np.cos(half), 0 * T, 0 * T, np.sin(half)], -1)
    poses = [
        Demonstration(item.name, T, np.concatenate([item.ys, 0.1 + 0 * T[:, None], turns], 1), space="pose")
        for item in crossing()
    ]
    planner = ideomotor.make(
        "movement-graph", demonstrations=poses, tree=TreeSettings(threshold=0.03, velocity_weight=0.0)
    )
    explorer = DatabaseExplorer(planner)
    explorer.ready()
    assert not explorer.error and len(explorer.plane.options) == 15 and explorer.goal.shape == (7,)
    x, y = explorer.canvas.handle("goal")
    explorer.canvas.place("goal", (x - 0.01, y + 0.01))
    assert not explorer.error and abs(np.linalg.norm(explorer.goal[3:]) - 1) < 1e-6
    np.testing.assert_allclose(explorer.movement.ys[-1], explorer.goal, atol=1e-5)
    explorer.close()
