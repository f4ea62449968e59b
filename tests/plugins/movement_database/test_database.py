"""The database as a whole: ingest, tree, graph, rebuild, provenance, batches, export."""

import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_movement_database import (
    Demonstration,
    Demonstrations,
    Flat,
    Hierarchical,
    MovementDatabase,
    MovementGraph,
    MovementTree,
    TransitionGraph,
    TreeSettings,
    build_tree,
    read_demonstrations,
)
from ideomotor_movement_database.storage._ladybug import LadybugStore  # a kernel without a public face
from ideomotor_movement_database.storage._store import GraphBusyError  # a kernel without a public face

SETTINGS = TreeSettings(threshold=0.03)


def reach(i, n=60):
    """From the left to one of two places on the right, through the middle."""
    s = np.linspace(0.0, 1.0, n)
    rng = np.random.default_rng(i)
    start, end = rng.normal(size=2) * 0.05, np.array([1.0, 0.4 * (-1) ** i])
    ys = start + (end - start) * (10 * s**3 - 15 * s**4 + 6 * s**5)[:, None]
    return Demonstration(f"reach {i}", s, ys + 0.02 * np.sin(3 * s)[:, None], metadata={"hand": "left"})


def assert_same(a, b):
    a, b = a.to_arrays(), b.to_arrays()
    for name in a:
        assert a[name].dtype == b[name].dtype, name
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.fixture
def database(tmp_path):
    with MovementDatabase(tmp_path / "moves.db", timeout=30.0) as database:
        database.record.set_settings(SETTINGS)
        database.ingest([reach(i) for i in range(4)])
        yield database


def test_tree_and_graph_are_those_of_the_algorithms(database):
    tree = build_tree(Demonstrations([reach(i) for i in range(4)]), SETTINGS)
    assert_same(database.tree, tree)
    assert_same(database.graph, TransitionGraph.of(tree))


def test_the_same_record_gives_the_same_tree_and_graph_wherever_they_come_from(database):
    made = database.tree, database.graph
    database.update()
    with MovementDatabase(database.path) as again:
        assert again.record.tree() is not None and again.store.fingerprint() is not None
        for tree, graph in ((again.tree, again.graph), (again.rebuild(), again.graph)):
            assert_same(tree, made[0])
            assert_same(graph, made[1])
    LadybugStore(database.path.with_name("moves.db.graph")).path.unlink()
    with MovementDatabase(database.path, graph="memory") as from_record_only:
        assert_same(from_record_only.rebuild(), made[0])
        assert_same(from_record_only.graph, made[1])


def test_demonstrations_come_one_after_the_other(database):
    database.update()
    before = database.graph
    assert database.ingest(reach(4)) == ["reach 4"]
    assert len(database.tree.names) == len(database.graph.names) == 5
    assert len(before.names) == 4
    assert database.stats()["graph"]["state"] == "out of date"
    assert database.update() and not database.update()
    assert database.stats()["graph"]["state"] == "up to date"
    with MovementDatabase(database.path) as other:
        assert other.store.load(other.record.fingerprint()).names[-1] == "reach 4"


def test_another_process_that_ingests_is_noticed(database):
    assert len(database.graph.names) == 4
    with MovementDatabase(database.path, timeout=30.0) as other:
        other.ingest(reach(5))
    assert len(database.demonstrations) == len(database.tree.names) == len(database.graph.names) == 5


def test_other_settings_give_another_tree_and_are_kept(database):
    deep = database.rebuild()
    shallow = database.rebuild(TreeSettings(threshold=0.2))
    assert len(shallow.parent) < len(deep.parent)
    with MovementDatabase(database.path) as again:
        assert again.tree.settings.threshold == 0.2
        assert_same(again.graph, database.graph)


def test_provenance_by_brute_force(database):
    """Which demonstrations step from node to node, found sample by sample from the tree."""
    tree, graph = database.tree, database.graph
    level = tree.levels - 1
    nodes = tree.level_labels(level)
    for e in np.flatnonzero((graph.edge_born <= level) & (level < graph.edge_split)):
        ends = int(graph.source[e]), int(graph.target[e])
        steps = (nodes[:-1] == ends[0]) & (nodes[1:] == ends[1])
        steps &= tree.demonstration[:-1] == tree.demonstration[1:]
        wanted = {tree.names[i] for i in tree.demonstration[:-1][steps]}
        assert set(database.provenance(*ends)) == wanted
    with pytest.raises(DataError, match="No demonstration goes from node 0 directly to node 0"):
        database.provenance(0, 0)


