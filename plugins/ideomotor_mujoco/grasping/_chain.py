# pyright: reportAttributeAccessIssue=false
"""Where the tips of a hand can be, and whether it can hold a thing at all."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Array, Float
from scipy.spatial import ConvexHull

from ideomotor.errors import DataError

from .._model import compile_spec, read_spec
from ._fingers import Motion, command_ranges, motion, tip_geoms
from ._hand import Hand
from ._object import GraspObject


@dataclasses.dataclass(frozen=True)
class _Link:
    """A body on the way from the palm to a tip with one joint by which it turns or slides, or none."""

    place: np.ndarray
    rotation: np.ndarray
    axis: np.ndarray | None
    anchor: np.ndarray
    slides: bool
    position: Callable[[Array], Array]  # of the joint, for commands


class TipKinematics:
    """Where a hand's finger tips are in the axes of its palm, for given commands; written in JAX.

    Made once from the hand's model, for any tree of hinges and slides. Joints coupled by a linear equality follow their
    leader; those of tendons and linkages are interpolated between positions found by simulation. `tips(commands)` gives the
    two ends of each tip's axis (equal for tips that are not capsules), the outer one second.
    """

    def __init__(self, hand: Hand):
        model = compile_spec(read_spec(hand.model), hand.name)
        tip_of = tip_geoms(model, hand.tips)
        geoms = [_outermost(model, np.flatnonzero(tip_of == k)) for k in range(len(hand.tips))]
        self.radius = np.array([_radius(model, geom) for geom in geoms])
        self.low, self.high = command_ranges(model, hand)
        positions = _joint_positions(model, motion(hand))
        self._chains = [_chain(model, hand, geom, positions) for geom in geoms]
        self._ends = [_ends(model, geom) for geom in geoms]

    def tips(self, commands: Float[Array | np.ndarray, " actuators"]) -> Float[Array, "tips 2 3"]:
        """The inner and the outer end of each tip's axis, m."""
        found, commands = [], jnp.asarray(commands)
        for links, ends in zip(self._chains, self._ends, strict=True):
            rotation, place = jnp.eye(3), jnp.zeros(3)
            for link in links:
                place = place + rotation @ link.place
                rotation = rotation @ link.rotation
                if link.axis is not None:
                    q = link.position(commands)
                    if link.slides:
                        place = place + rotation @ (link.axis * q)
                    else:
                        turn = _turn(link.axis, q)
                        place = place + rotation @ (link.anchor - turn @ link.anchor)
                        rotation = rotation @ turn
            found.append(place + ends @ rotation.T)
        return jnp.stack(found)


def _joint_positions(model: mujoco.MjModel, moved: Motion) -> dict[int, Callable[[Array], Array]]:
    """For each joint that moves its position by the commands."""
    if not moved.direct:
        return {
            j: functools.partial(_interpolated, moved, int(model.jnt_qposadr[j])) for j in range(model.njnt)
        }
    leader = {int(model.actuator_trnid[i, 0]): (i, 1.0, 0.0) for i in range(model.nu)}
    for i in np.flatnonzero(model.eq_type == int(mujoco.mjtEq.mjEQ_JOINT)):
        follower, followed = int(model.eq_obj1id[i]), int(model.eq_obj2id[i])
        command, factor, offset = leader[followed]
        slope, shift = model.eq_data[i, 1], model.eq_data[i, 0]
        leader[follower] = (command, factor * slope, shift + slope * offset)
    return {joint: functools.partial(_linear, *law) for joint, law in leader.items()}


def _linear(command: int, factor: float, offset: float, commands: Array) -> Array:
    return offset + factor * commands[command]


def _interpolated(moved: Motion, address: int, commands: Array) -> Array:
    q = jnp.asarray(moved.rest[address], commands.dtype)
    for a, (grid, added) in enumerate(zip(moved.grid, moved.added[:, :, address], strict=True)):
        if np.ptp(added) > 1e-6:
            q = q + jnp.interp(
                commands[a], jnp.asarray(grid, commands.dtype), jnp.asarray(added, commands.dtype)
            )
    return q


