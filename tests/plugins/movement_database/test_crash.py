"""SIGKILL at random moments, and readers beside a writer.

IDEOMOTOR_KILLS=50 pytest -n 0 -s tests/plugins/movement_database/test_crash.py
"""

import json
import os
import runpy
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from ideomotor_movement_database import MovementDatabase, TransitionGraph, build_tree
from ideomotor_movement_database.storage._record import Record  # a kernel without a public face

WORKER = Path(__file__).with_name("storage_worker.py")
KILLS = int(os.environ.get("IDEOMOTOR_KILLS", "8"))
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")


def start(*arguments) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, str(WORKER), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture(scope="module")
def worker():
    return runpy.run_path(str(WORKER))


def same(a, b) -> bool:
    a, b = a.to_arrays(), b.to_arrays()
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@needs_fork
def test_what_was_acknowledged_survives_sigkill_at_any_moment(tmp_path, worker):
    """Each child lives up to half a second, in which it ingests dozens and rewrites tree and graph a few times."""
    rng = np.random.default_rng(int(os.environ.get("IDEOMOTOR_SEED", "0")))
    acknowledged, told_in_all, trees = [], 0, 0
    with start("crash") as process:
        for kill in range(KILLS):
            if kill % 6 == 0:
                path, acknowledged = tmp_path / f"moves-{kill}.db", []
            process.stdin.write(f"{path} {rng.uniform(0.0, 0.5)}{' wait' * (kill % 2)}\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert answer["killed"], "the child ended by itself"
            acknowledged += answer["told"]
            told_in_all += len(answer["told"])
            with Record(path, timeout=60.0) as record:
                if not record.names():
                    assert not acknowledged
                    continue
                snapshot = record.snapshot()
            names = snapshot.demonstrations.names
            assert set(acknowledged) <= set(names)
            assert names == tuple(f"demo-{i}" for i in range(len(names)))
            # At most one call was cut after it was safe and before it was told: two demonstrations.
            assert len(names) - len(acknowledged) <= 2 * (kill % 6 + 1)
            assert all(worker["is_whole"](item) for item in snapshot.demonstrations)
            again = build_tree(snapshot.demonstrations, snapshot.settings)
            if snapshot.tree is not None:
                trees += 1
                assert same(snapshot.tree, again)
            with MovementDatabase(path, create=False) as database:
                assert same(database.graph, TransitionGraph.of(again))
                assert same(database.rebuild(), again)
        process.stdin.close()
    print(f"\n{KILLS} kills, {told_in_all} demonstrations acknowledged, {trees} trees found current")
    assert told_in_all >= KILLS // 2


def test_four_threads_and_two_processes_read_while_one_writes(tmp_path, worker):
    path = tmp_path / "moves.db"
    make, watch = worker["make"], worker["watch"]
    with MovementDatabase(path, timeout=60.0) as database:
        database.record.set_settings(worker["SETTINGS"])
        database.ingest(make(0))
        processes = [start("read", path) for _ in range(2)]
        assert all(process.stdout.readline() == "ready\n" for process in processes)
        ended, found = threading.Event(), []

        def reader():
            with MovementDatabase(path, timeout=60.0) as own:
                found.append(watch(own, ended.is_set))

        shared = threading.Thread(target=lambda: found.append(watch(database, ended.is_set)))
        threads = [shared, *(threading.Thread(target=reader) for _ in range(3))]
        for thread in threads:
            thread.start()
        for i in range(1, 13):
            database.ingest(make(i))
            if i % 4 == 0:
                database.rebuild()
            if i % 6 == 0:
                database.record.checkpoint()
        ended.set()
        for thread in threads:
            thread.join()
        for process in processes:
            with process:
                process.stdin.close()
                found.append(json.loads(process.stdout.read()))
    assert len(found) == 6
    assert [wrong for report in found for wrong in report["wrong"]] == []
    assert all(report["longest"] == 13 for report in found)
    print(f"\nreads: {[report['reads'] for report in found]}")