def test_cypher_says_which_demonstrations_support_a_transition(database):
    graph = database.graph
    source, target = int(graph.source[-1]), int(graph.target[-1])
    rows = database.cypher(
        "MATCH (:MovementNode {id: $a})-[e:TRANSITION]->(:MovementNode {id: $b}) UNWIND e.support AS i "
        "MATCH (d:MovementDemonstration {id: i}) RETURN d.name AS name ORDER BY name",
        a=source,
        b=target,
    )
    assert tuple(row["name"] for row in rows) == tuple(sorted(database.provenance(source, target)))


def test_a_planner_goes_from_one_demonstration_over_to_another(database):
    start, goal = reach(0).ys[0], reach(1).ys[-1]
    for search in (None, Hierarchical()):
        planner = database.planner(limit=0.3) if search is None else database.planner(search, limit=0.3)
        movement = planner(start, goal)
        np.testing.assert_allclose(np.asarray(movement.ys)[[0, -1]], [start, goal], atol=1e-9)


def test_a_planner_searches_the_graph_that_was_loaded(database):
    planner = database.planner()
    assert planner.graph is database.graph and database.planner().graph is planner.graph


def test_a_batch_is_what_the_planner_does_one_by_one(database):
    starts = np.array([reach(i).ys[0] for i in (0, 1, 2)])
    goals = np.array([reach(i).ys[-1] for i in (1, 2, 3)])
    planner = database.planner()
    for found, start, goal in zip(database.plan(starts, goals), starts, goals, strict=True):
        np.testing.assert_array_equal(found.ys, planner(start, goal).ys)
    assert database.plan(np.zeros((0, 2)), np.zeros((0, 2))) == []
    with pytest.raises(DataError, match=r"Starts have shape \(2,\)"):
        database.plan(starts[0], goals[0])


def test_a_graph_file_held_by_another_program_does_not_keep_us_from_the_record(database, monkeypatch):
    database.update()

    def busy(*_):
        raise GraphBusyError("held")

    with MovementDatabase(database.path) as other:
        monkeypatch.setattr(other.store, "load", busy)
        assert_same(other.graph, database.graph)


def test_a_damaged_graph_file_is_replaced(database):
    graph = database.graph
    database.update()
    file = database.path.with_name("moves.db.graph")
    file.write_bytes(file.read_bytes()[:5000])
    with MovementDatabase(database.path) as other:
        assert other.update()
        assert_same(other.store.load(), graph)
    assert file.with_name("moves.db.graph.aside-1").is_dir()


def test_an_empty_database_says_so(tmp_path):
    with MovementDatabase(tmp_path / "new.db") as database:
        for ask in (lambda: database.tree, lambda: database.graph, database.planner, database.update):
            with pytest.raises(DataError, match="holds no demonstrations"):
                ask()
        found = database.stats()
        assert (
            found["demonstrations"] == 0 and found["tree"] is None and found["graph"]["state"] == "not there"
        )


def test_where_the_graph_may_be(tmp_path):
    with pytest.raises(DataError, match="graph = 'neo4j'; it must be 'ladybug', 'memory' or the URL"):
        MovementDatabase(tmp_path / "moves.db", graph="neo4j")
    assert not (tmp_path / "moves.db").exists()


def test_export_can_be_read_again(database, tmp_path):
    names = database.export(tmp_path / "out")
    out = tmp_path / "out"
    assert "graph.cypher" in names and "transitions.parquet" in names
    for found in (
        read_demonstrations(out / "demonstrations.npz"),
        [d for i in range(4) for d in read_demonstrations(out / "demonstrations" / f"reach_{i}.csv")],
    ):
        for read, kept in zip(found, database.demonstrations, strict=True):
            assert np.array_equal(read.ys, kept.ys) and np.array_equal(read.ts, kept.ts)
    with np.load(out / "tree.npz") as tree, np.load(out / "graph.npz") as graph:
        assert_same(MovementTree.from_arrays(dict(tree)), database.tree)
        assert_same(TransitionGraph.from_arrays(dict(graph)), database.graph)
    with (out / "transitions.csv").open() as file:
        rows = list(csv.DictReader(file))
    graph = database.graph
    assert [int(row["source"]) for row in rows] == graph.source.tolist()
    assert [float(row["length"]) for row in rows] == graph.length.tolist()
    first, last = graph.support_indptr[:2]
    assert [int(i) for i in rows[0]["support"].split()] == graph.support[first:last].tolist()


NAMES = ["x_-2", "x?", "x*", "X!", "/etc/passwd", "..", "a" * 10_000, "a" * 9_999, "démo 'é'\n", "CON"]


