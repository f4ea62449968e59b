"""The graph in Ladybug and in memory: what is written is loaded, and each trap of the database is guarded against."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_movement_database import BoltStore, TransitionGraph
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


@pytest.mark.parametrize(
    "text",
    [
        "COPY (MATCH (n:MovementNode) RETURN n.id) TO '{path}'",
        "/* MATCH */ COPY MovementNode TO '{path}'",
        "EXPLAIN COPY (MATCH (n) RETURN n.id) TO '{path}'",
        "MATCH (n) RETURN n.id; COPY (MATCH (n) RETURN n.id) TO '{path}'",
        "EXPORT DATABASE '{path}'",
        "INSTALL json",
        "LOAD EXTENSION json",
        "LOAD FROM '/etc/passwd' (file_format='csv') RETURN *",
        "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
        "ATTACH '{path}' AS other (dbtype sqlite)",
        "MATCH (n:MovementNode) SET n.id = 1",
        "MATCH (n:MovementNode) DETACH DELETE n",
        "CALL apoc.export.csv.all('{path}', {{}})",
        "CALL dbms.shutdown()",
        "CALL var_length_extend_max_depth=3",
        "",
    ],
)
def test_queries_look_and_do_nothing_else(written, tmp_path, text):
    """By what the statement does, whatever the backend: also before a server is asked (#16)."""
    path = tmp_path / "out.csv"
    with BoltStore("bolt://127.0.0.1:9", timeout=0.2) as server:
        for store in (written, server):
            with pytest.raises(DataError, match="only read-only queries are answered"):
                store.cypher(text.format(path=path))
    assert not path.exists()


def test_words_in_texts_names_and_comments_are_no_clauses(written):
    query = "MATCH (n:MovementNode) WHERE 'COPY; SET' <> 'x' RETURN n.id AS load, {set: 1} AS m // DELETE\nLIMIT 1"
    assert [row["load"] for row in written.cypher(query)] == [0]
    assert written.cypher("CALL show_tables() RETURN count(*) AS c")[0]["c"] == 4


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


def test_what_a_killed_process_left_is_removed_by_its_recorded_name_alone(tmp_path, graph):
    """Links are never followed, and what only has a name like ours stays (#13)."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "graph").write_text("precious")
    left, linked, other = (tmp_path / f".graph.{name}.tmp" for name in ("0a0a0a0a", "0b0b0b0b", "0c0c0c0c"))
    for folder in (left, other):
        folder.mkdir()
        (folder / "graph.wal").write_bytes(b"half")
        (folder / "graph").symlink_to(victim / "graph")
    linked.symlink_to(victim)
    for folder in (left, linked, other):
        os.utime(folder, (0, 0), follow_symlinks=False)
    (tmp_path / ".graph.writing").write_text(f"{left.name}\n{linked.name}\n../victim\nvictim\n")
    LadybugStore(tmp_path / "graph").write(graph, "print")
    assert sorted(path.name for path in tmp_path.iterdir()) == [linked.name, other.name, "graph", "victim"]
    assert [path.read_text() for path in victim.iterdir()] == ["precious"]


def test_a_left_over_folder_with_a_subfolder_and_a_linked_journal_block_nothing_and_lose_nothing(
    tmp_path, graph
):
    left = tmp_path / ".graph.0a0a0a0a.tmp"
    (left / "graph.d").mkdir(parents=True)
    (tmp_path / ".graph.writing").write_text(left.name)
    store = LadybugStore(tmp_path / "graph")
    store.write(graph, "print")
    assert (left / "graph.d").is_dir() and store.fingerprint() == "print"
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / ".graph.writing").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(DataError, match=r"\.graph\.writing cannot be opened"):
        store.write(graph, "other")
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_files_that_only_begin_alike_are_not_ours(tmp_path, graph):
    store = LadybugStore(tmp_path / "moves.db.graph")
    for name in ("moves.db.graph.png", "moves.db.graph.backup"):
        (tmp_path / name).write_text("mine")
    store.write(graph, "print")
    store.path.write_bytes(b"rubbish")
    assert store.load() is None
    for name in ("moves.db.graph.png", "moves.db.graph.backup"):
        assert (tmp_path / name).read_text() == "mine"


SHORT = """
import resource, sys
from ideomotor.errors import DataError
from ideomotor_movement_database.storage._ladybug import LadybugStore
store = LadybugStore(sys.argv[1])
_, hard = resource.getrlimit(resource.RLIMIT_AS)
store.fingerprint()  # all libraries are loaded
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
for more in (2**36, 2**31):
    resource.setrlimit(resource.RLIMIT_AS, (used + more, hard))
    try:
        print(store.fingerprint())
    except DataError as error:
        print(error)
"""


def test_a_healthy_graph_stays_where_it_is_when_memory_is_short(written):
    """Ladybug asks for its address space at once; its refusal is no damage (#15)."""
    pytest.importorskip("resource")
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("reads the process's size from /proc")
    done = subprocess.run([sys.executable, "-c", SHORT, str(written.path)], capture_output=True, text=True)
    first, second = done.stdout.splitlines()
    assert first == "print" and "not enough memory" in second, done.stderr
    assert [file.name for file in written.path.parent.iterdir()] == [written.path.name]


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
    with pytest.raises(DataError, match="does not support Cypher"):
        MemoryStore().cypher("MATCH (n) RETURN n")


def test_without_the_extra_the_mend_is_named(tmp_path, graph, monkeypatch):
    monkeypatch.setitem(sys.modules, "ladybug", None)
    with pytest.raises(DataError, match=r"needs ladybug: pip install 'ideomotor\[database\]'"):
        LadybugStore(tmp_path / "graph").write(graph, "print")
    assert list(tmp_path.iterdir()) == []
