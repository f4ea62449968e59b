"""Imitation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor import Trajectory
from ideomotor.errors import DataError
from ideomotor_dmp import DMP, DMPParams, HittingDMP, OrientationDMP, ProDMP, ProMP


def rms(a, b):
    return float(np.sqrt(np.mean(np.sum((np.asarray(a) - np.asarray(b)) ** 2, axis=-1))))


@pytest.mark.parametrize("scaling", ["none", "goal", "amplitude"])
def test_finds_the_weights_of_a_dmp(x64, scaling):
    """A movement that is at rest at its goal after tau is one a DMP of the same kind can meet exactly."""
    dmp, rng = DMP(basis=8, scaling=scaling), np.random.default_rng(0)
    amplitude = jnp.asarray([2.0, 1.0]) if scaling == "amplitude" else None
    truth = DMPParams(
        jnp.asarray(200 * rng.normal(size=(2, 8))), jnp.ones(2), jnp.zeros(2), jnp.asarray(1.5), amplitude
    )
    ts = jnp.sort(jnp.concatenate([jnp.asarray([0.0, 30.0]), jnp.asarray(rng.uniform(0, 3, 200))]))
    found = dmp.fit(Trajectory(ts, dmp.trajectory(truth, ts)), duration=1.5, ridge=1e-24)
    np.testing.assert_allclose(dmp.forcing(found), dmp.forcing(truth), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found.goal, truth.goal, atol=1e-9)


def test_digit_from_few_samples_at_uneven_times(three):
    ts, ys = three
    some = np.unique(np.concatenate([[0, 300], np.random.default_rng(1).choice(300, 90, replace=False)]))
    params = DMP().fit(Trajectory(ts[some] + 7.0, ys[some]))
    np.testing.assert_allclose(params.tau, 3.0, rtol=1e-6)
    assert rms(DMP().trajectory(params, jnp.asarray(ts)), ys) < 0.05


@pytest.mark.parametrize("scaling", ["none", "goal", "amplitude"])
@pytest.mark.parametrize("domain", ["trajectory", "force"])
def test_both_domains_and_all_scalings_draw_the_digit(three, scaling, domain):
    ts, ys = three
    dmp = DMP(scaling=scaling)
    params = dmp.fit(Trajectory(ts, ys), domain=domain)
    assert params.weights.dtype == jnp.result_type(float)
    assert rms(dmp.trajectory(params, jnp.asarray(ts)), ys) < 0.15


def test_the_trajectory_domain_is_nearer(x64, three):
    ts, ys = (jnp.asarray(a) for a in three)
    fits = [DMP().fit(Trajectory(ts, ys), domain=domain) for domain in ("trajectory", "force")]
    errors = [rms(DMP().trajectory(params, ts), ys) for params in fits]
    assert errors[0] < errors[1]


def test_a_coordinate_that_ends_where_it_began(x64, three):
    ts, ys = three
    loop = np.stack([np.sin(2 * np.pi * ts / 3) ** 2, ts, np.zeros_like(ts)], axis=1)
    for scaling in ("none", "amplitude"):
        dmp = DMP(3, scaling=scaling)
        params = dmp.fit(Trajectory(ts, loop))
        assert rms(dmp.trajectory(params, jnp.asarray(ts)), loop) < 0.02
    params = DMP(3, scaling="goal").fit(Trajectory(ts, loop))
    assert np.all(np.isfinite(params.weights)) and np.abs(params.weights[0]).max() < 1e12
    np.testing.assert_array_equal(params.weights[2], 0)


def test_many_demonstrations_at_once(three):
    ts, ys = three
    many = jnp.asarray(np.stack([ys, 0.5 * ys[::-1], ys + 3.0]), jnp.float32)
    fit = jax.jit(jax.vmap(lambda y: DMP().fit(Trajectory(jnp.asarray(ts, jnp.float32), y))))
    together = fit(many)
    assert together.weights.shape == (3, 2, 25) and together.tau.shape == (3,)
    drawn = jax.vmap(lambda p: DMP().trajectory(p, jnp.asarray(ts)))(together)
    assert max(rms(a, b) for a, b in zip(drawn, many, strict=True)) < 0.06


def test_two_samples_are_a_straight_movement():
    params = DMP().fit(Trajectory(np.asarray([0.0, 2.0]), np.asarray([[0.0, 1.0], [3.0, 5.0]])))
    assert np.isfinite(params.weights).all() and params.tau == 2.0
    params = DMP().fit(
        Trajectory(np.asarray([0.0, 2.0]), np.asarray([[0.0, 1.0], [3.0, 5.0]])), domain="force"
    )
    assert np.isfinite(params.weights).all()


def test_a_fixed_duration_stays(three):
    ts, ys = three
    params = DMP(duration=2.0).fit(Trajectory(ts * 2 / 3, ys))
    assert params.tau is None
    assert rms(DMP(duration=2.0).trajectory(params, jnp.asarray(ts * 2 / 3)), ys) < 0.05


def test_gradient_through_imitation(x64, three):
    """Imitation is differentiable: the movement follows the demonstration."""
    ts, ys = three
    ts, ys = jnp.asarray(ts[::10]), jnp.asarray(ys[::10])
    loss = lambda y: jnp.sum(DMP().trajectory(DMP().fit(Trajectory(ts, y), ridge=1e-6), ts) ** 2)  # noqa: E731
    direction = jnp.asarray(np.random.default_rng(2).normal(size=ys.shape))
    numeric = (loss(ys + 1e-4 * direction) - loss(ys - 1e-4 * direction)) / 2e-4
    np.testing.assert_allclose(jnp.vdot(jax.grad(loss)(ys), direction), numeric, rtol=1e-6)


@pytest.mark.parametrize(
    ("ts", "ys", "message"),
    [
        ([0.0, 1.0, 2.0], [[0, 0], [np.nan, 0], [1, 1]], r"ys\[1, 0\] is not finite"),
        ([0.0], [[0.0, 0.0]], "at least 2"),
        ([0.0, 1.0, 1.0], np.zeros((3, 2)), "must increase"),
        ([0.0, 1.0], np.zeros((2, 3)), r"expects \(time, 2\)"),
        ([0.0, 1.0], np.zeros((3, 2)), "lead with 2 times"),
    ],
)
def test_refuses_a_demonstration_it_cannot_imitate(ts, ys, message):
    with pytest.raises(DataError, match=message):
        DMP().fit(Trajectory(np.asarray(ts), np.asarray(ys, float)))


def test_refuses_other_bad_input():
    good = Trajectory(np.asarray([0.0, 1.0]), np.zeros((2, 2)))
    with pytest.raises((ValueError, TypeError), match="froce"):  # TypeError where types are checked, as here
        DMP().fit(good, domain="froce")
    with pytest.raises(DataError, match="duration is -1"):
        DMP().fit(good, duration=-1.0)
    params = DMP().default_params()
    ts = jnp.linspace(0.0, 1.0, 3)
    with pytest.raises(DataError, match="tau is -1"):
        DMP().trajectory(eqx.tree_at(lambda p: p.tau, params, jnp.asarray(-1.0)), ts)
    with pytest.raises(DataError, match=r"params.weights must be of shape \(3, 25\)"):
        DMP(3).trajectory(params, ts)
    with pytest.raises(DataError, match="params.tau must be None"):
        DMP(duration=1.0).trajectory(params, ts)
    with pytest.raises(DataError, match="must increase"):
        DMP().trajectory(params, ts[::-1])
    for arguments, message in [
        ({"dof": 0}, "dof = 0"),
        ({"basis": 1}, "basis = 1"),
        ({"alpha": -1.0}, "alpha = -1"),
        ({"scaling": "g-y0"}, "g-y0"),
        ({"duration": 0.0}, "duration = 0"),
        ({"overlap": 1.5}, "overlap = 1.5"),
        ({"last_width": "none"}, "last_width"),
        ({"method": "closed-form"}, "closed-form"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            DMP(**arguments)


def _curve(t):
    return np.stack([np.sin(2 * t), t * np.cos(t)], axis=1)


@pytest.mark.parametrize("domain", ["trajectory", "force"])
@pytest.mark.parametrize("ridge", [1e-12, 1e-9])
@pytest.mark.parametrize(("low", "high"), [(1.4, 1.6), (1.2, 1.8), (1.0, 2.0), (2.0, 2.7)])
def test_across_a_gap_the_movement_stays_near_the_line(low, high, ridge, domain):
    """A curve of 3 in size without the samples in between: within the chord's own distance from the curve, and a little."""
    ts, fine = np.linspace(0, 3, 400), np.linspace(0, 3, 301)
    ts = ts[(ts <= low) | (ts >= high)]
    dmp = DMP()
    params = dmp.fit(Trajectory(ts, _curve(ts).astype(np.float32)), ridge=ridge, domain=domain)
    chord = np.stack([np.interp(fine, ts, y) for y in _curve(ts).T], axis=1)
    played = np.asarray(dmp.trajectory(params, jnp.asarray(fine, jnp.float32)))
    assert np.abs(played - _curve(fine)).max() < np.abs(chord - _curve(fine)).max() + 0.15


