import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor_trajectory_network import Samples, TrajectoryDecoder, TrajectoryInversion


@pytest.fixture
def linear_model():
    """A linear decoder, whose posterior has a closed form."""
    decoder = TrajectoryDecoder(3, (), Samples(8), "linear", "linear", key=jax.random.key(0))
    return TrajectoryInversion(decoder, mean=jnp.array([0.2, -0.1, 0.5]), spread=jnp.diag(jnp.array([1.0, 0.5, 2.0])),
                               noise=jnp.full(6, 0.3), samples=8)  # fmt: skip


def test_posterior_is_that_of_linear_regression(linear_model):
    model, rng = linear_model, np.random.default_rng(0)
    known = jnp.asarray(rng.uniform(size=(8, 6)) < 0.4, jnp.float32)
    values = jnp.asarray(rng.normal(size=(8, 6)), jnp.float32)
    mean, root = model.posterior({"values": values, "known": known, "duration": jnp.asarray(1.0)})
    a = np.asarray(jax.jacfwd(model.decoded)(model.mean), float).reshape(48, 3)[np.asarray(known).ravel() > 0]
    b = np.asarray(values - model.decoded(model.mean), float).ravel()[np.asarray(known).ravel() > 0]
    prior = np.asarray(model.spread @ model.spread.T, float)
    covariance = np.linalg.inv(np.linalg.inv(prior) + a.T @ a / 0.09)
    np.testing.assert_allclose(root @ root.T, covariance, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(
        mean, np.asarray(model.mean) + covariance @ a.T @ b / 0.09, rtol=1e-3, atol=1e-4
    )


def test_nothing_known_leaves_the_prior(linear_model):
    observation = linear_model.default_observation() | {"known": jnp.zeros((8, 6))}
    mean, root = linear_model.posterior(observation)
    np.testing.assert_allclose(mean, linear_model.mean, atol=1e-6)
    np.testing.assert_allclose(root @ root.T, linear_model.spread @ linear_model.spread.T, atol=1e-5)


def test_with_a_key_movements_are_drawn_from_the_posterior(linear_model):
    observation = linear_model.default_observation()
    mean, root = linear_model.posterior(observation)
    draws = jax.vmap(lambda key: linear_model(observation, key=key).latent)(
        jax.random.split(jax.random.key(1), 4000)
    )
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.1)
    np.testing.assert_allclose(np.cov(draws.T), root @ root.T, atol=0.2)
    np.testing.assert_array_equal(linear_model(observation).latent, mean)


@pytest.mark.parametrize("kwargs", [{"samples": 1}, {"iterations": 0}, {"mean": jnp.zeros(7)}])
def test_bad_inversions(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        TrajectoryInversion(TrajectoryDecoder(3), **kwargs)
