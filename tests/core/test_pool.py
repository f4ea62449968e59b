"""Workers: the same results in this process, in two others, and on Ray."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ideomotor import make_pool
from ideomotor.errors import DataError
from ideomotor_movement_database import (
    Demonstration,
    Demonstrations,
    MovementDatabase,
    TreeSettings,
    build_tree,
)


def wander(i, n=300):
    rng = np.random.default_rng(i)
    return Demonstration(f"demo-{i}", np.arange(n) * 0.01, np.cumsum(rng.normal(size=(n, 3)), 0) * 0.02)


DEMONSTRATIONS = Demonstrations([wander(i) for i in range(6)])


@pytest.fixture(scope="module")
def tree():
    return build_tree(DEMONSTRATIONS, threshold=0.02)


@pytest.fixture(scope="module")
def two():
    with make_pool(2) as pool:
        yield pool


def assert_works(pool, tree, tmp_path):
    assert list(pool.map(divmod_by_seven, range(20))) == [divmod(i, 7) for i in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(pool.map(one_over, [1, 0]))
    again = build_tree(DEMONSTRATIONS, threshold=0.02, map=pool.map)
    for name, array in tree.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], array, err_msg=name)
    with MovementDatabase(tmp_path / "moves.db", graph="memory", pool=pool) as database:
        database.record.set_settings(TreeSettings(threshold=0.02))
        database.ingest(DEMONSTRATIONS)
        starts = np.array([item.ys[0] for item in DEMONSTRATIONS])
        goals = np.array([item.ys[-1] for item in DEMONSTRATIONS])[::-1]
        wanted = database.plan(starts, goals, pool=make_pool(), limit=None)
        found = database.plan(starts, goals, limit=None)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a.ys, b.ys)


def divmod_by_seven(i):
    return divmod(i, 7)


def one_over(i):
    return 1 / i


def test_this_process(tree, tmp_path):
    assert_works(make_pool(), tree, tmp_path)


def test_two_processes(two, tree, tmp_path):
    assert_works(two, tree, tmp_path)


def test_two_workers_of_ray(tmp_path):
    """In a process of its own: Ray leaves subprocesses behind that Python warns of, and takes its settings from there."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    # Ray 2.60 asks for a token by default, also of a cluster that it starts itself.
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "disabled",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_agent_register_timeout_ms": "120000",  # on a busy machine the default is not enough
    }
    found = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "timed out during startup" in found.stderr:  # Ray gives itself 30 s, and a busy machine may need more
        pytest.skip("Ray could not start on this machine in its 30 s")
    assert found.returncode == 0, found.stderr[-2000:]
    assert found.stdout.splitlines()[-1] == "the same on Ray"


def test_shared_arrays_are_not_copied_and_read_only(two):
    arrays = {
        "big": np.arange(10_000.0),
        "none": np.zeros((0, 3)),
        "names": np.array(["a", "bé"]),
        "one": np.array("x"),
    }
    shared = two.share(arrays)
    found = shared.get()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    with pytest.raises(ValueError, match="read-only"):
        found["big"][0] = 1.0
    assert list(two.map(total, [(shared, 2.0)])) == [2 * arrays["big"].sum()]


def total(job):
    shared, factor = job
    return factor * shared.get()["big"].sum()


def test_items_are_made_as_they_are_needed(two):
    """A few ahead of the results that were taken, and no more."""
    made = []

    def items():
        for i in range(1000):
            made.append(i)
            yield i

    results = two.map(divmod_by_seven, items())
    assert [next(results) for _ in range(3)] == [(0, 0), (0, 1), (0, 2)]
    assert 3 <= len(made) <= 3 + 2 * 2


def test_ray_is_given_a_few_items_ahead_too(monkeypatch):
    class Ray:
        """As much of Ray as a pool uses; tasks are done when they are given."""

        is_initialized = staticmethod(lambda: False)
        init = staticmethod(lambda **_: None)
        cluster_resources = staticmethod(lambda: {"CPU": 2.0})
        shutdown = staticmethod(lambda: None)
        get = staticmethod(lambda done: done)

        @staticmethod
        def remote(function):
            return type("Remote", (), {"remote": staticmethod(function)})

    monkeypatch.setitem(sys.modules, "ray", Ray)
    made = []

    def items():
        for i in range(1000):
            made.append(i)
            yield i

    with make_pool(address="host:6379") as pool:
        results = pool.map(divmod_by_seven, items())
        assert [next(results) for _ in range(3)] == [(0, 0), (0, 1), (0, 2)]
    assert len(made) <= 3 + 2 * 2


def test_what_was_shared_goes_with_its_ticket():
    with make_pool(2) as pool:
        ticket = pool.share({"big": np.arange(10_000.0)})
        (folder,) = Path(pool._folder.name).iterdir()  # nobody else is to know where it is
        assert list(pool.map(total, [(ticket, 1.0)])) == [np.arange(10_000.0).sum()]
        del ticket
        gc.collect()
        assert not folder.exists()


def test_an_address_is_shown_without_its_password(monkeypatch):
    class Ray:
        @staticmethod
        def is_initialized():
            return False

        @staticmethod
        def init(address, **_):
            raise ConnectionError(f"no answer from {address}")

    monkeypatch.setitem(sys.modules, "ray", Ray)
    with pytest.raises(DataError) as info:
        make_pool(2, "ray://ann:secret@cluster:10001")
    assert "cluster:10001" in str(info.value)
    chain = [info.value, info.value.__cause__]
    assert not any("secret" in str(error) for error in chain)


def test_what_is_chosen():
    assert isinstance(make_pool().map(str, []), map)  # in this process
    with pytest.raises(DataError, match="workers = 0"):
        make_pool(0)


if __name__ == "__main__":
    with make_pool(2, "local") as pool:
        assert_works(pool, build_tree(DEMONSTRATIONS, threshold=0.02), Path(sys.argv[1]))
    print("the same on Ray")
