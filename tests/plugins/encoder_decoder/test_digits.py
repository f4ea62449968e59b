import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.spatial.distance import cdist

from ideomotor_encoder_decoder.digits import synthetic_digits, varied_digits

# Kernels of the drawing, of which the digits show no numbers.
from ideomotor_encoder_decoder.digits._drawing import minimum_jerk, resample, signed_distance, smooth, spline
from ideomotor_encoder_decoder.digits._varied import BOX, SIZE

MAKERS = [synthetic_digits, varied_digits]


@pytest.mark.parametrize("make", MAKERS)
def test_same_seed_same_digits(make):
    one, same, other = make(30, seed=5), make(30, seed=5), make(30, seed=6)
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.images, other.images)


@pytest.mark.parametrize("make", MAKERS)
def test_shapes_classes_and_range(make):
    d = make(70, seed=1, digits=(2, 5, 8), samples=41)
    assert d.images.shape == (70, SIZE, SIZE) and d.images.dtype == np.uint8
    assert d.paths.shape == (70, 41, 2) and d.paths.dtype == np.float32 and d.ts[-1] == 3
    assert sorted(np.bincount(d.labels)[[2, 5, 8]]) == [23, 23, 24]
    assert np.all(np.isfinite(d.paths)) and d.paths.min() > -0.5 and d.paths.max() < SIZE - 0.5
    assert d.images.reshape(70, -1).max(1).min() > 150


@pytest.mark.parametrize(
    "make, options, reach", [(synthetic_digits, {"noise": 0}, 1.6), (varied_digits, {"clean": True}, 6.5)]
)
def test_image_and_path_fit_each_other(make, options, reach):
    """Every pixel of ink is near the path, and every point of the path lies on ink."""
    d = make(60, seed=2, samples=301, **options)
    for image, path in zip(d.images, d.paths, strict=True):
        ink = image > 127
        near = cdist(np.argwhere(ink)[:, ::-1], path).min(1)
        assert near.max() < reach
        depth = distance_transform_edt(~ink)
        on = np.round(path).astype(int)
        assert depth[on[:, 1], on[:, 0]].max() <= 1.5


def test_a_shifted_path_would_be_noticed():
    d = synthetic_digits(60, seed=2, noise=0)
    far = [
        cdist(np.argwhere(i > 127)[:, ::-1], p + 2).min(1).max()
        for i, p in zip(d.images, d.paths, strict=True)
    ]
    assert min(far) > 1.6


def test_without_the_affine_part_the_seven_has_the_sizes_of_the_paper():
    d = synthetic_digits(300, seed=3, digits=[7], rotation=0, translation=0, scale=0, shear=0)
    unit = SIZE / 7
    height = np.ptp(d.paths[..., 1], axis=1) / unit
    assert 3.7 <= height.min() < 3.75 and 4.25 < height.max() <= 4.3
    np.testing.assert_allclose(height.mean(), 4, atol=0.03)
    corner = d.paths[:, :, 0].max(1)
    np.testing.assert_allclose([corner.min(), corner.max()], 19.5 + unit * np.array([0.8, 1.2]), atol=0.1)