@pytest.mark.parametrize("family", [DMP(), ProDMP(), HittingDMP(), ProMP()], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("samples", [3, 5, 10, 20])
def test_few_samples_are_joined_without_swinging(family, samples):
    """(t, t²): the chord is at most a quarter of the squared distance of samples away."""
    ts, fine = np.linspace(0, 1, samples), np.linspace(0, 1, 301)
    params = family.fit(Trajectory(ts, np.stack([ts, ts**2], axis=1).astype(np.float32)))
    played = np.asarray(family.trajectory(params, jnp.asarray(fine, jnp.float32)))
    off = np.abs(played - np.stack([fine, fine**2], axis=1)).max()
    assert off < 0.25 / (samples - 1) ** 2 + 0.04


@pytest.mark.parametrize(("turn", "fix"), [(2 * np.pi, r"np\.unwrap\(ys, axis=0\)"), (360.0, "period=360")])
def test_a_jump_by_a_whole_turn_is_reported(turn, fix):
    ts = np.linspace(0, 2, 201)
    angle = (0.4 * turn + turn / 6 * ts + turn / 2) % turn - turn / 2
    ys = np.stack([angle, 0 * ts], axis=1)
    with pytest.warns(UserWarning, match=rf"ys\[:, 0\] jumps by .* between samples 59 and 60.*{fix}"):
        DMP().fit(Trajectory(ts, ys))
    DMP().fit(Trajectory(ts, np.unwrap(ys, axis=0, period=turn)))  # the advice, without a warning
    DMP().fit(Trajectory(ts, np.stack([7 * (ts > 1), 7 * ts], axis=1)))  # a step that is no turn


def test_other_ridges_and_durations_compile_nothing_new(caplog):
    ts = jnp.linspace(0, 1.5, 40)
    demo = Trajectory(ts, jnp.stack([jnp.sin(ts), jnp.cos(ts)], axis=1))
    turning = Trajectory(ts, jnp.stack([jnp.cos(ts / 2), 0 * ts, 0 * ts, jnp.sin(ts / 2)], axis=1))

    def play(ridge, duration):
        for family in (DMP(duration=duration), ProDMP(DMP(duration=duration))):
            family.trajectory(family.fit(demo, ridge=ridge), ts)
        turn = OrientationDMP(duration=duration)
        params = turn.fit(turning, ridge=ridge)
        assert (params.tau is None) == (duration is not None)
        turn.trajectory(params, ts)
        DMP(duration=duration).fit_many(ts, jnp.stack([demo.ys] * 3), ridge=ridge)

    play(1e-9, 1.5)
    with jax.log_compiles():
        play(1e-8, 1.7)
        play(1e-7, 1.1)
    assert [m for m in caplog.messages if m.startswith("Compiling")] == []
    with jax.log_compiles():
        play(1e-9, None)
    assert [m for m in caplog.messages if m.startswith("Compiling")], "what is compiled is seen"
