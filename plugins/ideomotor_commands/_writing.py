"""A digit is read from a picture and written with a pen by a simulated KUKA arm (Pahič et al. 2018, section V)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from matplotlib.figure import Figure

import ideomotor
from ideomotor import AbstractFeedforwardPrimitive, Trajectory, rollout
from ideomotor.common.profiles import minimum_jerk
from ideomotor.errors import DataError
from ideomotor_encoder_decoder import read_image
from ideomotor_encoder_decoder.digits import synthetic_digits
from ideomotor_mujoco import draw_ink
from ideomotor_studies.kit import figures as style

_LINE = 2.0  # px, the width of the pen's line: that of the synthetic digits
_HOVER, _DOWN, _LIFT = 0.6, 0.9, 0.5  # s: to the start with the pen lifted, to put it down, to lift it


class _Script(AbstractFeedforwardPrimitive):
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

    s = minimum_jerk(np.linspace(0, 1, round(_HOVER / dt))[:, None])
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
    """What `ideomotor_commands.write_path` does."""
    path, ts = np.asarray(path, float), np.asarray(ts, float)
    dt = float(ts[-1] - ts[0]) / (len(ts) - 1)
    if not np.allclose(np.diff(ts), dt, rtol=1e-3):
        raise DataError("A path to write needs equally spaced times; resample it first.")
    start = np.asarray(robot.default_command())
    if start.shape != (3,):
        raise DataError("Writing lifts the pen, so the robot must be made with strokes=True.")
    commands, written = script(path, start[:2], dt, pen)
    times = dt * np.arange(len(commands))
    movement = rollout(_Script(len(commands)), commands, times, plant=robot)
    return Writing(
        ts=times,
        wanted=commands[:, :2],
        pen=np.asarray(movement.ys["pen"]),
        force=np.asarray(movement.ys["pen_force"]),
        writing=written,
        set_force=float(robot.mode.force),
        threshold=threshold,
        movement=movement,
        robot=robot,
    )


@dataclass(frozen=True)
class WrittenDigit:
    """One digit, from the picture to the ink.

    - `name`: of the picture; `picture`: as it was given, grey, 0 black and 1 white.
    - `image`: what the network sees, `(40, 40)`, ink 1 and paper 0; its pixels are those of the robot's sheet.
    - `path`: the movement read from it, px of the sheet (column, row), `(time, 2)`.
    - `writing`: what the robot made of it. `ink`: the written picture, `(40 · 8, 40 · 8)`, ink 1.
    - `to_original`: takes px of the sheet to px of the picture.
    """

    name: str
    picture: np.ndarray
    image: np.ndarray
    path: np.ndarray
    writing: Writing
    ink: np.ndarray
    to_original: Any

    @property
    def ink_to_path(self) -> float:
        """Mean distance from the ink to the commanded path, px of the sheet: the robot's error alone."""
        return float(distance_to_path(self.writing.pen[self.writing.down], self.path).mean())

    @property
    def ink_in_picture(self) -> np.ndarray:
        """Where ink flowed, px of the picture, `(samples, 2)`."""
        return self.to_original(self.writing.pen[self.writing.down])

    def figure(self) -> Figure:
        """The picture, the movement read from it, the ink on the sheet, and the force over time."""
        fig = style.new_figure(15, 3.9)
        axes = fig.subplots(1, 4, width_ratios=(1, 1, 1, 1.5))
        axes[0].imshow(self.picture, cmap="gray", vmin=0, vmax=1)
        axes[0].set_title("picture")
        axes[1].imshow(self.image, cmap="gray_r", vmin=0, vmax=1.6)
        axes[1].plot(*self.path.T, color=style.RED, linewidth=2)
        axes[1].plot(*self.path[0], "o", color=style.RED)
        axes[1].set_title("movement read from it")
        side = self.image.shape[0]
        axes[2].imshow(self.ink, cmap="Blues", extent=(-0.5, side - 0.5, side - 0.5, -0.5), vmin=0, vmax=1.1)
        axes[2].plot(*self.path.T, color=style.RED, linewidth=0.8)
        axes[2].set_title(f"ink on the sheet ({self.ink_to_path:.3f} px off)")
        style.bare(*axes[:3])
        writing = self.writing
        axes[3].axhline(writing.set_force, color=style.GREY, linewidth=1)
        axes[3].plot(writing.ts, writing.force, color=style.BLUE)
        edges = writing.ts[np.flatnonzero(np.diff(writing.writing.astype(int)))]
        for start, end in zip(edges[::2], edges[1::2], strict=False):
            axes[3].axvspan(start, end, color=style.GREY, alpha=0.2, linewidth=0)
        axes[3].set_ylim(0, max(1.5 * writing.set_force, 1.1 * float(writing.force.max())))
        axes[3].set_xlabel("time (s); grey while a stroke is written")
        axes[3].set_ylabel("contact force (N)")
        axes[3].set_title(f"force, {100 * writing.force_error:.1f} % RMS off")
        return fig

    def animate(self, path: Path | str, *, width: int = 480, height: int = 360) -> None:
        """The robot at work as a GIF, with the sheet as it fills in a corner."""
        writing, robot = self.writing, self.writing.robot
        sheet = robot.mj_model.body("sheet").pos
        camera = {
            "lookat": tuple(sheet + (-0.15, 0, 0.18)),
            "distance": 1.15,
            "azimuth": 125.0,
            "elevation": -25.0,
        }
        size = height // 3

        def with_sheet(picture: np.ndarray, sample: int) -> np.ndarray:
            scale = max(1, size // self.image.shape[0])
            down = writing.down & (np.arange(len(writing.ts)) <= sample)
            ink = draw_ink(writing.pen, down, shape=self.image.shape[:2], scale=scale)[..., None]
            shown = np.round(ink * (31, 58, 147) + (1 - ink) * 252).astype(np.uint8)
            picture = picture.copy()
            picture[6 : 10 + len(shown), 6 : 10 + len(shown)] = 90
            picture[8 : 8 + len(shown), 8 : 8 + len(shown)] = shown
            return picture

        robot.animate(
            writing.movement, path, fps=12.5, overlay=with_sheet, camera=camera, width=width, height=height
        )


def write_picture(
    picture: Any,
    robot: Any,
    reader: Any,
    *,
    duration: float = 3.0,
    rate: float = 100.0,
    name: str | None = None,
) -> WrittenDigit:
    """What `ideomotor_commands.write_digit` does."""
    robot = ideomotor.make("writing-robot", strokes=True) if robot is None else robot
    reader = ideomotor.make("refined", ideomotor.make("digit-reader")) if reader is None else reader
    name = name or (Path(picture).name if isinstance(picture, str | Path) else "the array")
    seen = read_image(picture, name=name)
    ts = np.linspace(0.0, duration, round(duration * rate) + 1)
    path = _read_path(reader, seen.image, ts)
    writing = write(robot, path, ts)
    return WrittenDigit(
        name=name,
        picture=seen.picture,
        image=seen.image,
        path=path,
        writing=writing,
        ink=draw_ink(writing.pen, writing.down, shape=seen.image.shape[:2], width=_LINE, scale=8),
        to_original=seen.to_original,
    )


def _read_path(reader: Any, image: np.ndarray, ts: np.ndarray) -> Float[np.ndarray, "time 2"]:
    """The movement a reader sees in a normalised image, stretched over `ts`."""
    return np.asarray(_read(reader, jnp.asarray(image), jnp.asarray(ts)), float)


@eqx.filter_jit
def _read(reader, image, ts):
    params = reader(image)
    params = eqx.tree_at(lambda p: p.tau, params, jnp.asarray(ts[-1] - ts[0], params.tau.dtype))
    return reader.primitive.trajectory(params, ts)


def distance_to_path(
    points: Float[np.ndarray, "points 2"], path: Float[np.ndarray, "time 2"]
) -> Float[np.ndarray, " points"]:
    """How far each point is from the nearest place on a polyline."""
    start, along = path[:-1], np.diff(path, axis=0)
    length = np.maximum((along**2).sum(-1), 1e-12)
    t = ((points[:, None] - start) * along).sum(-1) / length
    nearest = start + np.clip(t, 0, 1)[..., None] * along
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(1)


class Row(NamedTuple):
    """One digit; distances are means in px of its 40 x 40 image.

    - `robot`: from the ink to the commanded path; `reader`: from the commanded path to the digit's true path;
      `ink`: from the ink to the true path, which is what the two come to; `missed`: from the true path to the ink.
    - `force`: RMS error of the contact force, relative to its set point; `lift_offs`: samples without contact.
    """

    label: int
    robot: float
    reader: float
    ink: float
    missed: float
    force: float
    lift_offs: int


def measure(count: int, *, seed: int = 0, robot: Any = None, reader: Any = None) -> Iterator[Row]:
    """Write synthetic digits (Pahič et al. 2018, section V), equally many of each, and compare the ink with their paths.

    - `reader`: as for `ideomotor_commands.write_digit`; the string `"none"` gives the robot the true paths instead of reading them.
    """
    robot = ideomotor.make("writing-robot", strokes=True) if robot is None else robot
    if reader is None:
        reader = ideomotor.make("refined", ideomotor.make("digit-reader"))
    digits = synthetic_digits(count, seed=seed)
    for image, truth, label in zip(digits.images, digits.paths, digits.labels, strict=True):
        truth = truth.astype(float)
        if reader == "none":
            writing = write(robot, truth, np.asarray(digits.ts, float))
            ink, path = writing.pen[writing.down], truth
            own = float(distance_to_path(ink, path).mean())
        else:
            digit = write_picture(image, robot, reader)
            writing, ink, path = digit.writing, digit.ink_in_picture, digit.to_original(digit.path)
            own = float(distance_to_path(ink, path).mean())
        yield Row(
            int(label),
            own,
            float(distance_to_path(path, truth).mean()),
            float(distance_to_path(ink, truth).mean()),
            float(distance_to_path(truth, ink).mean()),
            writing.force_error,
            writing.lift_offs,
        )
