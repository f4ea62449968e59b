import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError
from ideomotor_trajectory_network import ConditionsNetwork, Trainer, TrajectoryDecoder, TrajectoryInversion


@pytest.fixture(scope="module")
def linear_model():
    """A linear function, whose posterior has a closed form."""
    conditions = ConditionsNetwork(3, (), output="linear", key=jax.random.key(1))
    decoder = TrajectoryDecoder(
        3, (), ideomotor.make("time-samples", 8), "linear", "linear", key=jax.random.key(0)
    )
    return TrajectoryInversion(conditions, decoder, 0.1 * jnp.tri(3), noise=jnp.full(6, 0.3), samples=8)


def _prior(model):
    """Conditions are normal around 0.5 with a deviation of 0.3."""
    weight, bias = (
        np.asarray(x, float) for x in (model.conditions.layers[0].weight, model.conditions.layers[0].bias)
    )
    slack = np.asarray(model.slack, float)
    return weight @ np.full(4, 0.5) + bias, 0.09 * weight @ weight.T + slack @ slack.T


def test_posterior_is_that_of_linear_regression(linear_model):
    model, rng = linear_model, np.random.default_rng(0)
    known = jnp.asarray(rng.uniform(size=(8, 6)) < 0.4, jnp.float32)
    values = jnp.asarray(rng.normal(size=(8, 6)), jnp.float32)
    found = model.posterior({"values": values, "known": known, "duration": jnp.asarray(1.0)})
    mean, prior = _prior(model)
    a = np.asarray(jax.jacfwd(model.decoded)(jnp.zeros(3)), float).reshape(48, 3)[
        np.asarray(known).ravel() > 0
    ]
    b = np.asarray(values - model.decoded(jnp.asarray(mean, jnp.float32)), float).ravel()
    b = b[np.asarray(known).ravel() > 0]
    covariance = np.linalg.inv(np.linalg.inv(prior) + a.T @ a / 0.09)
    np.testing.assert_allclose(found.spread @ found.spread.T, covariance, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.latent, mean + covariance @ a.T @ b / 0.09, rtol=1e-3, atol=1e-4)


def test_nothing_known_leaves_the_prior(linear_model):
    observation = linear_model.default_observation() | {"known": jnp.zeros((8, 6))}
    found = linear_model.posterior(observation)
    mean, covariance = _prior(linear_model)
    np.testing.assert_allclose(found.latent, mean, atol=1e-5)
    np.testing.assert_allclose(found.spread @ found.spread.T, covariance, atol=1e-5)
    np.testing.assert_allclose(found.inputs, 0.5, atol=1e-6)


def test_with_a_key_movements_are_drawn_from_the_posterior(linear_model):
    observation = linear_model.default_observation()
    found = linear_model.posterior(observation)
    draws = jax.vmap(lambda key: linear_model(observation, key=key).latent)(
        jax.random.split(jax.random.key(1), 4000)
    )
    np.testing.assert_allclose(draws.mean(0), found.latent, atol=0.1)
    np.testing.assert_allclose(np.cov(draws.T), found.spread @ found.spread.T, atol=0.1)
    np.testing.assert_array_equal(linear_model(observation).latent, found.latent)


@pytest.fixture(scope="module")
def learned(reaches):
    """A function of optimal reaches in three fields, backwards; the last third was not trained on."""
    conditions = ConditionsNetwork(12, (120,), field=0.08, activation="tanh", output="linear")
    decoder = TrajectoryDecoder(12, (60,), activation="tanh", output="linear").scaled_to(
        reaches.states, reaches.commands
    )
    observed = ConditionsNetwork.observations(reaches.start, reaches.target, reaches.field)
    inputs = jax.vmap(conditions.inputs)(observed)
    numbers = decoder.scaled(jnp.asarray(reaches.states), jnp.asarray(reaches.commands))
    function = Trainer(0, 0, progress=False).function(conditions, decoder, inputs[:100], numbers[:100])
    given = slice(100, 125)
    inversion = TrajectoryInversion.learned_from(
        function,
        jax.tree.map(lambda x: x[given], observed),
        reaches.states[given],
        reaches.commands[given],
    )
    return function, inversion, reaches[125:], inputs[125:]


@pytest.mark.thorough
def test_the_path_of_the_hand_gives_torques_and_field(learned):
    """Of the function's own movements: features that only fit the path would have other torques."""
    function, inversion, some, inputs = learned
    # They have no slack and no noise; of a function of 100 reaches what was learned would hide the field of a short one.
    inversion = TrajectoryInversion(
        inversion.conditions, inversion.decoder, 1e-4 * jnp.eye(12), jnp.full(6, 1e-4)
    )
    own = jax.vmap(function.perception)(
        ConditionsNetwork.observations(some.start, some.target, some.field)
    ).latent
    both = jax.vmap(inversion.decoded)(own)
    known = jnp.zeros_like(both).at[..., :2].set(1.0)

    @jax.jit
    @jax.vmap
    def infer(values, known):
        return inversion.posterior({"values": values, "known": known, "duration": jnp.asarray(1.0)})

    found = infer(both, known)
    # This function of 100 reaches is so wavy that a few of 25 stay in another valley; guessing would find a third.
    assert (jnp.abs(found.inputs - inputs)[:, 4] < 0.225).mean() >= 0.8
    torques = both[..., 4:]
    miss = jax.vmap(inversion.decoded)(found.latent)[..., 4:] - torques
    assert jnp.sqrt(jnp.mean(miss**2)) < 0.2 * jnp.sqrt(jnp.mean(torques**2))


@pytest.mark.thorough
def test_torques_alone_give_the_path(learned):
    """Small noise and many values: what float32 cannot do by the normal equations."""
    function, inversion, some, _ = learned
    own = jax.vmap(function.perception)(
        ConditionsNetwork.observations(some.start, some.target, some.field)
    ).latent
    values = inversion.decoded(own[0])
    known = jnp.zeros_like(values).at[:, 4:].set(1.0)
    sharp = TrajectoryInversion(inversion.conditions, inversion.decoder, inversion.slack, jnp.full(6, 1e-5))
    found = sharp.posterior({"values": values, "known": known, "duration": jnp.asarray(1.0)})
    assert jnp.isfinite(found.latent).all() and jnp.isfinite(found.spread).all()
    miss = jnp.abs(inversion.decoded(found.latent)[:, 4:] - values[:, 4:]).max()
    assert miss < 0.01 * jnp.abs(values[:, 4:]).max()


@pytest.mark.thorough
def test_too_few_movements(learned, reaches):
    function = learned[0]
    observed = ConditionsNetwork.observations(reaches.start[:5], reaches.target[:5], reaches.field[:5])
    with pytest.raises(DataError, match="5 movements are too few for 12 features"):
        TrajectoryInversion.learned_from(function, observed, reaches.states[:5], reaches.commands[:5])


@pytest.mark.parametrize(
    "kwargs",
    [{"samples": 1}, {"iterations": 0}, {"slack": jnp.zeros((7, 7))}, {"decoder": TrajectoryDecoder(3)}],
)
def test_bad_inversions(kwargs):
    word = "decoder takes 3" if "decoder" in kwargs else next(iter(kwargs))
    with pytest.raises(ValueError, match=word):
        TrajectoryInversion(**{"conditions": ConditionsNetwork(5), **kwargs})
