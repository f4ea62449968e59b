"""Costs, objectives, tasks, the costate sweep, and both ways of training."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ideomotor
from ideomotor import rollout
from ideomotor.errors import DataError, TrainingError
from ideomotor_arm import MuscleArm
from ideomotor_rnn import (
    CircleCommand,
    CircleTask,
    ReachCommand,
    ReachTask,
    RecurrentPolicy,
    Workspace,
    cvar,
    minimise_frozen,
    risk,
)

COSTS = np.array([0.1, 0.7, 0.3, 1.9, 0.2], np.float32)


def test_reach_cost_is_equation_six():
    hand, velocity, u = np.array([0.13, 0.40]), np.array([0.2, -0.1]), np.array([0.1, 0.5, 0, 0, 0.3, 1.0])
    cost = ReachCommand(np.array([0.10, 0.42])).cost(hand, velocity, u, alpha=1.3, gamma=0.01)
    g = np.exp(-(0.03**2 + 0.02**2) / (2 * 0.04**2))
    np.testing.assert_allclose(cost, 1 - g + 1.3 / 2 * 0.05 / 0.3**2 * g + 0.005 * (u @ u), rtol=1e-5)


def test_circle_cost_is_equation_seven():
    command = CircleCommand(np.array([0.2, 0.3]), np.array(0.05), np.array(0.4))
    hand, velocity, u = np.array([0.2, 0.37]), np.array([0.3, 0.1]), np.full(6, 0.2)
    g = np.exp(-(0.02**2) / (2 * 0.04**2))
    # Above the center clockwise means to the right.
    wrong = (0.3 - 0.4) ** 2 + 0.1**2
    expected = (1 - g) * (1 + 1.0 * 0.4**2 / 0.3**2) + 1.0 * wrong / 0.3**2 * g + 0.005 * 0.24
    np.testing.assert_allclose(command.cost(hand, velocity, u, alpha=2.0, gamma=0.01), expected, rtol=1e-4)


def test_a_circle_without_radius_and_speed_is_a_reach():
    rng = np.random.default_rng(0)
    hand, velocity, u = rng.normal(0.3, 0.05, (20, 2)), rng.normal(size=(20, 2)), rng.uniform(size=(20, 6))
    point = np.array([0.3, 0.3])
    circle = CircleCommand(point, np.zeros(()), np.zeros(())).cost(hand, velocity, u)
    reach = ReachCommand(point).cost(hand, velocity, u)
    np.testing.assert_allclose(circle, reach, rtol=1e-3, atol=1e-5)


def test_costs_have_gradients_at_target_and_center():
    for command in (ReachCommand(), CircleCommand()):
        gradient = jax.grad(command.cost)(jnp.array([0.18, 0.36]), jnp.zeros(2), jnp.zeros(6))
        assert np.all(np.isfinite(gradient))


@given(beta=st.floats(1e-3, 50.0), costs=st.lists(st.floats(0.0, 3.0), min_size=2, max_size=30))
@settings(max_examples=40, deadline=None)
def test_risk_lies_between_mean_and_worst_and_grows_with_beta(beta, costs):
    with jax.enable_x64(True):
        costs = jnp.asarray(costs)
        low, high = costs.mean(), costs.max()
        middle, more = risk(costs, beta), risk(costs, 2 * beta)
        assert low - 1e-9 <= middle <= more + 1e-9 and more <= high + 1e-9
        exact = np.log(np.mean(np.exp(beta * np.asarray(costs)))) / beta
        np.testing.assert_allclose(middle, exact, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("beta", [0.0, 1e-12, 1e-6, 1.0, 1e3, 1e30, 1e300, float("inf")])
@pytest.mark.parametrize("traced", [False, True])
def test_risk_never_overflows(beta, traced):
    grad = jax.value_and_grad(risk)
    if traced:
        value, gradient = jax.jit(grad)(
            jnp.asarray(COSTS), jnp.float32(min(beta, 1e38) if beta < np.inf else beta)
        )
    else:
        value, gradient = grad(jnp.asarray(COSTS), beta)
    assert np.isfinite(value) and np.all(np.isfinite(gradient))
    np.testing.assert_allclose(np.sum(gradient), 1.0, rtol=1e-4)
    if beta <= 1e-6:
        np.testing.assert_allclose(value, COSTS.mean(), rtol=1e-5)
    if beta >= 1e3:
        np.testing.assert_allclose(value, COSTS.max(), rtol=2e-3)


def test_gradient_of_risk_is_the_weighted_sum_of_the_paper():
    beta = 2.0
    weights = jax.grad(partial(risk, beta=beta))(jnp.asarray(COSTS))
    objective = risk(jnp.asarray(COSTS), beta)
    np.testing.assert_allclose(weights, np.exp(beta * COSTS - beta * objective) / len(COSTS), rtol=1e-5)


def test_cvar_is_the_mean_of_the_worst():
    assert cvar(jnp.asarray(COSTS), 0.6) == pytest.approx((1.9 + 0.7) / 2)
    assert cvar(jnp.asarray(COSTS), 0.0) == pytest.approx(COSTS.mean())
    assert cvar(jnp.asarray(COSTS), 0.99) == pytest.approx(1.9)


@pytest.mark.parametrize("beta", [-1.0, float("nan")])
def test_risk_refuses(beta):
    with pytest.raises(ValueError, match="beta must be at least 0"):
        risk(jnp.asarray(COSTS), beta)


def test_cvar_refuses():
    with pytest.raises(ValueError, match="below 1"):
        cvar(jnp.asarray(COSTS), 1.0)


THOROUGH = pytest.mark.thorough


def costate_gradient(policy, params, ts, cost, *, plant, p0, key):
    """The cost of a movement and its gradient by the policy's arrays, by sweeping costates backwards (Huh & Todorov 2009, III A).

    Body and network are one system q' = F(q, k, ω; W) with the cost c(q; k, W):

        p(i) = c_q + F_qᵀ p(i+1),   dV/dW = Σ c_W + F_Wᵀ p(i+1),   p(end) = 0
    """
    arrays, static = eqx.partition(policy, eqx.is_inexact_array)
    dts = jnp.diff(ts)
    # As `rollout` draws its keys: to observe, to act and to move, in each step.
    keys = None
    if key is not None:
        draw = jax.vmap(jax.random.fold_in, (None, 0))
        keys = draw(jax.random.fold_in(key, 1), jnp.arange(3 * len(dts))).reshape(len(dts), 3)

    def advance(weights, q, dt, keys):
        policy = eqx.combine(weights, static)
        see, act, move = (None,) * 3 if keys is None else keys
        y, x = q
        feedback = plant.observe(x, key=see)
        y, excitation = policy.step(y, feedback, params, dt, key=act)
        paid = dt * cost(feedback, excitation, params)
        return (y, plant.step(x, excitation, dt, key=move)), paid

    start = (p0, jax.tree.map(jnp.asarray, plant.default_state()))

    def forward(q, inputs):
        new, paid = advance(arrays, q, *inputs)
        return new, (q, paid)

    end, (qs, paid) = jax.lax.scan(forward, start, (dts, keys))

    def backward(carry, inputs):
        costate, gradient = carry
        q, dt, keys = inputs
        _, pull = jax.vjp(lambda weights, q: advance(weights, q, dt, keys), arrays, q)
        by_weights, costate = pull((costate, jnp.ones_like(paid[0])))
        return (costate, jax.tree.map(jnp.add, gradient, by_weights)), costate

    nothing = jax.tree.map(jnp.zeros_like, (end, arrays))
    (_, gradient), _ = jax.lax.scan(backward, nothing, (qs, dts, keys), reverse=True)
    return jnp.sum(paid), gradient


@pytest.mark.parametrize(
    ("command", "noisy"),
    [
        (ReachCommand(), False),
        (CircleCommand(), True),
        pytest.param(ReachCommand(), True, marks=THOROUGH),
        pytest.param(CircleCommand(), False, marks=THOROUGH),
    ],
)
def test_costates_give_the_gradient_of_rollout(noisy, command):
    """Pontryagin's principle is back-propagation through time: the paper's theorem, to rounding error."""
    with jax.enable_x64(True):
        as64 = partial(jax.tree.map, lambda x: x.astype(float) if eqx.is_inexact_array(x) else x)
        policy, plant = as64(RecurrentPolicy(command, ideomotor.make("rate-cell", 5))), as64(MuscleArm())
        command = as64(command)
        ts = jnp.arange(21) * 0.01
        key = jax.random.key(4) if noisy else None

        activity = jax.random.uniform(jax.random.key(1), (5,))

        def total(policy):
            movement = rollout(policy, command, ts, plant=plant, p0=activity, key=key)
            return command.movement_cost(movement)

        def rate(feedback, excitation, command):
            return command.cost(feedback["hand"], feedback["hand_velocity"], excitation)

        value, gradient = costate_gradient(policy, command, ts, rate, plant=plant, p0=activity, key=key)
        wanted_value, wanted = eqx.filter_value_and_grad(total)(policy)
        np.testing.assert_allclose(value, wanted_value, rtol=1e-12)
        for got, want in zip(jax.tree.leaves(gradient), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-12)
        assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(wanted)) > 1e-4


@pytest.mark.parametrize("task", [pytest.param(ReachTask, marks=THOROUGH), CircleTask])
def test_gradient_of_a_task_equals_finite_differences(task):
    with jax.enable_x64(True):
        as64 = partial(jax.tree.map, lambda x: x.astype(float) if eqx.is_inexact_array(x) else x)
        task = task(as64(MuscleArm()), hold=0.05, duration=0.1)
        command = ReachCommand() if isinstance(task, ReachTask) else CircleCommand()
        policy = as64(RecurrentPolicy(command, ideomotor.make("rate-cell", 4)))
        trials = as64(task.sample(policy, jax.random.key(0), 3))
        key = jax.random.key(2)

        @jax.jit
        def loss(motor):
            return task.loss(eqx.tree_at(lambda p: p.motor, policy, motor), trials, key)[0]

        gradient = jax.jit(jax.grad(loss))(policy.motor)
        step = 1e-6 * jax.random.normal(jax.random.key(3), gradient.shape)
        direction = step / 1e-6
        by_differences = float(loss(policy.motor + step) - loss(policy.motor - step)) / 2e-6
        np.testing.assert_allclose(float(jnp.sum(gradient * direction)), by_differences, rtol=1e-4, atol=1e-8)


def test_trials_are_what_they_say():
    plant = MuscleArm()
    task = CircleTask(plant, resting=0.0)
    policy = RecurrentPolicy(CircleCommand())
    trials = task.sample(policy, jax.random.key(1), 50)
    seen = jax.vmap(plant.observe)(trials.x0)
    off = seen["hand"] - trials.first.center
    np.testing.assert_allclose(np.linalg.norm(off, axis=-1), trials.first.radius, atol=1e-5)
    tangent = np.stack([off[:, 1], -off[:, 0]], -1) / trials.first.radius[:, None]
    np.testing.assert_allclose(np.sum(seen["hand_velocity"] * tangent, -1), trials.first.speed, atol=1e-4)
    assert np.all(np.abs(trials.second.speed) >= 0.15 - 1e-6) and np.any(trials.second.speed < 0)
    assert np.max(task.workspace.excess(plant, trials.second)) == 0.0
    assert trials.activity.min() >= 0 and trials.activity.max() <= 1


def test_targets_are_uniform_over_the_workspace():
    plant, workspace = MuscleArm(), Workspace()
    points = np.asarray(workspace.points(plant, jax.random.key(0), 20000))
    radius = np.linalg.norm(points, axis=-1)
    near, far = (
        np.hypot(0.30 + 0.33 * np.cos(2.3), 0.33 * np.sin(2.3)),
        np.hypot(0.30 + 0.33 * np.cos(1.1), 0.33 * np.sin(1.1)),
    )
    assert near - 1e-4 <= radius.min() and radius.max() <= far + 1e-4
    # In a ring, area grows with the square of the radius.
    share = np.mean(radius < 0.4)
    np.testing.assert_allclose(share, (0.4**2 - near**2) / (far**2 - near**2), atol=0.015)


def test_circle_state_is_on_the_circle():
    plant = MuscleArm()
    circle = CircleCommand(np.array([0.2, 0.35], np.float32), np.float32(0.06), np.float32(0.3))
    seen = plant.observe(circle.state(plant, jnp.array(np.pi / 2)))
    np.testing.assert_allclose(seen["hand"], [0.2, 0.41], atol=1e-5)
    np.testing.assert_allclose(seen["hand_velocity"], [0.3, 0.0], atol=1e-5)


def test_training_reduces_the_cost_and_leaves_the_rest_alone():
    task = ReachTask(MuscleArm(), hold=0.1, duration=0.4, anneal=0.0, wide=0.2, d0=0.2)
    policy = RecurrentPolicy(cell=ideomotor.make("rate-cell", 6))
    held_out = task.sample(policy, jax.random.key(99), 50)
    before = task.costs(policy, held_out, None).mean()
    trained = ideomotor.train(
        policy,
        task.loss,
        task.data(policy, 20, 40),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2)),
        steps=40,
        where=lambda p: p.weights(),
        progress=False,
    )
    assert task.costs(trained, held_out, None).mean() < 0.9 * before
    assert eqx.tree_equal(trained.command, policy.command)


@pytest.mark.parametrize("method", ["cg", pytest.param("l-bfgs", marks=THOROUGH)])
def test_frozen_sample(method):
    """As in the paper: the sample of starts, commands and noise stays the same; every iteration lowers its risk."""
    task = ReachTask(MuscleArm(), hold=0.05, duration=0.3, d0=0.2)
    policy = RecurrentPolicy(cell=ideomotor.make("rate-cell", 5))
    trials, key = task.sample(policy, jax.random.key(0), 8), jax.random.key(1)

    def loss(policy):
        return task.loss(policy, trials, key)[0]

    seen = []
    trained, history = minimise_frozen(
        policy,
        loss,
        steps=8,
        method=method,
        where=lambda p: p.weights(),
        callback=lambda i, v: seen.append(v),
    )
    assert seen == history and len(history) >= 4
    assert np.all(np.diff(history) <= 1e-6) and history[-1] < float(loss(policy)) - 1e-3
    np.testing.assert_allclose(loss(trained), history[-1], rtol=1e-4)
    assert eqx.tree_equal(trained.command, policy.command)


def test_frozen_sample_reaches_the_minimum_of_a_quadratic():
    matrix = np.diag([1.0, 4.0, 9.0])
    for method in ("cg", "l-bfgs"):
        x, _ = minimise_frozen(
            jnp.array([3.0, -1.0, 2.0]), lambda x: x @ matrix @ x / 2 - x.sum(), method=method
        )
        np.testing.assert_allclose(x, [1.0, 1 / 4, 1 / 9], atol=1e-3)


def test_frozen_sample_refuses():
    with pytest.raises(ValueError, match="method must be one of cg"):
        minimise_frozen(jnp.ones(2), jnp.sum, method="adam")
    with pytest.raises(TrainingError, match="nan at the start"):
        minimise_frozen(jnp.ones(2), lambda x: jnp.sum(jnp.log(x - 2.0)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReachTask(MuscleArm(), duration=0.0), "must be longer than one time step"),
        (lambda: CircleTask(MuscleArm(), dt=2.0), "must be longer than one time step"),
        (lambda: ReachTask(MuscleArm(), hold=-0.1), "hold must be at least 0"),
        (lambda: Workspace(elbow=(2.0, 1.0)), "elbow must be a range"),
    ],
)
def test_tasks_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_circles_out_of_reach_are_refused():
    def circle(center, radius, speed):
        return CircleCommand(np.array(center), np.array(radius), np.array(speed))

    plant = MuscleArm()
    circle([0.18, 0.36], 0.07, 0.3).check(plant)
    with pytest.raises(DataError, match="reaches only from"):
        circle([0.5, 0.36], 0.1, 0.3).check(plant)
    for radius, speed in ((0.0, 0.3), (0.07, 0.0), (-0.1, 0.3)):
        with pytest.raises(DataError, match="positive radius and a speed that is not zero"):
            circle([0.18, 0.36], radius, speed).check(plant)


def test_a_diverging_training_stops_at_the_step_and_keeps_the_checkpoint(tmp_path):
    task = ReachTask(MuscleArm(), hold=0.02, duration=0.05)
    policy = RecurrentPolicy(cell=ideomotor.make("rate-cell", 4))
    sample = task.data(policy, 4, 10)

    def poisoned(key, step):
        trials = sample(key, step)
        return eqx.tree_at(lambda t: t.activity, trials, jnp.where(step >= 6, jnp.nan, trials.activity))

    with pytest.raises(TrainingError, match="7"):
        ideomotor.train(
            policy,
            task.loss,
            poisoned,
            optax.adam(1e-3),
            steps=10,
            where=lambda p: p.weights(),
            run=tmp_path / "run",
            checkpoint_every=2,
            log_every=2,
            progress=False,
        )
    assert (tmp_path / "run" / "checkpoint.safetensors").is_file()
