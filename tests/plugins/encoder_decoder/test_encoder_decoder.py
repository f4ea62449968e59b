import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ideomotor
from ideomotor_encoder_decoder import EncoderDecoder, distance_loss, parameter_loss, trajectory_loss


def small(primitive, key=None, **options):
    return EncoderDecoder(
        primitive, (8, 8), ideomotor.make("fully-connected", (12,)), 5, (7,), key=key, **options
    )


def test_the_paper_s_network_is_the_default(dmp):
    model = EncoderDecoder(dmp)
    widths = [layer.out_features for layer in model.layers]
    assert widths == [1500, 1300, 1000, 600, 200, 20, 35, 55]
    assert model.layers[0].in_features == 1600
    assert model.activation == "tanh"
    for layer in model.layers:
        limit = np.sqrt(6 / (layer.in_features + layer.out_features))
        most = float(jnp.abs(layer.weight).max())
        assert 0.9 * limit < most <= limit
        assert not layer.bias.any()


def test_forward_pass_against_numpy(swing):
    model = small(swing, jax.random.key(1))
    image = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    x = image.ravel()
    for layer in model.layers[:-1]:
        x = np.tanh(np.asarray(layer.weight) @ x + np.asarray(layer.bias))
    x = np.asarray(model.layers[-1].weight) @ x + np.asarray(model.layers[-1].bias)
    params = model(jnp.asarray(image))
    np.testing.assert_allclose(params.centre, x[:2], atol=1e-5)
    np.testing.assert_allclose(params.reach, 1 + x[2:4], atol=1e-5)
    np.testing.assert_allclose(params.period, np.exp(x[4]), rtol=1e-5)


@pytest.mark.parametrize("shape", [(40, 40), (17, 23)])
def test_convolutions_of_any_image_shape(swing, shape):
    model = EncoderDecoder(
        swing, shape, ideomotor.make("convolutional", (4, 6), (5, 3), (2, 2), (10,)), 3, (), "relu"
    )
    params = model(model.default_observation())
    assert params.centre.shape == (2,) and params.period > 0
    assert model.encode(model.default_observation()).shape == (3,)


def test_positive_parameters_stay_positive(dmp):
    model = small(dmp, jax.random.key(2))
    loud = eqx.tree_at(lambda m: m.layers[-1].bias, model, jnp.full(55, -30.0))
    assert float(loud(jnp.ones((8, 8))).tau) > 0
    assert np.all(np.asarray(loud(jnp.ones((8, 8))).goal) < 0)


def test_the_config_and_the_weights_come_back(swing, tmp_path, dmp):
    model = EncoderDecoder(
        dmp,
        (12, 12),
        ideomotor.make("convolutional", (3,), (3,), (2,), ()),
        4,
        (6,),
        "relu",
        key=jax.random.key(5),
    )
    ideomotor.save(model, tmp_path / "saved")
    again = ideomotor.load(tmp_path / "saved", kind="perception")
    image = jax.random.uniform(jax.random.key(0), (12, 12))
    for one, other in zip(jax.tree.leaves(model(image)), jax.tree.leaves(again(image)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_key_decides_on_the_weights(swing):
    one, same, other = (small(swing, jax.random.key(k)) for k in (1, 1, 2))
    assert eqx.tree_equal(one, same)
    assert not np.array_equal(one.layers[0].weight, other.layers[0].weight)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"activation": "tan"}, "activation must be one of"),
        ({"image_shape": (0, 4)}, "image_shape"),
        ({"latent": 0}, "latent must be at least 1"),
    ],
)
def test_wrong_arguments_are_named(swing, arguments, words):
    with pytest.raises(ValueError, match=words):
        EncoderDecoder(swing, **{"image_shape": (4, 4), **arguments})


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: ideomotor.make("fully-connected", ()), "widths must be whole numbers"),
        (
            lambda: ideomotor.make("convolutional", (4, 4), (3,), (2, 2)),
            "must have one number for each convolution",
        ),
        (lambda: ideomotor.make("convolutional", (4,), (4,), (2,)), "must be odd"),
    ],
)
def test_wrong_encoders_are_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def _batch(model, primitive, swings):
    images = jax.random.uniform(jax.random.key(3), (40, 8, 8))
    ts = jnp.linspace(0, 1.5, 21)
    return {
        "images": images,
        "params": swings,
        "ts": ts,
        "paths": jax.vmap(lambda p: primitive.trajectory(p, ts))(swings),
    }