def _chain(
    model: mujoco.MjModel, hand: Hand, geom: int, positions: dict[int, Callable[[Array], Array]]
) -> list[_Link]:
    links, body, palm = [], int(model.geom_bodyid[geom]), model.body(hand.palm).id
    while body != palm:
        rotation = np.empty(9)
        mujoco.mju_quat2Mat(rotation, model.body_quat[body])
        fixed = (model.body_pos[body].copy(), rotation.reshape(3, 3))
        first, count = int(model.body_jntadr[body]), int(model.body_jntnum[body])
        joints = [j for j in range(first, first + count) if j in positions]
        own = []
        for joint in joints:
            slides = bool(model.jnt_type[joint] == int(mujoco.mjtJoint.mjJNT_SLIDE))
            axis, anchor = model.jnt_axis[joint].copy(), model.jnt_pos[joint].copy()
            own.append(_Link(*fixed, axis, anchor, slides, positions[joint]))
            fixed = (np.zeros(3), np.eye(3))
        links += own[::-1] or [
            _Link(*fixed, None, np.zeros(3), False, functools.partial(_linear, 0, 0.0, 0.0))
        ]
        body = int(model.body_parentid[body])
    return links[::-1]


def _outermost(model: mujoco.MjModel, geoms: np.ndarray) -> int:
    """Of the geoms of a tip the one farthest out on its body."""
    return int(geoms[np.argmax(np.linalg.norm(model.geom_pos[geoms], axis=1))])


def _radius(model: mujoco.MjModel, geom: int) -> float:
    """Of balls and capsules; of other shapes the least half side."""
    if int(model.geom_type[geom]) in (int(mujoco.mjtGeom.mjGEOM_BOX), int(mujoco.mjtGeom.mjGEOM_ELLIPSOID)):
        return float(model.geom_size[geom, :3].min())
    if int(model.geom_type[geom]) == int(mujoco.mjtGeom.mjGEOM_MESH):
        return float(model.geom_aabb[geom, 3:].min())
    return float(model.geom_size[geom, 0])


def _ends(model: mujoco.MjModel, number: int) -> np.ndarray:
    geom = model.geom(number)
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, geom.quat)
    half = geom.size[1] if int(geom.type[0]) == int(mujoco.mjtGeom.mjGEOM_CAPSULE) else 0.0
    axis = rotation.reshape(3, 3)[:, 2] * half
    ends = np.stack([geom.pos - axis, geom.pos + axis])
    return ends[np.argsort(np.linalg.norm(ends, axis=1))]


def _turn(axis: np.ndarray, angle: Float[Array, ""]) -> Float[Array, "3 3"]:
    """Rodrigues' formula."""
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return jnp.eye(3) + jnp.sin(angle) * k + (1 - jnp.cos(angle)) * (k @ k)


# Bars and plates of 4 to 30 mm height on the table, 400 trials each and two hands: of those lower than one and a half times
# a tip's radius none was held in 4,800 trials, of those above some were.
_FLAT = 1.5


def check_graspable(thing: GraspObject, hand: Hand) -> None:
    """Raise a `DataError` for an object at rest that is too large or lies too flat for a hand."""
    radius, opening = _tips(hand)
    height = max(float(points[:, 2].max()) for points in thing.points)
    lowest = _FLAT * radius
    if height < lowest:
        raise DataError(
            f"{thing.family} lies {1e3 * height:.0f} mm high, too flat for the finger tips, which are {2e3 * radius:.0f} mm thick "
            f"and need {1e3 * lowest:.0f} mm; stand it on its edge (pose=…, another seed), or use a hand with thinner tips."
        )
    width = min(map(_width, thing.parts))
    if width > opening:
        raise DataError(
            f"{thing.family} is at least {1e3 * width:.0f} mm wide wherever it is gripped, and the finger tips open to "
            f"{1e3 * opening:.0f} mm; scale it down (scale=…, --scale), or use a larger hand."
        )


def _width(part: np.ndarray) -> float:
    """The least distance of two parallel planes around a convex part, one of them on a facet."""
    hull = ConvexHull(part)
    normals, corners = np.unique(hull.equations[:, :3].round(9), axis=0), part[hull.vertices]
    return min(
        float(np.ptp(corners @ some.T, axis=0).min())
        for some in np.array_split(normals, -(-len(normals) // 256))
    )


@functools.lru_cache(maxsize=8)
def _tips(hand: Hand) -> tuple[float, float]:
    """The least radius of a tip, and the largest gap between two over a grid of commands, m."""
    tips = TipKinematics(hand)
    share = np.linspace(0.0, 1.0, 5 if len(tips.low) < 6 else 2)
    grid = np.stack(np.meshgrid(*[share] * len(tips.low), indexing="ij"), -1).reshape(-1, len(tips.low))
    commands = jnp.asarray(tips.low + (tips.high - tips.low) * grid)
    ends = np.asarray(jax.jit(jax.vmap(tips.tips))(commands))[:, :, 1]
    apart = np.linalg.norm(ends[:, :, None] - ends[:, None], axis=-1) - tips.radius[:, None] - tips.radius
    return float(tips.radius.min()), float(apart.max())
