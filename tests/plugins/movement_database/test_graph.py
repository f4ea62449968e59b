from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import bellman_ford

from ideomotor.errors import DataError
from ideomotor_movement_database import (
    Demonstration,
    Demonstrations,
    Flat,
    Hierarchical,
    TransitionGraph,
    build_tree,
)
from ideomotor_movement_database.graph._network import Network  # a kernel without a public face


def crossing(seed, count=5, samples=50):
    """Demonstrations that pass near one another."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, samples)[:, None]
    made = []
    for i in range(count):
        a, b, c = rng.uniform(-0.5, 0.5, (3, 2)) * [[1], [1], [0.1]]
        made.append(Demonstration(f"d{i}", t[:, 0], a * (1 - t) ** 2 + 2 * c * t * (1 - t) + b * t**2))
    return Demonstrations(made)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000))
def test_transitions_are_those_of_the_samples(seed):
    demonstrations = crossing(seed)
    tree = build_tree(demonstrations, threshold=0.03)
    graph = TransitionGraph.of(tree)
    of = tree.demonstration
    for level in range(tree.levels):
        labels, here = tree.level_labels(level), graph.at_level(level)
        pairs = [
            (int(labels[i]), int(labels[i + 1]), int(of[i]))
            for i in range(len(labels) - 1)
            if of[i] == of[i + 1]
        ]
        wanted = Counter((a, b) for a, b, _ in pairs if a != b)
        source = np.repeat(here.nodes, np.diff(here.indptr)).tolist()
        found = list(zip(source, here.nodes[here.targets].tolist(), strict=True))
        assert len(found) == len(wanted)
        for pair, edge, probability in zip(found, here.edges, here.probability, strict=True):
            assert graph.count[edge] == wanted[pair]
            assert np.isclose(probability, wanted[pair] / np.sum(labels == pair[0]))
            support = graph.support[graph.support_indptr[edge] : graph.support_indptr[edge + 1]]
            assert support.tolist() == sorted({d for a, b, d in pairs if (a, b) == pair})
        # sum p + p(stay) = 1 - (samples without a successor) / n_k
        leaving = np.bincount(source, here.probability, minlength=len(graph.parent))
        staying = Counter(a for a, b, _ in pairs if a == b)
        for node in here.nodes:
            rest = 1 - tree.finals[node] / tree.samples[node]
            assert np.isclose(leaving[node] + staying[node] / tree.samples[node], rest)
            member = graph.member[graph.member_indptr[node] : graph.member_indptr[node + 1]]
            assert member.tolist() == sorted(set(of[labels == node].tolist()))


def test_every_edge_has_a_witness_below():
    graph = TransitionGraph.of(build_tree(crossing(1), threshold=0.02))
    for level in range(graph.levels - 1):
        here, below = graph.at_level(level), graph.at_level(level + 1)
        up = graph.ancestors(level)
        source = np.repeat(below.nodes, np.diff(below.indptr))
        lower = set(zip(up[source].tolist(), up[below.nodes[below.targets]].tolist(), strict=True))
        source = np.repeat(here.nodes, np.diff(here.indptr))
        upper = set(zip(source.tolist(), here.nodes[here.targets].tolist(), strict=True))
        assert upper <= lower


def test_arrays_bring_the_graph_back():
    graph = TransitionGraph.of(build_tree(crossing(2), threshold=0.02))
    again = TransitionGraph.from_arrays(graph.to_arrays())
    assert all(np.array_equal(array, again.to_arrays()[name]) for name, array in graph.to_arrays().items())
    assert again.names == graph.names and again.coordinates.space == "cartesian"
    with pytest.raises(DataError, match="'support' is missing"):
        TransitionGraph.from_arrays({n: a for n, a in graph.to_arrays().items() if n != "support"})
    with pytest.raises(IndexError, match="There is no level 99"):
        graph.at_level(99)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40), st.floats(1.0, 20.0))
def test_shortest_path_costs_what_bellman_ford_finds(seed, nodes, weight):
    rng = np.random.default_rng(seed)
    edges = rng.integers(0, nodes, (2, 2 * nodes))
    edges = edges[:, edges[0] != edges[1]]
    network = Network.of(rng.random((nodes, 3)), *edges, rng.random(edges.shape[1]) < 0.3, weight)
    matrix = csr_array((network.cost, network.target, network.indptr), shape=(nodes, nodes))
    start, goal = (int(i) for i in rng.integers(0, nodes, 2))
    wanted = bellman_ford(matrix, indices=start)[goal]
    found = network.shortest(start, goal)
    if found is None:
        assert np.isinf(wanted)
        return
    assert np.isclose(network.cost[found].sum(), wanted, rtol=1e-12, atol=1e-12)
    chain = [start, *network.target[found]]
    assert chain[-1] == goal and np.array_equal(network.source[found], chain[:-1])


def test_same_cost_as_rustworkx_astar():
    rx = pytest.importorskip("rustworkx")
    graph = TransitionGraph.of(build_tree(crossing(4, count=8), threshold=0.01))
    searcher = Flat().prepare(graph)
    network = searcher.network
    peer = rx.PyDiGraph()
    peer.add_nodes_from(range(len(network.position)))
    peer.add_edges_from(
        list(zip(network.source.tolist(), network.target.tolist(), network.cost.tolist(), strict=True))
    )
    rng = np.random.default_rng(0)
    for start, goal in rng.integers(0, len(network.position), (20, 2)).tolist():
        ahead = np.linalg.norm(network.position - network.position[goal], axis=1)
        found = network.shortest(start, goal)
        try:
            nodes = rx.digraph_astar_shortest_path(
                peer, start, lambda n, g=goal: n == g, lambda w: w, lambda n, h=ahead: h[n]
            )
        except rx.NoPathFound:
            assert found is None
            continue
        wanted = sum(peer.get_edge_data(a, b) for a, b in zip(nodes[:-1], nodes[1:], strict=True))
        assert found is not None and np.isclose(network.cost[found].sum(), wanted)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_both_searches_always_find_a_path_of_demonstrated_steps_and_jumps(seed):
    graph = TransitionGraph.of(build_tree(crossing(seed), threshold=0.02))
    nodes, level = graph.nodes(-1), graph.at_level(-1)
    source = np.repeat(level.nodes, np.diff(level.indptr)).tolist()
    shown = set(zip(source, level.nodes[level.targets].tolist(), strict=True))
    ends = np.random.default_rng(seed).choice(nodes, (8, 2))
    for search in (Flat(), Hierarchical()):
        searcher = search.prepare(graph)
        for start, goal in ends.tolist():
            path = searcher.find(start, goal)
            assert path is not None
            assert (path.nodes[0], path.nodes[-1]) == (start, goal)
            steps = list(zip(path.nodes[:-1].tolist(), path.nodes[1:].tolist(), strict=True))
            assert all((step in shown) or jump for step, jump in zip(steps, path.gap, strict=True))
            assert len(path.parts) == path.gap.sum() + 1


def test_hierarchical_search_starts_at_the_deepest_level_with_a_path():
    graph = TransitionGraph.of(build_tree(crossing(6), threshold=0.02))
    searcher = Hierarchical().prepare(graph)
    first, second = graph.names.index("d0"), graph.names.index("d1")
    members = [graph.member[graph.member_indptr[n] : graph.member_indptr[n + 1]] for n in graph.nodes(-1)]
    start = int(graph.nodes(-1)[next(i for i, m in enumerate(members) if m.tolist() == [first])])
    goal = int(graph.nodes(-1)[next(i for i, m in enumerate(members) if m.tolist() == [second])])
    path = searcher.find(start, goal)
    reachable = []
    for level in range(graph.levels):
        here = graph.at_level(level)
        n = len(here.nodes)
        matrix = csr_array((np.ones(len(here.targets)), here.targets, here.indptr), shape=(n, n))
        a, b = np.searchsorted(here.nodes, graph.ancestors(level)[[start, goal]])
        reachable.append(bool(np.isfinite(bellman_ford(matrix, indices=a, unweighted=True)[b])))
    assert path is not None and path.level == max(np.flatnonzero(reachable))


def test_two_short_jumps_are_better_than_one_of_their_length():
    """Nodes 0 and 2, 6 apart with node 1 in between: 0-1-2 costs 2 * 10 * 3 (1 + 3), the jump 10 * 6 (1 + 6)."""
    position = np.array([[0.0, 0.0], [3.0, 0.0], [6.0, 0.0]])
    jumps = np.array([0, 1, 0]), np.array([1, 2, 2])
    network = Network.of(position, *jumps, np.ones(3, bool), 10.0, 1.0)
    path = network.shortest(0, 2)
    assert network.target[path].tolist() == [1, 2]
    assert network.cost[path].sum() == 240.0 and network.cost[network.edge(0, 2)] == 420.0
    more = network.with_edges([2], [0], 10.0, 1.0)
    assert more.cost[more.edge(2, 0)] == 420.0


def test_validity_is_asked_once_for_each_step_and_obeyed():
    graph = TransitionGraph.of(build_tree(crossing(3, count=8), threshold=0.02))
    asked = []

    def valid(a, b):  # nothing through the right half
        asked.extend(map(tuple, np.column_stack([a, b]).tolist()))
        return (a[:, 0] < 0.05) & (b[:, 0] < 0.05)

    nodes = graph.nodes(-1)
    left = nodes[graph.position[nodes, 0] < 0.0]
    searcher = Flat().prepare(graph, valid)
    for start, goal in np.random.default_rng(0).choice(left, (10, 2)).tolist():
        path = searcher.find(start, goal)
        assert path is not None and path.position[:, 0].max() < 0.05
    assert len(asked) == len(set(asked)) > 0
    right = int(nodes[np.argmax(graph.position[nodes, 0])])
    assert searcher.find(int(left[0]), right) is None
    with pytest.raises(DataError, match="must give one bool per step"):
        Flat().prepare(graph, lambda a, b: np.ones(3)).find(int(left[0]), right)
    for search in (Flat, Hierarchical):
        with pytest.raises(DataError, match="at least its length"):
            search(gap_weight=0.5)