@pytest.mark.parametrize("space", ["joint", "pose"])
def test_what_is_exported_comes_back_with_its_name_space_and_metadata(tmp_path, space):
    """Two names never become one file, and no name leaves the folder."""
    made = []
    for i, name in enumerate(NAMES):
        ys = np.cumsum(np.random.default_rng(i).normal(size=(20, 7)), 0) * 0.05
        ys[:, 3:] = [1.0, 0.0, 0.0, 0.0]
        made.append(Demonstration(name, 3.0 + 0.01 * np.arange(20), ys, space, {"hand": f"left {i}"}))
    with MovementDatabase(tmp_path / "moves.db", graph="memory") as database:
        database.record.set_settings(TreeSettings(threshold=0.5))
        database.ingest(made)
        database.export(tmp_path / "out", ["csv", "npz"])
    files = sorted((tmp_path / "out" / "demonstrations").iterdir())
    assert len(files) == len(NAMES) and sorted(p.name for p in tmp_path.iterdir()) == ["moves.db", "out"]
    for found in (
        [item for file in files for item in read_demonstrations(file)],
        read_demonstrations(tmp_path / "out" / "demonstrations.npz"),
    ):
        by_name = {item.name: item for item in found}
        for item in made:
            read = by_name[item.name]
            assert (read.space, dict(read.metadata)) == (space, dict(item.metadata))
            assert np.array_equal(read.ts, item.ts) and np.array_equal(read.ys, item.ys)


def test_long_texts_are_not_padded(tmp_path):
    """1,000 demonstrations with one text of a million characters took 3.9 GiB (#19)."""
    made = [reach(i, 5) for i in range(40)]
    made.append(Demonstration("long", made[0].ts, made[0].ys + 1.0, metadata={"note": "x" * 1_000_000}))
    with MovementDatabase(tmp_path / "moves.db", graph="memory") as database:
        database.ingest(made)
        database.export(tmp_path / "out", ["npz"])
    with np.load(tmp_path / "out" / "demonstrations.npz") as file:
        assert file["metadata"].nbytes < 2_000_000
    assert (
        read_demonstrations(tmp_path / "out" / "demonstrations.npz")[-1].metadata["note"] == "x" * 1_000_000
    )


READ_ONLY = """
import os, shutil, sys
from pathlib import Path
from ideomotor.errors import DataError
from ideomotor_movement_database import Demonstration, MovementDatabase

def go(path, out, say):
    with MovementDatabase(path, create=False) as database:
        say(database.stats()["graph"]["state"], database.stats()["demonstrations"])
        first, last = database.demonstrations[0], database.demonstrations[-1]
        say(len(database.planner()(first.ys[0], last.ys[-1]).ts) > 10)
        say(len(database.export(out / "export", ["csv"])))
        for act in (
            lambda: database.cypher("MATCH (n:MovementDemonstration) RETURN count(*) AS c"),
            lambda: database.ingest(Demonstration("new", first.ts, first.ys + 0.5)),
        ):
            try:
                say(act())
            except DataError as error:
                say(error)

path, out = Path(sys.argv[1]), Path(sys.argv[2])
if os.getuid() == 0:  # root may always write: all is imported by a run on a copy, then it becomes another user
    shutil.copytree(path.parent, out / "copy", copy_function=shutil.copy)
    (out / "copy").chmod(0o755)
    go(out / "copy" / path.name, out / "copy", lambda *words: None)
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
go(path, out, print)
"""


