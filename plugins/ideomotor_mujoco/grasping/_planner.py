"""From a grasp, or from a pose of the palm, to a movement that reaches, closes and lifts."""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation, Slerp

from ideomotor import Trajectory
from ideomotor.common.profiles import minimum_jerk
from ideomotor.deprecation import renamed_arguments
from ideomotor.errors import DataError

from ._choosing import Start
from ._hand import Hand
from ._placement import WristPlacement
from ._task import PickingTask


class Chosen(NamedTuple):
    """Which of several grasps is taken, and how it starts: below a `start.cost` of 1 it should hold."""

    grasp: int
    start: Start


class GraspPlanner:
    """Plans how a hand reaches for a thing, closes and lifts it, from where its finger tips should touch.

    A query is the palm's pose, `(x, y, z, qw, qx, qy, qz)` in m, and a goal: `contacts` and outward `normals` of a few grasps,
    `(samples, tips, 3)`, the better first, and the direction of `approach`, all in the world. The first grasp is taken for which the
    wrist can be placed (Veres et al. 2017, eq. 7) so that the predicted closing is good (`PickingScene.choose`), with a free way in;
    else the one whose closing is best. The plan is that of `ReachPlanner`.

    - `task`: what is to be picked up by which hand. `samples`: grasps in a goal. `placements`: of the wrist, refined per grasp.
    - `duration`, `standoff`, `rate`: as for `ReachPlanner`.

    Raises a `DataError` that counts why no grasp can be reached.
    """

    @renamed_arguments(removed="0.2", ways="placements")
    def __init__(
        self,
        task: PickingTask | None = None,
        samples: int = 1,
        placements: int = 6,
        duration: float | int = 1.6,
        standoff: float | int = 0.15,
        rate: float | int = 50.0,
    ):
        for name, value in (("samples", samples), ("placements", placements)):
            if not value > 0:
                raise ValueError(f"GraspPlanner: {name} must be positive, not {value}.")
        self.task = PickingTask() if task is None else task
        self.samples, self.placements = samples, placements
        self.duration, self.standoff, self.rate = duration, standoff, rate
        self._reach = ReachPlanner(self.task, duration, standoff, rate)

    def default_query(self) -> tuple[Any, Any]:
        """From home to a grasp around the thing's middle from above, the tips evenly spaced."""
        points = np.vstack(self.task.thing.points)
        low, high = points.min(0), points.max(0)
        tips = len(self.task.hand.tips)
        angle = np.pi / 2 - 2 * np.pi * (np.arange(tips) + 1) / tips
        out = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)
        middle = np.array([*(low + high)[:2] / 2, low[2] + 0.6 * (high - low)[2]])
        contacts = middle + 0.5 * float(min((high - low)[:2])) * out
        goal = {"contacts": np.stack([contacts] * self.samples), "normals": np.stack([out] * self.samples)}
        return np.asarray(self.task.home, float), {**goal, "approach": np.array([0.0, 0.0, -1.0])}

    def __call__(self, start: Any, goal: Any) -> Trajectory:
        chosen = self.choose(start, goal)
        return self._reach(start, {"wrist": chosen.start.wrist, "shape": chosen.start.shape})

    def choose(self, start: Float[np.ndarray, "7"], goal: dict[str, Any]) -> Chosen:
        """Which grasp of a goal is taken and how the hand starts it; raises a `DataError` if none can be reached."""
        contacts, normals = np.asarray(goal["contacts"], float), np.asarray(goal["normals"], float)
        approach = np.asarray(goal["approach"], float)
        best: Chosen | None = None
        collides = blocked = 0
        for i in range(len(contacts)):
            # One at a time: most often the first will do, and what is compiled fits any number of samples. In float32, whatever the
            # caller's precision is, because a placement is compiled for one of them.
            with jax.enable_x64(False):
                placed = _placement(self.task.hand, self.placements)(contacts[i], normals[i], approach)
            found = self.task.scene.choose(*placed)
            if found is None:
                collides += 1
            elif not self._reach.free(np.asarray(start, float), found.wrist, found.shape):
                blocked += 1
            elif best is None or found.cost < best.start.cost:
                best = Chosen(i, found)
                if found.cost < 1.0:
                    break
        if best is None:
            raise DataError(
                f"None of {len(contacts)} grasps can be reached: of {collides} the tips do not reach or the hand collides, "
                f"and {blocked} have something in the way; look from another side, or draw more samples."
            )
        return best


