"""The graph in Ladybug and in memory: what is written is loaded, and each trap of the database is guarded against."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_movement_database import TransitionGraph
from ideomotor_movement_database.storage._ladybug import LadybugStore  # a kernel without a public face
from ideomotor_movement_database.storage._store import MemoryStore  # a kernel without a public face

ladybug = pytest.importorskip("ladybug")


def chain(n=120, seed=0, dimension=3) -> TransitionGraph:
    """A path of n nodes, longer than the 30 hops that Ladybug follows by default, and a few shortcuts."""
    rng = np.random.default_rng(seed)
    source = np.concatenate([np.arange(n - 1), np.sort(rng.integers(0, n - 10, 20))])
    target = np.concatenate([np.arange(1, n), source[n - 1 :] + 5])
    pairs = np.unique(np.stack([source, target], axis=1), axis=0)
    source, target = pairs.T.astype(np.int32)
    position = rng.normal(size=(n, dimension))
    edges = len(source)
    sizes, members = rng.integers(0, 3, edges), rng.integers(1, 3, n)
    return TransitionGraph(
        space="cartesian",
        rotation_length=0.1,
        names=tuple(f"démo '{i}'" for i in range(4)),
        reference=np.zeros(0),
        parent=np.arange(-1, n - 1, dtype=np.int32) // 2,
        born=np.arange(n, dtype=np.int32) // 30,
        split=np.full(n, 9, np.int32),
        position=position,
        spread=rng.random(n),
        samples=rng.integers(1, 9, n, dtype=np.int32),
        demonstrations=members.astype(np.int32),
        finals=np.zeros(n, np.int32),
        duration=rng.random(n),
        member_indptr=np.concatenate([[0], np.cumsum(members)]),
        member=rng.integers(0, 4, members.sum(), dtype=np.int32),
        source=source,
        target=target,
        edge_born=np.zeros(edges, np.int32),
        edge_split=np.full(edges, 9, np.int32),
        count=rng.integers(1, 5, edges, dtype=np.int32),
        probability=rng.random(edges),
        length=np.linalg.norm(position[source] - position[target], axis=1),
        support_indptr=np.concatenate([[0], np.cumsum(sizes)]),
        support=rng.integers(0, 4, sizes.sum(), dtype=np.int32),
    )


def assert_same(a, b):
    a, b = a.to_arrays(), b.to_arrays()
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype, name
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.fixture(scope="module")
def graph():
    return chain()


@pytest.fixture(scope="module")
def written(graph, tmp_path_factory):
    store = LadybugStore(tmp_path_factory.mktemp("graph") / "moves.db.graph")
    store.write(graph, "print")
    return store


@pytest.mark.parametrize("dimension", [1, 3, 7])
def test_what_is_written_is_loaded_bit_for_bit(tmp_path, dimension):
    graph = chain(dimension=dimension)
    for store in (LadybugStore(tmp_path / "graph"), MemoryStore()):
        with store:
            assert store.load() is None and store.fingerprint() is None
            store.write(graph, "first")
            assert_same(store.load(), graph)
            assert store.fingerprint() == "first"
            assert store.load("other") is None
            other = chain(50, 1, dimension)
            store.write(other, "second")
            assert_same(store.load("second"), other)


def test_a_graph_of_one_node_and_no_transition(tmp_path):
    whole = chain(40)
    arrays = {name: array[:1] if name != "header" else array for name, array in whole.to_arrays().items()}
    for name in ("source", "target", "edge_born", "edge_split", "count", "probability", "length", "support"):
        arrays[name] = arrays[name][:0]
    arrays |= {"reference": np.zeros(0), "member_indptr": np.array([0, 1]), "support_indptr": np.array([0])}
    one = TransitionGraph.from_arrays(arrays)
    store = LadybugStore(tmp_path / "graph")
    store.write(one, "one")
    assert_same(store.load(), one)


def test_cypher_sees_nodes_transitions_and_demonstrations(written, graph):
    assert written.cypher("MATCH (n:MovementNode) RETURN count(*) AS c") == [{"c": 120}]
    rows = written.cypher(
        "MATCH (a:MovementNode {id: $i})-[e:TRANSITION]->(b:MovementNode) RETURN b.id AS target, e.length AS length, "
        "e.support AS support ORDER BY target",
        i=3,
    )
    edges = np.flatnonzero(graph.source == 3)
    assert [row["target"] for row in rows] == graph.target[edges].tolist()
    assert [row["length"] for row in rows] == graph.length[edges].tolist()
    bounds = graph.support_indptr
    assert [row["support"] for row in rows] == [
        graph.support[bounds[e] : bounds[e + 1]].tolist() for e in edges
    ]
    rows = written.cypher("MATCH (d:MovementDemonstration) RETURN d.name AS name ORDER BY d.id")
    assert [row["name"] for row in rows] == list(graph.names)


def test_paths_of_more_than_30_hops_are_found(written, graph):
    """Ladybug's default is to return no row, and no error, for them; lengths against SciPy."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    query = (
        "MATCH (a:MovementNode {id: 0})-[e:TRANSITION* WSHORTEST(length)]->(b:MovementNode {id: 119}) "
        "RETURN properties(nodes(e), 'id') AS inner, cost(e) AS cost"
    )
    [row] = written.cypher(query)
    matrix = csr_array((graph.length, (graph.source, graph.target)), shape=(120, 120))
    assert len(row["inner"]) > 30
    assert row["cost"] == pytest.approx(dijkstra(matrix, indices=0)[119], rel=1e-12)
    # The trap itself: should this fail, Ladybug has changed and the guard may go.
    database = ladybug.Database(str(written.path), read_only=True, max_db_size=2**30)
    connection = ladybug.Connection(database)
    assert connection.execute(query).get_all() == []
    connection.close()
    database.close()


