from importlib.resources import files
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

import ideomotor
from ideomotor_encoder_decoder import (
    EncoderDecoder,
    Refined,
    _train_digits,
    ink_distances,
    read_image,
    warped_distance,
)
from ideomotor_encoder_decoder.digits import varied_digits

BUNDLED = Path(str(files("ideomotor_encoder_decoder")))


@pytest.fixture(scope="module")
def reader():
    return ideomotor.make("digit-reader")


def draw(perception, images, ts):
    primitive = perception.primitive
    play = eqx.filter_jit(lambda image: primitive.trajectory(perception(image), ts))
    return np.stack([np.asarray(play(jnp.asarray(image, jnp.float32))) for image in images])


def test_generated_digits_that_training_has_not_seen(reader):
    """Bounds about a third above what was measured when the checkpoint was made."""
    digits = varied_digits(120, seed=31_337, samples=101)
    images = digits.images / 255
    paths = draw(reader, images, jnp.asarray(digits.ts))
    pairs = list(zip(paths, digits.paths, strict=True))
    assert np.mean([np.linalg.norm(path - truth, axis=-1).mean() for path, truth in pairs]) < 1.2
    assert np.mean([warped_distance(*pair) for pair in pairs]) < 0.8
    finer = draw(Refined(reader), images, jnp.asarray(digits.ts))
    before, after = (
        np.mean([ink_distances(p, i)[0] for p, i in zip(some, images, strict=True)])
        for some in (paths, finer)
    )
    assert after < before


def test_real_handwriting(reader, shared_data):
    """MNIST's threes and fives, never seen in training; their pen paths are computed from the images."""
    data = np.load(shared_data / "mnist35_train.npz")
    chosen = np.arange(0, len(data["images"]), 120)
    read = [read_image(data["images"][i]) for i in chosen]
    paths = draw(reader, [r.image for r in read], jnp.linspace(0, 3, 100))
    truth = data["traj"][chosen].astype(float)
    ours = [r.to_original(p) for r, p in zip(read, paths, strict=True)]
    warped = [warped_distance(a, b) for a, b in zip(ours, truth, strict=True)]
    assert np.median(warped) < 0.75 and np.mean(warped) < 0.9  # px of the 28-px image


def test_letters_do_not_look_like_digits(reader):
    """Strokes of a W, an M, an A and a K, beside generated digits."""
    letters = [
        [(60, 60), (80, 160), (100, 90), (120, 160), (140, 60)],
        [(55, 160), (70, 60), (100, 130), (130, 60), (145, 160)],
        [(60, 160), (100, 60), (140, 160), (125, 120), (75, 120)],
        [(70, 60), (70, 160), (70, 110), (130, 60), (70, 110), (130, 160)],
    ]
    seen = [read_image(_stroke(points)) for points in letters]
    ts = jnp.linspace(0, 3, 151)
    paths = draw(reader, [one.image for one in seen], ts)
    doubts = [one.misfit(path) for one, path in zip(seen, paths, strict=True)]
    assert min(doubts) > 0.5
    digits = varied_digits(100, seed=77, clean=True).images / 255
    sure = [
        seen[0]._replace(image=image).misfit(path)
        for path, image in zip(draw(reader, digits, ts), digits, strict=True)
    ]
    assert np.mean(np.array(sure) > 0.5) <= 0.05


def _stroke(points):
    picture = Image.new("L", (200, 220), 255)
    ImageDraw.Draw(picture).line(points, fill=0, width=9, joint="curve")
    return np.asarray(picture)


def test_the_bundled_pictures_are_drawn_along_their_ink(reader):
    refined = Refined(reader)
    paths = sorted((BUNDLED / "examples").glob("*.[jp][pn]g"))
    assert len(paths) == 6 and sum(path.stat().st_size for path in paths) < 300_000
    images = [read_image(path).image for path in paths]
    drawn = draw(refined, images, jnp.linspace(0, 3, 151))
    for path, image, line in zip(paths, images, drawn, strict=True):
        to_path, to_ink = ink_distances(line, image)
        thick = path.stem == "marker-eight"
        assert to_path < (2.0 if thick else 1.0) and to_ink < 0.3, (path.name, to_path, to_ink)


def test_the_checkpoint_is_small():
    folder = BUNDLED / "checkpoints" / "digits"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000


def test_a_pipeline_from_yaml(tmp_path, reader):
    (tmp_path / "draw.yaml").write_text(
        "perception: {load: 'ideomotor_encoder_decoder:checkpoints/digits'}\nprimitive: {use: dmp, dof: 2, basis: 25}\n"
    )
    pipeline = ideomotor.load_pipeline(tmp_path / "draw.yaml")
    image = varied_digits(1, seed=4).images[0].astype(np.float32) / 255
    movement = pipeline(jnp.asarray(image), jnp.linspace(0, 3, 50))
    assert movement.ys.shape == (50, 2)
    np.testing.assert_allclose(movement.ys, draw(reader, [image], jnp.linspace(0, 3, 50))[0], atol=1e-3)


