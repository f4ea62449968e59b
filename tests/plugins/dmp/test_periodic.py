"""The rhythmic DMP against DOP853, its laws, and the search for a period."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from ideomotor import AbstractPlant, Trajectory, rollout
from ideomotor.errors import DataError
from ideomotor_dmp import FeedbackPeriodicDMP, PeriodicDMP

laws = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 2**31 - 1)
PeriodicDMPParams = type(PeriodicDMP().default_params())
TS = np.linspace(0.0, 2.0, 101)


def rhythm(seed=0, start=True):
    rng = np.random.default_rng(seed)
    values = (20 * rng.normal(size=(2, 25)), *rng.normal(size=(2, 2)), 0.8, 0.4)
    return PeriodicDMPParams(*map(jnp.asarray, values), jnp.asarray(rng.normal(size=2)) if start else None)


def solve(params, ts, other=None, coupling=0.0):
    """Ijspeert et al. 2013, by DOP853; `other(t)` is the observed phase."""
    p = jax.tree.map(np.asarray, params)
    tau, centres = float(p.period) / (2 * np.pi), 2 * np.pi * np.arange(25) / 25
    width = 1 / (1 - np.cos(2 * np.pi / 25))

    def slope(t, state):
        y, z, phi = state[:2], state[2:4], state[4]
        psi = np.exp(width * (np.cos(phi - centres) - 1))
        push = p.amplitude * (p.weights @ psi) / psi.sum()
        speed = 1.0 if other is None else 1 + coupling * np.sin(other(t) - phi)
        return np.concatenate([z, 8 * (2 * (p.baseline - y) - z) + push, [speed]]) / tau

    first = np.concatenate([p.start, np.zeros(2), [float(p.phase)]])
    return solve_ivp(slope, (0, ts[-1]), first, "DOP853", ts, rtol=1e-11, atol=1e-11).y


def test_is_the_equation_transient_and_all(x64):
    params, dmp = rhythm(), PeriodicDMP(transient=True)
    exact = solve(params, TS)
    np.testing.assert_allclose(dmp.trajectory(params, jnp.asarray(TS)), exact[:2].T, atol=2e-8)
    tau = 0.8 / (2 * np.pi)
    np.testing.assert_allclose(dmp.velocity(params, jnp.asarray(TS)), exact[2:4].T / tau, atol=5e-6)


@laws
@given(seed=seeds, turns=st.integers(-3, 1000), period=st.floats(0.1, 10))
def test_repeats_and_only_stretches(seed, turns, period):
    with jax.enable_x64(True):
        params, dmp, ts = rhythm(seed, start=False), PeriodicDMP(), jnp.linspace(0.0, 0.8, 33)
        ys = dmp.trajectory(params, ts)
        np.testing.assert_allclose(dmp.trajectory(params, ts + turns * 0.8), ys, atol=1e-8)
        other = dataclasses.replace(params, period=jnp.asarray(period))
        np.testing.assert_allclose(dmp.trajectory(other, ts * period / 0.8), ys, atol=1e-9)
        moved = dataclasses.replace(params, baseline=params.baseline + 3.0, amplitude=2 * params.amplitude)
        expected = 2 * (ys - params.baseline) + params.baseline + 3.0
        np.testing.assert_allclose(dmp.trajectory(moved, ts), expected, atol=1e-9)


@laws
@given(seed=seeds)
def test_transient_begins_at_rest_and_joins_the_cycle(seed):
    with jax.enable_x64(True):
        params = rhythm(seed)
        dmp, ts = PeriodicDMP(transient=True), jnp.asarray([-1.0, 0.0, 12.0, 12.3])
        ys, vs = dmp.trajectory(params, ts), dmp.velocity(params, ts)
        np.testing.assert_allclose(ys[:2], np.stack([params.start] * 2), atol=1e-10)
        np.testing.assert_allclose(vs[:2], 0, atol=1e-7)
        cycle = PeriodicDMP().trajectory(dataclasses.replace(params, start=None), ts)
        np.testing.assert_allclose(ys[2:], cycle[2:], atol=1e-9)


@pytest.mark.parametrize(("period", "length", "samples"), [(0.7, 3.0, 200), (1.3, 1.3, 120), (0.5, 1.7, 90)])
def test_finds_the_period(x64, period, length, samples):
    ts = np.linspace(0.0, length, samples)
    angle = 2 * np.pi * ts / period
    ys = np.stack([np.sin(angle) + 0.3 * np.cos(3 * angle), np.cos(angle + 0.4)], axis=1)
    params = PeriodicDMP().fit(Trajectory(ts + 5.0, ys))
    assert float(params.period) == pytest.approx(period, rel=1e-6)
    assert np.abs(PeriodicDMP().trajectory(params, jnp.asarray(ts)) - ys).max() < 1e-3
    noisy = ys + 0.05 * np.random.default_rng(0).normal(size=ys.shape)
    assert float(PeriodicDMP().fit(Trajectory(ts, noisy)).period) == pytest.approx(period, rel=0.02)


def test_imitates_its_own_transient(x64):
    dmp, params = PeriodicDMP(transient=True), dataclasses.replace(rhythm(3), phase=jnp.asarray(0.0))
    ys = dmp.trajectory(params, jnp.asarray(TS))
    again = dmp.fit(Trajectory(TS, np.asarray(ys)), period=0.8)
    np.testing.assert_allclose(dmp.trajectory(again, jnp.asarray(TS)), ys, atol=1e-3)


def test_nothing_that_repeats():
    ts = np.linspace(0.0, 2.0, 150)
    reach, noise = (
        10 * (ts / 2) ** 3 - 15 * (ts / 2) ** 4 + 6 * (ts / 2) ** 5,
        np.random.default_rng(0).normal(size=150),
    )
    for ys in (reach, ts, noise):
        with pytest.raises(DataError, match="No period was found"):
            PeriodicDMP(1).fit(Trajectory(ts, ys[:, None]))
    with pytest.raises(DataError, match="does not move"):
        PeriodicDMP(1).fit(Trajectory(ts, np.ones((150, 1))))
    with pytest.raises(DataError, match="6 samples"):
        PeriodicDMP(1).fit(Trajectory(ts[:6], ts[:6, None]))
    with pytest.raises(DataError, match="period is 5 s"):
        PeriodicDMP(1).fit(Trajectory(ts, ts[:, None]), period=5.0)
    with pytest.raises(DataError, match="period is -1"):
        PeriodicDMP(1).fit(Trajectory(ts, ts[:, None]), period=-1.0)
    with pytest.raises(DataError, match="period is 0"):
        PeriodicDMP().trajectory(
            dataclasses.replace(rhythm(start=False), period=jnp.asarray(0.0)), jnp.asarray(ts)
        )
    with pytest.raises(ValueError, match="at least 3"):
        PeriodicDMP(basis=2)
    with pytest.raises(ValueError, match="needs the observed phase"):
        FeedbackPeriodicDMP(phase_coupling=1.0)


def test_feedback_imitates_as_the_dmp_does(x64):
    ts = np.linspace(0.0, 1.8, 90)
    demo = Trajectory(ts, np.stack([np.sin(8 * ts), np.cos(8 * ts)], axis=1))
    dmp = PeriodicDMP(basis=10)
    for period in (None, 0.785):
        ours, theirs = FeedbackPeriodicDMP(dmp).fit(demo, period=period), dmp.fit(demo, period=period)
        assert float(ours.period) == pytest.approx(2 * np.pi / 8, rel=1e-3)
        np.testing.assert_array_equal(ours.weights, theirs.weights)
    with pytest.raises(DataError, match="No period was found"):
        FeedbackPeriodicDMP(dmp).fit(Trajectory(ts, np.stack([ts, ts], axis=1)))


class Metronome(AbstractPlant):
    """Beats at a frequency of its own and moves nothing."""

    def default_state(self):
        return jnp.zeros(())

    def default_command(self):
        return jnp.zeros(2)

    def step(self, state, command, dt, *, key=None):
        return state + 2 * jnp.pi / 0.7 * dt

    def observe(self, state, *, key=None):
        return {"beat": state}


def test_step_by_step_it_is_the_same_and_locks_to_a_beat(x64):
    params = rhythm(4)
    dmp, ts = PeriodicDMP(transient=True), np.linspace(0.0, 4.0, 1001)
    alone = rollout(FeedbackPeriodicDMP(dmp), params, jnp.asarray(ts)).ys
    np.testing.assert_allclose(alone, dmp.trajectory(params, jnp.asarray(ts)), atol=1e-6)
    drawn = FeedbackPeriodicDMP(dmp, phase_coupling=2.0, phase="beat")
    played = rollout(drawn, params, jnp.asarray(ts), plant=Metronome())
    exact = solve(params, ts, other=lambda t: 2 * np.pi / 0.7 * t, coupling=2.0)
    # The rate of the phase is held over a step, hence first order.
    assert np.abs(played.us - exact[:2].T).max() < 0.02 * np.ptp(exact[:2])
    # Locked: it repeats with the other's period of 0.7 s.
    np.testing.assert_allclose(played.us[800], played.us[800 - 175], atol=1e-3)


@pytest.mark.parametrize("cycles", [1, 5, 100, 200])
@pytest.mark.parametrize(
    "shape",
    [
        lambda a: [np.sin(a) + 0.3 * np.cos(3 * a), np.cos(a + 0.4)],
        lambda a: [np.sin(2 * a) + 0.13 * np.sin(a), np.cos(2 * a)],  # nearly of half the period
        lambda a: [0.12 * np.sin(a), np.sin(2 * a)],  # an eight 12 % as wide as high
        lambda a: [0.15 * np.sin(a), np.sin(3 * a)],
    ],
)
def test_finds_neither_multiples_nor_halves_of_the_period(cycles, shape):
    ts = np.linspace(0.0, 0.7 * cycles, max(300, 24 * cycles))
    params = PeriodicDMP().fit(Trajectory(ts, np.stack(shape(2 * np.pi * ts / 0.7), axis=1)))
    assert float(params.period) == pytest.approx(0.7, rel=1e-5)


@pytest.mark.parametrize("cycles", [2.3, 11.7, 156.0])
@pytest.mark.parametrize(
    "disturbed",
    [
        lambda ys, ts, rng: ys + 0.03 * rng.normal(size=ys.shape),
        lambda ys, ts, rng: ys + 0.3 * ts[:, None] / ts[-1] * rng.normal(size=7),
    ],
    ids=["noise", "drift"],
)
def test_finds_the_period_of_seven_joints_at_uneven_times(cycles, disturbed):
    """Four harmonics, others in each joint and the fundamental weak, at uneven times, 16 in a cycle."""
    rng = np.random.default_rng(1)
    ts = np.sort(np.concatenate([[0.0], rng.uniform(0, 0.4 * cycles, max(60, int(16 * cycles)))]))
    size, phase = rng.normal(size=(2, 4, 7)) * [[[1.0]], [[3.0]]]
    size[0] = 0.2
    ys = sum(size[k] * np.cos(2 * np.pi * (k + 1) * ts[:, None] / 0.4 + phase[k]) for k in range(4))
    params = PeriodicDMP(7).fit(Trajectory(ts, disturbed(ys, ts, rng)))
    assert float(params.period) == pytest.approx(0.4, rel=5e-3)


@pytest.mark.parametrize("transient", [False, True])
@pytest.mark.parametrize("gap", [0.3, 0.6])
def test_what_was_never_shown_of_a_cycle_stays_near_the_line(transient, gap):
    ts = np.linspace(0.0, 1.0, 101)
    shown = (ts < 0.1) | (ts > 0.1 + gap)
    angle = 2 * np.pi * ts[shown]
    ys = np.stack([np.cos(angle) + 0.3 * np.sin(2 * angle), np.sin(angle)], axis=1)
    dmp = PeriodicDMP(2, transient=transient)
    played = dmp.trajectory(dmp.fit(Trajectory(ts[shown], ys), period=1.0), jnp.asarray(ts))
    # From rest it must first join a cycle that was moving at once, with a push that reaches into the gap.
    np.testing.assert_allclose(played[shown], ys, atol=0.04)
    line = np.stack([np.interp(ts, ts[shown], y) for y in ys.T], axis=1)
    assert np.abs(played - line).max() < (0.9 if transient else 0.4)


def test_does_not_drift_in_a_long_movement():
    """1,000 s in steps of 0.01 s: the rhythm of the closed form, which knows no steps, to 1e-3 of its phase."""
    params, dmp = PeriodicDMP().default_params(), PeriodicDMP()
    play = FeedbackPeriodicDMP(dmp)

    def step(state, _):
        return play.step(state, None, params, 0.01)

    state, ys = jax.jit(lambda: jax.lax.scan(step, play.init(params), length=100_000))()
    assert 0 <= float(state.phase) <= 2 * np.pi
    # One period takes 100 steps of the float32 next to 0.01 s.
    angle = 2 * np.pi * np.arange(99_000, 100_000) * float(np.float32(0.01))
    np.testing.assert_allclose(ys[99_000:], np.stack([np.cos(angle), np.sin(angle)], axis=1), atol=5e-3)
