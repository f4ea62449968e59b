import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_trajectory_network import (
    ConditionsNetwork,
    Trainer,
    TrajectoryDecoder,
    commands_and_states,
    linear_function,
)

# Kernels of the training, of which no public name shows the numbers.
from ideomotor_trajectory_network._layers import (
    ACTIVATIONS,
    dense,
    fitted_last,
    least_squares,
    principal_pair,
    run_layers,
    undo,
)
from ideomotor_trajectory_network._training import Compressed


@pytest.fixture(scope="module")
def examples(reaches):
    conditions = ConditionsNetwork(12, (120,), field=0.08, activation="tanh", output="linear")
    decoder = TrajectoryDecoder(12, (60,), activation="tanh", output="linear").scaled_to(
        reaches.states, reaches.commands
    )
    observed = ConditionsNetwork.observations(reaches.start, reaches.target, reaches.field)
    inputs = jax.vmap(conditions.inputs)(observed)
    return (
        conditions,
        decoder,
        observed,
        inputs,
        decoder.scaled(jnp.asarray(reaches.states), jnp.asarray(reaches.commands)),
    )


def _error(function, observed, numbers):
    codes = jax.vmap(function.perception)(observed)
    return float(jnp.sqrt(jnp.mean((jax.vmap(function.primitive.outputs)(codes.latent) - numbers) ** 2)))


def test_the_linear_baseline_is_principal_components_and_a_linear_fit(examples):
    conditions, decoder, observed, inputs, numbers = examples
    function = linear_function(conditions, decoder, inputs, numbers)
    x, y = np.asarray(inputs, float), np.asarray(numbers, float)
    _, _, axes = np.linalg.svd(y - y.mean(0), full_matrices=False)
    ones = np.concatenate([x, np.ones((len(x), 1))], 1)
    fit = ones @ np.linalg.lstsq(ones, (y - y.mean(0)) @ axes[:5].T, rcond=None)[0] @ axes[:5] + y.mean(0)
    codes = jax.vmap(function.perception)(observed)
    np.testing.assert_allclose(jax.vmap(function.primitive.outputs)(codes.latent), fit, atol=1e-4)


def test_scores_keep_mean_squares_and_come_back(examples):
    _, decoder, _, _, numbers = examples
    small = Compressed.learn(numbers, 30)
    scores = small.compress(numbers)
    spread = jnp.mean((numbers - numbers.mean(0)) ** 2)
    np.testing.assert_allclose(jnp.mean(scores**2), spread, rtol=1e-3)
    latent = jnp.linspace(0, 1, 12)
    inner = small.inner(decoder)
    np.testing.assert_allclose(
        small.compress(small.outer(inner).outputs(latent)), inner.outputs(latent), atol=1e-4
    )


@pytest.mark.parametrize("inner", ["linear", "tanh", "sigmoid"])
def test_principal_pairs_give_back_their_inputs(inner):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 9)) + 0.3
    for width in (4, 9, 20):
        encoder, decoder = principal_pair(jnp.asarray(x), width, inner, "linear", jax.random.key(0))
        features = jax.vmap(lambda v: run_layers((encoder,), v, inner, inner))(jnp.asarray(x, jnp.float32))  # noqa: B023
        again = jax.vmap(decoder)(features)
        assert np.sqrt(np.mean((again - x) ** 2)) < (1e-3 if inner == "linear" else 0.03) * x.std()


def test_least_squares_and_inverses():
    rng = np.random.default_rng(0)
    features, weight, bias = rng.normal(size=(50, 4)), rng.normal(size=(3, 4)), rng.normal(size=3)
    found = least_squares(features, features @ weight.T + bias)
    # Where the features explain all, the score is flat to rounding below a ridge of about 1e-6.
    np.testing.assert_allclose(found[0], weight, atol=1e-5)
    np.testing.assert_allclose(found[1], bias, atol=1e-5)
    for name in ("sigmoid", "tanh", "linear"):
        values = np.linspace(0.1, 0.9, 5)
        np.testing.assert_allclose(ACTIVATIONS[name](undo(name, values)), values, atol=1e-6)
    x = jnp.asarray(rng.uniform(size=(200, 3)))
    layers = fitted_last(
        dense((3, 50, 2), jax.random.key(0)), "tanh", "linear", x, np.asarray(x[:, :2] * 0.5)
    )
    np.testing.assert_allclose(
        jax.vmap(lambda v: run_layers(layers, v, "tanh", "linear"))(x), x[:, :2] / 2, atol=1e-2
    )


def test_all_phases_learn_optimal_reaches(problem, reaches, examples):
    """150 reaches are few; the linear function is left far behind all the same, on the arm as well."""
    conditions, decoder, observed, inputs, numbers = examples
    seen = []
    trainer = Trainer(
        20,
        60,
        batch_size=None,
        callback=lambda *x: seen.append(x[0]),
        progress=False,
    )
    deep = trainer.function(conditions, decoder, inputs, numbers)
    flat = linear_function(conditions, decoder, inputs, numbers)
    assert list(dict.fromkeys(seen)) == ["layer 1", "layer 2", "autoencoder", "conditions", "function"]
    assert _error(deep, observed, numbers) < 0.3 * _error(flat, observed, numbers)
    ends = []
    for function in (deep, flat):
        us, _ = commands_and_states(function, observed, 101)
        moved = problem.play_all(reaches.start, np.asarray(us), reaches.field)
        ends.append(np.linalg.norm(moved.end - reaches.target, axis=1).mean())
    assert ends[0] < 0.3 * ends[1]


def test_the_papers_network_of_sigmoids_can_be_trained(examples):
    _, decoder, observed, inputs, numbers = examples
    conditions = ConditionsNetwork(5, (30,), field=0.08)
    decoder = TrajectoryDecoder(5, (20,), low=decoder.low, high=decoder.high)
    one, two = (
        Trainer(steps, steps, rate=5e-4, batch_size=None, progress=False).function(
            conditions, decoder, inputs, numbers
        )
        for steps in (0, 300)
    )
    assert _error(two, observed, numbers) < _error(one, observed, numbers)


def test_bad_data(examples):
    conditions, decoder, _, inputs, numbers = examples
    with pytest.raises(DataError, match=r"numbers\[3\] is not finite"):
        Trainer().function(conditions, decoder, inputs, numbers.at[3, 5].set(jnp.nan))
    with pytest.raises(DataError, match="as many conditions as movements"):
        Trainer().function(conditions, decoder, inputs[:5], numbers)
