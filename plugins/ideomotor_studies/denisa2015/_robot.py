"""Movements executed by the simulated arm, in a world with a shelf and a table that can be hit."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from ideomotor import Trajectory
from ideomotor_movement_database import ShelfScene
from ideomotor_mujoco import LWR4, JointPosition, MujocoPlant, rollout_batch

from ._arm import OBJECT, PEDESTAL, Hand, joints, place

SCENE = ShelfScene(table=(0.0, -0.6, 0.15), area=(0.76, 0.62), front=0.7, shelf=(-0.22, 0.05))
"""The paper's start area (62 cm by 76 cm) and shelf, where this arm reaches all of them."""

CONTROL = 0.02  # s, from command to command
TIMESTEP = 0.004  # s, of the simulation
SETTLE = 0.2  # s, held at the goal
_TOUCH = 0.1  # N


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
        LWR4(Hand(), (0.0, 0.0, PEDESTAL)),
        scene=[Furniture(scene)],
        mode=JointPosition(bandwidth=40.0, max_speed=6.0),
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
        x0 = np.stack([plant.at(np.clip(q[0], low, high)) for q in commands])
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
