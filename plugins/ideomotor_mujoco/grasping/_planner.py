import functools
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from ideomotor import Trajectory
from ideomotor.errors import DataError

from ._choosing import Start
from ._hand import Hand
from ._object import turned_points
from ._placement import WristPlacement
from ._reach import ReachPlanner
from ._task import PickingTask


class Chosen(NamedTuple):
    """Which of several grasps is taken, and how it starts: below a `start.price` of 1 it should hold."""

    grasp: int
    start: Start


class GraspPlanner:
    """Plans how a hand reaches for a thing, closes and lifts it, from where its finger tips should touch.

    A query is the palm's pose, `(x, y, z, qw, qx, qy, qz)` in m, and a goal: `contacts` and outward `normals` of a few grasps,
    `(samples, tips, 3)`, the better first, and the direction of `approach`, all in the world. The first grasp is taken for which the
    wrist can be placed (Veres et al. 2017, eq. 7) so that a rehearsed closing is good (see `PickingScene.choose`), with a free way in;
    else the one whose rehearsal is best. The plan is that of `ReachPlanner`.

    - `task`: what is to be picked up by which hand. `samples`: grasps in a goal. `ways`: wrist placements refined per grasp.
    - `duration`, `standoff`, `rate`: see `ReachPlanner`.

    Raises a `DataError` that counts why no grasp can be reached.
    """

    def __init__(
        self,
        task: PickingTask | None = None,
        samples: int = 1,
        ways: int = 6,
        duration: float | int = 1.6,
        standoff: float | int = 0.15,
        rate: float | int = 50.0,
    ):
        for name, value in (("samples", samples), ("ways", ways)):
            if not value > 0:
                raise ValueError(f"GraspPlanner: {name} must be positive, not {value}.")
        self.task = PickingTask() if task is None else task
        self.samples, self.ways = samples, ways
        self.duration, self.standoff, self.rate = duration, standoff, rate
        self._reach = ReachPlanner(self.task, duration, standoff, rate)

    def default_query(self) -> tuple[Any, Any]:
        """From home to a grasp around the thing's middle from above, the tips evenly spaced."""
        points = np.vstack(turned_points(self.task.thing))
        low, high = points.min(0), points.max(0)
        tips = len(self.task.hand.tips)
        angle = np.pi / 2 - 2 * np.pi * (np.arange(tips) + 1) / tips
        out = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)
        middle = np.array([*(low + high)[:2] / 2, low[2] + 0.6 * (high - low)[2]])
        contacts = middle + 0.5 * float(min((high - low)[:2])) * out
        goal = {"contacts": np.stack([contacts] * self.samples), "normals": np.stack([out] * self.samples)}
        return np.asarray(self.task.home, float), {**goal, "approach": np.array([0.0, 0.0, -1.0])}

    def __call__(self, start: Any, goal: Any) -> Trajectory:
        """The plan."""
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
                ways = _placement(self.task.hand, self.ways)(contacts[i], normals[i], approach)
            found = self.task.scene.choose(*ways)
            if found is None:
                collides += 1
            elif not self._reach.free(np.asarray(start, float), found.wrist, found.shape):
                blocked += 1
            elif best is None or found.price < best.start.price:
                best = Chosen(i, found)
                if found.price < 1.0:
                    break
        if best is None:
            raise DataError(
                f"None of {len(contacts)} grasps can be reached: of {collides} the tips do not reach or the hand collides, "
                f"and {blocked} have something in the way; look from another side, or draw more samples."
            )
        return best


@functools.lru_cache(maxsize=8)
def _placement(hand: Hand, ways: int) -> WristPlacement:
    return WristPlacement(hand, ways=ways)
