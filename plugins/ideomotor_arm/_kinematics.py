"""Geometry of two links in a plane.

The shoulder is at the origin. `angle[0]` is the angle of the upper arm from the x-axis, `angle[1]` that of
the forearm from the upper arm; both counter-clockwise, in rad. All functions take any leading axes.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Vectors = Float[Array | np.ndarray, "*axes 2"]
Lengths = Float[Array | np.ndarray, "2"]

# The arm is kept this far (in the cosine of the elbow) from fully stretched or folded, where the inverse has
# no derivative: 1e-5 is an elbow of 0.26 degrees. It costs an arm of this size micrometres of reach at the
# outer border and hundredths of a millimetre at the inner one; the angle's derivative by the cosine stays
# below 300.
MARGIN = 1e-5


# The two components of a vector, as sums over all of it: the derivative of a slice is padding, which XLA does not
# vectorise, so that a batch of arms would take twice as long to differentiate.
FIRST, SECOND = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def components(vectors: Vectors) -> tuple[Float[Array, "*axes"], Float[Array, "*axes"]]:
    """The two components of vectors."""
    return jnp.sum(vectors * FIRST, -1), jnp.sum(vectors * SECOND, -1)


def joint_positions(lengths: Lengths, angle: Vectors) -> Float[Array, "*axes 3 2"]:
    """Shoulder, elbow and hand, in m."""
    total = jnp.cumsum(jnp.asarray(angle), axis=-1)
    links = lengths[:, None] * jnp.stack([jnp.cos(total), jnp.sin(total)], axis=-1)
    elbow = links[..., 0, :]
    return jnp.stack([jnp.zeros_like(elbow), elbow, elbow + links[..., 1, :]], axis=-2)


def jacobian(lengths: Lengths, angle: Vectors) -> Float[Array, "*axes 2 2"]:
    """Derivative of the hand's position by the joint angles, in m/rad."""
    total = angle[..., 0] + angle[..., 1]
    x2, y2 = lengths[1] * jnp.cos(total), lengths[1] * jnp.sin(total)
    x1, y1 = lengths[0] * jnp.cos(angle[..., 0]), lengths[0] * jnp.sin(angle[..., 0])
    return jnp.stack([jnp.stack([-y1 - y2, -y2], -1), jnp.stack([x1 + x2, x2], -1)], -2)


def reaching_angles(lengths: Lengths, hand: Vectors) -> Float[Array, "*axes 2"]:
    """Joint angles (elbow flexed, between 0 and π) that bring the hand to a point.

    A point out of reach gives the nearest point that is in reach, on the same ray from the shoulder; there
    the derivative along the ray is zero. The derivative is finite everywhere.
    """
    l1, l2 = lengths[0], lengths[1]
    x, y = hand[..., 0], hand[..., 1]
    squared = x * x + y * y
    cosine = jnp.clip((squared - l1 * l1 - l2 * l2) / (2 * l1 * l2), -1 + MARGIN, 1 - MARGIN)
    elbow = jnp.arccos(cosine)
    sine = jnp.sqrt(1 - cosine * cosine)
    # At the shoulder itself the direction is undefined: take the x-axis, with no derivative.
    inside = squared > jnp.finfo(squared.dtype).tiny
    direction = jnp.arctan2(jnp.where(inside, y, 0), jnp.where(inside, x, 1))
    shoulder = direction - jnp.arctan2(l2 * sine, l1 + l2 * cosine)
    return jnp.stack([shoulder, elbow], axis=-1)
