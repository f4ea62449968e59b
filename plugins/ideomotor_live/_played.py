"""What came of a movement on a robot: the record, the reason of its end, and how well time was kept."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import Trajectory, write_json, write_trajectory

from ._limits import NAMES, Limits

_BLOCK = 8192  # cycles


class Log:
    """Rows of numbers in memory that is asked for before the loop begins, and in large pieces."""

    def __init__(self, width: int):
        self._width, self._blocks, self._row = width, [np.zeros((_BLOCK, width))], 0

    def add(self, row: np.ndarray) -> None:
        """One cycle."""
        if self._row == _BLOCK:
            self._blocks.append(np.zeros((_BLOCK, self._width)))
            self._row = 0
        self._blocks[-1][self._row] = row
        self._row += 1

    def table(self) -> np.ndarray:
        """All rows."""
        return np.concatenate([*self._blocks[:-1], self._blocks[-1][: self._row]])


@dataclasses.dataclass
class Played:
    """A movement that was played on a robot.

    - `movement`: times (s) of the cycles, readings `ys`, commands `us`, and in `xs` the `reference` before limits, the
      `phase` (s of the movement's own time), `lateness` and `step_time` (s).
    - `reason`: why it ended; `"finished"` where nothing else came first. `stopped_at`: s, or None.
    - `events`: `(s, what happened)`. `missed`: cycles that were left out because their deadline had passed.
    - `start`: where the joints were at rest before the first command. `error`: the exception that ended it, if one did.
    """

    movement: Trajectory | None
    reason: str
    stopped_at: float | None
    events: list[tuple[float, str]]
    missed: int
    dt: float
    limits: Limits
    start: np.ndarray | None = None
    error: BaseException | None = None

    @property
    def finished(self) -> bool:
        """Whether the movement was played to its end."""
        return self.reason == "finished"

    def timing(self) -> dict[str, Any]:
        """Period and lateness (ms), missed deadlines, and the cost of a step (µs)."""
        if self.movement is None:
            return {}
        xs: Any = self.movement.xs
        late, cost, cycles = 1e3 * xs["lateness"], 1e6 * xs["step_time"], len(self.movement.ts)
        total = float(self.movement.ts[-1] - self.movement.ts[0] + 1e-3 * (late[-1] - late[0]))
        return {
            "cycles": cycles,
            "period_ms": 1e3 * total / max(cycles - 1 + self.missed, 1),
            "late_p50_ms": float(np.percentile(late, 50)),
            "late_p99.9_ms": float(np.percentile(late, 99.9)),
            "late_worst_ms": float(late.max()),
            "missed": self.missed,
            "missed_percent": 100 * self.missed / (cycles + self.missed),
            "step_p50_us": float(np.percentile(cost, 50)),
            "step_p99.9_us": float(np.percentile(cost, 99.9)),
        }

    def use_of_limits(self) -> dict[str, float]:
        """The largest velocity, acceleration and jerk of the commands, as shares of their limits."""
        if self.movement is None or self.start is None:
            return {}
        sent = np.asarray(self.movement.us, float)
        sent = np.concatenate([[self.start] * 3, sent])
        return {
            name: float(
                np.max(np.abs(np.diff(sent, k, axis=0)) / self.dt**k / np.asarray(getattr(self.limits, name)))
            )
            for k, name in enumerate(NAMES[2:], 1)
        }

    def table(self) -> str:
        """What `ideomotor play` prints."""
        rows = [
            *self.timing().items(),
            *((f"{name}_used", share) for name, share in self.use_of_limits().items()),
        ]
        lines = [f"{name:<20}{value:>12.6g}" for name, value in rows]
        lines += [f"{t:10.3f} s  {what}" for t, what in self.events]
        return "\n".join([f"ended: {self.reason}", *lines])

    def save(self, folder: Path | str) -> list[Path]:
        """Write trajectory.csv, trajectory.npz and report.json into a folder."""
        report = {
            "reason": self.reason,
            "stopped_at_s": self.stopped_at,
            "events": [[t, what] for t, what in self.events],
            "timing": self.timing(),
            "limits": dataclasses.asdict(self.limits),
            "limits_used": self.use_of_limits(),
        }
        paths = [] if self.movement is None else write_trajectory(self.movement, folder)
        return [*paths, write_json(Path(folder) / "report.json", report)]
