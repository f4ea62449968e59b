import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor import AbstractPlant
from ideomotor_arm import Noisy, PointMass, TwoLinkArm


class Echo(AbstractPlant):
    """A plant whose state is the last command."""

    def default_state(self):
        return {"a": jnp.zeros(2), "n": jnp.zeros((), jnp.int32)}

    def default_command(self):
        return self.default_state()

    def step(self, state, command, dt, *, key=None):
        return command

    def observe(self, state, *, key=None):
        return state


COMMAND = {"a": jnp.array([2.0, -5.0]), "n": jnp.array(3, jnp.int32)}


def test_statistics_of_command_noise():
    plant = Noisy(Echo(), 0.2)
    step = jax.vmap(lambda key: plant.step(plant.default_state(), COMMAND, 0.01, key=key))
    drawn = step(jax.random.split(jax.random.key(0), 20_000))
    relative = np.asarray(drawn["a"] / COMMAND["a"] - 1)
    # Five standard errors of a mean and of a standard deviation of 20,000.
    assert np.all(np.abs(relative.mean(0)) < 5 * 0.2 / np.sqrt(20_000))
    assert np.all(np.abs(relative.std(0) / 0.2 - 1) < 5 / np.sqrt(40_000))
    assert abs(np.corrcoef(relative.T)[0, 1]) < 5 / np.sqrt(20_000)
    np.testing.assert_array_equal(drawn["n"], 3)


@pytest.mark.parametrize("dt", [0.002, 0.01, 0.02, 0.1])
def test_a_movement_is_as_noisy_whatever_its_time_step(dt):
    """A mass pushed for a second: white noise of 20 % over 10 ms leaves a velocity of sd 0.2 F / m sqrt(0.01 s · 1 s)."""
    plant, trials = Noisy(PointMass(mass=2.0, solver=diffrax.Euler()), 0.2), 4000

    def end(key):
        steps = jax.random.split(key, round(1 / dt))
        force = jnp.array([3.0, -1.0])
        state = jax.lax.scan(
            lambda s, k: (plant.step(s, force, dt, key=k), None), plant.default_state(), steps
        )
        return state[0].velocity

    velocity = np.asarray(jax.vmap(end)(jax.random.split(jax.random.key(2), trials)))
    expected = 0.2 * np.array([3.0, 1.0]) / 2.0 * 0.1
    assert np.all(np.abs(velocity.mean(0) - [1.5, -0.5]) < 5 * expected / np.sqrt(trials))
    assert np.all(np.abs(velocity.std(0) / expected - 1) < 5 / np.sqrt(2 * trials))


def test_noise_of_each_step_where_there_is_no_interval():
    step = jax.vmap(lambda key: Noisy(Echo(), 0.2, interval=None).step(COMMAND, COMMAND, 0.002, key=key))
    drawn = step(jax.random.split(jax.random.key(3), 20_000))["a"]
    assert np.all(np.abs(np.std(drawn / COMMAND["a"], 0) / 0.2 - 1) < 5 / np.sqrt(40_000))


def test_statistics_of_feedback_noise():
    state = {"a": jnp.array([2.0, 0.0]), "n": jnp.array(3, jnp.int32)}
    for observation in (0.3, {"a": 0.3}):
        plant = Noisy(Echo(), 0.0, observation)
        keys = jax.random.split(jax.random.key(1), 20_000)
        seen = jax.vmap(lambda key, plant=plant: plant.observe(state, key=key))(keys)
        noise = np.asarray(seen["a"] - state["a"])
        assert np.all(np.abs(noise.mean(0)) < 5 * 0.3 / np.sqrt(20_000))
        assert np.all(np.abs(noise.std(0) / 0.3 - 1) < 5 / np.sqrt(40_000))
        np.testing.assert_array_equal(seen["n"], 3)
    arm = Noisy(TwoLinkArm(), observation={"hand": 0.01})
    seen, clean = arm.observe(arm.default_state(), key=jax.random.key(0)), arm.observe(arm.default_state())
    assert np.any(seen["hand"] != clean["hand"])
    np.testing.assert_array_equal(seen["angle"], clean["angle"])


def test_without_a_key_there_is_no_noise():
    plant = Noisy(Echo(), 0.2, 0.5)
    np.testing.assert_array_equal(plant.step(COMMAND, COMMAND, 0.01)["a"], COMMAND["a"])
    np.testing.assert_array_equal(plant.observe(COMMAND)["a"], COMMAND["a"])


def test_same_key_same_noise():
    plant = Noisy(Echo(), 0.2)
    one, same, other = (plant.step(COMMAND, COMMAND, 0.01, key=jax.random.key(i))["a"] for i in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.all(one != other)


def test_two_noises_are_different():
    """A noisy plant in a noisy plant draws from another key."""
    plant = Noisy(Noisy(Echo(), 0.1), 0.1)
    step = jax.vmap(lambda key: plant.step(COMMAND, COMMAND, 0.01, key=key))
    drawn = step(jax.random.split(jax.random.key(0), 20_000))["a"]
    expected = np.sqrt(1.01**2 - 1)
    assert np.all(np.abs(np.std(drawn / COMMAND["a"], 0) / expected - 1) < 5 / np.sqrt(40_000))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": -0.1}, "scale must be at least 0"),
        ({"scale": (0.1, 0.1)}, "scale must be one number"),
        ({"interval": 0.0}, "interval must be a positive number"),
        ({"observation": -1.0}, "observation must hold standard deviations"),
        ({"observation": {"feet": 0.1}}, "feedback has no 'feet'"),
    ],
)
def test_no_such_noise(arguments, message):
    with pytest.raises(ValueError, match=message):
        Noisy(TwoLinkArm(), **arguments)
