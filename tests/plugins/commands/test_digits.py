"""From a picture of a digit to the arm that draws it."""

import csv

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

import ideomotor
from ideomotor.cli import command
from ideomotor.errors import AssemblyError, DataError
from ideomotor_commands import draw_digit
from ideomotor_commands._digits import standard_pipeline  # what `ideomotor run digits` runs
from ideomotor_encoder_decoder import example_pictures, read_image
from ideomotor_encoder_decoder.digits import varied_digits


@pytest.fixture(scope="module")
def pipeline():
    return standard_pipeline()


@pytest.mark.parametrize("path", example_pictures(), ids=lambda path: path.stem)
def test_bundled_pictures_are_drawn_on_their_ink(path, pipeline):
    drawing = draw_digit(path, pipeline)
    from_hand, from_ink = drawing.misses
    assert from_hand < 0.3  # px of 40: the hand hardly leaves the line
    assert from_ink < 2.0  # about a quarter of the line's width at best
    assert drawing.lag * float(drawing.plant.pixel) < 5e-4  # m
    height, width = drawing.picture.shape
    assert np.all(drawing.path > -0.1 * max(height, width)) and np.all(
        drawing.path < 1.1 * max(height, width)
    )


def test_light_on_dark_gives_the_same_movement(pipeline):
    picture = read_image(example_pictures()[1]).picture
    plain, inverted = draw_digit(picture, pipeline), draw_digit(1 - picture, pipeline)
    assert np.abs(plain.wanted - inverted.wanted).mean() < 1.0


def test_the_movement_takes_as_long_as_asked(pipeline):
    path = example_pictures()[0]
    quick, slow = draw_digit(path, pipeline, duration=2.0), draw_digit(path, pipeline, duration=4.0)
    assert quick.ts[-1] == 2.0 and slow.ts[-1] == 4.0
    np.testing.assert_allclose(quick.wanted, slow.wanted, atol=1e-3)


def test_path_in_the_picture_is_the_path_on_the_sheet(pipeline):
    """An affine map without rotation leads from one to the other."""
    drawing = draw_digit(example_pictures()[2], pipeline)
    design = np.c_[drawing.wanted, np.ones(len(drawing.ts))]
    solution, *_ = np.linalg.lstsq(design, drawing.path, rcond=None)
    np.testing.assert_allclose(design @ solution, drawing.path, atol=1e-2)
    assert solution[0, 0] == pytest.approx(solution[1, 1], rel=1e-3)
    assert abs(solution[0, 1]) < 1e-3 * solution[0, 0]


def test_run_writes_what_it_says(tmp_path):
    out = tmp_path / "drawn"
    args = ["run", "digits", "--input", str(example_pictures()[0]), "--out", str(out)]
    result = CliRunner().invoke(command, args)
    assert result.exit_code == 0, result.output
    names = {path.name for path in out.iterdir()}
    assert names == {"figure.png", "movement.gif", "trajectory.csv", "trajectory.npz", "pipeline.yaml"}
    with Image.open(out / "movement.gif") as animation:
        assert animation.n_frames > 10
    rows = list(csv.reader((out / "trajectory.csv").read_text().splitlines()))
    assert len(rows) == 302 and rows[0][0] == "ts"
    with np.load(out / "trajectory.npz") as arrays:
        column = rows[0].index("ys.hand[1]")
        np.testing.assert_allclose([float(row[column]) for row in rows[1:]], arrays["ys.hand"][:, 1])
    again = ideomotor.load_pipeline(out / "pipeline.yaml")
    assert type(again.perception).__name__ == "Refined"
    # The folder stands: it is not written over unless asked for.
    refused = CliRunner().invoke(command, args)
    assert refused.exit_code != 0 and "not empty" in refused.output
    assert names == {path.name for path in out.iterdir()}