@pytest.mark.parametrize("per", ["leaf", "number"])
def test_parameter_loss_against_numpy(swing, swings, per):
    model = small(swing, jax.random.key(1)).with_scaling(swings, per=per)
    batch = _batch(model, swing, swings)
    truth = np.concatenate([swings.centre, swings.reach, np.log(swings.period)[:, None]], 1).astype(float)
    if per == "number":
        middle, spread = truth.mean(0), truth.std(0)
    else:
        leaves = [truth[:, :2], truth[:, 2:4], truth[:, 4:]]
        middle = np.concatenate([np.full(x.shape[1], (x.max() + x.min()) / 2) for x in leaves])
        spread = np.concatenate([np.full(x.shape[1], (x.max() - x.min()) / 2) for x in leaves])
    out = np.asarray(jax.vmap(lambda i: model.outputs(model.encode(i)))(batch["images"]), float)
    expected = np.mean(0.5 * np.sum((out - (truth - middle) / spread) ** 2, 1))
    value, _ = parameter_loss(model, batch)
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_trajectory_losses_against_numpy(swing, swings):
    model = small(swing, jax.random.key(1)).with_scaling(swings)
    batch = _batch(model, swing, swings)
    total, far = 0.0, 0.0
    for image, path in zip(batch["images"], np.asarray(batch["paths"], float), strict=True):
        p = jax.tree.map(lambda x: np.asarray(x, float), model(image))
        ts = np.asarray(batch["ts"], float)
        drawn = p.centre + p.reach * np.sin(2 * np.pi * ts[:, None] / p.period)
        squared = ((drawn - path) ** 2).sum(1)
        total += squared.sum() / (2 * len(ts)) / len(batch["paths"])
        far += np.sqrt(squared + 0.01).mean() / len(batch["paths"])
    value, metrics = trajectory_loss(model, batch)
    np.testing.assert_allclose(value, total, rtol=1e-4)
    np.testing.assert_allclose(metrics["distance"], far, rtol=1e-2)
    np.testing.assert_allclose(distance_loss(model, batch)[0], far, rtol=1e-4)
    every = {**batch, "ts": jnp.broadcast_to(batch["ts"], (40, 21))}
    np.testing.assert_allclose(trajectory_loss(model, every)[0], value, rtol=1e-5)


def test_only_the_network_learns(swing, swings):
    model = small(swing, jax.random.key(1)).with_scaling(swings)
    gradient = eqx.filter_grad(lambda m: trajectory_loss(m, _batch(m, swing, swings))[0])(model)
    assert all(bool(jnp.any(layer.weight)) for layer in gradient.layers)
    assert not np.any(gradient.scaling.offset) and not np.any(gradient.scaling.scale)


def test_training_with_ideomotor_train(swing, swings):
    model = small(swing, jax.random.key(1)).with_scaling(swings)
    batch = _batch(model, swing, swings)
    data = {k: batch[k] for k in ("images", "params")}
    trained = ideomotor.train(
        model,
        parameter_loss,
        data,
        optax.adam(1e-2),
        steps=200,
        batch_size=40,
        where=lambda m: m.layers,
        progress=False,
    )
    assert parameter_loss(trained, batch)[0] < 0.2 * parameter_loss(model, batch)[0]
    np.testing.assert_array_equal(trained.scaling.scale, model.scaling.scale)


