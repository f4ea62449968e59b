"""Against SciPy's rotations, closed forms at the singular points, and finite differences of gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from ideomotor.common import rotations

AXIS = np.array([2.0, -1.0, 2.0]) / 3


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64():
        yield


@pytest.fixture(scope="module")
def turns() -> Rotation:
    """Random ones, and those about each axis by angles where a branch changes."""
    angles = [0.0, 1e-9, 1e-7, 1e-5, np.pi / 2, 2 * np.pi / 3, np.pi - 1e-7, np.pi]
    special = [a * np.asarray(axis) for a in angles for axis in (*np.eye(3), -np.eye(3)[1], AXIS)]
    return Rotation.concatenate(
        [Rotation.random(50, np.random.default_rng(0)), Rotation.from_rotvec(np.asarray(special))]
    )


def both(q) -> Any:
    """The same numbers for NumPy and for JAX."""
    return q, jnp.asarray(q)


def quaternions(turns: Rotation) -> np.ndarray:
    return turns.as_quat(scalar_first=True)


def same(q, other, tolerance=1e-15):
    """As rotations: up to the sign."""
    return np.abs(np.abs(np.sum(np.asarray(q) * np.asarray(other), -1)) - 1).max() < 10 * tolerance


def test_products_and_rotated_vectors(turns):
    back = turns[::-1]
    vectors = np.random.default_rng(0).normal(size=(len(turns), 3))
    for a, b, v in zip(both(quaternions(turns)), both(quaternions(back)), both(vectors), strict=True):
        np.testing.assert_allclose(
            np.einsum("nij,nj->ni", rotations.to_matrix(a), v), turns.apply(vectors), atol=1e-14
        )
        assert same(rotations.multiply(a, b), quaternions(turns * back))
        identity = rotations.multiply(a, rotations.conjugate(a))
        np.testing.assert_allclose(identity, np.tile([1.0, 0, 0, 0], (len(turns), 1)), atol=1e-15)


def test_rotation_vectors_and_matrices(turns):
    for q in both(quaternions(turns)):
        vectors = np.asarray(rotations.to_rotation_vector(q, shortest=True))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), turns.magnitude(), atol=1e-14)
        assert same(rotations.from_rotation_vector(jnp.asarray(vectors)), q)
        np.testing.assert_allclose(rotations.to_matrix(q), turns.as_matrix(), atol=1e-14)
    for m in both(turns.as_matrix()):
        assert same(rotations.from_matrix(m), quaternions(turns))


def test_numpy_stays_numpy_and_precision_is_kept():
    q = np.array([1.0, 0, 0, 0], np.float32)
    for result in (
        rotations.multiply(q, q),
        rotations.to_rotation_vector(q),
        rotations.from_rotation_vector(q[1:]),
        rotations.from_matrix(rotations.to_matrix(q)),
        rotations.slerp(q, q, np.full(1, 0.5, np.float32)),
    ):
        assert isinstance(result, np.ndarray) and result.dtype == np.float32
        assert np.all(np.isfinite(result))


def test_the_sign_says_which_way_round_and_shortest_does_not():
    q = -np.asarray(rotations.from_rotation_vector(0.5 * AXIS))
    np.testing.assert_allclose(rotations.to_rotation_vector(q), (0.5 - 2 * np.pi) * AXIS, atol=1e-14)
    np.testing.assert_allclose(rotations.to_rotation_vector(q, shortest=True), 0.5 * AXIS, atol=1e-14)


def test_signs_that_do_not_jump():
    way = np.linspace(0, 3 * np.pi, 60)[:, None] * AXIS
    smooth = rotations.from_rotation_vector(way)
    jumping = smooth * np.where(np.random.default_rng(1).uniform(size=(60, 1)) < 0.5, -1, 1)
    for q in both(jumping):
        np.testing.assert_allclose(
            rotations.continuous(q) * np.sign(jumping[0] @ smooth[0]), smooth, atol=1e-15
        )
        np.testing.assert_allclose(rotations.nearest_sign(q, smooth), smooth, atol=1e-15)


def test_slerp_is_scipys():
    ends = Rotation.random(2, np.random.default_rng(3))
    share = np.linspace(0, 1, 11)
    start, end = quaternions(ends)
    for s in both(share):
        assert same(rotations.slerp(start, -end, s), quaternions(Slerp([0.0, 1.0], ends)(share)), 1e-14)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-3, 1.0, np.pi - 1e-6, np.pi])
def test_gradients_at_and_beside_the_singular_points(angle):
    """d exp(r) and d log(exp(r)) against central differences, and log(exp(r)) = r as far as its gradient."""
    r, step = angle * AXIS, 1e-6

    def differences(function, x):
        return np.stack([(function(x + e) - function(x - e)) / (2 * step) for e in step * np.eye(len(x))], -1)

    found = jax.jacobian(rotations.from_rotation_vector)(jnp.asarray(r))
    np.testing.assert_allclose(found, differences(rotations.from_rotation_vector, r), atol=1e-9)
    back = jax.jacobian(lambda r: rotations.to_rotation_vector(rotations.from_rotation_vector(r)))(
        jnp.asarray(r)
    )
    np.testing.assert_allclose(back, np.eye(3), atol=1e-9)
    again = jax.jacobian(lambda r: rotations.to_matrix(rotations.from_rotation_vector(r)))(jnp.asarray(r))
    by_scipy = differences(lambda r: Rotation.from_rotvec(r).as_matrix(), r)
    np.testing.assert_allclose(again, by_scipy, atol=1e-8)


@pytest.mark.parametrize("q", [[1.0, 0, 0, 0], [-1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0.6, 0.8]])
@pytest.mark.parametrize("shortest", [False, True])
def test_gradients_are_finite_where_the_vector_jumps(q, shortest):
    slope = jax.jacobian(lambda q: rotations.to_rotation_vector(q, shortest=shortest))(jnp.asarray(q))
    assert np.all(np.isfinite(slope))


@pytest.mark.parametrize("axis", [*np.eye(3), AXIS])
def test_gradient_of_a_quaternion_from_a_matrix_at_half_a_turn(axis):
    def there_and_back(r):
        return rotations.from_matrix(rotations.to_matrix(rotations.from_rotation_vector(r)))

    r = jnp.asarray(np.pi * axis)
    direct = rotations.from_rotation_vector(r)
    sign = np.sign(np.asarray(there_and_back(r)) @ np.asarray(direct))
    np.testing.assert_allclose(
        jax.jacobian(there_and_back)(r), sign * jax.jacobian(rotations.from_rotation_vector)(r), atol=1e-12
    )
