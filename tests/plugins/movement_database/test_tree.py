import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

import ideomotor
from ideomotor.errors import DataError
from ideomotor_movement_database import (
    Demonstration,
    Demonstrations,
    MovementTree,
    TransitionGraph,
    TreeSettings,
    build_tree,
)
from ideomotor_movement_database.graph._coordinates import Coordinates  # a kernel without a public face

METHODS = [ideomotor.make("k-means"), ideomotor.make("pca"), ideomotor.make("em", iterations=4)]


def random_demonstrations(seed, count=4, samples=60, dof=2):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, samples)
    made = []
    for i in range(count):
        ends, bend = rng.uniform(-0.5, 0.5, (2, dof)), rng.normal(0, 0.2, dof)
        way = (10 * t**3 - 15 * t**4 + 6 * t**5)[:, None]
        made.append(
            Demonstration(f"d{i}", t * 2, ends[0] + way * (ends[1] - ends[0]) + np.sin(np.pi * way) * bend)
        )
    return Demonstrations(made)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(METHODS), st.sampled_from([0.0, 0.15, 1.0]))
def test_invariants_of_every_level(seed, clustering, weight):
    demonstrations = random_demonstrations(seed)
    tree = build_tree(demonstrations, threshold=0.03, clustering=clustering, velocity_weight=weight)
    _, features = tree.settings.features(demonstrations)
    sizes = np.diff(demonstrations.offsets)
    of = np.repeat(np.arange(len(demonstrations)), sizes)
    for level in range(tree.levels):
        labels, nodes = tree.level_labels(level), tree.nodes(level)
        assert np.array_equal(np.unique(labels), nodes)  # a partition of all samples
        for node in nodes:
            mine = labels == node
            mean = features[mine].mean(axis=0)
            spread = np.linalg.norm(features[mine] - mean, axis=1).mean()
            assert np.allclose(tree.mean[node], mean, atol=1e-12)
            assert np.isclose(tree.spread[node], spread, atol=1e-12)
            assert tree.samples[node] == mine.sum()
            assert tree.demonstrations[node] == len(np.unique(of[mine]))
        if level:
            above = tree.level_labels(level - 1)
            carried = nodes[tree.born[nodes] < level]
            assert all(np.array_equal(labels == node, above == node) for node in carried)
    assert np.all(tree.parent[1:] < np.arange(1, len(tree.parent)))
    split = tree.split < tree.levels
    assert np.all(tree.spread[split] > 0.03)  # only what is too wide is split, and all of it
    assert np.all(tree.spread[~split] <= 0.03)
    assert np.array_equal(np.bincount(tree.parent[1:], minlength=len(split)), 2 * split)


def test_position_is_the_only_final_configuration_and_times_add_up():
    demonstrations = random_demonstrations(3)
    tree = build_tree(demonstrations, threshold=0.02)
    last = demonstrations.offsets[1:] - 1
    ends = demonstrations.ys[last]
    for level in range(tree.levels):
        labels, nodes = tree.level_labels(level), tree.nodes(level)
        for node in nodes:
            here = np.flatnonzero(labels[last] == node)
            assert tree.finals[node] == len(here)
            wanted = ends[here[0]] if len(here) == 1 else demonstrations.ys[labels == node].mean(axis=0)
            assert np.allclose(tree.position[node], wanted, atol=1e-12)
        # t_v times the visits of v, over all nodes, is the time of all demonstrations (eq. 11)
        entered = np.append(
            True, (labels[1:] != labels[:-1]) | (tree.demonstration[1:] != tree.demonstration[:-1])
        )
        visits = np.bincount(labels[entered], minlength=len(tree.parent))
        assert np.isclose(np.sum(tree.duration[nodes] * visits[nodes]), 2.0 * len(demonstrations))


@pytest.mark.parametrize("clustering", METHODS, ids=lambda c: c.name)
def test_the_same_tree_again_and_in_parts(clustering):
    demonstrations = random_demonstrations(5, count=6, samples=100)
    tree = build_tree(demonstrations, threshold=0.01, clustering=clustering)
    again = build_tree(demonstrations, tree.settings)
    parts = build_tree(demonstrations, threshold=0.01, clustering=clustering, map=map)
    stored = MovementTree.from_arrays(tree.to_arrays())
    for name, array in tree.to_arrays().items():
        assert np.array_equal(array, again.to_arrays()[name]), name
        assert np.array_equal(array, stored.to_arrays()[name]), name
        assert np.allclose(array, parts.to_arrays()[name], atol=1e-12), name
    assert stored.settings == tree.settings and stored.names == tree.names


