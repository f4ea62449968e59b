import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ideomotor_arm import Servo, Sheet, TwoLinkArm


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 39), st.floats(0, 39), st.floats(-3, 3))
def test_pixels_come_back(column, row, rotation):
    sheet = Sheet(rotation=rotation)
    pixels = np.array([column, row], np.float32)
    np.testing.assert_allclose(sheet.to_pixels(sheet.to_metres(pixels)), pixels, atol=1e-3)


def test_columns_go_right_and_rows_down():
    sheet = Sheet(pixel=0.01, origin=(0.1, 0.2))
    points = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(sheet.to_metres(points), [[0.1, 0.2], [0.13, 0.2], [0.1, 0.18]], atol=1e-7)
    # A quarter of a turn to the left: columns go up, rows to the right.
    sheet = Sheet(pixel=0.01, origin=(0.1, 0.2), rotation=np.pi / 2)
    np.testing.assert_allclose(sheet.to_metres(points), [[0.1, 0.2], [0.1, 0.23], [0.12, 0.2]], atol=1e-7)


def test_all_of_the_default_sheet_is_in_reach():
    sheet = Sheet()
    corners = np.array([[0, 0], [0, 39], [39, 0], [39, 39]], float)
    distances = np.linalg.norm(sheet.to_metres(corners), axis=-1)
    assert np.all((distances > 0.25) & (distances < 0.57))
    middle = sheet.observe(sheet.default_state())["hand"]
    np.testing.assert_allclose(middle, [20, 20], atol=0.3)
    np.testing.assert_allclose(sheet.default_command(), middle, atol=1e-4)


@pytest.mark.parametrize("rotation", [0.0, 0.4])
def test_draws_where_the_picture_is(play, drawing, rotation):
    ts, pixels = drawing
    sheet = Sheet(rotation=rotation, origin=(-0.12, 0.5))
    start = sheet.at(pixels[0])
    np.testing.assert_allclose(sheet.observe(start)["hand"], pixels[0], atol=1e-3)
    np.testing.assert_array_equal(sheet.observe(start)["hand_velocity"], 0)
    seen = play(pixels, ts, plant=sheet, x0=start).ys
    assert np.abs(seen["hand"] - pixels).max() < 0.05  # 0.25 mm
    # The hand's velocity is the derivative of its position, in pixels too.
    slope = np.gradient(np.asarray(seen["hand"]), ts, axis=0)
    np.testing.assert_allclose(seen["hand_velocity"][1:-1], slope[1:-1], atol=2.0)
    assert np.abs(slope).max() > 30


def test_what_it_cannot_wrap():
    with pytest.raises(ValueError, match="pixel must be greater than 0"):
        Sheet(pixel=0.0)
    for plant in (TwoLinkArm(), Servo(space="joint")):
        with pytest.raises(ValueError, match="Sheet wraps a plant whose command is a position of the hand"):
            Sheet(plant)
