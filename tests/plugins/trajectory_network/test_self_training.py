import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor import Pipeline
from ideomotor.errors import DataError, TrainingError
from ideomotor_trajectory_network import (
    ConditionsNetwork,
    ReachProblem,
    Trainer,
    TrajectoryDecoder,
    centre_out,
    commands_and_states,
    improve_through_forward_model,
    improve_through_plant,
    optimal_reaches,
    optimise_through_plant,
    sample_reaches,
    self_train,
)

# The learned slopes and the loss, which no public name shows.
from ideomotor_trajectory_network._forward_model import WAVES, ForwardModel, heights_of, waves
from ideomotor_trajectory_network._improving import _cost_loss
from ideomotor_trajectory_network._problem import mass


@pytest.fixture(scope="module")
def free(arm):
    return ReachProblem(arm, terminal=1e6)


@pytest.fixture(scope="module")
def trainer():
    return Trainer(0, 0, progress=False)


@pytest.fixture(scope="module")
def taught(free, trainer):
    conditions = ConditionsNetwork(15, (250,), activation="tanh", output="linear")
    decoder = TrajectoryDecoder(15, (60,), activation="tanh", output="linear")
    return self_train(free, conditions, decoder, trainer, rounds=3, count=700)


@pytest.fixture(scope="module")
def optimum(free):
    return optimal_reaches(free, *centre_out(directions=8))


def _judge(free, function, optimum):
    """Mean end error in cm, cost over optimal cost, distance of the commands from the optimal ones."""
    us, _ = commands_and_states(function, ConditionsNetwork.observations(optimum.start, optimum.target), 101)
    moved = free.play_all(optimum.start, np.asarray(us))
    miss = moved.states[:, -1] - np.concatenate([optimum.target, np.zeros((8, 2))], 1)
    squares = np.trapezoid((moved.commands**2).sum(-1), dx=0.01, axis=1)
    cost = 0.5e6 * (miss**2).sum(1) + 0.5 * squares
    away = np.sqrt(((moved.commands - optimum.commands) ** 2).mean())
    return 100 * np.linalg.norm(miss[:, :2], axis=1).mean(), cost.mean() / optimum.cost.mean(), away


def test_the_first_round_is_babble_that_moves_a_little_and_comes_to_rest(taught):
    moved = taught[1][0]
    away = np.linalg.norm(moved.end - moved.start, axis=1)
    assert moved.commands.shape == (700, 101, 2)
    assert 0.01 < away.mean() < 0.1
    assert np.linalg.norm(moved.states[:, -1, 2:], axis=1).mean() < 0.03
    np.testing.assert_allclose(np.trapezoid(moved.commands, dx=0.01, axis=1), 0, atol=1e-6)


def test_babble_that_leaves_the_workspace(free, trainer):
    for amplitude, message in ((1e4, "smaller amplitude"), (0.0, "must be positive")):
        with pytest.raises(DataError, match=message):
            self_train(free, ConditionsNetwork(), TrajectoryDecoder(), trainer, count=20, amplitude=amplitude)


def test_three_rounds_teach_to_reach_but_not_optimally(free, taught, optimum):
    function, rounds = taught
    first, last = (np.linalg.norm(m.end - m.start, axis=1).mean() for m in (rounds[0], rounds[-1]))
    assert len(rounds) == 3 and last > first
    end, cost, away = _judge(free, function, optimum)
    assert end < 0.5
    assert away > 0.004


def test_gauss_newton_through_the_arm_makes_it_optimal(free, taught, trainer, optimum):
    better = improve_through_plant(free, taught[0], trainer, rounds=4, count=700, progress=False)
    (_, before, far), (end, after, near) = (_judge(free, f, optimum) for f in (taught[0], better))
    assert near < 0.3 * far and after < before and end < 0.3


def test_a_learned_forward_model_brings_it_nearer(free, taught, trainer, optimum):
    seen = []
    better = improve_through_forward_model(
        free, taught[0], trainer, rounds=3, count=700, callback=lambda *x: seen.append(x[0])
    )
    assert seen == [1, 2, 3]
    assert _judge(free, better, optimum)[2] < 0.7 * _judge(free, taught[0], optimum)[2]


