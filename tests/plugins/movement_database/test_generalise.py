import tracemalloc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError
from ideomotor_movement_database import (
    GaussianProcess,
    MovementGraph,
    ShelfScene,
    imitate,
    routes,
    shelf_demonstrations,
)

pytest.importorskip("sklearn")
SCENE = ShelfScene()


@pytest.fixture(scope="module")
def dmp():
    return ideomotor.make("dmp", dof=3, basis=30)


@pytest.fixture(scope="module")
def discovered():
    """All 30 starts to one compartment: queries, movements and the planner."""
    made = shelf_demonstrations(0)
    planner = MovementGraph(made, valid=SCENE.free(0.04))
    movements = [planner(item.ys[0], SCENE.goals[3]) for item in made]
    return np.stack([m.ys[0, :2] for m in movements]), movements, planner


@pytest.fixture(scope="module")
def fitted(dmp, discovered):
    queries, movements, planner = discovered
    return GaussianProcess.fit(
        dmp, queries, imitate(dmp, movements), routes=routes(movements), max_speed=planner.speeds.peak
    )


@pytest.fixture(scope="module")
def predict(fitted):
    """For 30 queries at once."""
    return jax.jit(jax.vmap(fitted.predict))


def test_generalised_movements_keep_the_bars(dmp, discovered, predict):
    """End error at most 0.85 cm in the median and 2 cm at worst, speed, shelf; 30 new starts."""
    _, _, planner = discovered
    starts = SCENE.starts(30, np.random.default_rng(1))
    params = predict(starts[:, :2]).params
    ts = params.tau[:, None] * jnp.linspace(0, 1, 400)
    ys = np.asarray(jax.jit(jax.vmap(dmp.trajectory))(params, ts))
    ends = np.linalg.norm(ys[:, -1] - SCENE.goals[3], axis=1)
    assert np.median(ends) <= 0.0085 and ends.max() <= 0.02
    assert np.linalg.norm(ys[:, 0] - starts, axis=1).max() <= 0.02
    speed = np.linalg.norm(np.diff(ys, axis=1), axis=2) / np.diff(ts, axis=1)
    assert speed.max() <= 1.1 * planner.speeds.peak
    assert sum(SCENE.hits(y[:-1], y[1:]).any() for y in ys) == 0


def test_what_moves_with_it_keeps_its_peak_speed_too(dmp):
    """The neutral movement from 0 to 1 along every axis, seen ten times as large."""
    plain, slow = (
        GaussianProcess(dmp),
        GaussianProcess(dmp, kinematics=lambda ys: 10 * ys, max_task_speed=2.0),
    )
    moved = GaussianProcess(dmp, max_speed=0.2)
    taus = [float(p.predict(jnp.zeros(2)).params.tau) for p in (plain, slow, moved)]
    assert taus[1] == pytest.approx(taus[2], rel=1e-5)
    params = slow.predict(jnp.zeros(2)).params
    ts = params.tau * jnp.linspace(0, 1, 301)
    ys = np.asarray(dmp.trajectory(params, ts), np.float64)
    speed = np.linalg.norm(np.diff(10 * ys, axis=0), axis=1) / np.diff(np.asarray(ts, np.float64))
    assert speed.max() == pytest.approx(2.0, rel=1e-3) and taus[1] > taus[0]


