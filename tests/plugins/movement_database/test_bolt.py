"""The graph in a real server that speaks Bolt: ArcadeDB, started here on loopback; and servers that are not well."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_movement_database import BoltStore, Demonstration, MovementDatabase, TreeSettings

pytest.importorskip("neo4j")
SECRET = "a-Secret-of-31-letters-unheard-of"

SERVER = """
import sys, time
import arcadedb_embedded
from arcadedb_embedded import jvm

folder, port, http = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
jvm.start_jvm(heap_size="512m")
config = {"http_port": http, "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin", "bolt_port": port}
server = arcadedb_embedded.create_server(root_path=folder, root_password=sys.stdin.readline().strip(), config=config)
server.start()
server.create_database("moves")
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The URL of an ArcadeDB; it does not end on SIGTERM, so it is killed."""
    pytest.importorskip("arcadedb_embedded")
    folder, port = tmp_path_factory.mktemp("arcadedb"), free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder), str(port), str(free_port())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        text=True,
    )
    try:
        process.stdin.write(f"{SECRET}\n")
        process.stdin.flush()
        if not any(line.startswith("ready") for line in process.stdout):
            pytest.fail("ArcadeDB did not start")
        yield f"bolt://127.0.0.1:{port}"
    finally:
        process.kill()
        with process:
            process.stdin.close()


@pytest.fixture
def store(server):
    # Under load a JVM that has just started takes its time.
    with BoltStore(server, "root", SECRET, database="moves", timeout=60.0) as store:
        yield store


@contextlib.contextmanager
def refused(match):
    """A `DataError` of one sentence, without the password, and without a trace of one underneath."""
    with pytest.raises(DataError, match=match) as caught:
        yield
    assert "\n" not in str(caught.value) and SECRET not in str(caught.value)
    assert caught.value.__suppress_context__ or SECRET not in str(caught.value.__cause__)


def demonstration(i):
    rng = np.random.default_rng(i)
    return Demonstration(f"demo-{i}", np.arange(50) * 0.01, np.cumsum(rng.normal(size=(50, 3)), 0) * 0.05)


def test_a_database_keeps_its_graph_in_the_server(tmp_path, store):
    with MovementDatabase(tmp_path / "moves.db", store, timeout=30.0) as database:
        database.record.set_settings(TreeSettings(threshold=0.1))
        database.ingest([demonstration(i) for i in range(3)])
        assert store.load() is None and store.fingerprint() is None
        assert database.update() and not database.update()
        graph, loaded = database.graph, store.load(database.record.fingerprint())
        for name, array in graph.to_arrays().items():
            assert loaded.to_arrays()[name].dtype == array.dtype
            np.testing.assert_array_equal(loaded.to_arrays()[name], array, err_msg=name)
        assert store.load("other") is None
        rows = database.cypher(
            "MATCH (a:MovementNode)-[e:TRANSITION]->(b:MovementNode) WHERE $i IN e.support RETURN count(*) AS c",
            i=1,
        )
        bounds = graph.support_indptr
        assert rows == [{"c": sum(1 in graph.support[a:b] for a, b in zip(bounds, bounds[1:], strict=False))}]
        # More demonstrations: the graph in the server is replaced.
        database.ingest(demonstration(3))
        [row] = database.cypher("MATCH (n:MovementNode) RETURN count(*) AS c")
        assert row["c"] == len(database.graph.parent) == len(store.load().parent)
    assert [path.name for path in tmp_path.iterdir()] == ["moves.db"]
    assert SECRET.encode() not in (tmp_path / "moves.db").read_bytes()


def test_queries_cannot_change_the_graph(store):
    before = store.cypher("MATCH (n) RETURN count(*) AS c")
    with refused("only read-only queries are answered, and this one begins with CREATE"):
        store.cypher("CREATE (n:MovementNode {id: 12345}) RETURN n.id AS id")
    assert store.cypher("MATCH (n) RETURN count(*) AS c") == before


def test_a_wrong_query_database_or_password_is_one_sentence(server, store):
    with refused("refuses: .*yntax"):
        store.cypher("MATCH nonsense")
    with BoltStore(server, "root", SECRET, database="nothing", timeout=60.0) as other, refused("nothing"):
        other.fingerprint()
    wrong = SECRET[::-1]
    with BoltStore(server, "root", wrong, database="moves", timeout=60.0) as other:
        with refused("refuses the user 'root' with that password; set IDEOMOTOR_BOLT_PASSWORD") as caught:
            other.fingerprint()
        assert wrong not in repr(other) and wrong not in str(vars(other)) and wrong not in str(caught)


def test_the_password_comes_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("IDEOMOTOR_BOLT_PASSWORD", SECRET)
    with BoltStore(server, "root", database="moves", timeout=60.0) as store:
        assert store.cypher("MATCH (n:Nothing) RETURN count(*) AS c") == [{"c": 0}]
        assert SECRET not in repr(store) and SECRET not in str(vars(store))


def test_a_server_that_is_down():
    with BoltStore(f"bolt://127.0.0.1:{free_port()}", "root", SECRET, timeout=2.0) as store:
        with refused("cannot be reached"):
            store.load()


def test_a_server_that_never_answers():
    accepted = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    accepted.append(listening.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        url = f"bolt://127.0.0.1:{listening.getsockname()[1]}"
        with BoltStore(url, "root", SECRET, timeout=0.5) as store, refused("has not answered for 0.5 s"):
            store.fingerprint()
        listening.shutdown(socket.SHUT_RDWR)
    for connection in accepted:
        connection.close()


def test_urls_are_checked_and_hold_no_password():
    for url in (
        f"bolt://root:{SECRET}@localhost:7687",
        f"bolt:///root:{SECRET}@localhost",
        f"bolt://localhost?password={SECRET}",
        f"bolt://localhost/{SECRET}",
        f"bolt://localhost#{SECRET}",
        f"//root:{SECRET}@localhost",
        f"http://root:{SECRET}@localhost",
    ):
        with refused("without user, password, path or options"):
            BoltStore(url)
    for url in ("localhost:7687", "http://localhost", "bolt://"):
        with refused("is not a Bolt server"):
            BoltStore(url)


def test_the_driver_closes_quietly():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BoltStore("bolt://127.0.0.1:9", "root", SECRET).close()
    assert os.environ.get("IDEOMOTOR_BOLT_PASSWORD", "") != SECRET