@functools.lru_cache(maxsize=8)
def _placement(hand: Hand, count: int) -> WristPlacement:
    return WristPlacement(hand, count)


_CHECKED = 12  # poses on the way in that must be free of collisions


class ReachPlanner:
    """Plans how a hand reaches for a thing, closes and lifts it, from where the palm is to be when it closes.

    A query is the palm's pose, `(x, y, z, qw, qx, qy, qz)` in m, and a goal: the palm's pose before closing (`wrist`) and the
    actuators' commands then (`shape`), as `PickingScene.pick` takes them.

    The plan is commands of `picking_scene` in three phases of equal duration: reach (along a parabola whose end runs along the
    palm's axis, turning on the way), close, lift. Each is of least jerk (Flash & Hogan 1985), and at rest where it ends, so that
    `joined-dmp` of three parts imitates it, or any other primitive.

    - `task`: what is to be picked up by which hand. `duration`: of a phase, s. `rate`: samples of the plan per second.
    - `standoff`: how far before the thing the way in begins to be straight, m.

    Raises a `DataError` if something is in the way.
    """

    def __init__(
        self,
        task: PickingTask | None = None,
        duration: float | int = 1.6,
        standoff: float | int = 0.15,
        rate: float | int = 50.0,
    ):
        for name, value in (("duration", duration), ("standoff", standoff), ("rate", rate)):
            if not value > 0:
                raise ValueError(f"ReachPlanner: {name} must be positive, not {value}.")
        self.task = PickingTask() if task is None else task
        self.duration, self.standoff, self.rate = duration, standoff, rate

    def default_query(self) -> tuple[Any, Any]:
        """From home straight down, to just above the thing."""
        home = np.asarray(self.task.home, float)
        above = home - [0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0]
        return home, {"wrist": above, "shape": np.asarray(self.task.hand.preshapes[0], float)}

    def __call__(self, start: Any, goal: Any) -> Trajectory:
        start, wrist, shape = (np.asarray(x, float) for x in (start, goal["wrist"], goal["shape"]))
        if not self.free(start, wrist, shape):
            raise DataError(
                f"Something is in the way of the palm from {_place(start)} to {_place(wrist)}; approach from another side."
            )
        ts = np.linspace(0.0, 3 * self.duration, round(3 * self.duration * self.rate) + 1)
        phase = ts / self.duration
        palm = self._way(start, wrist, minimum_jerk(phase))
        palm[:, 2] += float(self.task.settings.lift) * minimum_jerk(phase - 2)
        hand = shape + minimum_jerk(phase - 1)[:, None] * (self._closed(shape) - shape)
        clamp = 1.0 - minimum_jerk(10 * (phase - 1.9))  # lets go just before the hand lifts
        return Trajectory(ts, np.concatenate([palm, hand, clamp[:, None]], 1))

    def free(
        self,
        start: Float[np.ndarray, "7"],
        wrist: Float[np.ndarray, "7"],
        shape: Float[np.ndarray, " actuators"],
    ) -> bool:
        """Whether the way in touches nothing."""
        way = self._way(start, wrist, np.linspace(0.0, 1.0, _CHECKED))
        return all(self.task.scene.clear(pose, shape) for pose in way)

    def _way(self, start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Poses of the palm; it has turned when three quarters of the way are done."""
        s = share[:, None]
        turn = Rotation.from_quat(np.stack([start[3:], end[3:]]), scalar_first=True)
        before = end[:3] - self.standoff * turn[1].as_matrix()[:, 2]
        place = (1 - s) ** 2 * start[:3] + 2 * s * (1 - s) * before + s**2 * end[:3]
        turned = Slerp([0.0, 1.0], turn)(minimum_jerk(share / 0.75))
        quaternion = turned.as_quat(scalar_first=True)
        # One sign all along, since q and -q are the same rotation and commands must not jump.
        follows = np.sign(np.sum(quaternion[1:] * quaternion[:-1], 1))
        return np.concatenate([place, quaternion * np.cumprod(np.append(1.0, follows))[:, None]], 1)

    def _closed(self, shape: np.ndarray) -> np.ndarray:
        hand, closed = self.task.hand, np.array(shape, float)
        closed[[self.task.scene.model.actuator(name).id for name in hand.closing]] = hand.closed
        return closed


def _place(wrist: np.ndarray) -> str:
    return f"({', '.join(f'{x:.2f}' for x in wrist[:3])}) m"
