"""What makes a session stop the robot by itself."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._limits import Limiter
from ._protocols import SupportsTip


@dataclasses.dataclass(frozen=True)
class Guards:
    """What makes a session stop the robot by itself.

    - `stale`: s without a new reading. Until then gaps are ridden through with the last one.
    - `tracking`: s; a joint may be as far from its set point as it moves in this time at its limit of velocity.
    - `missed`: the share of deadlines in the last second that may be missed.
    - `workspace`: `(lower, upper)` corners (m) of a box for `tip` of the reading, or for the robot's own `tip(command)` of
      where the joints would come to rest, which is then asked before each command.
    """

    stale: float | int = 0.1
    tracking: float | int = 0.3
    missed: float | int = 0.2
    workspace: Sequence[Sequence[float | int]] | None = None


class Watch:
    """The guards: the last good reading, and what is wrong."""

    def __init__(
        self, guards: Guards, robot: Any, limiter: Limiter, reading: dict[str, np.ndarray], now: float
    ):
        self._guards, self._joints, self._limiter = guards, robot.joints, limiter
        self._far = [guards.tracking * v for v in limiter.limits.velocity]
        self._tip = robot.tip if guards.workspace is not None and isinstance(robot, SupportsTip) else None
        self.reading, self._seen, self._fresh = reading, float(reading["time"]), now

    def problem(self, reading: dict[str, np.ndarray], now: float) -> str:
        """What is wrong with the newest reading; empty if nothing is."""
        if float(reading["time"]) == self._seen:
            silent = now - self._fresh
            if silent > self._guards.stale:
                return f"stale feedback: no new reading for {1e3 * silent:.0f} ms"
            return ""
        self._seen, self._fresh = float(reading["time"]), now
        if problem := not_ready(reading, self._guards):
            return problem
        self.reading = reading
        return ""

    def excess(self, command: list[float], share: float) -> str:
        """Which other bound is passed; empty if none is."""
        seen = self.reading["joint_position"].tolist()
        for joint, q, there, far in zip(self._joints, command, seen, self._far, strict=True):
            if abs(q - there) > far:
                return f"tracking error: joint {joint!r} is {abs(q - there):.3g} from its set point"
        if share > self._guards.missed:
            return f"missed deadlines: {100 * share:.0f} % within a second"
        if self._tip is not None and self._guards.workspace is not None:
            there = self._tip(np.array(self._limiter.stops_at()))
            return _outside(there, self._guards.workspace, "the tip would stop")
        return ""


def not_ready(reading: Mapping[str, Any], guards: Guards) -> str:
    """What is wrong with the numbers of a reading; empty if nothing is."""
    for name, value in reading.items():
        if not np.isfinite(value).all():
            return f"the reading {name} is not finite"
    if guards.workspace is not None and "tip" in reading:
        return _outside(reading["tip"], guards.workspace, "the tip is")
    return ""


def _outside(point: Any, box: Sequence[Sequence[float | int]], what: str) -> str:
    low, high = np.asarray(box, float)
    if np.all((point >= low) & (point <= high)):
        return ""
    return f"{what} at {np.round(point, 4).tolist()} m, outside of the workspace"
