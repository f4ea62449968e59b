"""Building trees against scikit-learn, searching graphs against rustworkx, and a million samples.

    OMP_NUM_THREADS=1 pytest -n 0 -s --benchmarks tests/benchmarks/test_movement_graph.py

Prints CPU seconds of both sides in one run; on a busy machine their ratio is the figure to read.
"""

import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.spatial import KDTree

from ideomotor_movement_database import (
    Demonstration,
    Demonstrations,
    Flat,
    Hierarchical,
    MovementGraph,
    build_tree,
    shelf_demonstrations,
)
from ideomotor_movement_database.graph._network import Network  # a kernel without a public face

pytestmark = pytest.mark.benchmark_suite

MILLION = """
import resource, time
from ideomotor_movement_database import Demonstrations, TransitionGraph, build_tree, shelf_demonstrations
made = [d for seed in range(66) for d in shelf_demonstrations(seed, clearance=None)]
made = Demonstrations(made)
wall, cpu = time.perf_counter(), time.process_time()
tree = build_tree(made, velocity_weight=1.0)
walls = time.perf_counter() - wall
graph = TransitionGraph.of(tree)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(len(tree.leaf), walls, time.process_time() - cpu, peak, tree, graph, sep=";")
"""


def _per_node(x, threshold):
    """The same tree with one scikit-learn KMeans for each node; returns the number of leaves."""
    cluster = pytest.importorskip("sklearn.cluster")
    stack, leaves = [np.arange(len(x))], 0
    while stack:
        rows = stack.pop()
        part = x[rows]
        if len(rows) < 2 or np.linalg.norm(part - part.mean(axis=0), axis=1).mean() <= threshold:
            leaves += 1
            continue
        labels = cluster.KMeans(2, n_init=1, random_state=0).fit_predict(part)
        stack += [rows[labels == 0], rows[labels == 1]]
    return leaves


def test_tree_of_15_000_samples_against_scikit_learn():
    made = shelf_demonstrations(0)
    build_tree(made, velocity_weight=1.0)
    ours = []
    for _ in range(5):
        begin = time.process_time()
        tree = build_tree(made, velocity_weight=1.0)
        ours.append(time.process_time() - begin)
    _, x = tree.settings.features(made)
    begin = time.process_time()
    leaves = _per_node(x, tree.settings.threshold)
    theirs = time.process_time() - begin
    ratio = theirs / np.median(ours)
    print(f"\n{len(x):,} samples: {np.median(ours):.3f} s, {len(tree.nodes(-1))} leaves; "
          f"scikit-learn {theirs:.1f} s, {leaves} leaves: {ratio:.0f} times")  # fmt: skip
    assert ratio >= 10


def test_tree_of_a_million_samples():
    """In a process of its own, whose peak memory counts everything: Python, demonstrations, tree and graph."""
    done = subprocess.run([sys.executable, "-c", MILLION], capture_output=True, text=True, check=True)
    samples, wall, cpu, peak, tree, graph = done.stdout.strip().split(";")
    print(f"\n{int(samples):,} samples: tree {float(wall):.1f} s wall, with graph {float(cpu):.1f} s CPU, "
          f"peak {float(peak):.2f} GiB; {tree}, {graph}")  # fmt: skip
    assert int(samples) > 990_000 and float(wall) <= 120 and float(peak) <= 2.0


def _roadmap(n):
    """Nodes in a cube, each with edges to three of its eight nearest."""
    rng = np.random.default_rng(0)
    position = rng.random((n, 3))
    near = KDTree(position).query(position, 9)[1]
    chosen = np.argsort(rng.random((n, 8)), axis=1)[:, :3] + 1
    source = np.repeat(np.arange(n), 3)
    return Network.of(
        position, source, np.take_along_axis(near, chosen, 1).reshape(-1), np.zeros(3 * n, bool)
    )


@pytest.mark.parametrize("nodes", [5_000, 1_000_000])
def test_query_against_rustworkx(nodes):
    rx = pytest.importorskip("rustworkx")
    network = _roadmap(nodes)
    peer = rx.PyDiGraph()
    peer.add_nodes_from(range(nodes))
    edges = zip(network.source.tolist(), network.target.tolist(), network.cost.tolist(), strict=True)
    peer.add_edges_from(list(edges))

    def theirs(start, goal):
        ahead = np.linalg.norm(network.position - network.position[goal], axis=1).tolist()
        return rx.digraph_astar_shortest_path(
            peer, start, lambda n: n == goal, lambda w: w, lambda n: ahead[n]
        )

    times = []
    for start, goal in np.random.default_rng(1).integers(0, nodes, (15, 2)).tolist():
        begin = time.process_time()
        found = network.shortest(start, goal)
        middle = time.process_time()
        try:
            path = theirs(start, goal)
        except rx.NoPathFound:  # no edge leads to some of the nodes
            assert found is None
            continue
        times.append((middle - begin, time.process_time() - middle))
        wanted = sum(peer.get_edge_data(a, b) for a, b in zip(path[:-1], path[1:], strict=True))
        assert found is not None and np.isclose(network.cost[found].sum(), wanted, rtol=1e-9)
    ours, peers = np.median(times, axis=0)
    print(
        f"\n{nodes:,} nodes: {1e3 * ours:.2f} ms, rustworkx A* {1e3 * peers:.2f} ms (medians of {len(times)})"
    )
    assert ours <= 2 * peers


def _in_joints(made):
    """The same reaches as angles of an arm with three joints: shoulder (turn, lift) and elbow, 0.75 m each."""
    found = []
    for item in made:
        x, y, z = (item.ys - [0.0, 0.0, 0.4]).T
        elbow = np.arccos((x**2 + y**2 + z**2) / (2 * 0.75**2) - 1)
        lift = np.arctan2(z, np.hypot(x, y)) + elbow / 2
        found.append(
            Demonstration(item.name, item.ts, np.column_stack([np.arctan2(y, x), lift, elbow]), "joint")
        )
    return Demonstrations(found)


@pytest.mark.parametrize("fan", [1.0, 0.3])
@pytest.mark.parametrize("space", ["cartesian", "joint"])
def test_180_of_180_and_the_largest_gap(space, fan):
    """30 starts times 6 goals, five seeds, both searches on the same trees, velocity weighted as in the paper."""
    ratios = []
    for seed in range(5):
        made = shelf_demonstrations(seed, fan=fan)
        made = _in_joints(made) if space == "joint" else made
        tree = build_tree(made, velocity_weight=1.0)
        goals, medians = [made[5 * i].ys[-1] for i in range(6)], []
        for search in (Flat(), Hierarchical()):
            planner = MovementGraph(made, search, tree=tree)
            paths = [planner.find(item.ys[0], goal) for item in made for goal in goals]
            assert len(paths) == 180
            assert all(
                np.linalg.norm(p.position[-1] - g) < 0.01 for p, g in zip(paths, goals * 30, strict=True)
            )
            medians.append(np.median([path.gaps.max() for path in paths if len(path.gaps)]))
        ratios.append(medians[1] / medians[0])
        print(f"\n{space}, fan {fan}, seed {seed}: largest gap flat {medians[0]:.4f}, paper's {medians[1]:.4f}, "
              f"{ratios[-1]:.1f} times", end="")  # fmt: skip
    assert np.median(ratios) >= 7
