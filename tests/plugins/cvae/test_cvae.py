"""The family of conditional models: densities against closed forms, and what training does to them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ideomotor
from ideomotor.errors import DataError
from ideomotor_cvae import CVAE, GaussianRegression, balanced_batches, negative_bound
from ideomotor_cvae._model import Gaussian  # what `components` returns; users get it from there

PRIORS = {
    "image": ideomotor.make("image-prior"),
    "recurrent": ideomotor.make("recurrent-prior"),
    "shared": ideomotor.make("shared-prior"),
}
GRASP = {"contacts": (3, 3), "normals": (3, 3)}


def small(prior="image", **kwargs):
    """A model of a three-number observation and a two-number output."""
    return CVAE(
        {"place": (2,)},
        (3,),
        PRIORS[prior],
        ideomotor.make("dense-tower", (16,)),
        latent=2,
        width=16,
        **kwargs,
    )


class Standard(eqx.Module):
    """A prior network that gives N(0, 1) for any observation."""

    def __call__(self, features, given=None):
        """The latents."""
        return Gaussian(jnp.zeros(2), jnp.zeros(2))


@pytest.fixture(scope="module")
def linear():
    """A CVAE whose generator is y = m + A z + noise and whose prior is N(0, 1): its density is known."""

    class Linear(eqx.Module):
        matrix: jax.Array
        centre: jax.Array

        def predict(self, features):
            return self.centre

        def __call__(self, features, prediction, latent):
            return Gaussian(prediction + self.matrix @ latent, jnp.full(2, -0.5))

    class Wide(eqx.Module):
        def __call__(self, features, given=None):
            return Gaussian(0.3 * given, jnp.full(2, 0.2))

    matrix, centre = jnp.array([[1.0, 0.4], [-0.3, 0.8]]), jnp.array([0.5, -1.0])
    model = eqx.tree_at(
        lambda m: (m.generating, m.prior_network, m.recognition),
        small(),
        (Linear(matrix, centre), Standard(), Wide()),
    )
    covariance = np.asarray(matrix @ matrix.T) + np.exp(-1.0) * np.eye(2)
    return model, np.asarray(centre), covariance


def exact(y, centre, covariance):
    """The log density of a normal distribution."""
    apart = y - centre
    inverse = np.linalg.inv(covariance)
    return -0.5 * (apart @ inverse @ apart + np.log(np.linalg.det(2 * np.pi * covariance)))


@pytest.mark.parametrize("proposal", ["recognition", "prior"])
def test_the_likelihood_against_its_closed_form(linear, proposal):
    model, centre, covariance = linear
    if proposal == "prior":  # the GSNN's estimate, eq. (5)
        model = eqx.tree_at(lambda m: m.recognition, model, Standard())
    encoded = model.encode(jnp.zeros(3))
    for y in np.array([[0.5, -1.0], [2.0, 0.5], [-1.0, -2.0]]):
        found = model.log_likelihood(encoded, jnp.asarray(y, jnp.float32), jax.random.key(1), 40_000)
        assert abs(float(found) - exact(y, centre, covariance)) < 0.03


def test_importance_sampling_needs_fewer_samples(linear):
    model, centre, _ = linear
    encoded, y = model.encode(jnp.zeros(3)), np.array([2.5, 1.5])
    keys = jax.random.split(jax.random.key(0), 200)

    def error(recognition):
        proposing = eqx.tree_at(lambda m: m.recognition, model, recognition)
        found = jax.vmap(lambda k: proposing.log_likelihood(encoded, jnp.asarray(y, jnp.float32), k, 100))(
            keys
        )
        return float(jnp.std(found))

    assert error(Posterior(*posterior(y, centre))) < 0.5 * error(Standard())


class Posterior(eqx.Module):
    """A recognition network that knows the answer, but for the correlation of the two numbers."""

    mean: jax.Array
    sigma: jax.Array

    def __call__(self, features, given=None):
        """The latents."""
        return Gaussian(self.mean, jnp.log(self.sigma))


def posterior(y, centre):
    """Mean and deviations of the latent given y, by Bayes' rule for normal distributions."""
    matrix = np.array([[1.0, 0.4], [-0.3, 0.8]])
    precision = np.eye(2) + matrix.T @ matrix * np.exp(1.0)
    mean = np.linalg.solve(precision, matrix.T @ (y - centre) * np.exp(1.0))
    return jnp.asarray(mean, jnp.float32), jnp.asarray(
        np.sqrt(np.diag(np.linalg.inv(precision))), jnp.float32
    )


