"""Rotations: unit quaternions (w, x, y, z), rotation vectors (axis times angle, rad) and matrices, in the last axes.

Each function takes NumPy arrays or JAX arrays, with any leading axes that broadcast, and returns the same kind: nothing is
compiled for NumPy arrays, so that host code may call them in an inner loop. Gradients are finite and right everywhere
except where a rotation vector jumps: at a whole turn, or at half a turn where `shortest` is set.

    >>> import numpy as np
    >>> quarter = from_rotation_vector(np.array([0.0, 0.0, np.pi / 2]))
    >>> (to_matrix(quarter) @ np.array([1.0, 0.0, 0.0])).round(6)
    array([0., 1., 0.])
"""

from types import ModuleType
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_A = TypeVar("_A", Array, np.ndarray)
_SMALL = 1e-12  # of a square: below, a series replaces the quotient of two numbers that both vanish


def normalise(q: Float[_A, "*batch 4"]) -> Float[_A, "*batch 4"]:
    """The unit quaternion in the direction of `q`, which must not be zero."""
    return q / _namespace(q).linalg.norm(q, axis=-1, keepdims=True)


def conjugate(q: Float[_A, "*batch 4"]) -> Float[_A, "*batch 4"]:
    """The inverse rotation of unit quaternions `q`."""
    return q * _namespace(q).asarray([1, -1, -1, -1], q.dtype)


def multiply(a: Float[_A, "*#batch 4"], b: Float[_A, "*#batch 4"]) -> Float[_A, "*#batch 4"]:
    """Hamilton's product: the rotation `b` followed by the rotation `a`."""
    aw, ax, ay, az = (a[..., i] for i in range(4))
    bw, bx, by, bz = (b[..., i] for i in range(4))
    return _namespace(a, b).stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + bw * ax + ay * bz - az * by,
            aw * by + bw * ay + az * bx - ax * bz,
            aw * bz + bw * az + ax * by - ay * bx,
        ],
        axis=-1,
    )


def to_rotation_vector(q: Float[_A, "*batch 4"], *, shortest: bool = False) -> Float[_A, "*batch 3"]:
    """The rotation vector of a unit quaternion, 2 log(q).

    - `shortest`: `q` and `-q` are the same rotation, by at most half a turn. Otherwise the sign of `q` says which way
      round, and the angle is up to a whole turn; the direction is lost at exactly a whole turn, q = -1.
    """
    xp = _namespace(q)
    if shortest:
        q = xp.where(q[..., :1] < 0, -q, q)
    w, v = q[..., :1], q[..., 1:]
    square = xp.sum(v * v, axis=-1, keepdims=True)
    small = square < _SMALL
    n = xp.sqrt(xp.where(small, 1.0, square))
    # Near the identity 2 atan2(n, w) / n = 2 / w (1 - (n / w)^2 / 3 + ...).
    near = xp.where(small & (xp.abs(w) > 0.5), w, 1.0)
    return v * xp.where(small, 2 / near * (1 - square / (3 * near**2)), 2 * xp.arctan2(n, w) / n)


def from_rotation_vector(r: Float[_A, "*batch 3"]) -> Float[_A, "*batch 4"]:
    """The unit quaternion of a rotation by `|r|` rad about `r`."""
    xp = _namespace(r)
    square = xp.sum(r * r, axis=-1, keepdims=True)
    small = square < _SMALL
    angle = xp.sqrt(xp.where(small, 1.0, square))
    sine = xp.where(small, 0.5 - square / 48, xp.sin(angle / 2) / angle)
    cosine = xp.where(small, 1 - square / 8, xp.cos(angle / 2))
    return xp.concatenate([cosine, sine * r], axis=-1)


def to_matrix(q: Float[_A, "*batch 4"]) -> Float[_A, "*batch 3 3"]:
    """The rotation matrices of unit quaternions `q`."""
    w, x, y, z = (q[..., i] for i in range(4))
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    xp = _namespace(q)
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)


def from_matrix(m: Float[_A, "*batch 3 3"]) -> Float[_A, "*batch 4"]:
    """The unit quaternions of rotation matrices `m` (the sign is arbitrary), exact at any angle (Shepperd 1978)."""
    xp = _namespace(m)
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = ([m[..., i, j] for j in range(3)] for i in range(3))
    # The rows are 4 q_i q; the one of the largest component is divided by nothing small.
    rows = [
        [1 + xx + yy + zz, zy - yz, xz - zx, yx - xy],
        [zy - yz, 1 + xx - yy - zz, xy + yx, xz + zx],
        [xz - zx, xy + yx, 1 - xx + yy - zz, yz + zy],
        [yx - xy, xz + zx, yz + zy, 1 - xx - yy + zz],
    ]
    candidates = xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
    largest = xp.argmax(xp.stack([rows[i][i] for i in range(4)], axis=-1), axis=-1)
    return normalise(xp.take_along_axis(candidates, largest[..., None, None], axis=-2)[..., 0, :])


def nearest_sign(q: Float[_A, "*#batch 4"], reference: Float[_A, "*#batch 4"]) -> Float[_A, "*#batch 4"]:
    """`q` or `-q`, the same rotation, whichever is nearer to the reference."""
    xp = _namespace(q, reference)
    return xp.where(xp.sum(q * reference, axis=-1, keepdims=True) < 0, -q, q)


def continuous(qs: Float[_A, "time 4"]) -> Float[_A, "time 4"]:
    """The rotations `qs`, with signs that do not jump from one time to the next."""
    xp = _namespace(qs)
    signs = xp.cumprod(xp.where(xp.sum(qs[1:] * qs[:-1], axis=-1) < 0, -1, 1))
    return xp.concatenate([qs[:1], qs[1:] * signs[:, None].astype(qs.dtype)])


def unwrap(angles: Float[np.ndarray, "time *dof"], turn: float = 2 * np.pi) -> Float[np.ndarray, "time *dof"]:
    """Joint angles without the jumps of a recorder that keeps them within one turn; for NumPy arrays.

    A step is a jump where it is within one rad of whole turns: no joint moves by nearly a turn from one sample to the next.
    """
    steps = np.diff(angles, axis=0)
    turns = np.round(steps / turn)
    turns[np.abs(steps - turn * turns) > turn / (2 * np.pi)] = 0.0
    if not turns.any():
        return angles
    return angles - turn * np.concatenate([np.zeros_like(angles[:1]), np.cumsum(turns, axis=0)])


def slerp(
    start: Float[_A, "*#batch 4"],
    end: Float[_A, "*#batch 4"],
    share: Float[_A, "*#batch"],
) -> Float[_A, "*#batch 4"]:
    """Unit quaternions the given share of the shortest way from `start` to `end` (Shoemake 1985)."""
    left = to_rotation_vector(multiply(conjugate(start), end), shortest=True)
    return multiply(start, from_rotation_vector(share[..., None] * left))


def _namespace(*arrays: Any) -> ModuleType | Any:
    return jnp if any(isinstance(array, jax.Array) for array in arrays) else np
