"""Principal movements, the cascade and the mixture."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ideomotor
from ideomotor import Trajectory, train
from ideomotor_encoder_decoder import (
    Cascade,
    EncoderDecoder,
    Mixture,
    distance_loss,
    parameter_loss,
    trajectory_loss,
)
from ideomotor_encoder_decoder.digits import Pairs, synthetic_digits

TS = jnp.linspace(0, 3, 61)


@pytest.fixture(scope="module")
def digits():
    made = synthetic_digits(300, seed=5, samples=61)
    return Pairs(made.images, made.paths, made.labels, np.arange(300))


@pytest.fixture(scope="module")
def primitive():
    return ideomotor.make("dmp", dof=2, basis=12, duration=3.0)


@pytest.fixture(scope="module")
def params(digits, primitive):
    return jax.jit(jax.vmap(lambda ys: primitive.fit(Trajectory(TS, ys))))(jnp.asarray(digits.paths))


@pytest.fixture(scope="module")
def model(primitive, params):
    made = EncoderDecoder(
        primitive,
        (40, 40),
        ideomotor.make("fully-connected", (48,)),
        24,
        (),
        "gelu",
        components=16,
        brightness=(0.08, 0.25),
    )
    return made.with_principal_movements(params, TS)


def paths_of(perception, images):
    play = eqx.filter_jit(jax.vmap(lambda image: perception.primitive.trajectory(perception(image), TS)))
    return np.asarray(play(jnp.asarray(images / 255.0, jnp.float32)))


def test_principal_movements_are_those_of_the_singular_value_decomposition(model, primitive, params):
    paths = np.asarray(jax.vmap(lambda p: primitive.trajectory(p, TS))(params), float).reshape(300, -1)
    mean = paths.mean(0)
    _, values, directions = np.linalg.svd(paths - mean, full_matrices=False)

    def move(outputs):
        params = model.scaling.to_params(model.mixing @ outputs, primitive.default_params())
        return primitive.trajectory(params, TS).ravel()

    np.testing.assert_allclose(move(jnp.zeros(16)), mean, atol=2e-3)
    slope = np.asarray(jax.jacfwd(move)(jnp.zeros(16)))
    sizes = values[:16] / np.sqrt(300)
    np.testing.assert_allclose(np.linalg.norm(slope, axis=0)[:8], sizes[:8], rtol=1e-2)
    for k in range(6):
        assert abs(slope[:, k] @ directions[k]) > 0.99 * sizes[k]


def test_components_and_brightness_are_checked(primitive):
    with pytest.raises(ValueError, match="components must be from 1 to 28"):
        EncoderDecoder(primitive, components=29)
    with pytest.raises(ValueError, match="positive deviation"):
        EncoderDecoder(primitive, brightness=(0.1, 0))
    plain = EncoderDecoder(primitive, (8, 8), ideomotor.make("fully-connected", (4,)))
    with pytest.raises(ValueError, match="requires a network with components"):
        plain.with_principal_movements(None, TS)


def test_whole_numbers_count_to_255(model, digits):
    batch = {"images": jnp.asarray(digits.images[:4]), "paths": jnp.asarray(digits.paths[:4]), "ts": TS}
    grey = {**batch, "images": batch["images"] / 255.0}
    np.testing.assert_allclose(trajectory_loss(model, batch)[0], trajectory_loss(model, grey)[0], rtol=1e-6)


def test_an_untrained_cascade_changes_nothing(model, digits):
    np.testing.assert_allclose(
        paths_of(Cascade(model, stages=2), digits.images[:5]), paths_of(model, digits.images[:5]), atol=1e-5
    )


def test_where_a_cascade_samples(model):
    """On a ramp of brightness, what is seen is the ramp at the places beside the path."""
    cascade = Cascade(model, stages=1, points=9, offsets=(-2.0, 0.0, 1.5))
    rows, cols = jnp.mgrid[:40, :40].astype(float)
    params = model.primitive.fit(
        Trajectory(TS, jnp.stack([10 + 18 * TS / 3, 20 + 0 * TS], -1))
    )  # to the right along row 20
    for ramp, expected in (
        (rows, 20 + np.tile(np.array([-2.0, 0, 1.5]), 15)),
        (
            cols,
            np.repeat(
                np.concatenate([10 - np.array([3, 2, 1]), np.linspace(10, 28, 9), 28 + np.array([1, 2, 3])]),
                3,
            ),
        ),
    ):
        seen = cascade._features(ramp / 40, jnp.zeros(16), params)[: 15 * 3]
        np.testing.assert_allclose(np.asarray(seen) * 40 / 2, expected, atol=0.15)


def test_a_cascade_learns_to_correct(model, digits, params):
    cascade = Cascade(model, stages=2, widths=(32,))
    images, paths = jnp.asarray(digits.images), jnp.asarray(digits.paths)

    def on_paths(model, batch, key):
        return distance_loss(model, {**batch, "ts": TS}, key)

    for loss, data in (
        (on_paths, {"images": images, "paths": paths}),
        (parameter_loss, {"images": images, "params": params}),
    ):
        better = train(
            cascade,
            loss,
            data,
            optax.adam(3e-3),
            steps=40,
            batch_size=64,
            where=lambda m: m.layers,
            progress=False,
        )
        before, after = (
            np.linalg.norm(paths_of(m, digits.images) - digits.paths, axis=-1).mean()
            for m in (cascade, better)
        )
        assert after < 0.75 * before
        np.testing.assert_array_equal(better.perception.layers[0].weight, model.layers[0].weight)


def test_mixtures_against_numpy(model, digits):
    mixture = Mixture(model, 3, spread=4.0, key=jax.random.key(1))
    images = jnp.asarray(digits.images[:6] / 255.0, jnp.float32)
    batch = {"images": images, "paths": jnp.asarray(digits.paths[:6]), "ts": TS}
    scores, many = jax.jit(jax.vmap(mixture.movements))(images)
    np.testing.assert_allclose(np.exp(scores).sum(1), 1, rtol=1e-5)
    play = jax.jit(jax.vmap(jax.vmap(lambda p: model.primitive.trajectory(p, TS))))
    paths = np.asarray(play(many), float)
    apart = np.linalg.norm(paths - digits.paths[:6, None], axis=-1)
    density = (np.exp(np.asarray(scores, float)) * np.exp(-(apart**2).mean(-1) / 32)).sum(1)
    value, metrics = eqx.filter_jit(Mixture.loss)(mixture, batch)
    np.testing.assert_allclose(value, -np.log(density).mean(), rtol=1e-3)
    np.testing.assert_allclose(metrics["nearest"], apart.mean(-1).min(1).mean(), rtol=1e-3)
    best = jax.tree.map(lambda leaf: np.asarray(leaf)[0, np.asarray(scores[0]).argmax()], many)
    np.testing.assert_allclose(mixture(images[0]).goal, best.goal, rtol=1e-5)


def test_a_mixture_draws_by_its_probabilities(model, digits):
    mixture = Mixture(model, 3, key=jax.random.key(1))
    image = jnp.asarray(digits.images[0] / 255.0, jnp.float32)
    scores, many = mixture.movements(image)
    drawn = jax.vmap(lambda key: mixture(image, key=key).goal[0])(jax.random.split(jax.random.key(0), 3000))
    for score, goal in zip(np.asarray(scores), np.asarray(many.goal)[:, 0], strict=True):
        assert np.isclose(drawn, goal, rtol=1e-6).mean() == pytest.approx(float(np.exp(score)), abs=0.04)


def test_a_mixture_learns_both_ways_of_drawing(model, digits):
    """The same images, drawn forwards or backwards: the mean is far from either, the mixture near to both."""
    images = jnp.asarray(np.concatenate([digits.images] * 2))
    paths = jnp.asarray(np.concatenate([digits.paths, digits.paths[:, ::-1]]))

    def both(loss):
        return lambda model, batch, key: loss(model, {**batch, "ts": TS}, key)

    options = {"steps": 80, "batch_size": 128, "progress": False}
    data = {"images": images, "paths": paths}
    mixture = train(
        Mixture(model, 2, spread=3.0, key=jax.random.key(2)),
        both(Mixture.loss),
        data,
        optax.adam(3e-3),
        where=lambda m: (m.perception.layers, m.heads),
        **options,
    )
    one = train(model, both(trajectory_loss), data, optax.adam(3e-3), where=lambda m: m.layers, **options)
    whole = {"images": images, "paths": paths, "ts": TS}
    _, found = jax.jit(Mixture.loss)(mixture, whole)
    _, single = jax.jit(trajectory_loss)(one, whole)
    assert found["nearest"] < 0.6 * single["distance"]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda m: Cascade(m, stages=-1), "stages must be at least 0"),
        (lambda m: Cascade(m, points=2), "points must be at least 3"),
        (lambda m: Mixture(m, 1), "count must be at least 2"),
        (lambda m: Mixture(m, 2, 0.0), "spread must be positive"),
    ],
)
def test_wrong_arguments(model, make, words):
    with pytest.raises(ValueError, match=words):
        make(model)


def test_all_of_them_come_back_from_a_folder(model, digits, tmp_path):
    image = jnp.asarray(digits.images[3] / 255.0, jnp.float32)
    see = eqx.filter_jit(lambda whole: whole(image))
    made = Cascade(model, stages=1, points=8, widths=(6,), key=jax.random.key(8))
    last = made.layers[0][-1]
    noise = 0.01 * jax.random.normal(jax.random.key(1), last.weight.shape)
    made = eqx.tree_at(lambda m: m.layers[0][-1].weight, made, noise)
    for i, whole in enumerate((made, Mixture(model, 2, 1.5, key=jax.random.key(3)))):
        ideomotor.save(whole, tmp_path / str(i))
        again = ideomotor.load(tmp_path / str(i), kind="perception")
        for one, other in zip(jax.tree.leaves(see(whole)), jax.tree.leaves(see(again)), strict=True):
            np.testing.assert_array_equal(one, other)
