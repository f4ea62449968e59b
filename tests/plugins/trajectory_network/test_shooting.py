import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.integrate import solve_ivp

import ideomotor
from ideomotor import rollout
from ideomotor.errors import DataError
from ideomotor_trajectory_network import (
    ReachProblem,
    TrajectoryCode,
    TrajectoryDecoder,
    euler_lagrange,
    optimal_reaches,
    sample_reaches,
)


@pytest.fixture(scope="module")
def exact(problem, reaches):
    """Some of them by the Euler-Lagrange equations, at its default tolerances."""
    return euler_lagrange(problem, reaches[:12])


def test_all_converge_and_end_on_their_targets(reaches):
    assert reaches.converged.all()
    assert np.abs(reaches.states[:, -1, :2] - reaches.target).max() < 1e-5
    assert np.abs(reaches.states[:, 0, :2] - reaches.start).max() < 1e-6
    assert np.abs(reaches.states[:, 0, 2:]).max() == 0


def test_a_double_integrator_agrees_with_its_closed_form():
    """For a mass m the end state is linear in the joined commands, and the optimum is one linear system."""
    mass, terminal, steps, duration = 1.3, 100.0, 50, 0.8
    problem = ReachProblem(ideomotor.make("point-mass", mass=mass), terminal=terminal, samples=steps + 1)
    start, target = np.array([0.05, 0.2]), np.array([-0.1, 0.33])
    found = optimal_reaches(problem, start, target, duration=duration)
    ts = np.linspace(0, duration, steps + 1)
    # By Gauss's rule of three points on each step, exact for products of straight lines.
    nodes, weights = np.polynomial.legendre.leggauss(3)
    t = (ts[:-1, None] + duration / steps * (nodes + 1) / 2).ravel()
    w = np.tile(weights * duration / steps / 2, steps)
    hats = np.array([np.interp(t, ts, row) for row in np.eye(steps + 1)])
    s = np.stack([hats @ (w * (duration - t)), hats @ w], 0) / mass
    squares = (hats * w) @ hats.T
    # min ½Φ|s u - e|² + ½ u'Mu for each axis by itself, with e the way to go.
    cost = 0.0
    for axis in range(2):
        e = np.array([target[axis] - start[axis], 0.0])
        u = np.linalg.solve(terminal * s.T @ s + squares, terminal * s.T @ e)
        cost += 0.5 * terminal * ((s @ u - e) ** 2).sum() + 0.5 * u @ squares @ u
        np.testing.assert_allclose(
            found.commands[0, :, axis], u, rtol=1e-6, atol=1e-8
        )  # the mass is a float32
    np.testing.assert_allclose(found.cost[0], cost, rtol=1e-6)


def test_a_long_movement_without_field_or_target_miss_has_the_least_effort():
    """Continuous time: a mass moved by d in T needs ∫ u² = 12 m² d² / T³, and joined samples hold its straight line."""
    problem = ReachProblem(ideomotor.make("point-mass", mass=2.0), terminal=1e9, samples=11)
    found = optimal_reaches(problem, (0.0, 0.3), (0.1, 0.3), duration=1.5)
    np.testing.assert_allclose(found.cost[0], 0.5 * 12 * 4.0 * 0.01 / 1.5**3, rtol=1e-6)


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
            return exact.cost(states[-1], goal[i], us, 1.0)

        value_and_grad = jax.jit(jax.value_and_grad(cost))
        for i in range(4):
            us = jnp.asarray(reaches.commands[i])
            value, gradient = value_and_grad(us, i)
            np.testing.assert_allclose(value, reaches.cost[i], rtol=1e-6)
            away = 0.1 * jnp.sin(jnp.arange(us.size).reshape(us.shape))
            assert jnp.linalg.norm(gradient) < 1e-4 * jnp.linalg.norm(value_and_grad(us + away, i)[1])


def test_cost_agrees_with_euler_and_lagrange(exact, reaches):
    some = reaches[:12]
    assert (exact.residual < 1e-7).all()
    np.testing.assert_allclose(some.cost, exact.cost, rtol=1e-6)
    np.testing.assert_allclose(some.states, exact.states, atol=1e-6)
    np.testing.assert_allclose(some.commands, exact.commands, atol=1e-4)


def test_the_error_of_the_cost_is_of_fourth_order(problem, exact, reaches):
    """With half as many steps it is sixteen times larger."""
    some = reaches[:12]
    errors = []
    for samples in (11, 21):
        coarse = ReachProblem(problem.plant, terminal=problem.terminal, samples=samples)
        found = optimal_reaches(coarse, some.start, some.target, field=some.field, tolerance=1e-7)
        errors.append(np.abs(found.cost - exact.cost) / exact.cost)
    order = np.log2(np.median(errors[0] / errors[1]))
    assert 3.5 < order < 4.6


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


def test_playing_is_what_a_fine_integration_gives(problem, reaches):
    """Commands joined by straight lines, against DOP853 and the plant's own equation."""
    with jax.enable_x64(True):
        arm = ideomotor.make("two-link-arm", damping=0.0)
        plant = ideomotor.make("joint-curl-field", plant=arm, strength=0.0)
        exact = ReachProblem(plant, terminal=1e6)
        for i in (0, 2):
            now, us = exact.in_field(jnp.asarray(reaches.field[i])), reaches.commands[i]
            x0, unravel = ravel_pytree(now.plant.at(jnp.asarray(reaches.start[i])))
            slope = jax.jit(lambda x, u: now.slope(x, u, unravel))  # noqa: B023

            def equation(t, x):
                return np.asarray(slope(x, np.array([np.interp(t, ts, u) for u in us.T])))  # noqa: B023

            ts, x = np.linspace(0, 1, 101), np.asarray(x0)
            for a, b in zip(ts[:-1], ts[1:], strict=True):  # the command has a corner at each sample
                x = solve_ivp(equation, (a, b), x, method="DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
            np.testing.assert_allclose(
                reaches.states[i, -1], now.hand_state(unravel(jnp.asarray(x))), atol=1e-7
            )


def test_rollout_of_the_framework_plays_a_function_as_it_was_meant(arm, reaches):
    """Its held commands are means, so that the hand arrives; starting values of each interval would miss by millimetres."""
    null = reaches[reaches.field == 0][:3]
    for i in range(3):
        decoder = TrajectoryDecoder(1, (), output="linear").scaled_to(null.states, null.commands)
        number = decoder.scaled(jnp.asarray(null.states[i]), jnp.asarray(null.commands[i])).ravel()
        layer = eqx.tree_at(lambda x: (x.weight, x.bias), decoder.layers[0], (jnp.zeros((606, 1)), number))
        decoder = eqx.tree_at(lambda d: d.layers, decoder, (layer,))
        code = TrajectoryCode(jnp.zeros(1), jnp.asarray(1.0))
        x0 = arm.at(jnp.asarray(null.start[i], jnp.float32))
        for samples in (101, 201):
            moved = rollout(decoder, code, jnp.linspace(0, 1, samples), plant=arm, x0=x0)
            assert jnp.linalg.norm(moved.ys["hand"][-1] - null.target[i]) < 2e-4
