"""ProDMP, moving targets, via-points, joined movements and the smooth scaling against DOP853, and their laws."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from ideomotor import Trajectory
from ideomotor.errors import DataError
from ideomotor_dmp import (
    DMP,
    DMPParams,
    HittingDMP,
    JoinedDMP,
    ProDMP,
    ViaPointDMP,
)

from .conftest import forcing, gaussians

laws = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 2**31 - 1)
HittingDMPParams = type(HittingDMP().default_params())
ProDMPParams = type(ProDMP().default_params())
TS = jnp.linspace(0.0, 2.0, 81)


def solve(ts, weights, goal, drift, tau, t0, y0, v0):
    """tau dz/dt = alpha (beta (g(t) - y) + tau dg/dt - z) + F from (t0, y0, v0), by DOP853 at 1e-11."""
    table, d = gaussians(weights.shape[1]), len(goal)

    def slope(t, state):
        y, z = state[:d], state[d:]
        push = forcing(np.exp(-2.0 * t / tau), weights, *table)
        return np.concatenate([z, 48 * (12 * (goal + drift * (t - tau) - y) + tau * drift - z) + push]) / tau

    first = np.concatenate([y0, tau * np.asarray(v0)])
    found = solve_ivp(slope, (t0, ts[-1]), first, "DOP853", ts, rtol=1e-11, atol=1e-11, max_step=tau / 50)
    return found.y[:d].T, found.y[d:].T / tau


def random(seed=0):
    rng = np.random.default_rng(seed)
    return 300 * rng.normal(size=(2, 25)), *rng.normal(size=(3, 2)), rng


def test_prodmp_is_the_equation_from_any_state(x64):
    weights, goal, y0, v0, _ = random()
    dmp, t0, tau = ProDMP(), 0.37, 1.3
    params = ProDMPParams(*map(jnp.asarray, (weights, goal, t0, y0, v0, tau)))
    ts = np.linspace(t0, 2.5, 60)
    y, v = solve(ts, weights, goal, np.zeros(2), tau, t0, y0, v0)
    np.testing.assert_allclose(dmp.trajectory(params, jnp.asarray(ts)), y, atol=2e-6)
    np.testing.assert_allclose(dmp.velocity(params, jnp.asarray(ts)), v, atol=2e-4)
    np.testing.assert_array_equal(dmp.trajectory(params, jnp.asarray([0.0, 0.2])), [y0, y0])


def test_prodmp_from_rest_is_the_dmp(x64):
    weights, goal, y0, *_ = random(1)
    plain = DMPParams(*map(jnp.asarray, (weights, goal, y0, 1.2)))
    pro = ProDMPParams(*map(jnp.asarray, (weights, goal, 0.0, y0, np.zeros(2), 1.2)))
    ts = jnp.linspace(0.0, 2.0, 81)
    np.testing.assert_allclose(ProDMP().trajectory(pro, ts), DMP().trajectory(plain, ts), atol=1e-10)


def test_a_traced_time_that_is_negative_gives_nan():
    params = ProDMP().default_params()
    play = jax.jit(lambda time: ProDMP().trajectory(dataclasses.replace(params, time=time), TS))
    assert np.isnan(play(-0.1)).all() and np.isfinite(play(0.0)).all()


@laws
@given(seed=seeds, when=st.floats(0.05, 0.95))
def test_replanning_makes_no_jump(seed, when):
    with jax.enable_x64(True):
        weights, goal, y0, v0, rng = random(seed)
        dmp = ProDMP()
        params = ProDMPParams(*map(jnp.asarray, (weights, goal, 0.0, y0, v0, 1.0)))
        again = dmp.replan(params, when)
        ts = jnp.asarray(np.linspace(when, 2.0, 20))
        np.testing.assert_allclose(dmp.trajectory(again, ts), dmp.trajectory(params, ts), atol=1e-9)
        other = dmp.replan(params, when, goal=rng.normal(size=2), tau=1.5)
        here = jnp.asarray([when])
        np.testing.assert_allclose(dmp.trajectory(other, here), dmp.trajectory(params, here), atol=1e-10)
        np.testing.assert_allclose(dmp.velocity(other, here), dmp.velocity(params, here), atol=1e-8)
        np.testing.assert_allclose(dmp.trajectory(other, jnp.asarray([60.0]))[0], other.goal, atol=1e-9)


def test_prodmp_imitates_a_demonstration_that_is_moving_already(x64):
    ts = np.linspace(0.0, 1.0, 200)
    ys = np.stack([np.sin(4 * ts), np.cos(3 * ts)], axis=1)
    params = ProDMP().fit(Trajectory(ts, ys))
    np.testing.assert_allclose(params.velocity, [4.0, 0.0], atol=0.02)
    assert np.abs(ProDMP().trajectory(params, jnp.asarray(ts)) - ys).max() < 1e-3


def test_hitting_is_the_equation_with_the_least_change_of_weights(x64):
    """All of it by DOP853: the responses to single weights, what is missing at tau, and the movement."""
    weights, goal, y0, speed, _ = random(2)
    tau, rest = 0.9, np.zeros(25)
    single, single_speed = solve(np.array([tau]), np.eye(25), rest, rest, tau, 0.0, rest, rest)
    free, free_speed = solve(np.array([tau]), weights, goal, speed, tau, 0.0, y0, np.zeros(2))
    rows = np.stack([single[0], tau * single_speed[0]])
    missing = np.stack([goal - free[0], tau * (speed - free_speed[0])])
    change = np.linalg.lstsq(rows, missing, rcond=None)[0].T  # NumPy's is the one of least norm
    assert np.abs(change).max() > 10
    ts = np.linspace(0.0, 2.0, 60)
    y, v = solve(ts, weights + change, goal, speed, tau, 0.0, y0, np.zeros(2))
    params = HittingDMPParams(*map(jnp.asarray, (weights, goal, speed, y0, tau)))
    # Measured 2e-9 and 2e-7, of a range of 3.5 and speeds of 27: the table is good to 1e-8 of its columns.
    np.testing.assert_allclose(HittingDMP().trajectory(params, jnp.asarray(ts)), y, atol=2e-8)
    np.testing.assert_allclose(HittingDMP().velocity(params, jnp.asarray(ts)), v, atol=2e-6)


@laws
@given(seed=seeds, tau=st.floats(0.2, 5.0))
def test_hitting_meets_any_target(seed, tau):
    with jax.enable_x64(True):
        weights, goal, y0, speed, _ = random(seed)
        params = HittingDMPParams(*map(jnp.asarray, (weights, goal, speed, y0, tau)))
        at = jnp.asarray([0.0, tau])
        np.testing.assert_allclose(HittingDMP().trajectory(params, at), [y0, goal], atol=1e-6)
        np.testing.assert_allclose(HittingDMP().velocity(params, at)[1], speed, atol=1e-4 / tau)


def test_hitting_imitates(x64):
    ts = np.linspace(0.0, 1.0, 300)
    ys = np.stack([ts**2 * (1.5 - ts / 2), 1 - np.cos(2 * ts)], axis=1)
    params = HittingDMP().fit(Trajectory(ts, ys))
    np.testing.assert_allclose(params.goal_velocity, [1.5, 2 * np.sin(2.0)], atol=1e-4)
    assert np.abs(HittingDMP().trajectory(params, jnp.asarray(ts)) - ys).max() < 2e-3


@laws
@given(seed=seeds, at=st.lists(st.integers(1, 20), min_size=1, max_size=4, unique=True).map(sorted))
def test_via_points_are_passed_with_the_least_change(seed, at):
    with jax.enable_x64(True):
        weights, goal, y0, _, rng = random(seed)
        dmp = ViaPointDMP(DMP(), [a / 20 for a in at])
        movement = DMPParams(*map(jnp.asarray, (weights, goal, y0, 1.4)))
        points = rng.normal(size=(len(at), 2))
        params = dataclasses.replace(dmp.default_params(), movement=movement, points=jnp.asarray(points))
        passed = dmp.trajectory(params, 1.4 * jnp.asarray(dmp.at))
        np.testing.assert_allclose(passed, points, atol=1e-5)
        # No smaller change passes them: it is orthogonal to every change that moves no point.
        single = DMPParams(jnp.eye(25), *jnp.zeros((2, 25)), jnp.ones(()))
        rows = np.asarray(DMP(25).trajectory(single, jnp.asarray(dmp.at)))
        change = np.asarray(dmp.bend(params).weights) - weights
        inside = np.linalg.lstsq(rows.T, change.T, rcond=None)[0]
        np.testing.assert_allclose(rows.T @ inside, change.T, atol=1e-4 * np.abs(change).max())


@pytest.mark.parametrize(("at", "moved"), [((0.5, 0.505), [0.4, -0.4]), ((0.01,), [0.4])])
def test_points_that_force_the_movement_to_swing_are_reported(at, moved):
    dmp = ViaPointDMP(DMP(1), at)
    params = dmp.default_params()
    params = dataclasses.replace(params, points=params.points + np.array(moved)[:, None])
    ts = jnp.linspace(0, 1, 201)
    with pytest.warns(UserWarning, match="Leave more time there, or choose points nearer"):
        swings = np.abs(dmp.trajectory(params, ts) - DMP(1).trajectory(params.movement, ts)).max()
    assert swings > 6 * 0.4
    # The advice: more time, or nearer to the movement.
    later = ViaPointDMP(DMP(1), [0.3 * (i + 1) for i in range(len(at))])
    there = later.default_params()
    there = dataclasses.replace(there, points=there.points + np.array(moved)[:, None])
    assert np.abs(later.trajectory(there, ts)).max() < 2
    nearer = dataclasses.replace(params, points=dmp.default_params().points + 0.01)
    if len(at) > 1:
        assert np.abs(dmp.trajectory(nearer, ts)).max() < 2


JOINED = JoinedDMP((DMP(), DMP(basis=10), DMP(scaling="smooth")))
play_joined = jax.jit(lambda params, ts: (JOINED.trajectory(params, ts), JOINED.velocity(params, ts)))


@laws
@given(seed=seeds, first=st.floats(0.3, 2.0))
def test_joints_are_smooth(seed, first):
    with jax.enable_x64(True):
        rng = np.random.default_rng(seed)
        params = tuple(
            DMPParams(*map(jnp.asarray, (100 * rng.normal(size=(2, n)), *rng.normal(size=(2, 2)), tau)))
            for n, tau in ((25, first), (10, 0.7), (25, 1.1))
        )
        joints = np.asarray(JOINED.joints(params))
        np.testing.assert_allclose(joints, [first, first + 0.7])
        before = np.linspace(0.0, 0.99 * first, 7)
        near = (joints[:, None] + [-1e-7, 1e-7]).ravel()
        ys, vs = play_joined(params, jnp.asarray([*before, *near, 90.0]))
        # In 2e-7 s speeds of up to 100 and accelerations of up to 4,000 (alpha^2 / 4 of a unit) do no more.
        np.testing.assert_allclose(ys[7:11:2], ys[8:11:2], atol=1e-4)
        np.testing.assert_allclose(vs[7:11:2], vs[8:11:2], atol=1e-3)
        np.testing.assert_allclose(ys[:7], DMP().trajectory(params[0], jnp.asarray(before)), atol=1e-9)
        np.testing.assert_allclose(ys[-1], params[-1].goal, atol=1e-8)


def test_joined_imitates_in_parts(x64, three):
    ts, ys = three
    dmp = JoinedDMP()
    params = dmp.fit(Trajectory(ts, ys), joints=[1.5])
    error = np.linalg.norm(dmp.trajectory(params, jnp.asarray(ts)) - ys, axis=1)
    assert error.max() < 0.1  # px, of a digit of 20
    assert dmp.fit(Trajectory(ts, ys))[1].tau == pytest.approx(1.5)


def test_smooth_scaling_starts_gently_wherever_the_goal_is(x64, three):
    """Pastor et al. 2009: the first acceleration does not depend on the goal."""
    dmp = DMP(scaling="smooth")
    params = dmp.fit(Trajectory(*three))
    ts = jnp.asarray(three[0])
    assert np.abs(dmp.trajectory(params, ts) - three[1]).max() < 0.1
    moved = dataclasses.replace(params, goal=params.goal + 30.0)
    first = [dmp.acceleration(p, ts[:1]) for p in (params, moved)]
    np.testing.assert_allclose(first[0], first[1], atol=1e-9 * np.abs(params.weights).max())
    plain = DMP().acceleration(dataclasses.replace(moved, weights=dmp.forcing(params)), ts[:1])
    assert np.abs(plain - first[0]).min() > 100


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ViaPointDMP(DMP(), [0.5, 1.2]), r"at\[1\] is 1.2"),
        (lambda: ViaPointDMP(DMP(), [0.0]), r"at\[0\] is 0"),
        (lambda: ViaPointDMP(DMP(), [0.5, 0.5]), "one point at each"),
        (lambda: ViaPointDMP(DMP(), [0.5, 0.5001]), "0.001 tau between"),
        (lambda: ViaPointDMP(DMP(), []), "empty"),
        (lambda: ViaPointDMP(DMP(basis=3), [0.2, 0.4, 0.6]), "3 via-points and 3 basis"),
        (lambda: ProDMP(DMP(scaling="goal")), "choose 'none'"),
        (lambda: JoinedDMP((DMP(2), DMP(3))), "2, 3 degrees of freedom"),
        (lambda: JoinedDMP(()), "one or more DMPs"),
        (
            lambda: JoinedDMP().fit(Trajectory(np.arange(9.0), np.zeros((9, 2))), joints=[11.0]),
            "between 0 and 8",
        ),
        (lambda: JoinedDMP().fit(Trajectory(np.arange(9.0), np.zeros((9, 2))), joints=[0.5]), "1 samples"),
        (lambda: JoinedDMP().fit(Trajectory(np.arange(9.0), np.zeros((9, 3)))), r"expects \(time, 2\)"),
        (lambda: ProDMP().replan(ProDMP().default_params(), 0.5, start=1.0), "cannot change start"),
        (lambda: HittingDMP().fit(Trajectory(np.arange(2.0), np.zeros((2, 2)))), "at least 3"),
        (lambda: ProDMP().replan(ProDMP().default_params(), -0.5), "time is -0.5; the instant"),
        (
            lambda: ProDMP().trajectory(
                dataclasses.replace(ProDMP().default_params(), time=jnp.asarray(-0.25)), TS
            ),
            "time is -0.25; the instant",
        ),
        (
            lambda: ProDMP().trajectory(
                dataclasses.replace(ProDMP().default_params(), tau=jnp.asarray(-1.0)), TS
            ),
            "tau is -1",
        ),
        (
            lambda: HittingDMP().trajectory(
                dataclasses.replace(HittingDMP().default_params(), tau=jnp.asarray(0.0)), TS
            ),
            "tau is 0",
        ),
    ],
)
def test_bad_input_is_one_sentence(make, words):
    with pytest.raises((DataError, ValueError), match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
