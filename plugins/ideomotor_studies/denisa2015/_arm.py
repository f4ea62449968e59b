"""The KUKA LWR4+ of the study: an arm on a pedestal with a hand that holds an object, and its kinematics in closed form."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Array, Float

from ideomotor_movement_database import ShelfScene

PEDESTAL = 0.2  # m, the base above the floor
HAND = 0.20  # m, from the flange to the middle of the object
OBJECT = 0.03  # m, its radius
_SHOULDER, _UPPER, _FORE, _WRIST = 0.3105, 0.40, 0.39, 0.078 + HAND  # m
_NEAREST, _FARTHEST = (
    0.46,
    0.785,
)  # m, of the wrist from the shoulder: the elbow bends 109 degrees at most, 11 below its limit


@dataclasses.dataclass(frozen=True)
class Hand:
    """A hand about as large as a Barrett hand that holds a ball; the site `object` is in the ball's middle."""

    def spec(self) -> mujoco.MjSpec:  # pyright: ignore[reportAttributeAccessIssue]
        """The hand along z."""
        fingers = "".join(
            f'<geom type="capsule" fromto="{x} {y} 0.09 {0.8 * x:.4g} {0.8 * y:.4g} {HAND}" size="0.009" mass="0.05" '
            f'rgba="0.3 0.3 0.32 1"/>'
            for x, y in ((0.04, 0.0), (-0.03, 0.028), (-0.03, -0.028))
        )
        return mujoco.MjSpec.from_string(  # pyright: ignore[reportAttributeAccessIssue]
            f"""<mujoco><worldbody><body name="hand">
            <geom type="cylinder" fromto="0 0 0 0 0 0.09" size="0.045" mass="0.8" rgba="0.35 0.36 0.38 1"/>{fingers}
            <geom name="object" type="sphere" pos="0 0 {HAND}" size="{OBJECT}" mass="0.1" rgba="0.85 0.25 0.2 1"/>
            <site name="object" pos="0 0 {HAND}" size="0.004" rgba="0 0 0 0"/></body></worldbody></mujoco>"""
        )


def place(angles: Float[Array | np.ndarray, "*batch joint"]) -> Float[Array | np.ndarray, "*batch 3"]:
    """Where the object is for the arm's seven joint angles (rad), in m; with NumPy or, for JAX's arrays, with JAX."""
    xp: Any = jnp if isinstance(angles, jax.Array) else np
    shape = angles.shape[:-1]
    rotation = xp.broadcast_to(xp.eye(3), (*shape, 3, 3))
    at = xp.broadcast_to(xp.asarray([0.0, 0.0, PEDESTAL]), (*shape, 3))
    lengths, turns = (_SHOULDER, 0.0, _UPPER, 0.0, _FORE, 0.0, _WRIST), (1, -1, -1, 1, 1, -1, 0)
    for i, (d, turn) in enumerate(zip(lengths, turns, strict=True)):
        at = at + d * rotation[..., 2]
        c, s, zero = xp.cos(angles[..., i]), xp.sin(angles[..., i]), xp.zeros(shape)
        ca, sa = zero + 1 - abs(turn), zero + turn
        rows = [[c, -s * ca, s * sa], [s, c * ca, -c * sa], [zero, sa, ca]]
        rotation = rotation @ xp.stack([xp.stack(row, -1) for row in rows], -2)
    return at


def joints(scene: ShelfScene, places: Any) -> Float[np.ndarray, "*batch 7"]:
    """Joint angles (rad) at which the object is at places `(..., 3)`, m: a smooth function of the place, in closed form.

    The arm stays in its vertical plane (a3 = a5 = a7 = 0), elbow up. The hand points down over the table and into the shelf
    before it, and turns from that as far as it must for the elbow's limit. A place out of reach is approached as far as can be.
    """
    x, y, z = np.moveaxis(np.asarray(places, float), -1, 0)
    out, up = np.hypot(x, y), z - PEDESTAL - _SHOULDER
    far, ray = np.hypot(out, up), np.arctan2(up, out)
    share = np.clip((x - (scene.front - 0.75)) / 0.72, 0.0, 1.0)
    share = share**2 * (3 - 2 * share)
    hand = (1 - share) * (-0.5 * np.pi + 0.9 * np.clip((out - 0.5) / 0.45, 0.0, 1.0))
    # The wrist lies on a circle about the object. Beyond `most` it is too far from the shoulder; below the line it is never
    # too near (a tangent of the exact bound, whose slope is infinite where the object is just far enough for any direction).
    most = np.arccos(np.clip((far**2 + _WRIST**2 - _FARTHEST**2) / (2 * far * _WRIST), -1.0, 1.0))
    bent = np.clip(hand - ray, -most, 3.33 * far - 2.9)
    hand = ray + bent
    wrist, height = out - _WRIST * np.cos(hand), up - _WRIST * np.sin(hand)
    away = np.clip(np.hypot(wrist, height), _NEAREST, _FARTHEST)
    elbow = np.pi - np.arccos((_UPPER**2 + _FORE**2 - away**2) / (2 * _UPPER * _FORE))
    inner = np.arccos((_UPPER**2 + away**2 - _FORE**2) / (2 * _UPPER * away))
    lean = 0.5 * np.pi - np.arctan2(height, wrist) - inner  # of the upper arm from the vertical
    zero = np.zeros_like(x)
    return np.stack(
        [np.arctan2(y, x), -lean, zero, elbow, zero, lean + elbow - (0.5 * np.pi - hand), zero], axis=-1
    )