@pytest.mark.parametrize("bad", ["missing", "empty", "truncated", "blank", "text"])
def test_a_bad_picture_is_one_sentence_and_leaves_nothing(bad, tmp_path):
    source, out = tmp_path / "picture.png", tmp_path / "out"
    if bad == "empty":
        source.touch()
    elif bad == "truncated":
        data = example_pictures()[0].read_bytes()
        source.write_bytes(data[: len(data) // 2])
    elif bad == "blank":
        Image.new("L", (200, 200), 255).save(source)
    elif bad == "text":
        source.write_text("not a picture")
    result = CliRunner().invoke(command, ["run", "digits", "--input", str(source), "--out", str(out)])
    assert result.exit_code != 0
    assert result.output.startswith("Error: ") and "picture.png" in result.output
    assert "Traceback" not in result.output and result.output.strip().count("\n") == 0
    assert not [path for path in tmp_path.iterdir() if path != source]


def test_a_saved_array_is_a_picture(pipeline, tmp_path):
    picture = read_image(example_pictures()[1]).picture
    np.save(tmp_path / "two.npy", picture)
    np.testing.assert_array_equal(
        draw_digit(tmp_path / "two.npy", pipeline).wanted, draw_digit(picture, pipeline).wanted
    )
    (tmp_path / "bad.npy").write_bytes((tmp_path / "two.npy").read_bytes()[:200])
    with pytest.raises(DataError, match="bad.npy"):
        draw_digit(tmp_path / "bad.npy", pipeline)


def test_an_array_without_a_digit_is_refused(pipeline):
    with pytest.raises(DataError, match="blank"):
        draw_digit(np.zeros((60, 60)), pipeline)


def test_a_pipeline_without_an_arm_says_what_is_missing():
    bare = ideomotor.Pipeline(ideomotor.make("digit-reader"), ideomotor.make("dmp"))
    with pytest.raises(AssemblyError, match="plant"):
        draw_digit(example_pictures()[0], bare)


def test_gradient_from_the_movement_of_the_arm_back_to_the_pixels():
    """Image → parameters → trajectory → arm → loss, against central differences, compiled and batched."""
    with jax.enable_x64(True):
        reader = ideomotor.make(
            "encoder-decoder",
            ideomotor.make("dmp", dof=2, basis=6),
            image_shape=(6, 6),
            encoder=ideomotor.make("fully-connected", widths=(8,)),
            latent=4,
        )
        # Parameters of the size of a drawing: pixels from 10 to 30.
        examples = jax.vmap(
            lambda k: jax.tree.map(
                lambda leaf: 20 + 10 * jax.random.normal(k, leaf.shape), reader.primitive.default_params()
            )
        )(jax.random.split(jax.random.key(3), 16))
        examples = eqx.tree_at(lambda p: p.tau, examples, jnp.linspace(0.8, 1.2, 16))
        pipeline = ideomotor.Pipeline(
            reader.with_scaling(examples), reader.primitive, ideomotor.make("sheet")
        )
        ts = jnp.linspace(0.0, 1.0, 26)
        target = jnp.stack([20 + 5 * jnp.sin(3 * ts), 20 + 5 * jnp.cos(2 * ts)], axis=1)

        def loss(image):
            return jnp.mean((pipeline(image, ts).ys["hand"] - target) ** 2)

        images = jax.random.uniform(jax.random.key(1), (3, 6, 6))
        gradients = jax.jit(jax.vmap(jax.grad(loss)))(images)
        direction = jax.random.normal(jax.random.key(2), (6, 6))
        direction = direction / jnp.linalg.norm(direction)
        step = 1e-5
        for image, gradient in zip(images, gradients, strict=True):
            difference = (loss(image + step * direction) - loss(image - step * direction)) / (2 * step)
            assert abs(float(difference)) > 1e-6
            np.testing.assert_allclose(jnp.sum(gradient * direction), difference, rtol=1e-5)


def test_measure_reports_distances_on_pairs_of_images_and_paths(tmp_path, shared_data):
    with np.load(shared_data / "mnist35_train.npz") as data:
        few = {name: data[name][:8] for name in ("images", "traj")}
    np.savez(tmp_path / "few.npz", **few)
    result = CliRunner().invoke(command, ["measure", "digits", "--data", str(tmp_path / "few.npz")])
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.output.splitlines() if line.startswith(("reader", "refined"))]
    assert [row[0] for row in rows] == ["reader", "refined"]
    for at_once, warped, from_ink, to_ink in ([float(number) for number in row[1:]] for row in rows):
        assert 0.2 < warped < at_once < 3 and 0.2 < from_ink < 2 and 0 <= to_ink < 0.3


def test_measure_refuses_other_data(tmp_path):
    np.savez(tmp_path / "other.npz", pictures=np.zeros(3))
    result = CliRunner().invoke(command, ["measure", "digits", "--data", str(tmp_path / "other.npz")])
    assert result.exit_code == 1 and "images" in result.output and "Traceback" not in result.output


def test_digits_that_lie_or_are_tilted_are_doubted(pipeline):
    """Twos, threes, fours, fives and sevens, which are other digits neither on their side nor tilted by 45 degrees."""
    drawn = varied_digits(40, seed=3, clean=True)
    upright = [drawn.images[list(drawn.labels).index(digit)] for digit in (2, 3, 4, 5, 7)]

    def doubts(angle):
        turned = [Image.fromarray(np.kron(one, np.ones((6, 6), np.uint8))).rotate(angle) for one in upright]
        return np.array([draw_digit(np.asarray(one), pipeline).misfit for one in turned])

    assert np.sum(doubts(0) > 0.5) == 0
    assert np.sum(doubts(90) > 0.5) >= 4 and np.sum(doubts(45) > 0.5) >= 3


def test_all_digits_of_a_page_are_drawn_and_other_writing_is_counted(tmp_path):
    digits = varied_digits(2, seed=12, clean=True).images
    page = np.full((200, 500), 235, np.uint8)
    for i, digit in enumerate(digits):
        page[40:160, 30 + 150 * i : 150 + 150 * i] -= (0.8 * np.kron(digit, np.ones((3, 3)))).astype(np.uint8)
    picture = Image.fromarray(page)
    ImageDraw.Draw(picture).line([(350, 40), (380, 150), (410, 70), (440, 150), (470, 40)], fill=30, width=9)
    picture.save(tmp_path / "page.png")
    result = CliRunner().invoke(
        command, ["run", "digits", "--input", str(tmp_path / "page.png"), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    assert "page.png, 2: drawn" in result.output and "1 other pieces of writing" in result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "001",
        "002",
        "overview.png",
        "pipeline.yaml",
    ]