def test_two_means_is_no_worse_than_scikit_learn():
    cluster = pytest.importorskip("sklearn.cluster")
    demonstrations = random_demonstrations(11, count=6)
    tree = build_tree(demonstrations, threshold=0.05, max_levels=2)
    _, x = tree.settings.features(demonstrations)
    labels = tree.level_labels(1)
    ours = sum(np.sum((x[labels == n] - x[labels == n].mean(axis=0)) ** 2) for n in np.unique(labels))
    theirs = cluster.KMeans(2, n_init=10, random_state=0).fit(x).inertia_
    assert ours <= 1.001 * theirs


def test_minimum_error_threshold_finds_the_valley():
    rng = np.random.default_rng(0)
    x = np.sort(np.concatenate([rng.normal(0, 0.1, 300), rng.normal(1, 0.1, 200)]))
    for clustering in (ideomotor.make("pca"), ideomotor.make("em"), ideomotor.make("k-means")):
        demonstrations = Demonstrations([Demonstration("d", np.arange(500.0), x[:, None])])
        tree = build_tree(
            demonstrations, threshold=0.2, velocity_weight=0.0, max_levels=2, clustering=clustering
        )
        assert sorted(tree.samples[1:]) == [200, 300], clustering.name


def test_indices_against_scikit_learn_and_by_definition():
    metrics = pytest.importorskip("sklearn.metrics")
    demonstrations = random_demonstrations(2, count=5)
    tree = build_tree(demonstrations, threshold=0.02)
    _, x = tree.settings.features(demonstrations)
    root = tree.indices(demonstrations, 0)
    assert root["davies_bouldin"] == 0.0 and np.isnan(root["dunn"])
    for level in range(1, tree.levels):
        labels = tree.level_labels(level)
        found = tree.indices(demonstrations, level)
        assert np.isclose(found["davies_bouldin"], metrics.davies_bouldin_score(x, labels))
        apart = cdist(x, x)
        same = labels[:, None] == labels
        assert np.isclose(found["dunn"], apart[~same].min() / apart[same].max())


def test_poses_are_unrolled_without_loss():
    rng = np.random.default_rng(1)
    turns = Rotation.from_rotvec(rng.normal(0, 0.6, (50, 3)))
    ys = np.column_stack([rng.random((50, 3)), turns.as_quat(scalar_first=True)])
    made = Demonstrations([Demonstration("d", np.arange(50.0), ys, "pose")])
    coordinates = Coordinates.fitted(made, 0.1)
    back = coordinates.decode(coordinates.encode(ys))
    sign = np.sign(np.sum(back[:, 3:] * ys[:, 3:], axis=1))
    assert np.allclose(back[:, 3:] * sign[:, None], ys[:, 3:], atol=1e-12)
    reference = Rotation.from_quat(coordinates.reference, scalar_first=True)
    assert np.allclose(coordinates.encode(ys)[:, 3:], 0.1 * (reference.inv() * turns).as_rotvec(), atol=1e-12)
    opposite = reference * Rotation.from_rotvec([np.pi - 0.01, 0, 0])
    with pytest.raises(DataError, match="degrees from the mean"):
        coordinates.encode(np.append(ys[0, :3], opposite.as_quat(scalar_first=True)))


def test_settings_are_checked():
    for wrong in ({"threshold": 0.0}, {"velocity_weight": np.nan}, {"max_levels": 0}):
        with pytest.raises(DataError, match=next(iter(wrong))):
            TreeSettings(**wrong)  # pyright: ignore[reportArgumentType]
    demonstrations = random_demonstrations(0)
    with pytest.raises(DataError, match="Did you mean 'k-means'"):
        TreeSettings.from_dict({"clustering": "kmeans"})
    arrays = build_tree(demonstrations).to_arrays()
    with pytest.raises(DataError, match="'parent' is missing"):
        MovementTree.from_arrays({name: a for name, a in arrays.items() if name != "parent"})


def test_demonstrations_at_rest_and_of_two_samples_make_a_tree():
    still = Demonstration("still", np.array([0.0, 1.0]), np.zeros((2, 2)))
    tree = build_tree([still])
    assert tree.levels == 1 and tree.samples.tolist() == [2]
    assert len(TransitionGraph.of(tree).source) == 0
