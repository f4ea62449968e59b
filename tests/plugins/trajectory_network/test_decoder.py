import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor import Pipeline, Trajectory, load, make, rollout, save
from ideomotor.errors import DataError
from ideomotor_trajectory_network import ConditionsNetwork, TrajectoryCode, TrajectoryDecoder
from ideomotor_trajectory_network._training import split_function  # refuses for all that take a function


@pytest.fixture
def decoder():
    return TrajectoryDecoder(
        5, (20,), ideomotor.make("time-samples", 21), output="linear", key=jax.random.key(1)
    )


def test_torques_are_held_to_the_duration_and_stop(decoder):
    params = TrajectoryCode(jnp.linspace(0.1, 0.9, 5), jnp.asarray(0.5))
    ts = jnp.linspace(0, 1.0, 41)
    us = decoder.torques(params, ts)
    assert us.shape == (41, 2)
    assert (us[21:] == 0).all() and (jnp.abs(us[:21]).max() > 0)
    np.testing.assert_allclose(us[:21], decoder.unscaled(decoder.outputs(params.latent))[:, 4:], atol=1e-6)
    held = decoder.trajectory(params, ts)
    np.testing.assert_allclose(held[:20], (us[:20] + us[1:21]) / 2, atol=1e-6)
    np.testing.assert_allclose(held[20:], 0.0, atol=1e-6)
    coarse = decoder.trajectory(params, jnp.array([0.0, 0.475, 0.6]))  # the last interval is only begun
    np.testing.assert_allclose(coarse[1], 0.2 * (us[19] + us[20]) / 2, atol=1e-6)


def test_duration_stretches_time(decoder):
    latent, phase = jnp.linspace(0.1, 0.9, 5), jnp.linspace(0, 1, 21)
    quick, slow = (decoder.movement(TrajectoryCode(latent, jnp.asarray(T)), phase * T) for T in (0.5, 2.0))
    np.testing.assert_allclose(quick.us, slow.us, atol=1e-5)
    np.testing.assert_allclose(quick.ys["hand"], slow.ys["hand"], atol=1e-5)


def test_scaling_goes_there_and_back(decoder):
    rng = np.random.default_rng(0)
    states, commands = rng.normal(size=(3, 21, 4)), rng.normal(size=(3, 21, 2))
    decoder = decoder.scaled_to(states, commands)
    scaled = decoder.scaled(jnp.asarray(states), jnp.asarray(commands))
    assert scaled.shape == (3, 126) and scaled.min() >= 0 and scaled.max() <= 1
    np.testing.assert_allclose(
        decoder.unscaled(scaled[1]), np.concatenate([states, commands], -1)[1], atol=1e-5
    )


@pytest.mark.parametrize(
    "basis",
    [
        pytest.param(ideomotor.make("time-samples", 21), marks=pytest.mark.thorough),
        ideomotor.make("time-splines", 8),
    ],
)
def test_imitation_finds_the_movement_again(basis):
    decoder = TrajectoryDecoder(3, (20,), basis, output="linear", key=jax.random.key(2))
    movement = decoder.movement(TrajectoryCode(jnp.array([0.1, 0.8, 0.4]), jnp.asarray(1.2)))
    for shown in (movement, Trajectory(movement.ts, movement.ys["hand"])):
        code = decoder.fit(shown)
        again = decoder.movement(code, movement.ts)
        np.testing.assert_allclose(again.ys["hand"], movement.ys["hand"], atol=2e-4)
    np.testing.assert_allclose(code.duration, 1.2, rtol=1e-5)


def test_imitation_needs_a_hand(decoder):
    ts = np.linspace(0, 1, 5)
    with pytest.raises(DataError, match="hand's position"):
        decoder.fit(Trajectory(ts, {"angle": np.zeros((5, 2))}))
    with pytest.raises(DataError, match="not finite"):
        decoder.fit(Trajectory(ts, np.full((5, 2), np.nan)))


def test_gradient_through_the_arm_equals_finite_differences(arm):
    """From where the arm ends back to the conditions: perception, primitive and plant in one chain."""
    with jax.enable_x64(True):
        arm = type(arm)(damping=0.0)
        function = Pipeline(
            ConditionsNetwork(6, (10,), key=jax.random.key(0)),
            TrajectoryDecoder(
                6, (10,), ideomotor.make("time-samples", 11), output="linear", key=jax.random.key(1)
            ),
        )
        ts = jnp.linspace(0, 1, 11)

        @jax.jit
        def end(target):
            code = function.perception({"start": jnp.array([0.0, 0.3]), "target": target})
            return (
                rollout(function.primitive, code, ts, plant=arm, x0=arm.at(jnp.array([0.0, 0.3])))
                .ys["hand"][-1]
                .sum()
            )

        target, h = jnp.array([0.1, 0.35]), 1e-5
        gradient = jax.grad(end)(target)
        for axis in range(2):
            step = jnp.zeros(2).at[axis].set(h)
            np.testing.assert_allclose(
                gradient[axis], (end(target + step) - end(target - step)) / (2 * h), rtol=1e-6
            )


def test_a_function_is_saved_and_loaded(tmp_path, decoder):
    function = Pipeline(ConditionsNetwork(5, (7,), field=0.08, durations=(0.5, 1.5)), decoder)
    again = load(save(function, tmp_path / "function"))
    observation = function.perception.default_observation()
    one, other = (f.primitive.movement(f.perception(observation)) for f in (function, again))
    np.testing.assert_array_equal(one.us, other.us)


@pytest.mark.parametrize(
    "kwargs, words",
    [
        ({"latent": 0}, "latent"),
        ({"hidden": (0,)}, "hidden"),
        ({"activation": "step"}, "activation must be one of"),
    ],
)
def test_bad_decoders(kwargs, words):
    with pytest.raises(ValueError, match=words):
        TrajectoryDecoder(**kwargs)


def test_movements_without_a_scale(decoder):
    with pytest.raises(DataError, match="constant"):
        decoder.scaled_to(np.zeros((2, 21, 4)), np.zeros((2, 21, 2)))


def test_another_pipeline_is_no_trajectory_function():
    with pytest.raises(DataError, match="ConditionsNetwork and a TrajectoryDecoder, not of NoneType and DMP"):
        split_function(Pipeline(None, make("dmp")))
