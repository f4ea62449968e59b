"""Strokes, the images made of them, and demonstrations as training data."""

import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_encoder_decoder.digits import varied_digits
from ideomotor_widgets._recordings import Recording, save_recordings
from ideomotor_widgets._strokes import Square, demonstration, even, ink_of, inside, rasterise, strokes_of

LINE = np.stack([np.linspace(0, 100, 11), np.full(11, 50.0), np.linspace(0, 1, 11)], -1)


def test_ink_and_strokes_are_each_other_s_reverse():
    back = strokes_of(ink_of([LINE, LINE[:3] + 7]))
    assert [len(s) for s in back] == [11, 3]
    np.testing.assert_allclose(back[1], LINE[:3] + 7, atol=1e-5)
    assert strokes_of(b"") == [] and ink_of([]) == b""


@pytest.mark.parametrize(
    "ink, message", [(b"12345", "5 bytes"), (np.float32([1, np.inf, 0]).tobytes(), "not finite")]
)
def test_ink_that_is_none_is_refused(ink, message):
    with pytest.raises(DataError, match=message):
        strokes_of(ink)


def test_an_image_has_the_distance_to_the_line_in_it():
    """A horizontal line through the middle: each pixel by hand."""
    square = Square([LINE], 40, 28.0)
    image = rasterise([LINE], square, width=3.0)
    rows = np.abs(np.arange(40) - 19.5)
    np.testing.assert_allclose(image[:, 20], np.clip(0.5 + 1.5 - rows, 0, 1), atol=1e-6)
    ink = np.flatnonzero(image.max(0) > 0.5)
    assert abs(len(ink) - (28 - 2.4 + 3)) <= 1  # the length of the line, and half its width at each end


def test_lines_are_drawn_as_in_the_training_data():
    """The reader's own renderer, an independent piece of code, drew the same paths, each with a pen of its own width."""
    digits = varied_digits(6, seed=1, clean=True)
    for image, path in zip(digits.images, digits.paths, strict=True):
        stroke = np.column_stack([path, np.arange(len(path))])
        square = Square([stroke], 40, 28.0)
        square.scale, square.offset = 1.0, np.zeros(2)
        ours = [
            rasterise([stroke], square, width=w).ravel() for w in (1.6, 2.0, 2.4, 2.8, 3.2, 3.6, 4.0, 4.6)
        ]
        assert max(np.corrcoef(mine, image.ravel())[0, 1] for mine in ours) > 0.9


def test_points_go_into_the_image_and_back():
    square = Square([LINE], 40, 28.0)
    np.testing.assert_allclose(square.to_canvas(square.to_image(LINE[:, :2])), LINE[:, :2], atol=1e-9)
    corners = square.to_image(LINE[[0, -1], :2])
    np.testing.assert_allclose(corners.mean(0), 19.5)
    assert np.ptp(corners[:, 0]) == pytest.approx(28 - 2.4)


def test_a_single_point_is_no_movement():
    for stroke in (LINE[:1], np.repeat(LINE[:1], 5, 0), LINE[:5] * [0, 0, 1]):
        with pytest.raises(DataError, match="single point is no movement"):
            demonstration([stroke])


def test_an_hour_of_scribbling_stays_small_and_keeps_its_shape():
    n = 60 * 3600  # an hour at 60 events a second
    t = np.arange(n) / 60.0
    stroke = np.stack([200 + 150 * np.cos(t / 300), 200 + 150 * np.sin(t / 300), t], -1)
    ts, path = demonstration([stroke])
    assert len(ts) <= 4000 and ts[0] == 0 and ts[-1] == pytest.approx(3600, abs=0.1)
    np.testing.assert_allclose(np.linalg.norm(path - 200, axis=-1), 150, rtol=1e-3)
    image = rasterise([stroke], Square([stroke], 40, 28.0))
    assert 0 < image.mean() < 0.5


def test_times_that_stand_still_or_go_back_are_dropped():
    stroke = LINE.copy()
    stroke[3, 2] = stroke[2, 2]
    stroke[6, 2] = 0.0
    ts, path = demonstration([stroke])
    assert np.all(np.diff(ts) > 0) and len(ts) == len(path) == 9


def test_what_lies_outside_is_brought_to_the_edge():
    kept, outside = inside([LINE * [3, 1, 1]], [0, 200, 0, 200])
    assert outside and kept[0][:, 0].max() == 200
    assert not inside([LINE], [0, 200, 0, 200])[1]


def test_demonstrations_are_saved_as_the_digit_data_are(tmp_path):
    recordings = [Recording([LINE * [1, 0.2, 1] + [0, 5, 0]], 1), Recording([LINE, LINE + [0, 30, 1.5]], 7)]
    with np.load(save_recordings(recordings, tmp_path / "mine.npz", size=40, box=28.0)) as file:
        data = dict(file)
    theirs = varied_digits(2, seed=0)
    for name in ("images", "paths", "labels", "ts"):
        mine, other = data[name], getattr(theirs, name)
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape), name
    np.testing.assert_array_equal(data["labels"], [1, 7])
    np.testing.assert_allclose(data["durations"], [1.0, 2.5], atol=1e-5)
    np.testing.assert_allclose(np.ptp(data["paths"][0][:, 0]), 28 - 2.4, atol=1e-3)
    first, last = data["offsets"][1:]
    back = strokes_of(data["strokes"][first:last].tobytes())
    np.testing.assert_allclose(back[1], LINE + [0, 30, 1.5], atol=1e-5)
    # Ink lies under the path.
    path = data["paths"][1].round().astype(int)
    assert np.mean(data["images"][1][path[:, 1], path[:, 0]] > 100) > 0.6


def test_saving_loses_nothing(tmp_path):
    path = tmp_path / "mine.npz"
    with pytest.raises(DataError, match="no demonstration to save"):
        save_recordings([], path, size=40, box=28.0)
    path.write_text("precious")
    one = [Recording([LINE], 1)]
    with pytest.raises(DataError, match="exists; choose another name"):
        save_recordings(one, path, size=40, box=28.0)
    assert path.read_text() == "precious"
    with pytest.raises(DataError, match="no folder"):
        save_recordings(one, tmp_path / "no" / "mine.npz", size=40, box=28.0)
    with pytest.raises(DataError, match="must end in .npz"):
        save_recordings(one, tmp_path / "mine.png", size=40, box=28.0)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.npz"]


def test_even_steps_of_time():
    ts, path = even(np.array([0.0, 1.0, 3.0]), np.array([[0.0, 0], [1, 0], [3, 0]]), 7)
    np.testing.assert_allclose(path[:, 0], ts)
    assert len(ts) == 7
