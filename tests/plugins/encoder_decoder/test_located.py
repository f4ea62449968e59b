"""Thinned lines, and the network that finds places in an image."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import ndimage

import ideomotor
from ideomotor import Trajectory, train
from ideomotor_encoder_decoder import Cascade, EncoderDecoder, trajectory_loss

# Kernels of the encoder, of which its features show no numbers.
from ideomotor_encoder_decoder._encoders import UNIT, _folded, _unfolded, core, lines, pieces, thinned
from ideomotor_encoder_decoder.digits import Augmentation, synthetic_digits
from ideomotor_encoder_decoder.digits._pairs import brightness_at

TS = jnp.linspace(0, 3, 61)


def blobs(count, size=20, seed=0):
    noise = np.random.default_rng(seed).standard_normal((count, size, size))
    return ndimage.gaussian_filter(noise, (0, 1.5, 1.5)) > 0.03


def zhang_and_suen(ink):
    """As their paper has it, pixel by pixel."""
    ink = np.pad(ink, 1).astype(int)
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            marked = []
            for r, c in np.argwhere(ink):
                p = [(r - 1, c), (r - 1, c + 1), (r, c + 1), (r + 1, c + 1)]
                p += [(r + 1, c), (r + 1, c - 1), (r, c - 1), (r - 1, c - 1)]
                p = [ink[at] for at in p]
                p2, p4, p6, p8 = p[::2]
                rises = sum(a == 0 and b == 1 for a, b in zip(p, p[1:] + p[:1], strict=True))
                edges = (p2 * p4 * p6, p4 * p6 * p8) if first else (p2 * p4 * p8, p2 * p6 * p8)
                if 2 <= sum(p) <= 6 and rises == 1 and edges == (0, 0):
                    marked.append((r, c))
            for at in marked:
                ink[at] = 0
            changed |= bool(marked)
    return ink[1:-1, 1:-1].astype(bool)


def test_thinning_is_zhang_and_suen_s():
    inks = np.concatenate([blobs(8), np.ones((1, 20, 20), bool), np.zeros((1, 20, 20), bool)])
    found = np.asarray(jax.vmap(thinned)(jnp.asarray(inks)))
    for ink, line in zip(inks, found, strict=True):
        np.testing.assert_array_equal(line, zhang_and_suen(ink))
    assert found[:8].sum() < 0.5 * inks[:8].sum()


def test_pieces_are_counted_as_scipy_does():
    inks = np.concatenate([blobs(12, seed=1), np.zeros((1, 20, 20), bool)])
    found = jax.vmap(pieces)(jnp.asarray(inks))
    np.testing.assert_array_equal(found, [ndimage.label(ink)[1] for ink in inks])


def test_the_core_holds_together_and_keeps_half():
    image = np.zeros((12, 30), np.float32)
    image[4:8, 2:28] = 1.0
    image[4:8, 14:16] = 0.5  # a dim bridge
    image[2:4, 2:28] = image[8:10, 2:28] = 0.3
    found = np.asarray(core(jnp.asarray(image)))
    # Above the bridge's 127/255 the ink falls apart, at 100/255 the dim rim is gone: half of all is left.
    np.testing.assert_array_equal(found, image >= 0.5)
    faint = image.copy()
    faint[4:8, 2:28] = 0.35
    faint[4:8, 4:9] = 1.0
    np.testing.assert_array_equal(
        core(jnp.asarray(faint)), faint >= 0.35
    )  # 5 of 26 columns are less than half
    assert not np.any(core(jnp.zeros((12, 30))))


def test_lines_are_those_of_the_brightest_pixels():
    image = np.zeros((16, 16), np.float32)
    image[3:10, 2:14] = 0.4
    image[5:8, 2:14] = 1.0
    seen = np.asarray(lines(jnp.asarray(image), (0.4, 1.0)))
    np.testing.assert_array_equal(seen[1].astype(bool), zhang_and_suen(image > 0.5))  # 36 of 84 pixels
    np.testing.assert_array_equal(seen[2].astype(bool), zhang_and_suen(image > 0))
    assert set(np.unique(seen)) == {0.0, 1.0}


def test_brightness_between_pixels_is_scipy_s():
    rng = np.random.default_rng(0)
    image, places = rng.random((3, 9, 12)), rng.uniform(-2, 13, (5, 7, 2))
    found = brightness_at(jnp.asarray(image, jnp.float32), jnp.asarray(places, jnp.float32))
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    for channel, plane in zip(found, padded, strict=True):
        wanted = ndimage.map_coordinates(plane, [places[..., 1] + 1, places[..., 0] + 1], order=1)
        np.testing.assert_allclose(channel, wanted, atol=1e-5)
    np.testing.assert_array_equal(
        brightness_at(jnp.asarray(image[1], jnp.float32), jnp.asarray(places, jnp.float32)), found[1]
    )


def test_channels_move_together():
    images = jnp.asarray(np.random.default_rng(1).random((2, 12, 12)), jnp.float32)
    path, key = jnp.ones((4, 2)), jax.random.key(3)
    both, moved = Augmentation()(images, path, key=key)
    for image, found in zip(images, both, strict=True):
        alone, same = Augmentation()(image, path, key=key)
        np.testing.assert_allclose(found, alone, atol=1e-6)
        np.testing.assert_array_equal(moved, same)


@pytest.fixture(scope="module")
def digits():
    return synthetic_digits(200, seed=5, digits=(3, 5), samples=61)


def fitted(primitive, digits):
    return jax.jit(jax.vmap(lambda ys: primitive.fit(Trajectory(TS, ys))))(jnp.asarray(digits.paths))


@pytest.fixture(scope="module")
def model(digits):
    primitive = ideomotor.make("dmp", dof=2, basis=12, duration=3.0)
    params = fitted(primitive, digits)
    encoder = ideomotor.make("located", 24, (8, 12), 16)
    made = EncoderDecoder(primitive, (40, 40), encoder, None, (), components=24, key=jax.random.key(2))
    return made.with_principal_movements(params, TS)


def test_the_last_layer_goes_through_the_knots(model, digits):
    """Knots on a movement of the DMP give that movement back."""
    play = jax.jit(jax.vmap(lambda params: model.primitive.trajectory(params, TS)))
    paths = np.asarray(play(fitted(model.primitive, digits)), float)
    way = np.concatenate([[0], np.cumsum(np.sqrt((np.diff(paths, axis=1) ** 2).sum(-1).mean(0)))])
    when = np.interp(np.linspace(0, way[-1], 24), way, np.arange(61))
    low = np.minimum(when.astype(int), 59)
    knots = paths[:, low] + (when - low)[:, None] * (paths[:, low + 1] - paths[:, low])
    latents = jnp.asarray((knots - 19.5).reshape(len(knots), -1) / UNIT, jnp.float32)
    found = play(jax.vmap(model.decode)(latents))
    assert np.linalg.norm(found - paths, axis=-1).mean() < 0.1  # px; the digits are 20 px high


def test_attention_is_a_mean_of_places(model):
    places = model.layers[0]
    flat = eqx.tree_at(lambda m: m.maps.weight, places, jnp.zeros_like(places.maps.weight))
    image = jax.random.uniform(jax.random.key(0), (1, 40, 40))
    np.testing.assert_allclose(flat(image), 0, atol=1e-5)  # all pixels alike: the middle
    assert np.abs(np.asarray(places(image))).max() < 19.5 / UNIT  # never outside


def test_folding_keeps_places():
    maps = jnp.arange(2 * 8 * 12.0).reshape(2, 8, 12)
    np.testing.assert_array_equal(_unfolded(_folded(maps)), maps)
    np.testing.assert_array_equal(_folded(maps)[:4, 0, 0], [0, 1, 12, 13])


def test_it_learns_where_paths_lie(model, digits):
    data = {"images": jnp.asarray(digits.images), "paths": jnp.asarray(digits.paths)}

    def loss(model, batch, key):
        return trajectory_loss(model, {**batch, "ts": TS}, key)

    options = {"steps": 80, "batch_size": 40, "where": lambda m: m.layers, "progress": False}
    better = train(model, loss, data, optax.adam(3e-3), **options)
    measure = jax.jit(lambda m: loss(m, data, None)[1]["distance"])
    assert measure(better) < 0.4 * measure(model)


def test_lines_are_seen_and_come_back_from_a_folder(digits, tmp_path):
    made = EncoderDecoder(
        None, (20, 20), ideomotor.make("located", 6, (4, 4), 5, (0.5, 0.9)), None, (), key=jax.random.key(1)
    )
    image = jnp.asarray(digits.images[0, 10:30, 10:30] / 255.0, jnp.float32)
    seen = made.encoder.preprocess(image)
    assert seen.shape == (4, 20, 20) and made.layers[0].enter.weight.shape[1] == 16
    np.testing.assert_array_equal(made.encode(image), made.encode(seen))
    ideomotor.save(made, tmp_path / "made")
    again = ideomotor.load(tmp_path / "made", kind="perception")
    np.testing.assert_array_equal(again(image).goal, made(image).goal)


def test_a_cascade_samples_the_lines_too(digits):
    encoder = ideomotor.make("located", 6, (4, 4), 5, (0.5,))
    made = EncoderDecoder(None, (40, 40), encoder, None, (), key=jax.random.key(1))
    cascade = Cascade(made, stages=1, points=5, offsets=(0.0, 1.0), widths=(4,))
    image = jnp.asarray(digits.images[0] / 255.0, jnp.float32)
    outputs = made.outputs(made.encode(image))
    looked = cascade._features(encoder.preprocess(image), outputs, cascade.perception.to_params(outputs))
    assert looked.shape == (3 * 11 * 2 + 10 + 55,) and cascade.layers[0][0].in_features == len(looked)
    np.testing.assert_array_equal(cascade(image).goal, cascade(encoder.preprocess(image)).goal)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: ideomotor.make("located", knots=0), "knots must be whole numbers"),
        (lambda: ideomotor.make("located", channels=(4,)), "channels must be two numbers"),
        (lambda: ideomotor.make("located", lines=(0.5, 1.2)), "lines must be shares of the ink"),
        (lambda: EncoderDecoder(None, (30, 30), ideomotor.make("located", 4, (2, 2), 2)), "multiples of 4"),
        (lambda: EncoderDecoder(latent=0), "latent must be at least 1, or None"),
    ],
)
def test_wrong_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()
