"""Wrappers on top of each other: gradients, batches, compiling once, and what they pass through."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ideomotor import AbstractFeedforwardPrimitive, Pipeline, config, make, rollout
from ideomotor_arm import CurlField, Delayed, Noisy, Servo, Sheet, TwoLinkArm

NAMES = ["two-link-arm", "servo", "curl-field", "noisy", "delayed", "sheet"]


def everything(**arguments):
    inside = Noisy(Delayed(CurlField(TwoLinkArm(**arguments), 5.0), 0.013), 0.1, {"angle": 0.001})
    return Sheet(Servo(inside, bandwidth=25.0))


@pytest.mark.parametrize("made", [lambda: Sheet(Servo(CurlField(TwoLinkArm()))), everything])
def test_gradients_are_finite_differences(play, made):
    with jax.enable_x64(True):
        ts = np.linspace(0, 0.3, 31)
        s = ts[:, None] / 0.3
        pixels = jnp.asarray(20 + (10 * s**3 - 15 * s**4 + 6 * s**5) * np.array([[4.0, -6.0]]))
        arrays, static = eqx.partition((made(), pixels), eqx.is_inexact_array)
        flat, unravel = ravel_pytree(arrays)

        def loss(flat):
            plant, pixels = eqx.combine(unravel(flat), static)
            x0 = plant.at(pixels[0] + 1.0)
            seen = play(pixels, ts, plant=plant, x0=x0, key=jax.random.key(0)).ys
            # In pixels, radians and their rates, of about the same size.
            sizes = {"hand": 10.0, "hand_velocity": 50.0, "angle": 1.0, "velocity": 5.0}
            return sum(jnp.mean((seen[name] / size - 0.3) ** 2) for name, size in sizes.items())

        gradient = jax.jit(jax.grad(loss))(flat)
        many = jax.jit(lambda flats: jax.lax.map(loss, flats, batch_size=32))
        rng = np.random.default_rng(0)
        fields = len(flat) - pixels.size
        directions = np.concatenate([np.eye(len(flat))[:fields], rng.normal(size=(8, len(flat)))])
        directions[fields:, :fields] = 0
        step = 1e-5
        # Richardson: the third-order rest of central differences is taken away by a second step size.
        wide, narrow = (
            (many(flat + h * directions) - many(flat - h * directions)) / (2 * h) for h in (2 * step, step)
        )
        numeric = (4 * narrow - wide) / 3
        exact = directions @ gradient
        assert np.all(np.isfinite(exact))
        np.testing.assert_allclose(exact, numeric, rtol=1e-5, atol=1e-8)
        assert np.count_nonzero(np.abs(exact) > 1e-6) > 0.5 * len(exact)


def test_batches_are_loops(play):
    ts = np.linspace(0, 0.3, 31)
    starts = jnp.array([[18.0, 20.0], [22.0, 19.0], [20.0, 25.0]])
    keys = jax.random.split(jax.random.key(0), 3)
    plant = everything()

    @eqx.filter_jit
    def hand(start, key):
        pixels = start + jnp.linspace(0, 3, 31)[:, None]
        return play(pixels, ts, plant=plant, x0=plant.at(start), key=key).ys["hand"]

    together = jax.vmap(hand)(starts, keys)
    one_by_one = [hand(start, key) for start, key in zip(starts, keys, strict=True)]
    np.testing.assert_allclose(together, jnp.stack(one_by_one), atol=2e-3)


def test_vmap_over_the_fields_of_wrappers(play):
    ts, pixels = np.linspace(0, 0.3, 31), 20 + jnp.linspace(0, 3, 31)[:, None] * jnp.array([[1.0, 1.0]])

    @eqx.filter_jit
    def hand(strength):
        plant = Sheet(Servo(CurlField(TwoLinkArm(), strength)))
        return play(pixels, ts, plant=plant, x0=plant.at(pixels[0])).ys["hand"]

    strengths = jnp.array([-13.0, 0.0, 13.0])
    together = eqx.filter_vmap(hand)(strengths)
    np.testing.assert_allclose(together, jnp.stack([hand(s) for s in strengths]), atol=2e-3)
    # Opposite fields push to opposite sides of the movement (columns and rows both grow).
    side = (together - together[1])[:, 15] @ jnp.array([1.0, -1.0])
    assert side[0] * side[2] < 0


def test_compiles_once():
    traces = []

    class Counting(AbstractFeedforwardPrimitive):
        def default_params(self):
            return jnp.zeros((21, 2))

        def trajectory(self, params, ts, *, key=None):
            traces.append(1)
            return params

    ts = np.linspace(0, 0.2, 21)
    for i in range(4):
        arm = TwoLinkArm(masses=(1.4 + 0.1 * i, 1.0), solver=diffrax.Bosh3())
        plant = Sheet(Servo(Noisy(Delayed(CurlField(arm, float(i)), 0.01 + 0.001 * i), 0.1)))
        rollout(Counting(), jnp.full((21, 2), 20.0 + i), ts, plant=plant, key=jax.random.key(i))
    assert len(traces) == 1


@pytest.mark.parametrize("name", NAMES)
def test_made_by_name_without_arguments(name):
    plant = make(name)
    again = config.from_config(config.to_config(plant))
    assert eqx.tree_equal(again, plant)
    state = plant.default_state()
    new = plant.step(state, plant.default_command(), jnp.asarray(0.01))
    assert jax.tree.structure(new) == jax.tree.structure(state)
    # At rest, the command at rest moves nothing.
    hand = plant.observe(state)["hand"]
    np.testing.assert_allclose(plant.observe(new)["hand"], hand, atol=2e-4)


def test_config_of_a_composition():
    plant = Sheet(Servo(CurlField(TwoLinkArm(damping=0.0), 3.0), bandwidth=30.0), pixel=0.004)
    text = config.to_config(plant)
    assert text["plant"]["plant"]["use"] == "curl-field"
    assert eqx.tree_equal(config.from_config(text), plant)


def test_fits_in_a_pipeline(drawing):
    class Play(AbstractFeedforwardPrimitive):
        def default_params(self):
            return jnp.zeros((301, 2))

        def trajectory(self, params, ts, *, key=None):
            return params

    ts, pixels = drawing
    pipeline = Pipeline(None, Play(), plant=Sheet())
    hand = pipeline(jnp.asarray(pixels), ts).ys["hand"]
    assert np.abs(hand - pixels)[50:].max() < 0.05


def test_what_a_wrapper_lacks_is_that_of_the_arm():
    arm = TwoLinkArm()
    plant = Sheet(Servo(CurlField(arm)))
    np.testing.assert_array_equal(plant.lengths, arm.lengths)
    angle = jnp.array([0.5, 1.0])
    np.testing.assert_array_equal(plant.joint_positions(angle), arm.joint_positions(angle))
    with pytest.raises(AttributeError, match="Neither Sheet nor the Servo in it has 'wheels'"):
        _ = plant.wheels
