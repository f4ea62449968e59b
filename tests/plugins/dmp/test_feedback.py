"""The DMP that is played step by step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import ideomotor
from ideomotor import AbstractPlant, Pipeline, Trajectory, rollout
from ideomotor.errors import AssemblyError, DataError
from ideomotor_dmp import DMP, DMPParams, FeedbackDMP


class Follower(AbstractPlant):
    """A hand that covers part of the way to where it is told to be; 0 is a stuck one."""

    grip: float = eqx.field(static=True)

    def default_state(self):
        return jnp.zeros(2)

    def default_command(self):
        return jnp.zeros(2)

    def step(self, state, command, dt, *, key=None):
        return state + self.grip * (command - state)

    def observe(self, state, *, key=None):
        return {"arm": {"hand": state}}


def movement():
    rng = np.random.default_rng(0)
    return DMPParams(jnp.asarray(200 * rng.normal(size=(2, 25))), jnp.ones(2), jnp.zeros(2), jnp.asarray(1.2))


@pytest.mark.parametrize("scaling", ["none", "goal"])
@pytest.mark.parametrize("samples", [4, 300])
def test_alone_it_is_the_feedforward_dmp(x64, scaling, samples):
    dmp, ts = DMP(scaling=scaling), jnp.linspace(0.0, 2.0, samples) ** 1.5
    alone = rollout(FeedbackDMP(dmp), movement(), ts).ys
    np.testing.assert_allclose(alone, dmp.trajectory(movement(), ts), atol=1e-8)


def test_alone_in_float32(three):
    params, ts = DMP().fit(Trajectory(*three)), jnp.linspace(0.0, 3.0, 301)
    played = rollout(FeedbackDMP(DMP()), params, ts).ys
    assert played.dtype == jnp.float32
    np.testing.assert_allclose(played, DMP().trajectory(params, ts), atol=1e-3)


def solve_with(push, params, ts, phase=lambda y: 1.0):
    """The equations with a coupling and a slowed phase, by DOP853."""
    c = np.exp(-2 * np.linspace(0, 1, 25))
    h = 2 / np.append(np.diff(c), np.diff(c)[-1]) ** 2
    w, g, tau = (np.asarray(a) for a in (params.weights, params.goal, params.tau))

    def slope(t, state):
        y, z, x = state[:2], state[2:4], state[4]
        psi = np.exp(-h * (x - c) ** 2)
        force = 48 * (12 * (g - y) - z) + w @ psi / psi.sum() * x + push(y)
        return np.concatenate([z, force, [-2 * x * phase(y)]]) / tau

    first = np.concatenate([params.start, np.zeros(2), [1.0]])
    return (
        solve_ivp(slope, (0, ts[-1]), first, "DOP853", ts, rtol=1e-10, atol=1e-10, max_step=tau / 50).y[:2].T
    )


def test_obstacle_converges_to_the_coupled_equation(x64):
    params, centre = movement(), np.array([0.5, 0.45])
    obstacle = ideomotor.make("obstacle-coupling", centre, radius=0.2, gain=300.0)

    def push(y):
        away = (y - centre) / 0.2
        return 300.0 * away * np.exp(-away @ away / 2)

    errors = []
    for n in (400, 800):
        ts = np.linspace(0.0, 2.4, n + 1)
        played = rollout(FeedbackDMP(DMP(), obstacle), params, jnp.asarray(ts)).ys
        errors.append(np.abs(played - solve_with(push, params, ts)).max())
    # The coupling is held over a step, hence first order.
    assert errors[1] < 5e-3 and 1.7 < errors[0] / errors[1] < 2.3
    free = DMP().trajectory(params, jnp.asarray(ts))
    assert np.linalg.norm(played - centre, axis=1).min() > np.linalg.norm(free - centre, axis=1).min() + 0.01
    np.testing.assert_allclose(played[-1], free[-1], atol=0.05)


def test_phase_stops_while_the_hand_is_stuck(x64):
    params, ts = movement(), np.linspace(0.0, 2.4, 1201)
    stopping = FeedbackDMP(DMP(), phase_stopping=30.0, position="arm.hand")
    played = rollout(stopping, params, jnp.asarray(ts), plant=Follower(0.0))
    expected = solve_with(lambda y: 0.0, params, ts, phase=lambda y: 1 / (1 + 30.0 * y @ y))
    np.testing.assert_allclose(played.us, expected, atol=0.02 * np.ptp(expected))
    untroubled = DMP().trajectory(params, jnp.asarray(ts))
    assert np.abs(played.us - untroubled).max() > 0.1
    # A hand that follows at once is behind by one step only.
    follower = rollout(stopping, params, jnp.asarray(ts), plant=Follower(1.0))
    np.testing.assert_allclose(follower.us, untroubled, atol=0.02)


def test_tracking_coupling_yields_to_a_stuck_hand(x64):
    params, ts = movement(), jnp.linspace(0.0, 6.0, 601)
    yielding = FeedbackDMP(DMP(), ideomotor.make("tracking-coupling", 48.0 * 12.0), position="arm.hand")
    played = rollout(yielding, params, ts, plant=Follower(0.0))
    # Goal and stuck hand pull equally: rest in the middle.
    np.testing.assert_allclose(played.us[-1], 0.5 * np.ones(2), atol=1e-2)


def test_gradient_through_the_reaction(x64):
    reacting = FeedbackDMP(
        DMP(),
        ideomotor.make("obstacle-coupling", jnp.asarray([0.5, 0.4]), 0.2, 300.0),
        phase_stopping=5.0,
        position="arm.hand",
    )
    ts = jnp.linspace(0.0, 1.5, 31)
    loss = lambda p: jnp.sum(rollout(reacting, p, ts, plant=Follower(0.3)).us ** 2)  # noqa: E731
    params = movement()
    tangent = jax.tree.map(lambda a: 0.01 * jnp.ones_like(a) * (1 + jnp.abs(a)), params)
    move = lambda sign: loss(jax.tree.map(lambda a, t: a + sign * 1e-4 * t, params, tangent))  # noqa: E731
    numeric = (move(1) - move(-1)) / 2e-4
    gradient = jax.tree.leaves(jax.grad(loss)(params))
    along = sum(jnp.vdot(a, b) for a, b in zip(gradient, jax.tree.leaves(tangent), strict=True))
    np.testing.assert_allclose(along, numeric, rtol=1e-6)


def test_fits_in_a_pipeline_and_says_what_it_misses():
    reacting = FeedbackDMP(DMP(), phase_stopping=5.0, position="arm.hand")
    movement = Pipeline(None, reacting, plant=Follower(0.5))(
        reacting.default_params(), jnp.linspace(0.0, 1.0, 11)
    )
    assert movement.us.shape == (11, 2)
    with pytest.raises(AssemblyError, match="feedback"):
        Pipeline(None, FeedbackDMP(DMP(), phase_stopping=5.0, position="eye"), plant=Follower(0.5))
    with pytest.raises(DataError, match=r"no 'arm.hand'"):
        reacting.step(
            reacting.init(reacting.default_params()), None, reacting.default_params(), jnp.asarray(0.1)
        )
    with pytest.raises(ValueError, match="observed position"):
        FeedbackDMP(DMP(), ideomotor.make("tracking-coupling"))
    with pytest.raises(ValueError, match="phase_stopping = -1"):
        FeedbackDMP(DMP(), phase_stopping=-1.0, position="hand")


def test_imitates():
    ts = np.linspace(0.0, 1.0, 50)
    params = FeedbackDMP(DMP(1)).fit(Trajectory(ts, np.sin(ts)[:, None]))
    assert params.weights.shape == (1, 25)
