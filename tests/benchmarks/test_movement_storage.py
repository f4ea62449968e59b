"""The graph of a million nodes and three million transitions, from the database into arrays (bar: 5 s).

    pytest -n 0 -s --benchmarks tests/benchmarks/test_movement_storage.py

Prints wall and CPU seconds; on a busy machine read the CPU seconds of the one process that loads.
"""

import time

import numpy as np
import pytest

from ideomotor_movement_database import Demonstration, TransitionGraph
from ideomotor_movement_database.storage._ladybug import LadybugStore  # a kernel without a public face
from ideomotor_movement_database.storage._record import Record  # a kernel without a public face

pytestmark = pytest.mark.benchmark_suite


def random_graph(nodes: int, edges: int, demonstrations: int = 30) -> TransitionGraph:
    """Every node with one or two members, every transition with one or two supporters."""
    rng = np.random.default_rng(0)
    source, target = np.sort(rng.integers(0, nodes, edges, np.int32)), rng.integers(0, nodes, edges, np.int32)
    members, sizes = rng.integers(1, 3, nodes), rng.integers(1, 3, edges)
    member, support = (rng.integers(0, demonstrations, n.sum(), np.int32) for n in (members, sizes))
    position = rng.normal(size=(nodes, 3))
    return TransitionGraph(
        space="cartesian",
        rotation_length=0.1,
        names=tuple(f"demo-{i}" for i in range(demonstrations)),
        reference=np.zeros(0),
        parent=np.arange(-1, nodes - 1, dtype=np.int32) // 2,
        born=np.log2(np.arange(1, nodes + 1)).astype(np.int32),
        split=np.full(nodes, 25, np.int32),
        position=position,
        spread=rng.random(nodes),
        samples=rng.integers(1, 9, nodes, np.int32),
        demonstrations=members.astype(np.int32),
        finals=np.zeros(nodes, np.int32),
        duration=rng.random(nodes),
        member_indptr=np.append(0, np.cumsum(members)),
        member=member,
        source=source,
        target=target,
        edge_born=np.zeros(edges, np.int32),
        edge_split=np.full(edges, 25, np.int32),
        count=rng.integers(1, 5, edges, np.int32),
        probability=rng.random(edges),
        length=np.linalg.norm(position[source] - position[target], axis=1),
        support_indptr=np.append(0, np.cumsum(sizes)),
        support=support,
    )


@pytest.mark.parametrize("nodes", [5_000, 1_000_000])
def test_load_a_graph(tmp_path, nodes):
    graph = random_graph(nodes, 3 * nodes)
    store = LadybugStore(tmp_path / "graph")
    start = time.perf_counter()
    store.write(graph, "print")
    write = time.perf_counter() - start
    times = []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        found = store.load()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    assert found is not None
    for name, array in graph.to_arrays().items():
        np.testing.assert_array_equal(found.to_arrays()[name], array, err_msg=name)
    wall, cpu = np.min(times, axis=0)
    size = store.path.stat().st_size / 1e6
    print(
        f"\n{nodes:>9,} nodes: write {write:.2f} s, load {wall:.3f} s (CPU {cpu:.3f} s), file {size:.0f} MB"
    )


def test_ingest_and_read_a_million_samples(tmp_path):
    rng = np.random.default_rng(0)
    walks = [np.cumsum(rng.normal(size=(10_000, 3)), axis=0) * 1e-3 for _ in range(100)]
    items = [Demonstration(f"demo-{i}", np.arange(10_000) * 0.01, ys) for i, ys in enumerate(walks)]
    with Record(tmp_path / "moves.db") as record:
        start = time.perf_counter()
        for item in items:
            record.add(item)
        each = (time.perf_counter() - start) / len(items)
        start = time.perf_counter()
        found = record.demonstrations()
        read = time.perf_counter() - start
    assert np.array_equal(found.ys, np.concatenate(walks))
    print(
        f"\n1,000,000 samples: {1e3 * each:.1f} ms for each of 100 demonstrations to be safe, read in {read:.2f} s"
    )