def test_prediction_is_that_of_universal_kriging(x64):
    """One output of one route against the textbook formulas (Rasmussen & Williams 2006, eqs. 2.41-2.42), x64."""
    rng = np.random.default_rng(0)
    one = ideomotor.make("dmp", dof=1, basis=2)
    q = rng.uniform(-1, 1, (25, 2))
    goal = np.sin(2 * q[:, 0]) + 0.5 * q[:, 1] + 0.01 * rng.normal(size=25)
    zeros = np.zeros((25, 1))
    params = type(one.default_params())(np.zeros((25, 1, 2)), goal[:, None], zeros, np.ones(25))
    process = GaussianProcess.fit(one, q, params)

    def kernel(a, b):
        return np.exp(-0.5 * np.sum(((a[:, None] - b) / np.asarray(process.scales[0])) ** 2, axis=-1))

    gram = kernel(q, q) + (float(process.noise[0]) + 1e-8) * np.eye(25)
    basis = np.column_stack([np.ones(25), q])
    inverse = np.linalg.inv(gram)
    information = basis.T @ inverse @ basis
    beta = np.linalg.solve(information, basis.T @ inverse @ goal)
    new = rng.uniform(-2, 2, (10, 2))
    k, b = kernel(new, q), np.column_stack([np.ones(10), new])
    mean = b @ beta + k @ inverse @ (goal - basis @ beta)
    rest = b - k @ inverse @ basis
    variance = 1 - np.sum(k @ inverse * k, axis=1) + np.sum(rest @ np.linalg.inv(information) * rest, axis=1)
    found = jax.vmap(process.predict)(jnp.asarray(new))
    assert np.allclose(found.params.goal[:, 0], mean, atol=1e-8)
    assert np.allclose(found.deviation**2, variance * float(process.share[0]), rtol=1e-6, atol=1e-8)
    errors = process.predict(q[0]).params.goal[0] - np.sin(2 * q[0, 0]) - 0.5 * q[0, 1]
    assert abs(errors) < 0.05


def test_gradient_is_that_of_finite_differences(x64):
    """Of a goal with respect to the query, within a route; x64."""
    one = ideomotor.make("dmp", dof=1, basis=2)
    q = np.random.default_rng(2).uniform(-1, 1, (20, 2))
    params = type(one.default_params())(
        np.zeros((20, 1, 2)), np.cos(q[:, :1] * q[:, 1:]), np.zeros((20, 1)), np.ones(20)
    )
    process = GaussianProcess.fit(one, q, params)

    def goal(x):
        return process(x).goal[0]

    here = jnp.array([0.2, -0.3])
    numeric = [(goal(here + h) - goal(here - h)) / 2e-6 for h in 1e-6 * jnp.eye(2)]
    assert np.allclose(jax.grad(goal)(here), np.array(numeric), rtol=1e-6, atol=1e-8)


def test_the_gate_trusts_the_start_area_and_nothing_far_away(discovered, predict):
    queries, _, _ = discovered
    inside = predict(queries)
    assert np.mean(inside.trusted) == 1.0
    steps = np.array([[1.0, 0.0], [0.0, -1.2], [-1.5, 0.0]])
    far = predict(np.tile(np.array(SCENE.table[:2]) + steps, (10, 1)))
    assert not np.any(far.trusted)
    assert np.min(far.deviation) > np.max(inside.deviation)


def test_refuses_what_it_does_not_trust(x64):
    one = ideomotor.make("dmp", dof=1, basis=2)
    q = np.linspace(0, 1, 12)[:, None]
    params = type(one.default_params())(np.zeros((12, 1, 2)), np.sin(6 * q), np.zeros((12, 1)), np.ones(12))
    process = GaussianProcess.fit(one, q, params, refuse=True)
    assert np.isfinite(process(np.array([0.5])).goal)
    with pytest.raises(DataError, match="above the gate"):
        process(np.array([4.0]))
    assert np.isnan(eqx.filter_jit(process)(jnp.array([4.0])).goal)


def of_goal(one, goal):
    """Parameters of a movement of one coordinate that differ in the goal alone."""
    n = len(goal)
    return type(one.default_params())(np.zeros((n, 1, 2)), goal[:, None], np.zeros((n, 1)), np.ones(n))


def test_one_example_is_certain_of_itself_alone(x64):
    """A route with one example gave 1e-19 everywhere, and answered at another route's example (#9)."""
    one = ideomotor.make("dmp", dof=1, basis=2)
    q = np.append(np.linspace(0, 1, 12), 2.0)[:, None]
    labels = np.append(np.zeros(12, int), 1)
    process = GaussianProcess.fit(one, q, of_goal(one, np.append(np.sin(3 * q[:12, 0]), 7.0)), routes=labels)
    alone = process.predict(np.array([2.0]))
    assert (
        int(alone.route) == 1
        and alone.deviation < 0.01
        and alone.params.goal[0] == pytest.approx(7.0, abs=1e-3)
    )
    for query in q[:12]:
        assert int(process.predict(query).route) == 0
    far = process.predict(np.array([5.0]))
    assert not far.trusted and far.deviation >= 1.0
    lonely = GaussianProcess.fit(one, q[:1], of_goal(one, np.ones(1)))
    assert lonely.predict(q[0]).deviation < 0.01 and not lonely.predict(np.array([0.5])).trusted


