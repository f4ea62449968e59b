"""What came of a movement on a robot: the record, the reason of its end, and how well time was kept."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import Channel, Recording, Trajectory, write_json, write_recordings, write_trajectory
from ideomotor.errors import DataError

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


class Columns:
    """One row of the record, and the record as a trajectory."""

    def __init__(self, reading: Mapping[str, np.ndarray], joints: int):
        self._names = [(name, np.shape(value), max(1, np.size(value))) for name, value in reading.items()]
        self._joints = joints
        self.width = 4 + 2 * joints + sum(size for _, _, size in self._names)
        self.row = np.zeros(self.width)

    def fill(self, t, late, cost, phase, reference, command, reading) -> None:
        """The row of this cycle."""
        row, n = self.row, self._joints
        row[0], row[1], row[2], row[3] = t, late, cost, phase
        row[4 : 4 + n], row[4 + n : 4 + 2 * n] = reference, command
        at = 4 + 2 * n
        for name, _, size in self._names:
            row[at : at + size] = np.ravel(reading[name])
            at += size

    def movement(self, table: np.ndarray) -> Trajectory | None:
        """The record, or None before the first cycle."""
        if not len(table):
            return None
        n, at, ys = self._joints, 4 + 2 * self._joints, {}
        for name, shape, size in self._names:
            ys[name] = table[:, at : at + size].reshape(-1, *shape)
            at += size
        xs = {
            "reference": table[:, 4 : 4 + n],
            "phase": table[:, 3],
            "lateness": table[:, 1],
            "step_time": table[:, 2],
        }
        return Trajectory(table[:, 0], ys, table[:, 4 + n : 4 + 2 * n], xs)


@dataclasses.dataclass
class Played:
    """A movement that was played on a robot.

    - `movement`: times (s) of the cycles, readings `ys`, commands `us`, and in `xs` the `reference` before limits, the
      `phase` (s of the movement's own time), `lateness` and `step_time` (s).
    - `reason`: why it ended; `"finished"` where nothing else came first. `stopped_at`: s, or None.
    - `events`: `(s, what happened)`. `missed`: cycles that were left out because their deadline had passed.
    - `joints`, `units`: the robot's. `begun`: ns since 1970.
    - `start`: where the joints were at rest before the first command. `error`: the exception that ended it, if one did.
    """

    movement: Trajectory | None
    reason: str
    stopped_at: float | None
    events: list[tuple[float, str]]
    missed: int
    dt: float
    limits: Limits
    joints: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    begun: int = 0
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

    def recording(self, name: str = "played") -> Recording:
        """All of it as channels: `command`, the readings by their names, `reference`, `phase`, `lateness`, `step_time`, `events`."""
        if self.movement is None:
            raise DataError(f"Nothing was recorded: {self.reason}.")
        movement: Any = self.movement
        ts, unit = movement.ts, self.units[0] if len(set(self.units)) == 1 else ""
        channels = [Channel("command", ts, movement.us, "action", unit, self.joints)]
        for key, values in movement.ys.items():
            role = {"joint_position": "joint-position", "joint_velocity": "joint-velocity"}.get(key, "")
            per_joint = values.shape[1:] == (len(self.joints),)
            own = unit + ("/s" if role == "joint-velocity" and unit else "") if role else ""
            channels.append(Channel(key, ts, values, role, own, self.joints if per_joint else ()))
        channels.append(Channel("reference", ts, movement.xs["reference"], "", unit, self.joints))
        channels += [
            Channel(key, ts, movement.xs[key], "", "s") for key in ("phase", "lateness", "step_time")
        ]
        if self.events:
            times, texts = zip(*self.events, strict=True)
            channels.append(Channel("events", times, list(texts), "event"))
        about: Any = {"report": json.dumps(self.report())}
        return Recording(name, channels, self.begun, about)

    def report(self) -> dict[str, Any]:
        """All but the movement, as JSON takes it."""
        return {
            "reason": self.reason,
            "stopped_at_s": self.stopped_at,
            "events": [[t, what] for t, what in self.events],
            "timing": self.timing(),
            "limits": dataclasses.asdict(self.limits),
            "limits_used": self.use_of_limits(),
        }

    def save(self, path: Path | str) -> None:
        """Write trajectory.csv, trajectory.npz and report.json into a folder, or a file by its ending, such as `out.mcap`."""
        path = Path(path)
        if path.suffix and not path.is_dir() and self.movement is not None:
            write_recordings(self.recording(path.stem), path)
            return
        if self.movement is not None:
            write_trajectory(self.movement, path)
        write_json(path / "report.json", self.report())
