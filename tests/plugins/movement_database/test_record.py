"""The SQLite record: what goes in comes out, what is wrong is said, what is damaged is noticed."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_movement_database import Demonstration, TreeSettings, build_tree
from ideomotor_movement_database.storage._record import Record  # a kernel without a public face
from ideomotor_movement_database.storage._sqlite import APPLICATION


def path_of(i, n=40, dof=3, name=None, **options):
    rng = np.random.default_rng(i)
    return Demonstration(
        name or f"demo-{i}",
        5.0 + 0.01 * np.arange(n),
        np.cumsum(rng.normal(size=(n, dof)), 0) * 0.05,
        **options,
    )


@pytest.fixture
def record(tmp_path):
    with Record(tmp_path / "moves.db", timeout=0.2) as record:
        yield record


def values(path: Path, statement: str, *arguments):
    connection = sqlite3.connect(path)
    try:
        with connection:
            return connection.execute(statement, arguments).fetchall()
    finally:
        connection.close()


def test_what_goes_in_comes_out_bit_for_bit(record):
    rng = np.random.default_rng(0)
    quaternions = rng.normal(size=(30, 4))
    quaternions[1:] = quaternions[0] + 0.01 * quaternions[1:]
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    poses = [
        Demonstration(
            f"p{i}",
            np.arange(30) * 0.1,
            np.hstack([rng.normal(size=(30, 3)), quaternions]),
            "pose",
            {"k": "v"},
        )
        for i in range(2)
    ]
    assert record.add(poses) == ["p0", "p1"]
    for _ in range(2):
        for given, found in zip(poses, record.demonstrations(), strict=True):
            assert (given.name, given.space, dict(given.metadata)) == (
                found.name,
                found.space,
                dict(found.metadata),
            )
            assert given.ts.tobytes() == found.ts.tobytes() and given.ys.tobytes() == found.ys.tobytes()
            assert not found.ys.flags.writeable
        with Record(record.path) as record:
            assert record.summary()["samples"] == 60


def test_tree_and_settings_are_kept_until_the_demonstrations_change(record):
    record.add(path_of(0))
    assert record.tree() is None and record.settings == TreeSettings()
    record.set_settings(TreeSettings(threshold=0.05))
    snapshot = record.snapshot()
    tree = build_tree(snapshot.demonstrations, snapshot.settings)
    assert record.save_tree(tree, snapshot.fingerprint)
    kept = record.tree()
    for name, array in tree.to_arrays().items():
        assert kept.to_arrays()[name].dtype == array.dtype
        assert np.array_equal(kept.to_arrays()[name], array)
    record.add(path_of(1))
    assert record.tree() is None
    assert not record.save_tree(tree, snapshot.fingerprint)  # it came too late
    assert record.tree() is None
    snapshot = record.snapshot()
    record.save_tree(build_tree(snapshot.demonstrations, snapshot.settings), snapshot.fingerprint)
    record.set_settings(TreeSettings(threshold=0.07))
    assert record.tree() is None


def test_the_fingerprint_tells_demonstrations_their_order_and_settings(tmp_path):
    def of(*numbers, settings=None):
        with Record(tmp_path / f"{len(list(tmp_path.iterdir()))}.db") as record:
            record.add([path_of(i) for i in numbers])
            if settings:
                record.set_settings(settings)
            return record.fingerprint()

    assert of(0, 1) == of(0, 1)
    different = {of(0), of(0, 1), of(1, 0), of(0, 1, settings=TreeSettings(threshold=1.0))}
    assert len(different) == 4


@pytest.mark.parametrize(
    "second, wanted",
    [
        (path_of(0), "'demo-0' is in .* already, as 'demo-0'; leave it out"),
        (path_of(0, name="other"), "'other' is in .* already, as 'demo-0'"),
        (path_of(1, name="demo-0"), "holds another demonstration called 'demo-0'; rename"),
        (path_of(1, dof=2), r"'demo-1' has 2 coordinates \(cartesian\), and those in .*'demo-0', have 3"),
        (
            path_of(1, space="joint"),
            r"'demo-1' has 3 coordinates \(joint\), and those in .*separate databases",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_of_its_company_is_kept(record, second, wanted):
    record.add(path_of(0))
    with pytest.raises(DataError, match=wanted) as caught:
        record.add([second, path_of(7, dof=second.dof, space=second.space)])
    assert "\n" not in str(caught.value)
    assert record.names() == ["demo-0"]


def test_duplicates_shifted_in_time_are_duplicates_and_can_be_skipped(record):
    one = path_of(0)
    record.add(one)
    later = Demonstration("later", one.ts + 100.0, one.ys)
    with pytest.raises(DataError, match="already, as 'demo-0'"):
        record.add(later)
    assert record.add([later, path_of(1)], skip_duplicates=True) == ["demo-1"]


def test_nan_never_reaches_the_record(record):
    ys = np.zeros((5, 3))
    ys[2, 1] = np.nan
    with pytest.raises(DataError, match=r"'bad': ys\[2, 1\] is not a finite number"):
        record.add(Demonstration("bad", np.arange(5.0), ys))
    assert record.names() == []


def test_no_demonstrations_is_said(record):
    with pytest.raises(DataError, match="holds no demonstrations; add some"):
        record.demonstrations()
    assert record.add([]) == []


def test_a_missing_or_empty_file_is_only_made_when_asked(tmp_path):
    path = tmp_path / "moves.db"
    with pytest.raises(DataError, match="moves.db is not there; fill one"):
        Record(path, create=False)
    assert not path.exists()
    path.touch()
    with pytest.raises(DataError, match="moves.db is empty"):
        Record(path, create=False)
    with Record(path) as record:
        assert record.names() == []
    with pytest.raises(DataError, match="there is no folder"):
        Record(tmp_path / "no" / "moves.db")
    with pytest.raises(DataError, match="is a folder"):
        Record(tmp_path)


@pytest.mark.parametrize("version, mend", [(2, "newer Ideomotor"), (0, "export it")])
def test_another_version_is_refused_and_left_alone(record, version, mend):
    record.add(path_of(0))
    record.close()
    values(record.path, f"PRAGMA user_version = {version}")
    before = record.path.read_bytes()
    with pytest.raises(DataError, match=f"version {version}, and this Ideomotor reads version 1; .*{mend}"):
        Record(record.path)
    assert record.path.read_bytes() == before


def test_files_of_other_programs_are_refused_and_left_alone(tmp_path):
    other = tmp_path / "other.db"
    values(other, "CREATE TABLE notes (text)")
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and long enough that SQLite reads a header from it. " * 20)
    for path, wanted in ((other, "SQLite file of another program"), (text, "is not a movement database")):
        before = path.read_bytes()
        with pytest.raises(DataError, match=wanted):
            Record(path)
        assert path.read_bytes() == before
    assert APPLICATION != 0


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_a_truncated_file_is_said_to_be(tmp_path, share):
    path = tmp_path / "moves.db"
    with Record(path) as record:
        record.add([path_of(i, n=400) for i in range(20)])
        record.checkpoint()
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(
        DataError, match="is truncated or damaged|is damaged|is not a movement database"
    ) as caught:
        with Record(path) as record:
            record.demonstrations()
    assert "\n" not in str(caught.value)
    assert len(path.read_bytes()) == int(share * len(data))


def test_a_flipped_bit_in_a_demonstration_is_found_and_in_the_tree_is_mended(record):
    record.add([path_of(0), path_of(1)])
    snapshot = record.snapshot()
    record.save_tree(build_tree(snapshot.demonstrations, snapshot.settings), snapshot.fingerprint)

    def flip(data):
        return data[:9] + bytes([data[9] ^ 4]) + data[10:]

    [(data,)] = values(record.path, "SELECT data FROM arrays WHERE name = 'mean'")
    values(record.path, "UPDATE arrays SET data = ? WHERE name = 'mean'", flip(data))
    assert record.tree() is None  # to be built again
    [(ys,)] = values(record.path, "SELECT ys FROM demonstrations WHERE id = 2")
    values(record.path, "UPDATE demonstrations SET ys = ? WHERE id = 2", flip(ys))
    with pytest.raises(DataError, match="demonstration 'demo-1' is damaged"):
        record.demonstrations()


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold(record):
    """Lock the record from another process by a statement."""
    processes = []

    def start(statement):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(record.path), statement],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "held\n"

    yield start
    for process in processes:
        process.communicate()


def test_a_record_that_another_process_writes_to_can_be_read_and_says_why_it_cannot_be_written(record, hold):
    record.add(path_of(0))
    hold("BEGIN IMMEDIATE")
    assert record.demonstrations().names == ("demo-0",)
    with pytest.raises(DataError, match="has been locked by another process for 0.2 s; try again"):
        record.add(path_of(1))
    with Record(record.path, create=False, timeout=0.2) as other:
        assert other.names() == ["demo-0"]


def test_an_exclusively_locked_record_says_so_when_opened(tmp_path, record, hold):
    record.add(path_of(0))
    record.close()
    values(record.path, "PRAGMA journal_mode = DELETE")
    hold("BEGIN EXCLUSIVE")
    with pytest.raises(DataError, match="has been locked by another process"):
        Record(record.path, timeout=0.2)


def test_threads_that_add_wait_for_each_other(tmp_path):
    with (
        Record(tmp_path / "moves.db", timeout=30.0) as one,
        Record(tmp_path / "moves.db", timeout=30.0) as two,
    ):
        errors = []

        def work(record, numbers):
            try:
                for i in numbers:
                    record.add(path_of(i))
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=((one, two)[k % 2], range(k, 40, 4))) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert sorted(one.names()) == sorted(f"demo-{i}" for i in range(40))
        assert len(two.demonstrations()) == 40