@pytest.mark.parametrize("goal", [lambda q: 3 * q - 1, lambda q: 0 * q + 2], ids=["linear", "constant"])
def test_doubt_grows_with_the_distance_also_from_examples_on_a_line(goal, x64):
    """They were certain at 1,000 times their range (#9)."""
    one = ideomotor.make("dmp", dof=1, basis=2)
    q = np.linspace(0, 1, 12)[:, None]
    process = GaussianProcess.fit(one, q, of_goal(one, goal(q[:, 0])))
    deviations = [float(process.predict(np.array([x])).deviation) for x in (0.5, 1.5, 3.0, 30.0, 1000.0)]
    assert all(a < b for a, b in zip(deviations, deviations[1:], strict=False)) or goal(0.0) == 2
    assert deviations[0] < 0.1 and deviations[-1] > 0.9
    assert process.predict(np.array([0.5])).trusted and not process.predict(np.array([1000.0])).trusted


def test_routes_are_told_apart():
    t = np.linspace(0, 1, 60)
    made = [
        ideomotor.Trajectory(t, np.column_stack([t, (0.5 + 0.02 * i) * side * np.sin(np.pi * t)]))
        for i in range(6)
        for side in ((1, -1) if i else (1,))
    ]
    found = routes(made)
    sides = np.array([np.sign(m.ys[30, 1]) for m in made])
    assert np.array_equal(found == 0, sides == 1) and found.max() == 1
    assert routes(made, distance=5.0).max() == 0
    assert routes(made, min_size=7).max() == 0


def test_routes_need_memory_for_the_distances_alone():
    """Three times the distances of 500 movements; all differences at once took 150 numbers for each pair, 300 MB."""
    t = np.linspace(0, 1, 20)
    made = [ideomotor.Trajectory(t, np.column_stack([t, i / 500 * np.sin(3 * t), 0 * t])) for i in range(500)]
    tracemalloc.start()
    try:
        routes(made)
        assert tracemalloc.get_traced_memory()[1] < 3 * 8 * 500**2
    finally:
        tracemalloc.stop()


def test_saved_and_loaded(tmp_path, fitted, discovered):
    ideomotor.save(fitted, tmp_path / "gp")
    again = ideomotor.load(tmp_path / "gp")
    query = jnp.asarray(discovered[0][4])
    one, two = fitted.predict(query), again.predict(query)
    assert jax.tree.all(jax.tree.map(lambda a, b: np.array_equal(a, b), one, two))
    assert again.gate == fitted.gate and again.routes == fitted.routes


def test_bad_input_is_named(dmp, discovered):
    queries, movements, _ = discovered
    params = imitate(dmp, movements[:3])
    with pytest.raises(DataError, match="lead with 30 examples"):
        GaussianProcess.fit(dmp, queries, params)
    with pytest.raises(DataError, match="none left out"):
        GaussianProcess.fit(dmp, queries[:3], params, routes=np.array([0, 2, 2]))
    with pytest.raises(DataError, match="must be finite numbers of shape"):
        GaussianProcess.fit(dmp, np.full((3, 2), np.nan), params)
    with pytest.raises(DataError, match="A query is 2 numbers"):
        GaussianProcess(dmp).predict(np.zeros(3))
    with pytest.raises(DataError, match="max_speed = -1.0"):
        GaussianProcess(dmp, max_speed=-1.0)
    with pytest.raises(DataError, match="give both or neither"):
        GaussianProcess(dmp, max_task_speed=1.0)
    with pytest.raises(DataError, match="no movements"):
        imitate(dmp, [])
