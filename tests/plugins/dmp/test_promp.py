"""Distributions of movements: moments, conditioning, sampling; against the formulas and movement_primitives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from ideomotor import Trajectory
from ideomotor.errors import DataError
from ideomotor_dmp import DMP, ProMP, ProMPParams

laws = settings(max_examples=8, deadline=None)
seeds = st.integers(0, 2**31 - 1)
N = 8


def distribution(seed=0, n=N):
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(2, n)), rng.normal(size=(2 * n, 2 * n)) / n, 1.5)
    return ProMPParams(*map(jnp.asarray, values))


def curves(ts, count=40):
    """Movements that differ in two numbers, `(demo, time, 2)`."""
    drawn = np.random.default_rng(0).normal(1, 0.2, (count, 2))
    return np.stack([np.stack([a * np.sin(ts), b * ts + a], axis=1) for a, b in drawn])


def demonstrations(count=40):
    """The same, each with another number of samples."""
    times = [np.linspace(0.0, 2.0, 60 + i) for i in range(count)]
    return [Trajectory(ts, curves(ts, count)[i]) for i, ts in enumerate(times)]


@laws
@given(seed=seeds, time=st.floats(0, 1.5), noise=st.floats(1e-3, 1.0))
def test_conditioning_is_that_of_a_gaussian(seed, time, noise):
    with jax.enable_x64(True):
        promp, params = ProMP(2, N), distribution(seed)
        rng = np.random.default_rng(seed)
        seen, root = rng.normal(size=2), rng.normal(size=(2, 2))
        spread = noise * (np.eye(2) + root @ root.T)
        found = promp.condition(params, time, seen, spread)
        rows = np.kron(np.eye(2), promp.features(jnp.asarray([time / 1.5])))
        prior = np.asarray(params.covariance)
        gain = prior @ rows.T @ np.linalg.inv(rows @ prior @ rows.T + spread)
        mean = np.asarray(params.mean).ravel()
        np.testing.assert_allclose(found.mean.ravel(), mean + gain @ (seen - rows @ mean), atol=1e-8)
        np.testing.assert_allclose(found.covariance, prior - gain @ rows @ prior, atol=1e-8)


@laws
@given(seed=seeds, time=st.floats(0, 1.5))
def test_an_exact_via_point_is_passed_by_every_sample(seed, time):
    with jax.enable_x64(True):
        promp = ProMP(2, N)
        found = promp.condition(distribution(seed), time, np.array([0.3, -2.0]))
        at = jnp.asarray([time])
        for key in (None, jax.random.key(1)):
            np.testing.assert_allclose(promp.trajectory(found, at, key=key), [[0.3, -2.0]], atol=1e-5)


def test_movement_primitives_conditions_alike(x64):
    peer = pytest.importorskip("movement_primitives.promp").ProMP(2, N)
    params = distribution(3)
    promp = ProMP(2, N, overlap=0.7 ** (4 * N**2 / (N - 1) ** 2))
    peer.from_weight_distribution(np.asarray(params.mean).ravel(), np.asarray(params.covariance))
    ts = np.linspace(0.0, 1.5, 30)
    np.testing.assert_allclose(
        promp.trajectory(params, jnp.asarray(ts)), peer.mean_trajectory(ts.copy()), atol=1e-12
    )
    variances = jnp.diagonal(promp.covariance(params, jnp.asarray(ts)), axis1=1, axis2=2)
    np.testing.assert_allclose(variances, peer.var_trajectory(ts.copy()), atol=1e-12)
    theirs = peer.condition_position(np.array([0.5, 0.1]), 0.01 * np.eye(2), t=0.6, t_max=1.5)
    ours = promp.condition(params, 0.6, np.array([0.5, 0.1]), 0.01 * np.eye(2))
    np.testing.assert_allclose(ours.mean.ravel(), theirs.weight_mean, atol=1e-10)
    np.testing.assert_allclose(ours.covariance, theirs.weight_cov, atol=1e-10)


def test_samples_have_the_moments_that_are_told(x64):
    promp, params, ts = ProMP(2, N), distribution(1), jnp.asarray([0.2, 1.1])
    draw = jax.jit(jax.vmap(lambda key: promp.trajectory(params, ts, key=key)))
    samples = np.asarray(draw(jax.random.split(jax.random.key(0), 20_000)))
    told = np.asarray(promp.covariance(params, ts))
    # 20,000 samples: a variance is known to 1 %, five standard errors are allowed.
    np.testing.assert_allclose(
        samples.mean(0), promp.trajectory(params, ts), atol=5 * np.sqrt(told.max() / 20_000)
    )
    for i in range(2):
        np.testing.assert_allclose(np.cov(samples[:, i].T), told[i], atol=0.05 * told[i].max())


@pytest.mark.parametrize("features", ["gaussian", "dmp"])
def test_learns_mean_and_spread_of_demonstrations(x64, features):
    promp = ProMP(2, 12) if features == "gaussian" else ProMP(dmp=DMP(2, 12))
    ts = np.linspace(0.0, 2.0, 50)
    shown = curves(ts)
    params = promp.learn(demonstrations())
    # How near the features come at best to each of the demonstrations (a hundredth of their size).
    design = np.asarray(promp.features(jnp.asarray(ts / 2.0)))
    floor = np.abs(design @ (np.linalg.pinv(design) @ shown) - shown).max()
    assert floor < 0.03
    # The demonstrations were fitted at other samples, where the largest residual may lie elsewhere.
    np.testing.assert_allclose(promp.trajectory(params, jnp.asarray(ts)), shown.mean(0), atol=1.2 * floor)
    spread = np.stack([np.cov(shown[:, i].T) for i in range(50)])
    # |cov(x + e) - cov(x)| <= 2 sd(x) |e| + |e|^2
    most = 2 * np.sqrt(spread.max()) * floor + floor**2
    np.testing.assert_allclose(promp.covariance(params, jnp.asarray(ts)), spread, atol=most)


@pytest.mark.parametrize("features", ["gaussian", "dmp"])
@pytest.mark.parametrize(
    "kept", [lambda ts: (ts < 0.3) | (ts > 1.3), lambda ts: np.arange(len(ts)) % 40 == 0]
)
def test_learns_nothing_wild_where_no_demonstration_has_samples(features, kept):
    promp = ProMP(2) if features == "gaussian" else ProMP(dmp=DMP(2))
    ts = np.linspace(0.0, 2.0, 201)
    kept = kept(ts) | (ts == 2.0)
    shown = curves(ts, 5)
    params = promp.learn([Trajectory(ts[kept], ys[kept]) for ys in shown])
    line = np.stack([[np.interp(ts, ts[kept], y) for y in ys[kept].T] for ys in shown]).swapaxes(1, 2)
    size = np.ptp(shown)
    assert np.abs(promp.trajectory(params, jnp.asarray(ts)) - line.mean(0)).max() < 0.05 * size
    spread = np.sqrt(np.diagonal(promp.covariance(params, jnp.asarray(ts)), axis1=1, axis2=2))
    assert spread.max() < 1.2 * line.std(0, ddof=1).max()


def test_the_penalty_does_not_depend_on_the_size_of_the_features(x64):
    """The columns of a DMP are a thousand times smaller than the constant one: least squares finds them still."""
    promp, ts = ProMP(dmp=DMP(2, 12)), np.linspace(0.0, 2.0, 60)
    shown = curves(ts, 5)
    params = promp.learn([Trajectory(ts, ys) for ys in shown], ridge=1e-9)
    design = np.asarray(promp.features(jnp.asarray(ts / 2.0)))
    expected = design @ (np.linalg.pinv(design) @ shown.mean(0))
    np.testing.assert_allclose(promp.trajectory(params, jnp.asarray(ts)), expected, atol=2e-3)


def test_expectation_maximisation_finds_the_spread_behind_noise(x64):
    """Many short noisy demonstrations: least squares takes the noise for spread of the weights."""
    rng = np.random.default_rng(0)
    promp, truth = ProMP(1, 5), rng.normal(size=(1, 5))
    demos, designs = [], []
    for _ in range(60):
        ts = np.sort(rng.uniform(0, 1, 12))
        ts[0], ts[-1] = 0.0, 1.0
        weights = truth + 0.2 * rng.normal(size=(1, 5))
        designs.append(np.asarray(promp.features(jnp.asarray(ts))))
        demos.append(Trajectory(ts, designs[-1] @ weights.T + 0.3 * rng.normal(size=(12, 1))))

    def likelihood(params):
        """The log-likelihood of the samples, with the noise that suits the parameters best."""
        mean, covariance = np.asarray(params.mean)[0], np.asarray(params.covariance)

        def loss(noise):
            return -sum(
                multivariate_normal.logpdf(demo.ys[:, 0], d @ mean, d @ covariance @ d.T + noise * np.eye(12))
                for demo, d in zip(demos, designs, strict=True)
            )

        return -minimize_scalar(loss, bounds=(1e-3, 1.0), method="bounded").fun

    learnt = [promp.learn(demos, iterations=i) for i in (0, 5, 60)]
    likelihoods = [likelihood(params) for params in learnt]
    assert likelihoods[0] + 20 < likelihoods[1] and likelihoods[1] + 5 < likelihoods[2], likelihoods
    # The truth is 0.04. Least squares says 0.57, sixty iterations 0.09; they converge slowly towards 0.08.
    spread = [np.trace(params.covariance) / 5 for params in learnt]
    assert abs(spread[2] - 0.04) < 0.15 * abs(spread[0] - 0.04), spread


def test_one_demonstration_has_no_spread(x64):
    demo = demonstrations(1)[0]
    params = ProMP().fit(demo)
    assert not np.any(params.factor)
    assert np.abs(ProMP().trajectory(params, jnp.asarray(demo.ts)) - demo.ys).max() < 1e-2


def test_bad_input():
    promp, params = ProMP(2, N), distribution()
    demos = demonstrations(3)
    cases = [
        (lambda: promp.learn(demos[:1]), "1 demonstrations; a distribution needs at least 2"),
        (lambda: promp.learn([demos[0], Trajectory(demos[1].ts, demos[1].ys[:, :1])]), "Demonstration 1"),
        (lambda: promp.learn([demos[0], Trajectory(demos[1].ts, demos[1].ys[:-1])]), "Demonstration 1"),
        (lambda: promp.condition(params, 1.6, np.zeros(2)), "time is 1.6 s"),
        (lambda: promp.condition(params, -0.1, np.zeros(2)), "time is -0.1 s"),
        (lambda: promp.condition(params, 0.1, np.zeros(3)), r"position has shape \(3,\)"),
        (lambda: promp.condition(params, 0.1, np.zeros(2), -np.eye(2)), "eigenvalue -1"),
        (lambda: ProMP(dmp=DMP(scaling="goal")), "scaling='none'"),
    ]
    for make, words in cases:
        with pytest.raises((DataError, ValueError), match=words):
            make()


def test_where_there_is_no_spread_a_point_is_refused_or_kept():
    ts = np.linspace(0, 1, 50)
    promp = ProMP(2, 10)
    one = promp.fit(Trajectory(ts, np.stack([ts, ts**2], axis=1)))
    with pytest.raises(DataError, match=r"At 1 s the distribution has no spread .* Give a covariance"):
        promp.condition(one, 1.0, np.array([1.2, 0.2]))
    there = promp.trajectory(one, jnp.array([0.5]))[0]
    np.testing.assert_allclose(promp.condition(one, 0.5, there).mean, one.mean, atol=1e-5)
    traced = jax.jit(lambda p: promp.condition(p, 1.0, jnp.array([1.2, 0.2])))(one)
    np.testing.assert_allclose(traced.mean, one.mean, atol=1e-6)
    loose = promp.condition(one, 1.0, np.array([1.2, 0.2]), 0.1 * np.eye(2))  # the advice
    np.testing.assert_allclose(loose.mean, one.mean, atol=1e-6)


def test_a_contradiction_of_what_is_known_exactly_is_refused():
    rng, ts = np.random.default_rng(0), np.linspace(0, 1, 50)
    noise = [
        sum(
            0.1 * rng.normal() * np.stack([np.sin(k * ts + rng.normal()), np.cos(k * ts)], 1)
            for k in range(8)
        )
        for _ in range(60)
    ]
    promp = ProMP(2, 10)
    known = promp.learn([Trajectory(ts, np.stack([ts, ts**2], 1) + n) for n in noise])
    known = promp.condition(known, 0.0, np.zeros(2))
    np.testing.assert_allclose(promp.trajectory(known, jnp.array([0.0]))[0], 0.0, atol=1e-4)
    with pytest.raises(DataError, match=r"At 0 s the distribution has no spread"):
        promp.condition(known, 0.0, np.array([0.3, 0.3]))
    again = promp.condition(known, 0.0, np.zeros(2))
    assert np.abs(again.mean).max() < 2 * np.abs(known.mean).max()
    # A point elsewhere is passed, and so is the first still.
    both = promp.condition(known, 0.5, np.array([0.6, 0.2]))
    np.testing.assert_allclose(promp.trajectory(both, jnp.array([0.0, 0.5])), [[0, 0], [0.6, 0.2]], atol=1e-3)


def test_conditions_that_are_all_but_impossible_are_reported_or_refused():
    promp = ProMP(2)
    near = promp.condition(promp.default_params(), 0.5, np.array([0.5, 0.4]))
    with pytest.warns(
        UserWarning, match=r"at 0.501 s is [0-9.]+ standard deviations .* move points that are close in time"
    ):
        promp.condition(near, 0.501, np.array([0.8, 0.4]))
    promp.condition(near, 0.7, np.array([0.8, 0.4]))  # the advice: further apart
    promp.condition(near, 0.501, np.array([0.8, 0.4]), 0.1 * np.eye(2))  # or a larger covariance
    # With the features of a DMP, whose weights are thousands, a contradiction is one all the same.
    promp = ProMP(dmp=DMP(2))
    ts = np.linspace(0.0, 1.0, 60)
    known = promp.learn([Trajectory(ts, ys) for ys in curves(ts, 6)])
    known = promp.condition(known, 0.5, np.asarray(promp.trajectory(known, jnp.array([0.5])))[0] + 0.01)
    with pytest.raises(DataError, match=r"no spread in the direction"):
        promp.condition(known, 0.5, np.array([3.0, -3.0]))