def test_the_bound_lies_below_the_likelihood_and_touches_it_at_the_posterior(linear):
    model, centre, covariance = linear
    encoded, y = model.encode(jnp.zeros(3)), np.array([1.0, 0.0])
    keys = jax.random.split(jax.random.key(3), 20_000)

    def bound(model):
        return float(
            jnp.mean(jax.vmap(lambda k: model.bound(encoded, jnp.asarray(y, jnp.float32), k)[0])(keys))
        )

    knowing = eqx.tree_at(lambda m: m.recognition, model, Posterior(*posterior(y, centre)))
    best = exact(y, centre, covariance)
    assert bound(model) < best - 0.05
    assert best - 0.2 < bound(knowing) < best + 0.03


def test_divergence_against_sampling():
    one = Gaussian(jnp.array([0.3, -1.0]), jnp.array([-0.5, 0.4]))
    two = Gaussian(jnp.array([0.0, 0.5]), jnp.array([0.2, 0.1]))
    draws = jax.vmap(one.sample)(jax.random.split(jax.random.key(0), 200_000))
    sampled = jnp.mean(one.log_density(draws) - two.log_density(draws))
    np.testing.assert_allclose(one.divergence(two), sampled, rtol=0.02)
    np.testing.assert_allclose(one.divergence(one), 0.0, atol=1e-6)


def test_recognition_and_prior_of_the_gsnn_are_one():
    model = small("shared")
    encoded = model.encode(jnp.ones(3))
    _, parts = model.bound(encoded, jnp.ones(2), jax.random.key(0))
    assert model.prior_network is None
    np.testing.assert_allclose(parts["divergence"], 0.0, atol=1e-6)


def test_the_recurrent_prior_depends_on_the_guess_and_passes_gradients_to_it():
    def prior_mean(model):
        return jnp.sum(model.encode(jnp.ones(3)).prior.mean)

    for name, wanted in (("recurrent", True), ("image", False)):
        grad = eqx.filter_grad(prior_mean)(small(name))
        felt = sum(float(jnp.sum(jnp.abs(g))) for g in jax.tree.leaves(grad.generating))
        assert (felt > 0) == wanted