def test_the_path_answers_to_the_image(reader):
    """The gradient of the movement with respect to the image is what finite differences say."""
    image = jnp.asarray(varied_digits(1, seed=4).images[0], jnp.float32) / 255
    ts = jnp.linspace(0, 3, 30)

    @jax.jit
    def length(image):
        return jnp.sum(jnp.diff(reader.primitive.trajectory(reader(image), ts), axis=0) ** 2)

    slope = jax.grad(length)(image)
    along = slope / jnp.linalg.norm(slope)
    numeric = (length(image + 0.01 * along) - length(image - 0.01 * along)) / 0.02
    np.testing.assert_allclose(jnp.vdot(slope, along), numeric, rtol=0.05)


def test_refining_nothing_changes_nothing(reader):
    image = jnp.asarray(varied_digits(1, seed=5).images[0], jnp.float32) / 255
    one, other = reader(image), Refined(reader, steps=0)(image)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b)


def test_refining_finds_a_shifted_digit(reader):
    digits = varied_digits(1, seed=6, digits=[3], clean=True, samples=101)
    image = jnp.asarray(digits.images[0], jnp.float32) / 255
    params = reader.primitive.fit(
        ideomotor.Trajectory(jnp.asarray(digits.ts), jnp.asarray(digits.paths[0]) + 2.0)
    )

    class Fixed(ideomotor.AbstractPerception):
        def default_observation(self):
            return jnp.zeros((40, 40))

        def __call__(self, observation, *, key=None):
            return params

    refined = Refined(Fixed(), reader.primitive)
    path = reader.primitive.trajectory(refined(image), jnp.asarray(digits.ts))
    assert np.linalg.norm(path - digits.paths[0], axis=-1).mean() < 0.8  # it began 2.83 px away
    assert refined(image).tau == params.tau


def test_refining_another_primitive(swing):
    model = EncoderDecoder(swing, (8, 8), ideomotor.make("fully-connected", (5,)), 3, ())
    found = Refined(model, steps=2)(jnp.ones((8, 8)))
    assert found.period == model(jnp.ones((8, 8))).period
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(found))
    blank = Refined(model, steps=2)(jnp.zeros((8, 8)))
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(blank))
    with pytest.raises(ValueError, match="steps must be at least 0"):
        Refined(model, steps=-1)


def test_measures_of_paths():
    u = np.linspace(0, 1, 200)
    line, slow = np.stack([10 * u, 0 * u], -1), np.stack([10 * u**2, 0 * u], -1)
    assert warped_distance(slow, line + [0, 3]) == pytest.approx(3, abs=1e-2)
    assert warped_distance(line, line[::-1]) > 1
    image = np.zeros((9, 14))
    image[4, 2:13] = 1
    to_path, to_ink = ink_distances(line + [2, 6], image)
    assert to_path == pytest.approx(2, abs=0.05) and to_ink == pytest.approx(1.5, abs=0.05)


def test_the_training_command(tmp_path, monkeypatch):
    monkeypatch.setitem(_train_digits.PRESETS, "tiny", _train_digits.Preset(1, 256, 1, (4, 4, 4), 8))
    monkeypatch.setattr(_train_digits, "measure", lambda model: {"distance": 0.0})
    outcome = CliRunner().invoke(
        _train_digits.command, ["--preset", "tiny", "--out", str(tmp_path / "made")], catch_exceptions=False
    )
    assert outcome.exit_code == 0 and "steps" in outcome.output
    made = ideomotor.load(tmp_path / "made")
    assert made(jnp.zeros((40, 40))).weights.shape == (2, 25)


def test_a_killed_training_goes_on_to_the_same_reader(tmp_path, monkeypatch):
    monkeypatch.setitem(_train_digits.PRESETS, "tiny", _train_digits.Preset(2, 256, 1, (4, 4, 4), 8))
    whole, about = _train_digits.train_digits("tiny", 3, progress=False)
    assert about == {"steps": 4, "digits": 512}
    pools = []

    def stop(pool, reader):
        pools.append(pool)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train_digits.train_digits("tiny", 3, progress=False, callback=stop, run=tmp_path / "run")
    again, _ = _train_digits.train_digits("tiny", 3, progress=False, run=tmp_path / "run", resume=True)
    assert pools == [0]
    for one, other in zip(jax.tree.leaves(whole.layers), jax.tree.leaves(again.layers), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_average_follows_the_weights():
    """Against the recursion in NumPy."""
    optimiser = _train_digits._averaging(optax.sgd(0.5), 0.9)
    weights = {"now": jnp.asarray(2.0), "average": jnp.asarray(2.0)}
    state, now, average = optimiser.init(weights), 2.0, 2.0
    for count in range(12):
        moves, state = optimiser.update({"now": weights["now"], "average": jnp.asarray(0.0)}, state, weights)
        weights = optax.apply_updates(weights, moves)
        now -= 0.5 * now
        keep = min(0.9, (1 + count) / (10 + count))
        average = keep * average + (1 - keep) * now
        np.testing.assert_allclose([weights["now"], weights["average"]], [now, average], rtol=1e-5)
