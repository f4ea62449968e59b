"""The KUKA LWR4+ of the study: its kinematics in closed form, and the simulated arm before a shelf and a table that can be hit."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Float

import ideomotor
from ideomotor import Trajectory
from ideomotor_movement_database import ShelfScene
from ideomotor_mujoco import MujocoPlant, rollout_batch

SCENE = ShelfScene(table=(0.0, -0.6, 0.15), area=(0.76, 0.62), front=0.7, shelf=(-0.22, 0.05))
"""The paper's start area (62 cm by 76 cm) and shelf, where this arm reaches all of them."""

CONTROL = 0.02  # s, from command to command
TIMESTEP = 0.004  # s, of the simulation
SETTLE = 0.2  # s, held at the goal
_TOUCH = 0.1  # N
PEDESTAL = 0.2  # m, the base above the floor
HAND = 0.20  # m, from the flange to the middle of the object
OBJECT = 0.03  # m, its radius
_SHOULDER, _UPPER, _FORE, _WRIST = 0.3105, 0.40, 0.39, 0.078 + HAND  # m
_NEAREST, _FARTHEST = (
    0.46,
    0.785,
)  # m, wrist to shoulder: the elbow bends 109 degrees at most, 11 below its limit


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


@dataclasses.dataclass(frozen=True)
class Furniture:
    """The boards of a scene's shelf, its table and the robot's pedestal, as bodies `shelf`, `table` and `pedestal`."""

    scene: ShelfScene = SCENE

    def spec(self) -> Any:
        """The furniture as a model."""
        (x, y, z), (a, b) = self.scene.table, self.scene.area
        top = z - OBJECT - 0.02  # the object hangs free before it is carried
        table = ((x - a / 2, y - b / 2, top - 0.03), (x + a / 2, y + b / 2, top))
        boards = "".join(_box(low, high, "0.80 0.68 0.50 1") for low, high in self.scene.boards.tolist())
        return mujoco.MjSpec.from_string(  # pyright: ignore[reportAttributeAccessIssue]
            f"""<mujoco><worldbody><body name="shelf">{boards}</body>
            <body name="table">{_box(*table, "0.72 0.75 0.78 1")}</body>
            <body name="pedestal"><geom type="cylinder" fromto="0 0 0 0 0 {PEDESTAL}" size="0.1" rgba="0.4 0.4 0.42 1"
              contype="0" conaffinity="0"/></body></worldbody></mujoco>"""
        )


def _box(low: Sequence[float], high: Sequence[float], colour: str) -> str:
    low_, high_ = np.array(low), np.array(high)
    at, half = (" ".join(f"{v:.6g}" for v in 0.5 * w) for w in (low_ + high_, high_ - low_))
    return f'<geom type="box" pos="{at}" size="{half}" rgba="{colour}" solref="0.01 1"/>'


def robot(scene: ShelfScene = SCENE) -> MujocoPlant:
    """The arm with its hand, among the furniture; commands are joint angles."""
    rest = joints(scene, np.array(scene.table) + [0.0, 0.0, 0.2])
    return MujocoPlant(
        ideomotor.make("lwr4-model", Hand(), (0.0, 0.0, PEDESTAL)),
        scene=[Furniture(scene)],
        mode=ideomotor.make("joint-position", bandwidth=40.0, max_speed=6.0),
        rest=rest,
        tip="object",
        contacts=("shelf", "table"),
        timestep=TIMESTEP,
    )


class Executed(NamedTuple):
    """What the arm did with many movements.

    - `end`: where the object was at last, m; `hit`, `table`: whether arm, hand or object touched the shelf, the table;
    - `peak`: of the object's speed (m/s); `tracking`: its largest distance from the commanded place (m).
    """

    end: Float[np.ndarray, "movement 3"]
    hit: Bool[np.ndarray, " movement"]
    table: Bool[np.ndarray, " movement"]
    peak: Float[np.ndarray, " movement"]
    tracking: Float[np.ndarray, " movement"]


def execute(plant: MujocoPlant, movements: Sequence[Trajectory], progress: Any = iter) -> Executed:
    """Play movements of the joints, `ys` `(time, 7)` in rad, beginning at rest where each begins.

    Similar durations go together in a batch, and the shorter ones wait at their goals.
    """
    order = np.argsort([m.ts[-1] for m in movements], kind="stable")
    rows: list[Any] = [None] * len(movements)
    for part in progress(np.array_split(order, max(1, round(len(order) / 16)))):
        ts = np.arange(0.0, max(movements[i].ts[-1] for i in part) + SETTLE + CONTROL, CONTROL)
        commands = np.stack([commands_at(movements[i], ts) for i in part])
        low, high = plant.robot.lower, plant.robot.upper
        x0 = np.stack([plant.at_joints(np.clip(q[0], low, high)) for q in commands])
        done = rollout_batch(plant, commands, ts, x0=x0)
        wanted, tips = place(commands), done.ys["tip"]
        force = {name: np.linalg.norm(f, axis=-1).max(axis=1) for name, f in done.ys["contact"].items()}
        speed = np.linalg.norm(done.ys["tip_velocity"], axis=-1).max(axis=1)
        off = np.linalg.norm(tips - wanted, axis=-1).max(axis=1)
        for row, i in enumerate(part):
            rows[i] = (
                tips[row, -1],
                force["shelf"][row] > _TOUCH,
                force["table"][row] > _TOUCH,
                speed[row],
                off[row],
            )
    return Executed(*(np.array(column) for column in zip(*rows, strict=True)))


def commands_at(movement: Trajectory, ts: np.ndarray) -> np.ndarray:
    """The joint angles of a movement at other times; those at its end thereafter."""
    own = np.asarray(movement.ts)
    return np.stack([np.interp(ts, own, column) for column in np.asarray(movement.ys).T], axis=1)