def test_positions_are_scalar_columns(written):
    """A DOUBLE[3] column is copied 17 times slower."""
    rows = written.cypher("CALL table_info('MovementNode') RETURN *")
    types = {row["name"]: row["type"] for row in rows}
    assert types["x0"] == types["x2"] == "DOUBLE"
    assert [name for name, kind in types.items() if "[" in kind] == ["members"]


def test_queries_that_are_wrong_or_write_are_refused_in_one_sentence(written):
    for query in (
        "MATCH nonsense",
        "CREATE (:MovementNode {id: 999})",
        "MATCH (n:MovementNode) RETURN n.nothing",
    ):
        with pytest.raises(DataError, match="^Cypher: ") as caught:
            written.cypher(query)
        assert "\n" not in str(caught.value)
    assert written.cypher("MATCH (n:MovementNode) RETURN count(*) AS c") == [{"c": 120}]


def test_nothing_lies_beside_the_file_at_rest(written):
    assert [file.name for file in written.path.parent.iterdir()] == [written.path.name]


@pytest.mark.parametrize("damage", ["rubbish", "truncated", "empty", "zeros inside", "other graph"])
def test_a_damaged_file_and_all_that_belongs_to_it_are_moved_aside(tmp_path, graph, damage):
    store = LadybugStore(tmp_path / "moves.db.graph")
    store.write(graph, "print")
    data = store.path.read_bytes()
    if damage == "other graph":
        store.path.unlink()
        database = ladybug.Database(str(store.path), max_db_size=2**30)
        connection = ladybug.Connection(database)
        connection.execute("CREATE NODE TABLE Other(id INT64 PRIMARY KEY)")
        connection.close()
        database.close()
    else:
        broken = {
            "rubbish": b"no database " * 1000,
            "truncated": data[: len(data) // 2],
            "empty": b"",
            "zeros inside": b"\0" * 4096 + data[4096:],
        }
        store.path.write_bytes(broken[damage])
    sidecars = [f"moves.db.graph.{end}" for end in ("wal", "shadow", "wal.checkpoint")]
    for name in sidecars[1:] if damage == "other graph" else sidecars:
        (tmp_path / name).write_bytes(b"left by a crash")
    assert store.load() is None
    assert [path.name for path in tmp_path.iterdir()] == ["moves.db.graph.aside-1"]
    kept = {path.name for path in (tmp_path / "moves.db.graph.aside-1").iterdir()}
    assert {"moves.db.graph", *sidecars[1:]} <= kept
    store.write(graph, "print")
    assert_same(store.load(), graph)


def test_a_sidecar_of_a_killed_program_is_moved_aside_before_the_graph_is_replaced(tmp_path, graph):
    store = LadybugStore(tmp_path / "graph")
    store.write(chain(40), "old")
    (tmp_path / "graph.wal").write_bytes(b"of another program")
    store.write(graph, "new")
    assert_same(store.load("new"), graph)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph", "graph.aside-1"]


def test_a_write_that_fails_leaves_the_old_graph_and_nothing_else(tmp_path, graph, monkeypatch):
    store = LadybugStore(tmp_path / "graph")
    store.write(graph, "old")

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        store.write(chain(40), "new")
    monkeypatch.undo()
    assert_same(store.load("old"), graph)
    assert [path.name for path in tmp_path.iterdir()] == ["graph"]


def test_what_a_killed_process_left_is_removed_after_an_hour(tmp_path, graph):
    old, young = tmp_path / ".graph.abc.tmp", tmp_path / ".graph.xyz.tmp"
    for folder in (old, young):
        folder.mkdir()
        (folder / "graph.wal").write_bytes(b"half")
    os.utime(old, (0, 0))
    LadybugStore(tmp_path / "graph").write(graph, "print")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".graph.xyz.tmp", "graph"]


READ = """
import json, sys
from ideomotor_movement_database.storage._ladybug import LadybugStore
store, found = LadybugStore(sys.argv[1]), []
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    graph = store.load()
    found.append(len(graph.parent) if graph is not None and graph.names else None)
print(json.dumps(found))
"""


def test_threads_write_and_another_process_reads_without_an_error(tmp_path, graph):
    """In place, 394 of 446 opens beside a writer that checkpoints raised (measured with Ladybug 0.22)."""
    store = LadybugStore(tmp_path / "graph")
    graphs = [graph, chain(60)]
    store.write(graph, "0")
    command = [sys.executable, "-c", READ, str(store.path), "15"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        errors = []

        def write(i):
            try:
                for _ in range(3):
                    store.write(graphs[i], str(i))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=write, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = json.loads(process.stdout.read())
    assert errors == []
    assert set(found) <= {120, 60} and len(found) == 15
    assert [path.name for path in tmp_path.iterdir()] == ["graph"]


def test_memory_has_no_cypher():
    with pytest.raises(DataError, match="answers no Cypher"):
        MemoryStore().cypher("MATCH (n) RETURN n")


def test_without_the_extra_the_mend_is_named(tmp_path, graph, monkeypatch):
    monkeypatch.setitem(sys.modules, "ladybug", None)
    with pytest.raises(DataError, match=r"needs ladybug: pip install 'ideomotor\[database\]'"):
        LadybugStore(tmp_path / "graph").write(graph, "print")
    assert list(tmp_path.iterdir()) == []
