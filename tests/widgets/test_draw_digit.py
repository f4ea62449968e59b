import io

import numpy as np
import pytest
from PIL import Image

import ideomotor
from ideomotor.errors import DataError
from ideomotor_encoder_decoder.digits import varied_digits
from ideomotor_widgets import DrawDigit
from ideomotor_widgets._strokes import ink_of


@pytest.fixture(scope="module")
def digit():
    # Without the refining second look, which takes long to compile.
    parts = [ideomotor.make(name) for name in ("digit-reader", "dmp", "sheet")]
    digit = DrawDigit(ideomotor.Pipeline(*parts[:2], plant=parts[2]), duration=2.0)
    digit.ready()
    return digit


@pytest.fixture(scope="module")
def stroke():
    """A three as written by hand, in px of the canvas, with times."""
    digits = varied_digits(1, seed=3, digits=(3,), clean=True)
    return np.column_stack([9.0 * digits.paths[0] + 20, digits.ts])


def test_a_drawn_digit_is_read_and_drawn_by_the_arm(digit, stroke, send):
    send(digit.canvas, ink=np.frombuffer(ink_of([stroke]), np.float32))
    assert not digit.error
    path = digit._square.to_canvas(digit.wanted)
    away = np.linalg.norm(path[:, None] - stroke[None, :, :2], axis=-1).min(1)
    assert np.mean(away) < 9, "on average within a pixel of the reader's image"
    hand = np.asarray(digit.movement.ys["hand"])  # in px of the sheet, as `wanted`
    assert np.linalg.norm(hand - digit.wanted, axis=-1).mean() < 1
    assert digit.canvas.layers and digit.arm.layers and digit.arm.playing and float(digit.params.tau) == 2.0
    with Image.open(io.BytesIO(digit.seen.value)) as seen:
        np.testing.assert_array_equal(np.asarray(seen) < 128, digit.image > 0.5)


def test_clearing_takes_the_movement_away(digit, stroke, send):
    digit.draw([stroke])
    send(digit.canvas, ink=np.zeros(0, np.float32))
    assert digit.movement is None and not digit.canvas.layers and not digit.arm.layers and not digit.error


def test_a_stroke_of_one_point(digit, send):
    send(digit.canvas, ink=np.frombuffer(ink_of([np.array([[10.0, 10, 0]])]), np.float32))
    assert "single point is no movement" in digit.notice.error
    digit.clear()
    assert not digit.error


def test_a_stroke_that_leaves_the_canvas(digit, stroke):
    digit.draw([stroke * [1.6, 1, 1]])
    assert not digit.error and "outside of the canvas" in digit.notice.status
    assert np.isfinite(digit.wanted).all()


def test_a_stroke_of_an_hour(digit, stroke):
    n = 60 * 3600
    slow = np.stack(
        [np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(stroke)), c) for c in stroke[:, :2].T], -1
    )
    digit.draw([np.column_stack([slow, np.linspace(0, 3600, n)])])
    assert not digit.error and len(digit.movement.ts) == 201


def test_demonstrations_are_kept_and_saved(digit, stroke, tmp_path):
    digit.recordings.clear()
    digit.draw([stroke])
    digit.keep(3)
    assert digit.canvas.ink == b"" and "1 demonstrations" in digit.notice.status
    digit.draw([stroke, stroke + [0, 0, 4.0]])
    digit.keep(3)
    path = digit.save(tmp_path / "digits.npz")
    with np.load(path) as data:
        assert data["images"].shape == (2, 40, 40) and list(data["labels"]) == [3, 3]
        np.testing.assert_allclose(data["durations"], [3.0, 7.0], atol=1e-3)
    digit.save(path)  # its own file is written again
    with pytest.raises(DataError, match="Nothing is drawn"):
        digit.keep(3)


def test_a_pipeline_without_an_image_is_refused():
    digit = DrawDigit(ideomotor.Pipeline(None, ideomotor.make("dmp")))
    digit.ready()
    assert "square image" in digit.error
    with pytest.raises(ValueError, match="positive number of seconds"):
        DrawDigit(duration=-1.0)
