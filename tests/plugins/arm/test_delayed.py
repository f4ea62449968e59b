import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor_arm import Delayed, MuscleArm, Noisy, TwoLinkArm

ArmState = type(TwoLinkArm().default_state())
START = ArmState(jnp.array([0.4, 1.3]), jnp.array([1.0, -2.0]))


def both(play, dt, steps, **arguments):
    """Feedback with and without a delay, and times, of an arm that moves from the beginning."""
    ts = dt * np.arange(steps + 1)
    torque = jnp.tile(jnp.array([0.3, -0.2]), (steps + 1, 1))
    late = Delayed(TwoLinkArm(), **arguments)
    seen = play(torque, ts, plant=late, x0=late.start(START)).ys
    return seen, play(torque, ts, plant=TwoLinkArm(), x0=START).ys, ts


@pytest.mark.parametrize(("lag", "dt"), [(1, 0.01), (5, 0.01), (9, 0.002), (3, 0.03)])
def test_exact_for_multiples_of_the_time_step(play, lag, dt):
    with jax.enable_x64(True):
        seen, real, _ = both(play, dt, 25, delay=lag * dt)
        for name in real:
            np.testing.assert_allclose(seen[name][lag:], real[name][:-lag], atol=1e-9)
            np.testing.assert_allclose(seen[name][:lag], jnp.broadcast_to(real[name][0], (lag, 2)), atol=1e-9)


@pytest.mark.parametrize("dt", [0.0005, 0.0011, 0.01, 0.03])
def test_reaches_back_whatever_the_time_step(play, dt):
    """Between kept feedback, a distance of at most resolution + dt apart, it is interpolated linearly."""
    with jax.enable_x64(True):
        seen, real, ts = both(play, dt, round(0.4 / dt), delay=0.1, samples=32)
        gap = max(0.1 / 31 + dt, dt)
        when = ts - 0.1
        # A fine solution to compare with; the curvature bounds the interpolation error by gap² / 8 · |y''|.
        fine, reference, fine_ts = both(play, 0.0005, 800, delay=0.1)
        for i, name in [(0, "angle"), (1, "hand")]:
            curve = np.interp(when, fine_ts, reference[name][:, i])
            bend = np.abs(np.gradient(np.gradient(reference[name][:, i], fine_ts), fine_ts)).max()
            # The end of the unknown past is a corner of the height of the velocity.
            away = (when > gap) | (when < -gap)
            error = np.abs(np.asarray(seen[name][:, i]) - curve)[away].max()
            assert error < gap**2 / 8 * bend * 1.1 + 1e-6


def test_no_delay_is_the_present(play):
    seen, real, _ = both(play, 0.01, 20, delay=0.0)
    for name in real:
        np.testing.assert_allclose(seen[name], real[name], atol=1e-6)


def test_batches_and_gradients_of_the_delay(play):
    with jax.enable_x64(True):

        def end(delay):
            return both(play, 0.01, 30, delay=delay)[0]["hand"][-1, 0]

        delays = jnp.array([0.013, 0.047, 0.098])
        together = jax.vmap(end)(delays)
        np.testing.assert_allclose(together, [end(delay) for delay in delays], atol=1e-12)
        slope = jax.vmap(jax.grad(end))(delays)
        numeric = (jax.vmap(end)(delays + 1e-6) - jax.vmap(end)(delays - 1e-6)) / 2e-6
        np.testing.assert_allclose(slope, numeric, rtol=1e-6)


@pytest.mark.parametrize(("delay", "dt"), [(0.045, 0.01), (0.1, 0.001), (0.02, 0.01)])
def test_noise_keeps_its_deviation_and_is_white(delay, dt):
    """Of a resting arm, 4,000 samples: deviation 1 and no correlation from one to the next, to five standard errors."""
    plant, count = Delayed(Noisy(TwoLinkArm(), observation=1.0), delay), 4000
    keys = jax.random.split(jax.random.key(0), (count, 2))

    def step(state, keys):
        seen = plant.observe(state, key=keys[0])["angle"]
        return plant.step(state, jnp.zeros(2), dt, key=keys[1]), seen

    seen = np.asarray(jax.lax.scan(step, plant.default_state(), keys)[1])
    seen = seen - plant.observe(plant.default_state())["angle"]
    assert np.all(np.abs(seen.std(0) - 1) < 5 / np.sqrt(2 * count))
    assert np.all(np.abs(np.mean(seen[1:] * seen[:-1], 0)) < 5 / np.sqrt(count))


def test_a_late_muscle_arm_records_less_than_a_kilobyte_per_step():
    state = Delayed(MuscleArm()).default_state()
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(state)) < 1000


def test_no_such_delay():
    with pytest.raises(ValueError, match="delay must be at least 0"):
        Delayed(delay=-0.1)
    with pytest.raises(ValueError, match="samples must be at least 2"):
        Delayed(samples=1)