def test_gradient_from_the_movement_back_to_the_image(dmp):
    with jax.enable_x64(True):
        model = small(ideomotor.make("dmp", dof=2, basis=25), jax.random.key(7))
        ts = jnp.linspace(0, 1.0, 11)

        @jax.jit
        def drawn(image):
            return jnp.sum(jnp.sin(model.primitive.trajectory(model(image), ts)))

        image = jax.random.uniform(jax.random.key(1), (8, 8), jnp.float64)
        slope = jax.jit(jax.grad(drawn))(image)
        h = 1e-6
        for row, col in [(0, 0), (3, 5), (7, 7)]:
            bump = jnp.zeros((8, 8)).at[row, col].set(h)
            numeric = (drawn(image + bump) - drawn(image - bump)) / (2 * h)
            np.testing.assert_allclose(slope[row, col], numeric, rtol=1e-6, atol=1e-9)


def test_learns_for_a_dmp_what_the_scaling_promises(dmp):
    rng = np.random.default_rng(0)
    many = jax.tree.map(
        lambda x: jnp.asarray(rng.normal(2, 1, (30, *x.shape)), jnp.float32), dmp.default_params()
    )
    many = eqx.tree_at(lambda p: p.tau, many, jnp.full(30, 3.0))
    model = small(dmp).with_scaling(many)
    back = jax.vmap(model.scaling.to_output)(many)
    weights = np.asarray(back)[:, :50]
    np.testing.assert_allclose([weights.min(), weights.max()], [-1, 1], atol=1e-5)
    assert len(np.unique(np.asarray(model.scaling.scale)[:50])) == 1
    assert not np.any(np.asarray(back)[:, -1])  # τ never varied, so it is not varied
    again = jax.vmap(lambda u: model.scaling.to_params(u, dmp.default_params()))(back)
    for one, other in zip(jax.tree.leaves(many), jax.tree.leaves(again), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_scaling_refuses_what_teaches_nothing(swing, swings):
    model = small(swing)
    with pytest.raises(ideomotor.errors.DataError, match="at least two"):
        model.with_scaling(jax.tree.map(lambda x: x[:1], swings))
    with pytest.raises(ideomotor.errors.DataError, match="positive quantity"):
        model.with_scaling(eqx.tree_at(lambda p: p.period, swings, -swings.period))
    with pytest.raises(ValueError, match="per must be"):
        model.with_scaling(swings, per="image")


def test_a_movement_that_begins_at_time_zero_is_learnt():
    """A ProDMP's time may be zero, where it begins by default and after `fit`; it was taken for strictly positive."""
    prodmp = ideomotor.make("prodmp")
    ts = np.linspace(0, 1, 50)
    goals = np.random.default_rng(0).normal(size=(8, 2))
    paths = goals[:, None] * (10 * ts**3 - 15 * ts**4 + 6 * ts**5)[:, None]
    params = jax.vmap(lambda ys: prodmp.fit(ideomotor.Trajectory(ts, ys)))(jnp.asarray(paths, jnp.float32))
    images = np.random.default_rng(1).random((8, 8, 8)).astype(np.float32)
    batch = {"images": images, "params": params}
    model = small(prodmp, jax.random.key(0))
    assert np.isfinite(parameter_loss(model, batch)[0])
    model = model.with_scaling(params)
    before = float(parameter_loss(model, batch)[0])
    trained = ideomotor.train(model, parameter_loss, batch, optax.adam(1e-2), steps=200, progress=False)
    after = float(parameter_loss(trained, batch)[0])
    assert after < 0.1 * before
    made = jax.vmap(trained)(images)
    np.testing.assert_array_equal(made.time, 0.0)
    played = jax.vmap(lambda p: prodmp.trajectory(p, jnp.asarray(ts, jnp.float32)))(made)
    assert np.abs(played[:, -1] - goals).max() < 0.3