def test_the_affine_part_has_the_sizes_of_the_paper():
    plain = synthetic_digits(400, seed=4, digits=[0], rotation=0, translation=0, scale=0, shear=0)
    moved = synthetic_digits(400, seed=4, digits=[0], rotation=0, translation=3, scale=0, shear=0)
    shift = moved.paths.mean(1) - plain.paths.mean(1)
    assert 2.8 < np.abs(shift).max() < 3.01 and abs(shift.mean()) < 0.2
    turned = synthetic_digits(400, seed=4, digits=[7], rotation=8, translation=0, scale=0, shear=0)
    flat = (
        turned.paths[:, np.abs(turned.paths[0, :, 0] - turned.paths[0, :, 0].max()).argmin() // 2]
        - turned.paths[:, 0]
    )
    angle = np.rad2deg(np.arctan2(flat[:, 1], flat[:, 0]))
    assert 7.5 < np.abs(angle).max() < 8.05


def test_speed_is_minimum_jerk():
    """Checked against the polynomial's own derivative, 30u²(1−u)², on the digit of two straight lines."""
    d = synthetic_digits(20, seed=0, digits=[7], samples=301)
    steps = np.linalg.norm(np.diff(d.paths, axis=1), axis=-1)
    u = (np.arange(300) + 0.5) / 300
    share = steps / steps.sum(1, keepdims=True)
    kink = np.abs(share - 30 * u**2 * (1 - u) ** 2 / 300) > 2e-5
    assert kink.sum(1).max() <= 2  # only the step that cuts the corner
    assert minimum_jerk(5)[2] == 0.5


def test_noise_is_on_the_digit_only():
    clean, noisy = synthetic_digits(200, seed=8, noise=0), synthetic_digits(200, seed=8, noise=0.2)
    ink = clean.images > 127
    assert np.array_equal(clean.images[~ink], noisy.images[~ink])
    np.testing.assert_allclose((noisy.images[ink] == 0).mean(), 0.1, atol=0.01)


def test_varied_digits_fill_the_standard_box():
    d = varied_digits(300, seed=9, clean=True)
    ink = d.images > 127
    sides = [max(np.ptp(np.flatnonzero(i.any(0))), np.ptp(np.flatnonzero(i.any(1)))) + 1 for i in ink]
    np.testing.assert_allclose(np.mean(sides), BOX, atol=0.6)
    middle = (d.paths.min(1) + d.paths.max(1)) / 2
    np.testing.assert_allclose(middle.mean(0), (SIZE - 1) / 2, atol=0.15)


def test_varied_digits_start_in_one_place_for_each_digit():
    d = varied_digits(1000, seed=10)
    start = (d.paths[:, 0] - d.paths.min(1)) / np.ptp(d.paths, axis=1)
    end = (d.paths[:, -1] - d.paths.min(1)) / np.ptp(d.paths, axis=1)
    for digit in (0, 1, 2, 3, 4, 5, 6, 7, 8):
        assert np.median(start[d.labels == digit, 1]) < 0.35, digit  # at the top
    for digit in (2, 3, 7):
        assert np.median(start[d.labels == digit, 0]) < 0.4, digit  # at the left
    assert np.median(start[d.labels == 5, 0]) > 0.7
    for digit in (1, 2, 7, 9):
        assert np.median(end[d.labels == digit, 1]) > 0.8, digit  # at the foot


def test_distance_field_against_a_circle_and_a_line():
    angle = np.linspace(0, 2 * np.pi, 721)
    circle = np.stack([19.5 + 9 * np.cos(angle), 19.5 + 9 * np.sin(angle)], -1)[None]
    field = np.asarray(signed_distance(circle, np.full((1, 721), 1.5)))[0]
    rows, cols = np.mgrid[:40, :40]
    np.testing.assert_allclose(field, np.abs(np.hypot(rows - 19.5, cols - 19.5) - 9) - 1.5, atol=1e-3)
    line = np.array([[[5.0, 10.0], [30.0, 10.0]]])
    field = np.asarray(signed_distance(line, np.array([[1.0, 3.0]]), (40, 40)))[0]
    np.testing.assert_allclose(field[15, [5, 30]], [4.0, 2.0], atol=1e-5)


def test_curves():
    square = np.array([[[0, 0], [1, 0], [1, 1], [0, 1.0]]])
    kinked = spline(square, [False, True, True, False])
    np.testing.assert_allclose(np.abs(np.diff(kinked, axis=1)).min(-1), 0, atol=1e-12)  # only straight sides
    where = np.array([0, 1 / 3, 0.5, 1])
    np.testing.assert_allclose(resample(kinked, where)[0], [[0, 0], [1, 0], [1, 0.5], [0, 1]], atol=1e-2)
    ends = smooth(kinked, 2.0)[:, [0, -1]]
    np.testing.assert_allclose(ends, square[:, [0, -1]], atol=1e-12)