def test_a_forward_model_knows_the_derivatives_of_the_arm(free):
    """Against finite differences of played movements, at movements like those it has seen."""
    rng, basis = np.random.default_rng(0), waves(101)
    np.testing.assert_allclose(basis @ mass(101) @ basis.T, np.eye(WAVES), atol=1e-12)
    commands = rng.normal(size=(2, WAVES, 2))
    np.testing.assert_allclose(heights_of(np.einsum("mku,kt->mtu", commands, basis)), commands, atol=1e-10)
    # One command everywhere, so that the slopes depend on the start alone.
    us = 0.05 * np.cos(np.pi * np.linspace(0, 1, 101))[:, None] * np.array([1.0, -1.0])
    start = rng.uniform((-0.1, 0.25), (0.1, 0.45), (2500, 2))
    changes = rng.normal(size=(2500, WAVES, 2)) * 0.02

    def play(start, change):
        return free.play_all(start, us + np.einsum("mku,kt->mtu", change, basis)).states[:, -1]

    effects = play(start, changes) - play(start, 0 * changes)
    conditions = np.concatenate([start, start + 0.1], 1)
    model = ForwardModel.learn(conditions, changes.reshape(2500, -1), effects, 30, jax.random.key(0))
    here, h = np.array([0.02, 0.36]), 0.02
    slope = model.slope(jnp.asarray(np.concatenate([here, here + 0.1]), jnp.float32))
    steps = h * np.eye(2 * WAVES).reshape(-1, WAVES, 2)
    ends = [play(np.repeat(here[None], 2 * WAVES, 0), sign * steps) for sign in (1, -1)]
    exact = ((ends[0] - ends[1]) / (2 * h)).T
    assert np.linalg.norm(slope - exact) < 0.1 * np.linalg.norm(exact)


def test_plain_gradient_through_the_arm_equals_finite_differences():
    with jax.enable_x64(True):
        free = ReachProblem(ideomotor.make("two-link-arm", damping=0.0), terminal=1e3, samples=21)
        function = Pipeline(
            ConditionsNetwork(4, (8,), key=jax.random.key(0)),
            TrajectoryDecoder(4, (8,), output="linear", key=jax.random.key(1)),
        )
        start, target = sample_reaches(np.random.default_rng(2), 3)
        batch = {"start": jnp.asarray(start), "target": jnp.asarray(target)}
        loss = _cost_loss(free)
        place = lambda f: f.primitive.layers[0].weight  # noqa: E731

        def value(x):
            return loss(eqx.tree_at(place, function, x), batch, None)[1]["cost"]

        weight, h = place(function), 1e-6
        gradient = jax.jit(jax.grad(value))(weight)
        value = jax.jit(value)
        for i, j in ((0, 0), (3, 2), (7, 1)):
            step = jnp.zeros_like(weight).at[i, j].set(h)
            np.testing.assert_allclose(
                gradient[i, j], (value(weight + step) - value(weight - step)) / (2 * h), rtol=1e-5
            )


def test_plain_descent_lowers_the_cost(arm):
    free = ReachProblem(arm, terminal=1e3, samples=21)
    function = Pipeline(ConditionsNetwork(4, (20,)), TrajectoryDecoder(4, (20,), output="linear"))
    seen = []
    better = optimise_through_plant(
        free,
        function,
        steps=60,
        batch_size=32,
        rate=3e-3,
        callback=lambda s, m, f: seen.append(m["cost"]),
        progress=False,
    )
    start, target = sample_reaches(np.random.default_rng(5), 64)

    def cost(function):
        us, _ = commands_and_states(function, ConditionsNetwork.observations(start, target), 21)
        ends = free.play_all(start, us).states[:, -1]
        return jax.vmap(free.cost, (0, 0, 0, None))(jnp.asarray(ends), jnp.asarray(target), us, 1.0).mean()

    assert cost(better) < 0.5 * cost(function)


def test_bad_settings(free, taught, trainer):
    with pytest.raises(DataError, match="rounds must be at least 1"):
        improve_through_plant(free, taught[0], trainer, rounds=0)
    with pytest.raises(DataError, match="noise"):
        improve_through_forward_model(free, taught[0], trainer, noise=0.0)
    with pytest.raises(DataError, match="versions must be even, not 3"):
        improve_through_forward_model(free, taught[0], trainer, versions=3)
    with pytest.raises(TrainingError, match="pass less noise"):
        improve_through_forward_model(free, taught[0], trainer, rounds=1, count=20, commands=2, versions=2)
