"""Obstacles, contact force and moving goals in the DMP that is played step by step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import ideomotor
from ideomotor import AbstractPlant, rollout
from ideomotor.errors import DataError
from ideomotor_dmp import DMP, DMPParams, FeedbackDMP, Observed

from .conftest import forcing, gaussians


@pytest.mark.parametrize("dof", [2, 3])
def test_steering_is_that_of_movement_primitives(x64, dof):
    peer = pytest.importorskip("movement_primitives.dmp")
    theirs = getattr(peer, f"obstacle_avoidance_acceleration_{dof}d")
    rng = np.random.default_rng(dof)
    for _ in range(20):
        y, v, centre = rng.normal(size=(3, dof))
        ours = ideomotor.make("steering-coupling", centre, 500.0, 3.0)(
            jnp.asarray(y), jnp.asarray(v), Observed()
        )
        np.testing.assert_allclose(ours, theirs(y, v, centre, 500.0, 3.0), rtol=1e-6, atol=1e-8)


def test_steering_is_finite_where_it_is_not_defined(x64):
    steer = ideomotor.make("steering-coupling", jnp.ones(3))
    for y, v in ((np.zeros(3), np.zeros(3)), (np.zeros(3), np.ones(3)), (np.ones(3), np.ones(3))):
        push = lambda y, v: steer(y, v, Observed())  # noqa: E731
        np.testing.assert_array_equal(push(jnp.asarray(y), jnp.asarray(v)), np.zeros(3))
        for slope in jax.jacrev(push, (0, 1))(jnp.asarray(y), jnp.asarray(v)):
            assert np.isfinite(slope).all()


def test_steering_converges_to_the_coupled_equation(x64):
    rng = np.random.default_rng(0)
    params = DMPParams(*map(jnp.asarray, (60 * rng.normal(size=(2, 25)), np.ones(2), np.zeros(2), 1.2)))
    steer = ideomotor.make("steering-coupling", jnp.asarray([0.6, 0.5]), 300.0, 3.0)
    push = jax.jit(lambda y, v: steer(y, v, Observed()))

    def slope(t, state):
        y, z = state[:2], state[2:]
        free = forcing(np.exp(-2 * t / 1.2), np.asarray(params.weights), *gaussians())
        return np.concatenate([z, 48 * (12 * (1 - y) - z) + free + np.asarray(push(y, z / 1.2))]) / 1.2

    errors = []
    for n in (250, 500):
        ts = np.linspace(0.0, 1.6, n + 1)
        exact = solve_ivp(slope, (0, 1.6), np.zeros(4), "DOP853", ts, rtol=1e-8, atol=1e-8).y[:2].T
        errors.append(np.abs(rollout(FeedbackDMP(DMP(), steer), params, jnp.asarray(ts)).ys - exact).max())
    # The coupling is held over a step, hence first order.
    assert errors[1] < 0.01 and 1.6 < errors[0] / errors[1] < 2.5, errors
    free = DMP().trajectory(params, jnp.asarray(ts))
    assert np.abs(exact - free).max() > 5 * errors[1]


class Table(AbstractPlant):
    """A hand that is where it is told to be, above an elastic table at height zero; a target that moves."""

    def default_state(self):
        return {"hand": jnp.asarray([0.0, 0.1]), "t": jnp.zeros(())}

    def default_command(self):
        return jnp.zeros(2)

    def step(self, state, command, dt, *, key=None):
        return {"hand": command, "t": state["t"] + dt}

    def observe(self, state, *, key=None):
        up = 500.0 * jnp.maximum(-state["hand"][1], 0.0)
        return {"touch": {"force": jnp.stack([0.0, up])}, "target": jnp.stack([state["t"], 0.0])}


def test_keeps_a_contact_force(x64):
    params = DMPParams(jnp.zeros((2, 25)), jnp.asarray([1.0, 0.0]), jnp.asarray([0.0, 0.1]), jnp.asarray(1.0))
    press = ideomotor.make("force-coupling", jnp.asarray([0.0, 5.0]), jnp.asarray([0.0, 20.0]))
    made = FeedbackDMP(DMP(), press, force="touch.force")
    movement = rollout(made, params, jnp.linspace(0.0, 3.0, 1501), plant=Table())
    force = movement.ys["touch"]["force"][-1, 1]
    # At rest gain (force - wanted) = alpha beta (y - goal), with y = -force / 500.
    np.testing.assert_allclose(force, 5.0 * 20 / (20 + 576 / 500), rtol=1e-3)
    np.testing.assert_allclose(movement.us[-1, 0], 1.0, atol=1e-3)


def test_follows_a_moving_goal(x64):
    params = DMPParams(jnp.zeros((2, 25)), jnp.zeros(2), jnp.zeros(2), jnp.asarray(0.5))
    made = FeedbackDMP(DMP(), goal="target")
    ts = np.linspace(0.0, 2.0, 801)
    movement = rollout(made, params, jnp.asarray(ts), plant=Table())

    def slope(t, state):
        return np.array([state[1], 48 * (12 * (t - state[0]) - state[1])]) / 0.5

    exact = solve_ivp(slope, (0, 2), [0, 0], "DOP853", ts, rtol=1e-10, atol=1e-10).y[0]
    np.testing.assert_allclose(movement.us[:, 0], exact, atol=2.5e-3)  # the goal is held over a step
    # A goal that moves steadily is followed at a distance of tau / beta.
    np.testing.assert_allclose(2.0 - movement.us[-1, 0], 0.5 / 12, atol=2e-3)


def test_sums_and_says_what_it_misses():
    one, other = (
        ideomotor.make("steering-coupling", jnp.ones(2)),
        ideomotor.make("force-coupling", jnp.ones(2), 2.0),
    )
    y, v, seen = jnp.asarray([0.1, 0.4]), jnp.asarray([1.0, 0.2]), Observed(force=jnp.asarray([3.0, 0.0]))
    both = ideomotor.make("sum-coupling", [one, other])
    np.testing.assert_allclose(both(y, v, seen), one(y, v, seen) + other(y, v, seen), rtol=1e-6)
    with pytest.raises(ValueError, match="needs the contact force"):
        FeedbackDMP(DMP(), both)
    with pytest.raises(ValueError, match="given twice"):
        FeedbackDMP(DMP(), both, force="hand", position="hand")
    made = FeedbackDMP(DMP(), other, force="touch")
    with pytest.raises(DataError, match=r"'touch' has shape \(3,\)"):
        made.step(
            made.init(made.default_params()), {"touch": jnp.zeros(3)}, made.default_params(), jnp.asarray(0.1)
        )