def two_ways(n, seed=0):
    """Whatever is seen, the place is at +x or −x, each half of the time: a regression can only answer zero."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 3)).astype(np.float32)
    sign = random.choice([-1.0, 1.0], size=(n, 1))
    place = sign * (1.0 + 0.1 * x[:, :2]) + 0.02 * random.normal(size=(n, 2))
    return {"observations": x, "params": {"place": place.astype(np.float32)}}


@pytest.fixture(scope="module")
def trained():
    data, held = two_ways(2000), two_ways(300, seed=1)
    rate = optax.adam(5e-3)
    made = {}
    for name, model in {"cvae": small(generator=(32,)), "cnn": regression()}.items():
        model = model.with_scaling(data["params"], data["observations"])
        made[name] = ideomotor.train(
            model, negative_bound, data, rate, steps=600, batch_size=100, progress=False
        )
    return made, held


def regression():
    """The same without a latent."""
    return GaussianRegression(
        {"place": (2,)}, (3,), ideomotor.make("dense-tower", (16,)), width=16, fit_spread=True
    )


def score(model, held):
    """The mean negative log-likelihood of held-out data (nats, scaled outputs)."""

    @jax.jit
    def one(x, place, key):
        output = model.scaling.to_output({"place": place})
        return model.log_likelihood(model.encode(x), output, key, 100)

    keys = jax.random.split(jax.random.key(0), len(held["observations"]))
    return -float(jnp.mean(jax.vmap(one)(held["observations"], held["params"]["place"], keys)))


def test_a_latent_captures_two_ways_where_a_regression_averages_them(trained):
    models, held = trained
    assert score(models["cvae"], held) < score(models["cnn"], held) - 1.0
    x = jnp.asarray(held["observations"][0])
    keys = jax.random.split(jax.random.key(5), 200)
    places = jax.vmap(lambda k: models["cvae"](x, key=k)["place"])(keys)
    away = np.abs(np.abs(places[:, 0]) - 1.0 - 0.1 * held["observations"][0, 0])
    assert np.median(away) < 0.15
    assert 0.2 < np.mean(places[:, 0] > 0) < 0.8  # both ways
    assert np.mean(np.abs(places[:, 0]) > 0.5) > 0.7  # seldom between them
    assert abs(float(models["cnn"](x)["place"][0])) < 0.4


def test_the_most_likely_grasp_is_on_one_of_the_ways(trained):
    models, held = trained
    best = models["cvae"].most_likely(jnp.asarray(held["observations"][0]), jax.random.key(0))["place"]
    assert abs(abs(float(best[0])) - 1.0) < 0.25


def test_mode_of_a_mixture_has_no_slope_and_is_the_highest_component():
    mixture = Gaussian(
        jnp.array([[0.0, 0.0], [0.2, 0.1], [5.0, 5.0]]),
        jnp.log(jnp.array([[0.5, 0.5], [0.4, 0.6], [1.0, 1.0]])),
    )
    found = mixture.mode(steps=200)
    slope = jax.grad(lambda y: jax.nn.logsumexp(mixture.log_density(y[None])))(found)
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)
    assert jnp.all(jnp.abs(found) < 0.3)


def test_a_primitive_is_conditioned_on_an_observation():
    primitive = ideomotor.make("dmp")
    model = CVAE(
        primitive,
        (8, 8, 1),
        tower=ideomotor.make("network-in-network", (4,), (3,), (1,), 4, 8),
        latent=2,
        width=8,
    )
    pipeline = ideomotor.Pipeline(model, primitive)
    movement = pipeline(jnp.zeros((8, 8, 1)), jnp.linspace(0.0, 1.0, 5), key=jax.random.key(0))
    assert movement.ys.shape == (5, 2)


def test_the_papers_network_has_the_papers_size():
    model = CVAE(GRASP, (64, 64, 5))
    numbers = sum(x.size for x in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
    assert 430_000 < numbers < 460_000  # 440,520 without weight normalisation's own numbers
    params = eqx.filter_eval_shape(model, jnp.zeros((64, 64, 5)))
    assert params["contacts"].shape == (3, 3) and params["normals"].shape == (3, 3)


@pytest.mark.parametrize(("stride", "cells"), [(1, 1), (2, 2)])
def test_the_tower_against_the_same_network_in_pytorch(stride, cells):
    torch = pytest.importorskip("torch")
    recipe = ideomotor.make("network-in-network", (4, 6), (5, 3), (1,), 8, 7, stride, cells)
    network, width = recipe.make((16, 8, 3), jax.random.key(0))
    picture = np.random.default_rng(0).normal(size=(16, 8, 3)).astype(np.float32)

    def weights(layer):
        v = np.asarray(layer.layer.weight)
        norm = np.sqrt(np.sum(v**2, axis=tuple(range(1, v.ndim)), keepdims=True))
        return torch.tensor(v * np.asarray(layer.g) / norm), torch.tensor(np.array(layer.layer.bias)).ravel()

    act = torch.nn.functional.leaky_relu
    conv = torch.nn.functional.conv2d
    x = torch.tensor(picture).permute(2, 0, 1)[None]
    x = torch.nn.functional.max_pool2d(act(conv(x, *weights(network.layers[0]), stride, 2), 0.2), 2)
    x = act(conv(x, *weights(network.layers[1]), padding=1), 0.2)
    x = torch.nn.functional.adaptive_avg_pool2d(act(conv(x, *weights(network.mix)), 0.2), cells).flatten(1)
    x = act(torch.nn.functional.linear(x, *weights(network.dense.layers[0])), 0.2)
    assert width == 7
    np.testing.assert_allclose(eqx.filter_jit(network)(jnp.asarray(picture)), x[0].numpy(), atol=2e-6)


def test_batches_show_every_class_equally_often():
    labels = np.array([0] * 90 + [1] * 9 + [2])
    batches = balanced_batches({"x": np.arange(100)}, labels, 300)
    drawn = labels[batches(jax.random.key(0), 0)["x"]]
    assert np.all(np.abs(np.bincount(drawn) - 100) < 40)
    again = batches(jax.random.key(0), 0)["x"]
    np.testing.assert_array_equal(labels[again], drawn)


def test_save_and_load_give_the_same_samples(tmp_path):
    model = small("recurrent")
    ideomotor.save(model, tmp_path / "model")
    loaded = ideomotor.load(tmp_path / "model")
    for key in (None, jax.random.key(4)):
        np.testing.assert_array_equal(
            model(jnp.ones(3), key=key)["place"], loaded(jnp.ones(3), key=key)["place"]
        )


def test_bad_input_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match=r"output must be a primitive or name arrays.*'contacts'"):
        CVAE([3, 3])
    with pytest.raises(ValueError, match=r"must be \(height, width, channels\), not \(3,\)"):
        CVAE(GRASP, (3,))
    with pytest.raises(ValueError, match="cannot be halved 2 times"):
        CVAE(GRASP, (3, 3, 1))
    with pytest.raises(ValueError, match="4 pixels wide after pooling, fewer than 5 cells"):
        CVAE(
            GRASP,
            (16, 16, 1),
            tower=ideomotor.make("network-in-network", (4,), (3,), (1,), stride=2, cells=5),
        )
    with pytest.raises(ValueError, match="kernels must be odd"):
        ideomotor.make("network-in-network", (4,), (2,), ())
    with pytest.raises(DataError, match="99 labels for"):
        balanced_batches(np.zeros((100, 2)), np.zeros(99), 10)
    with pytest.raises(DataError, match="at least two observations"):
        small().with_scaling({"place": np.zeros((2, 2))}, np.zeros((1, 3)))
