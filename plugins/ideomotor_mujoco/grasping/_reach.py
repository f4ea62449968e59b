from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation, Slerp

from ideomotor import Trajectory
from ideomotor.errors import DataError

from ._task import PickingTask

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
        """The plan."""
        start, wrist, shape = (np.asarray(x, float) for x in (start, goal["wrist"], goal["shape"]))
        if not self.free(start, wrist, shape):
            raise DataError(
                f"Something is in the way of the palm from {_place(start)} to {_place(wrist)}; come from another side."
            )
        ts = np.linspace(0.0, 3 * self.duration, round(3 * self.duration * self.rate) + 1)
        phase = ts / self.duration
        palm = self._way(start, wrist, _least_jerk(phase))
        palm[:, 2] += float(self.task.settings.lift) * _least_jerk(phase - 2)
        hand = shape + _least_jerk(phase - 1)[:, None] * (self._closed(shape) - shape)
        clamp = 1.0 - _least_jerk(10 * (phase - 1.9))  # lets go just before the hand lifts
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
        turned = Slerp([0.0, 1.0], turn)(_least_jerk(share / 0.75))
        quaternion = turned.as_quat(scalar_first=True)
        # One sign all along, since q and -q are the same rotation and commands must not jump.
        follows = np.sign(np.sum(quaternion[1:] * quaternion[:-1], 1))
        return np.concatenate([place, quaternion * np.cumprod(np.append(1.0, follows))[:, None]], 1)

    def _closed(self, shape: np.ndarray) -> np.ndarray:
        hand, closed = self.task.hand, np.array(shape, float)
        closed[[self.task.scene.model.actuator(name).id for name in hand.closing]] = hand.closed
        return closed


def _least_jerk(share: np.ndarray) -> np.ndarray:
    s = np.clip(share, 0.0, 1.0)
    return s**3 * (10 - 15 * s + 6 * s**2)


def _place(wrist: np.ndarray) -> str:
    return f"({', '.join(f'{x:.2f}' for x in wrist[:3])}) m"
