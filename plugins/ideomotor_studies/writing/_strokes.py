from dataclasses import dataclass
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, rollout
from ideomotor.errors import DataError

_HOVER, _DOWN, _LIFT = 0.6, 0.9, 0.5  # s: to the start with the pen lifted, to put it down, to lift it


class Script(AbstractFeedforwardPrimitive):
    """Commands as they are given, one for each time: `(time, 3)`, column and row in px, and whether the pen is down."""

    samples: int = eqx.field(static=True, default=2)

    def default_params(self) -> Float[np.ndarray, "time 3"]:
        """Nothing moves."""
        return np.zeros((self.samples, 3))

    def trajectory(
        self, params: Float[Array | np.ndarray, "time 3"], ts: Any, *, key: Any = None
    ) -> Float[Array | np.ndarray, "time 3"]:
        """The commands."""
        return params


@dataclass(frozen=True)
class Writing:
    """What a robot wrote.

    - `ts`: s. `wanted`, `pen`: where the pen should be and where it was, px (column, row) of the sheet, `(time, 2)`.
    - `force`: contact force along the paper's normal, N; `set_force`: what it should be.
    - `writing`: whether the sample belongs to a stroke, with the pen on paper, neither going down nor up.
    - `down`: whether the contact force is above `threshold` N, so that ink flows.
    - `movement`: all of it, as `rollout` gave it; `robot`: who wrote.
    """

    ts: np.ndarray
    wanted: np.ndarray
    pen: np.ndarray
    force: np.ndarray
    writing: np.ndarray
    set_force: float
    threshold: float
    movement: Trajectory
    robot: Any

    @property
    def down(self) -> np.ndarray:
        """Whether ink flows."""
        return self.force > self.threshold

    @property
    def force_error(self) -> float:
        """Root mean square of the force's error while writing, relative to the set force."""
        return float(np.sqrt(np.mean((self.force[self.writing] / self.set_force - 1) ** 2)))

    @property
    def lift_offs(self) -> int:
        """How many samples of the strokes have no ink."""
        return int(np.sum(self.writing & ~self.down))

    @property
    def lag(self) -> float:
        """Mean distance between pen and command at equal times while writing, px."""
        return float(np.linalg.norm(self.pen - self.wanted, axis=-1)[self.writing].mean())


def script(
    path: Float[np.ndarray, "time 2"],
    start: Float[np.ndarray, "2"],
    dt: float,
    pen: Bool[np.ndarray, " time"] | None = None,
) -> tuple[Float[np.ndarray, "long 3"], Bool[np.ndarray, " long"]]:
    """Commands that write a path: approach, strokes, lift; and which of them belong to a stroke.

    - `path`: px (column, row), one sample every `dt` seconds; `start`: where the lifted pen is now.
    - `pen`: whether each sample is written; by default all are. Where it changes, the path waits for the pen.
    """
    pen = np.ones(len(path), bool) if pen is None else np.asarray(pen, bool)

    def hold(point, down, seconds):
        return [(*point, down)] * round(seconds / dt)

    s = np.linspace(0, 1, round(_HOVER / dt))[:, None]
    s = 10 * s**3 - 15 * s**4 + 6 * s**5
    commands = [(*point, 0.0) for point in start + s * (path[0] - start)]
    written, last = [False] * len(commands), False
    for point, down in zip(path, pen, strict=True):
        if down != last:
            wait = hold(point, float(down), _DOWN if down else _LIFT)
            commands, written = commands + wait, written + [False] * len(wait)
        commands.append((*point, float(down)))
        written.append(bool(down))
        last = down
    if last:
        wait = hold(path[-1], 0.0, _LIFT)
        commands, written = commands + wait, written + [False] * len(wait)
    return np.array(commands), np.array(written)


def write(
    robot: Any,
    path: Float[np.ndarray, "time 2"],
    ts: Float[np.ndarray, " time"],
    *,
    pen: Bool[np.ndarray, " time"] | None = None,
    threshold: float = 0.05,
) -> Writing:
    """Let a robot write a path, from the lifted pen to the lifted pen.

    - `robot`: a plant like `ideomotor.make("writing-robot", strokes=True)`.
    - `path`: px of the sheet (column, row); `ts`: its times, equally spaced, s; `pen`: see `script`.
    - `threshold`: the contact force above which ink flows, N.

    Raises a `SimulationError` that holds what was written until then.
    """
    path, ts = np.asarray(path, float), np.asarray(ts, float)
    dt = float(ts[-1] - ts[0]) / (len(ts) - 1)
    if not np.allclose(np.diff(ts), dt, rtol=1e-3):
        raise DataError("A path to write needs equally spaced times; resample it first.")
    start = np.asarray(robot.default_command())
    if start.shape != (3,):
        raise DataError("Writing lifts the pen, so the robot must be made with strokes=True.")
    commands, written = script(path, start[:2], dt, pen)
    times = dt * np.arange(len(commands))
    movement = rollout(Script(len(commands)), commands, times, plant=robot)
    return Writing(
        ts=times,
        wanted=commands[:, :2],
        pen=np.asarray(movement.ys["pen"]),
        force=np.asarray(movement.ys["pen_force"]),
        writing=written,
        set_force=float(robot.component.mode.force),
        threshold=threshold,
        movement=movement,
        robot=robot,
    )
