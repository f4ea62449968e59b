import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from scipy.signal import correlate2d

import ideomotor
from ideomotor import Trajectory
from ideomotor.common import layers, pretrained, profiles, solvers, trees
from ideomotor.errors import CheckpointError, UnknownNameError


def circle_misses(points, xp):
    """Distances of points from a circle (middle x, y, radius)."""
    return lambda c: xp.hypot(points[:, 0] - c[0], points[:, 1] - c[1]) - c[2]


def test_least_squares_is_scipys():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2, 40)
    points = 3 * np.stack([np.cos(angle), np.sin(angle)], 1) + rng.normal(size=(40, 2)) * 0.05
    theirs = scipy.optimize.least_squares(circle_misses(points, np), [1.0, 1.0, 1.0], xtol=1e-14, ftol=1e-14)
    with jax.enable_x64():
        ours = solvers.least_squares(circle_misses(points, jnp), jnp.ones(3), tolerance=1e-12)
        np.testing.assert_allclose(ours, theirs.x, atol=1e-8)


def test_least_squares_of_many_starts_returns_the_best_so_far():
    """Rosenbrock's valley, whose least is 0 at (1, 1); two steps do not reach it, and are no error."""

    def valley(x):
        return jnp.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])

    starts = jnp.array([[-1.2, 1.0], [3.0, -2.0], [0.0, 5.0]])
    many = jax.jit(jax.vmap(lambda x: solvers.least_squares(valley, x, steps=200)))(starts)
    np.testing.assert_allclose(many, 1.0, atol=1e-3)
    few = solvers.least_squares(valley, starts[0], steps=2)
    assert 0 < jnp.sum(valley(few) ** 2) <= jnp.sum(valley(starts[0]) ** 2)


def test_the_scale_of_unknowns_does_not_change_the_solution():
    def residual(x):
        return jnp.stack([x[0] / 1e-3 - 1, x[1] / 1e3 - 2, x[0] * x[1] - 2])

    found = solvers.least_squares(residual, jnp.array([2e-3, 500.0]), scale=jnp.array([1e-3, 1e3]))
    np.testing.assert_allclose(found, [1e-3, 2e3], rtol=1e-4)


@pytest.mark.parametrize("damping", [0.3, np.array([0.1, 1.0, 10.0])])
def test_a_damped_step_is_that_of_the_augmented_linear_problem(damping):
    rng = np.random.default_rng(2)
    jacobian, residual = rng.normal(size=(7, 3)), rng.normal(size=7)
    tall = np.concatenate([jacobian, np.diag(np.sqrt(np.broadcast_to(damping, 3)))])
    expected = np.linalg.lstsq(tall, -np.concatenate([residual, np.zeros(3)]))[0]
    np.testing.assert_allclose(solvers.damped_step(jacobian, residual, damping), expected, atol=1e-12)
    with jax.enable_x64():
        step = solvers.damped_step(jnp.asarray(jacobian), jnp.asarray(residual), damping)
    assert isinstance(step, jax.Array)
    np.testing.assert_allclose(step, expected, atol=1e-12)


def test_minimum_jerk_meets_its_boundary_values_and_peak_speed():
    """At rest at both ends with no acceleration; peak speed 15/8 of the mean (Flash and Hogan 1985)."""
    with jax.enable_x64():
        speed = jax.grad(profiles.minimum_jerk)
        for end in (1e-9, 1 - 1e-9):
            assert abs(speed(end)) < 1e-12 and abs(jax.grad(speed)(end)) < 1e-6
        assert speed(0.5) == pytest.approx(15 / 8)
    share = np.array([-0.5, 0.0, 0.25, 1.0, 1.5])
    np.testing.assert_allclose(profiles.minimum_jerk(share), [0, 0, 0.103515625, 1, 1])  # 53 / 512
    np.testing.assert_allclose(
        profiles.minimum_jerk(jnp.asarray(share)), [0, 0, 0.103515625, 1, 1], atol=1e-7
    )


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_is_scipys_correlation(stride):
    layer = layers.Convolution(2, 3, 3, limit=0.5, key=jax.random.key(0), stride=stride)
    assert np.abs(layer.weight).max() <= 0.5
    image = np.random.default_rng(0).normal(size=(8, 6, 2)).astype(np.float32)
    weight = np.asarray(layer.weight)
    for out in range(3):
        expected = sum(correlate2d(image[..., i], weight[out, i], mode="same") for i in range(2))
        np.testing.assert_allclose(
            layer(jnp.asarray(image))[..., out], expected[::stride, ::stride], atol=1e-5
        )


def test_pretrained_components_are_found_by_name():
    component = pretrained.load_pretrained("ideomotor_rnn", "reach", kind="primitive")
    assert isinstance(component, ideomotor.AbstractFeedbackPrimitive)
    with pytest.raises(UnknownNameError, match="'raech'. Did you mean 'reach'"):
        pretrained.load_pretrained("ideomotor_rnn", "raech")
    with pytest.raises(UnknownNameError, match="ideomotor_dmp comes with no trained 'reach'"):
        pretrained.load_pretrained("ideomotor_dmp", "reach")
    with pytest.raises(CheckpointError, match="plant"):
        pretrained.load_pretrained("ideomotor_rnn", "reach", kind="plant")


def test_the_first_number_that_is_not_finite():
    ys = {"hand": np.zeros((5, 2)), "joints": np.zeros((5, 3), np.float32), "count": np.arange(5)}
    assert trees.first_not_finite(ys) is None
    ys["hand"][4, 1], ys["joints"][2, 0] = np.nan, -np.inf
    first = trees.first_not_finite(ys)
    assert first is not None and str(first) == "['hand'][4, 1] is nan"
    soonest = trees.first_not_finite(ys, earliest=True)
    assert soonest == ("['joints']", (2, 0), -np.inf)
    assert str(trees.first_not_finite(float("nan"))) == "it is nan"
    assert str(trees.first_not_finite(jnp.array([1.0, jnp.inf], jnp.bfloat16))) == "[1] is inf"
    assert trees.first_not_finite(Trajectory(np.arange(5.0), ys)).place == ".ys['hand'][4, 1]"  # pyright: ignore


def test_traced_leaves_are_passed_over():
    def look(x):
        assert trees.first_not_finite({"a": x}) is None
        return x

    assert np.isnan(jax.jit(look)(np.nan))


def test_which_leaves_are_floating():
    assert trees.is_floating(jnp.ones(1, jnp.bfloat16)) and not trees.is_floating(3)
