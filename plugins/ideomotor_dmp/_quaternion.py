"""Unit quaternions (w, x, y, z), the last axis of an array."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def normalise(q: Float[Array, "*#batch 4"]) -> Float[Array, "*#batch 4"]:
    """The unit quaternion in the direction of `q`."""
    return q / jnp.linalg.norm(q, axis=-1, keepdims=True)


def conjugate(q: Float[Array, "*#batch 4"]) -> Float[Array, "*#batch 4"]:
    """The inverse rotation."""
    return q * jnp.asarray([1, -1, -1, -1], q.dtype)


def multiply(a: Float[Array, "*#batch 4"], b: Float[Array, "*#batch 4"]) -> Float[Array, "*#batch 4"]:
    """The Hamilton product: first `b`, then `a`."""
    aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    w = aw * bw - jnp.sum(av * bv, axis=-1, keepdims=True)
    return jnp.concatenate([w, aw * bv + bw * av + jnp.cross(av, bv)], axis=-1)


def rotation_vector(q: Float[Array, "*#batch 4"]) -> Float[Array, "*#batch 3"]:
    """2 log(q): axis times angle in [0, 2 pi); smooth but at q = -1."""
    w, v = q[..., :1], q[..., 1:]
    square = jnp.sum(v * v, axis=-1, keepdims=True)
    small = square < 1e-12
    n = jnp.sqrt(jnp.where(small, 1.0, square))
    # Near the identity 2 atan2(n, w) / n = 2 / w (1 - (n / w)^2 / 3 + ...).
    near = jnp.where(small, w, 1.0)
    near = jnp.where(jnp.abs(near) < 0.5, 1.0, near)
    return v * jnp.where(small, 2 / near * (1 - square / (3 * near**2)), 2 * jnp.arctan2(n, w) / n)


def from_rotation_vector(r: Float[Array, "*#batch 3"]) -> Float[Array, "*#batch 4"]:
    """The unit quaternion of a rotation by `|r|` rad about `r`."""
    square = jnp.sum(r * r, axis=-1, keepdims=True)
    small = square < 1e-12
    angle = jnp.sqrt(jnp.where(small, 1.0, square))
    sinc = jnp.where(small, 0.5 - square / 48, jnp.sin(angle / 2) / angle)
    cos = jnp.where(small, 1 - square / 8, jnp.cos(angle / 2))
    return jnp.concatenate([cos, sinc * r], axis=-1)


def towards(q: Float[Array, "*#batch 4"], reference: Float[Array, "*#batch 4"]) -> Float[Array, "*#batch 4"]:
    """`q` or `-q`, the same orientation, whichever is nearer to the reference."""
    dot = jnp.sum(q * reference, axis=-1, keepdims=True)
    return jnp.where(dot < 0, -q, q)


def continuous(qs: Float[Array, "time 4"]) -> Float[Array, "time 4"]:
    """The same orientations with signs that do not jump from one time to the next."""
    dots = jnp.sum(qs[1:] * qs[:-1], axis=-1)
    signs = jnp.cumprod(jnp.where(dots < 0, -1, 1))
    return jnp.concatenate([qs[:1], qs[1:] * signs[:, None].astype(qs.dtype)])