@pytest.fixture
def open_folder():
    """Unlike `tmp_path`, whose parents are private to the user, one that others may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("current", [True, False])
def test_a_read_only_database_can_be_read_queried_and_exported(database, tmp_path, open_folder, current):
    """By a user who may not write to the file or its folder (#15)."""
    if current:
        database.update()
    database.record.checkpoint()
    database.close()
    out, folder = open_folder / "out", open_folder / "kept"
    out.mkdir()
    folder.mkdir()
    for file in tmp_path.glob("moves.db*"):
        file.chmod(0o444)
        shutil.move(file, folder / file.name)
    out.chmod(0o777)
    folder.chmod(0o555)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    command = [sys.executable, "-c", READ_ONLY, str(folder / "moves.db"), str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    folder.chmod(0o755)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["up to date 4" if current else "not there 4", "True"], done.stderr[-2000:]
    assert int(lines[2]) == 6 and "is read-only; copy the database" in lines[4]
    assert lines[3] == "[{'c': 4}]" if current else "There is no graph" in lines[3]
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_the_prepared_search_is_kept_and_a_query_reads_nothing_else(database, monkeypatch):
    """The path is the one that a planner finds which prepares everything itself (#19)."""
    database.update()
    start, goal = reach(0).ys[0], reach(1).ys[-1]
    wanted = MovementGraph(database.demonstrations, tree=database.tree)(start, goal)
    with MovementDatabase(database.path, create=False) as other:
        for name in ("snapshot", "demonstrations", "tree"):
            monkeypatch.setattr(other.record, name, None)
        monkeypatch.setattr(other.store, "load", None)
        planner = other.planner()
        found = planner(start, goal)
        np.testing.assert_array_equal(found.ys, wanted.ys)
        monkeypatch.undo()
        other.ingest(reach(7))
        with pytest.raises(DataError, match="has changed since this planner was made"):
            _ = planner.graph


def test_preparing_is_near_linear():
    """Steps across gaps in a set of many demonstrations: counted, not timed; each is to one of the nearest nodes (#19)."""
    made = Demonstrations([reach(i, 20) for i in range(400)])
    graph = TransitionGraph.of(build_tree(made, threshold=0.003))
    network = Flat(neighbours=8).prepare(graph).network
    nodes = len(network.position)
    assert nodes * len(made) > 500_000 and nodes < network.gap.sum() <= 8 * nodes
    source, target = network.source[network.gap], network.target[network.gap]
    length = np.linalg.norm(network.position[source] - network.position[target], axis=1)
    apart = np.linalg.norm(network.position[:50, None] - network.position, axis=-1)
    members = [
        set(graph.member[a:b].tolist())
        for a, b in zip(graph.member_indptr, graph.member_indptr[1:], strict=False)
    ]
    leaves = graph.nodes(-1)
    for i in range(50):
        others = [j for j in range(nodes) if not members[leaves[i]] & members[leaves[j]]]
        assert length[source == i].min() == pytest.approx(apart[i, others].min(), rel=1e-9)


def test_exported_cypher_makes_the_graph_in_an_empty_database(database, tmp_path):
    ladybug = pytest.importorskip("ladybug")
    database.export(tmp_path / "out", ["cypher"])
    opened = ladybug.Database(":memory:", max_db_size=2**30)
    connection = ladybug.Connection(opened)
    kinds = "id INT64 PRIMARY KEY, parent INT64, born INT64, split INT64, samples INT64, demonstrations INT64, finals INT64"
    floats = "spread DOUBLE, duration DOUBLE, x0 DOUBLE, x1 DOUBLE, members INT64[]"
    connection.execute(f"CREATE NODE TABLE MovementNode({kinds}, {floats})")
    connection.execute("CREATE NODE TABLE MovementDemonstration(id INT64 PRIMARY KEY, name STRING)")
    edge = (
        "id INT64, born INT64, split INT64, count INT64, probability DOUBLE, length DOUBLE, support INT64[]"
    )
    connection.execute(f"CREATE REL TABLE TRANSITION(FROM MovementNode TO MovementNode, {edge})")
    for statement in (tmp_path / "out" / "graph.cypher").read_text().splitlines():
        connection.execute(statement)
    rows = connection.execute(
        "MATCH (a:MovementNode)-[e:TRANSITION]->(b:MovementNode) RETURN a.id, b.id, e.length, e.support ORDER BY e.id"
    ).get_all()
    graph = database.graph
    assert [row[:3] for row in rows] == [
        list(x) for x in zip(graph.source, graph.target, graph.length, strict=True)
    ]
    connection.close()
    opened.close()


def test_export_refuses_what_it_cannot_do(database, tmp_path):
    with pytest.raises(DataError, match="no export format 'xml'"):
        database.export(tmp_path / "out", ["xml"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(Exception, match="not empty"):
        database.export(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_real_demonstrations(tmp_path, shared_data):
    """Kinesthetic KUKA demonstrations: 62 movements of 6 joints."""
    found = read_demonstrations(shared_data / "kuka_demos_part.npz", space="joint", rate=100.0)
    with MovementDatabase(tmp_path / "kuka.db") as database:
        database.ingest(found)
        database.record.set_settings(TreeSettings(threshold=0.2))
        assert database.update()
        assert len(database.graph.names) == 62 and database.tree.samples[0] == 29564
        assert database.cypher("MATCH (d:MovementDemonstration) RETURN count(*) AS c") == [{"c": 62}]
        with pytest.raises(DataError, match="leave it out, or skip duplicates"):
            database.ingest(found)
