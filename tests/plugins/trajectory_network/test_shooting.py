import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError
from ideomotor_trajectory_network import ReachProblem, euler_lagrange, optimal_reaches, sample_reaches


def test_all_converge_and_end_on_their_targets(reaches):
    assert reaches.converged.all()
    assert np.abs(reaches.states[:, -1, :2] - reaches.target).max() < 1e-5
    assert np.abs(reaches.states[:, 0, :2] - reaches.start).max() < 1e-6
    assert np.abs(reaches.states[:, 0, 2:]).max() == 0


def test_a_double_integrator_agrees_with_its_closed_form():
    """For a mass m the exact zero-order-hold sums give S, and the optimum is one linear system."""
    mass, terminal, steps, duration = 1.3, 100.0, 50, 0.8
    problem = ReachProblem(ideomotor.make("point-mass", mass=mass), terminal=terminal, samples=steps + 1)
    start, target = np.array([0.05, 0.2]), np.array([-0.1, 0.33])
    found = optimal_reaches(problem, start, target, duration=duration)
    dt = duration / steps
    left = duration - dt * (np.arange(steps) + 0.5)
    s = np.stack([left * dt, np.full(steps, dt)]) / mass
    # min ½Φ|s u - e|² + ½dt|u|² for each axis by itself, with e the way to go.
    for axis in range(2):
        e = np.array([target[axis] - start[axis], 0.0])
        u = np.linalg.solve(terminal * s.T @ s + dt * np.eye(steps), terminal * s.T @ e)
        np.testing.assert_allclose(
            found.commands[0, :-1, axis], u, rtol=1e-6, atol=1e-8
        )  # the mass is a float32


def test_optimal_commands_have_no_gradient(problem, reaches):
    """The exact gradient of the cost, by reverse mode through the movement: an independent check of stationarity."""
    with jax.enable_x64(True):
        exact = ReachProblem(
            ideomotor.make(
                "joint-curl-field", plant=ideomotor.make("two-link-arm", damping=0.0), strength=0.0
            ),
            terminal=1e6,
        )

        field, begin, goal = (jnp.asarray(x) for x in (reaches.field, reaches.start, reaches.target))

        def cost(us, i):
            states = exact.in_field(field[i]).play(begin[i], us, 1.0)
            miss = states[-1] - jnp.concatenate([goal[i], jnp.zeros(2)])
            return 0.5 * exact.terminal * miss @ miss + 0.5 * 0.01 * jnp.sum(us[:-1] ** 2)

        value_and_grad = jax.jit(jax.value_and_grad(cost))
        for i in range(4):
            us = jnp.asarray(reaches.commands[i])
            value, gradient = value_and_grad(us, i)
            np.testing.assert_allclose(value, reaches.cost[i], rtol=1e-6)
            away = 0.1 * jnp.sin(jnp.arange(us.size).reshape(us.shape))
            assert jnp.linalg.norm(gradient) < 1e-4 * jnp.linalg.norm(value_and_grad(us + away, i)[1])


def test_cost_agrees_with_euler_and_lagrange(problem, reaches):
    some = reaches[:12]
    exact = euler_lagrange(problem, some)
    assert (np.asarray(exact.residual) < 1e-7).all()
    np.testing.assert_allclose(some.cost, exact.cost, rtol=2e-4)  # of holding the commands: see below
    np.testing.assert_allclose(some.states, exact.states, atol=2e-4)
    # A held command is the mean over its step.
    middle = (np.asarray(exact.commands)[:, 1:] + np.asarray(exact.commands)[:, :-1]) / 2
    np.testing.assert_allclose(some.commands[:, :-1], middle, atol=2e-3)


def test_a_strong_field_is_approached_gradually(arm):
    """The printed constants: 5 N m s/rad; the best reach stops short, and still is a stationary point."""
    problem = ReachProblem(ideomotor.make("joint-curl-field", plant=arm, strength=0.0), terminal=100.0)
    start, target = sample_reaches(np.random.default_rng(3), 6)
    found = optimal_reaches(problem, start, target, field=np.array([5.0, -5.0, 5.0, -5.0, 0.0, 5.0]))
    assert found.converged.all()
    short = np.linalg.norm(found.states[:, -1, :2] - target, axis=1) / np.linalg.norm(target - start, axis=1)
    assert short[4] < 0.05 and short[[0, 1, 2, 3, 5]].min() > 0.2


def test_what_does_not_converge_is_said(problem):
    start, target = sample_reaches(np.random.default_rng(0), 3)
    assert not optimal_reaches(problem, start, target, max_iterations=1).converged.any()


@pytest.mark.parametrize(
    "kwargs, words",
    [
        ({"target": (0.5, 0.5)}, "0.707 m from the shoulder"),
        ({"start": (0.001, 0.0)}, "choose a point in reach"),
        ({"duration": 0.0}, "longer than zero seconds"),
        ({"duration": -1.0}, "longer than zero seconds"),
        ({"target": (np.nan, 0.3)}, r"target\[0\] is not finite"),
        ({"field": np.inf}, r"field\[0\] is not finite"),
        ({"field": np.zeros(3), "start": np.full((2, 2), 0.3)}, "one field and duration each"),
        ({"tolerance": 0.0}, "tolerance"),
    ],
)
def test_bad_reaches_get_one_sentence(problem, kwargs, words):
    given = {"start": (0.0, 0.3), "target": (0.1, 0.3), **kwargs}
    with pytest.raises(DataError, match=words) as caught:
        optimal_reaches(problem, given.pop("start"), given.pop("target"), **given)
    assert "\n" not in str(caught.value)


def test_a_field_needs_a_plant_with_one(arm):
    with pytest.raises(DataError, match="joint-curl-field"):
        optimal_reaches(ReachProblem(arm), (0.0, 0.3), (0.1, 0.3), field=1.0)


@pytest.mark.parametrize(
    "kwargs", [{"terminal": 0.0}, {"effort": -1.0}, {"terminal": np.nan}, {"samples": 2}]
)
def test_numbers_that_pose_no_problem(arm, kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        ReachProblem(arm, **kwargs)


def test_a_plant_must_be_an_arm():
    with pytest.raises(ValueError, match="two-link-arm"):
        ReachProblem(None)
    with pytest.raises(ValueError, match="masses"):
        ideomotor.make("two-link-arm", masses=(-1.0, 1.0))


def test_playing_is_what_rollout_does(problem, reaches):
    """The fast way to play commands against the framework's own loop and the plant's own solver."""
    for i in (0, 1, 2):
        now = problem.in_field(jnp.asarray(reaches.field[i]))
        fast = now.play(jnp.asarray(reaches.start[i]), jnp.asarray(reaches.commands[i], jnp.float32), 1.0)
        plant, state = now.plant, now.plant.at(jnp.asarray(reaches.start[i]))
        step = jax.jit(lambda state, command: plant.step(state, command, 0.01))  # noqa: B023
        for command in jnp.asarray(reaches.commands[i, :-1], jnp.float32):
            state = step(state, command)
        seen = plant.observe(state)
        slow = np.concatenate([seen["hand"], seen["hand_velocity"]])
        np.testing.assert_allclose(fast[-1], slow, atol=2e-5)
