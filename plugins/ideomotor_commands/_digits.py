"""A picture of a digit becomes a movement that an arm executes: the framework's main job on real input."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy import ndimage
from tqdm import tqdm

import ideomotor
from ideomotor import Pipeline, Trajectory, load_pipeline, rollout
from ideomotor.capabilities import SupportsReach, SupportsSheet
from ideomotor.errors import AssemblyError
from ideomotor_arm import draw_arm
from ideomotor_encoder_decoder import Refined, ink_distances, read_digits, read_image, warped_distance
from ideomotor_studies.kit import figures as style

PIPELINE = Path(__file__).with_name("digits.yaml")
"""What `ideomotor run digits` runs."""
DOUBTFUL = 0.5  # px of the sheet
_TURN, _UNSTEADY = (
    12.0,
    2.1,
)  # degrees; px, by which readings of 97 % of digits differ at most when they are turned by that


@dataclass(frozen=True)
class DigitDrawing:
    """One digit, from the picture to the movement of the arm.

    - `name`: of the picture.
    - `picture`: as it was given, grey, 0 black and 1 white, `(height, width)`.
    - `image`: what the network sees: `(40, 40)`, ink 1 and paper 0. Its pixels are those of the arm's sheet.
    - `path`: the movement read from it, in pixels `(column, row)` of the picture, `(time, 2)`.
    - `frame`: the corners of `image` in the picture.
    - `wanted`, `hand`: where the hand should be and where it was, in pixels of the sheet, `(time, 2)`.
    - `angles`: of the arm's joints, rad, `(time, 2)`.
    - `movement`: all of it, as the pipeline gave it.
    - `misses`: how far the hand's path is from the ink, and the ink from it, in pixels of the sheet
      (`ideomotor_encoder_decoder.ink_distances`).
    - `lag`: mean distance between `wanted` and `hand`, in pixels of the sheet.
    - `misfit`: between the ink and what the reader made of it before refinement (`DigitImage.misfit`), in pixels of the sheet;
      more than `DOUBTFUL` is hardly a digit. It is raised where the reading changes as the image is turned a little.
    """

    name: str
    picture: np.ndarray
    image: np.ndarray
    path: np.ndarray
    frame: np.ndarray
    ts: np.ndarray
    wanted: np.ndarray
    hand: np.ndarray
    angles: np.ndarray
    plant: Any
    movement: Trajectory
    misses: tuple[float, float]
    lag: float
    misfit: float

    def figure(self) -> Figure:
        """The picture with the path over it, the arm in several poses, and the movement over time."""
        fig = style.new_figure(13, 4.4)
        left, middle, right = fig.subplots(1, 3, width_ratios=(1, 1.25, 1.1))
        _show_path(left, self)
        left.set_title("picture, and the movement read from it")
        _show_arm(middle, self, poses=4)
        middle.set_title("the arm that draws it")
        _show_time(right, self)
        return fig

    def animate(self, path: Path | str, *, frames: int = 40) -> None:
        """Write a GIF of the arm drawing the digit, in real time."""
        fig = style.new_figure(4.8, 4.8, dpi=80)
        axes = fig.subplots()
        _sheet(axes, self)
        _frame_arm(axes, self)
        (ink,) = axes.plot([], [], color=style.RED, linewidth=3, zorder=5)

        arm = draw_arm(axes, self.plant, self.angles[0], color="0.35", linewidth=8)

        def move(step: int) -> None:
            ink.set_data(*self.hand[: step + 1].T)
            draw_arm(axes, self.plant, self.angles[step], artists=arm)

        steps = np.linspace(0, len(self.ts) - 1, frames).astype(int).tolist()
        seconds = float(self.ts[-1] - self.ts[0])
        style.write_gif(Path(path), fig, steps, move, [ink, *arm], seconds, pause=1.2)


def standard_pipeline() -> Pipeline:
    """The pipeline that reads and draws digits: digit reader, DMP, two-link arm over a sheet."""
    return load_pipeline(PIPELINE)


def draw(
    picture: Any,
    pipeline: Pipeline | None = None,
    *,
    duration: float = 3.0,
    samples: int = 301,
    name: str | None = None,
) -> DigitDrawing:
    """What `ideomotor_commands.draw_digit` does."""
    name = _name(picture, name)
    pipeline = standard_pipeline() if pipeline is None else pipeline
    piece, ts = read_image(picture, name=name), np.linspace(0.0, duration, samples)
    return _drawing(name, piece, pipeline, ts, _reading(pipeline, piece, ts))


def draw_page(
    picture: str | Path | np.ndarray,
    pipeline: Pipeline | None = None,
    *,
    duration: float = 3.0,
    samples: int = 301,
    name: str | None = None,
) -> tuple[list[DigitDrawing], int]:
    """Draw all digits of a page, in reading order; the arguments are those of `ideomotor_commands.draw_digit`.

    Returns the drawings, and how many other pieces of writing do not look like digits. Raises a `DataError` where there is
    no writing.
    """
    name = _name(picture, name)
    pieces = read_digits(picture, name=name)
    pipeline = standard_pipeline() if pipeline is None else pipeline
    drawings, ts = [], np.linspace(0.0, duration, samples)
    for piece in tqdm(pieces, unit="piece", leave=False, delay=2, disable=None):
        reading = _reading(pipeline, piece, ts)
        if reading.misfit <= DOUBTFUL:
            title = f"{name}, {len(drawings) + 1}"
            drawings.append(_drawing(title, piece, pipeline, ts, reading))
    return drawings, len(pieces) - len(drawings)


class _Reading(NamedTuple):
    """What is read in an image: parameters, the path they are of, the plant's state at its start, the reader's doubt."""

    params: Any
    path: np.ndarray
    x0: Any
    misfit: float


def _reading(pipeline: Pipeline, piece: Any, ts: np.ndarray) -> _Reading:
    plant: Any = pipeline.plant
    if not (isinstance(plant, SupportsReach) and isinstance(plant, SupportsSheet)):
        raise AssemblyError(
            f"Drawing needs a plant with a sheet, such as `plant: {{use: sheet}}`, and this pipeline's plant is "
            f"{type(plant).__name__}."
        )
    turned = [ndimage.rotate(piece.image, angle, reshape=False, order=1) for angle in (_TURN, -_TURN)]
    params, path, x0, raw = _read(pipeline, np.stack([piece.image, *turned]), ts)
    raw = np.asarray(raw)
    # A digit is read alike where it is turned a little; the reader's guess about anything else is not.
    middle, (c, s) = (piece.image.shape[0] - 1) / 2, (np.cos(np.radians(_TURN)), np.sin(np.radians(_TURN)))
    back = [
        (one - middle) @ np.array([[c, sign * s], [-sign * s, c]]) + middle
        for one, sign in zip(raw[1:], (1, -1), strict=True)
    ]
    unsteady = float(np.mean([np.linalg.norm(one - raw[0], axis=1).mean() for one in back]))
    misfit = max(piece.misfit(raw[0]), DOUBTFUL * unsteady / _UNSTEADY)
    return _Reading(params, np.asarray(path), x0, misfit)


@eqx.filter_jit
def _read(pipeline, images, ts):
    """All of it in one program; `raw` are the paths as they were read in all images, since a refined one lies on any ink."""
    image = images[0]
    # Time in units of the reader's own duration: all of the movement, whatever the duration asked for.
    params = _stretched(pipeline.params(image), ts[-1])
    path = rollout(pipeline.primitive, params, ts).ys
    reader = pipeline.perception
    reader = reader.perception if isinstance(reader, Refined) else reader
    raw = jax.vmap(
        lambda image: rollout(pipeline.primitive, _stretched(reader(image), 1.0), np.linspace(0, 1, 101)).ys
    )(images)
    return params, path, pipeline.plant.at(path[0]), raw


def _name(picture: Any, name: str | None) -> str:
    return name or (Path(picture).name if isinstance(picture, str | Path) else "the array")


def _drawing(name, seen, pipeline, ts, reading) -> DigitDrawing:
    plant: Any = pipeline.plant
    movement = rollout(pipeline.primitive, reading.params, ts, plant=plant, x0=reading.x0)
    hand = np.asarray(movement.ys["hand"])
    height, width = seen.image.shape
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)
    to_path, to_ink = ink_distances(hand, seen.image)
    return DigitDrawing(
        name=name,
        picture=seen.picture,
        image=seen.image,
        path=seen.to_original(reading.path),
        frame=seen.to_original(corners),
        ts=ts,
        wanted=reading.path,
        hand=hand,
        angles=np.asarray(movement.ys["angle"]),
        plant=plant,
        movement=movement,
        misses=(to_ink, to_path),
        lag=float(np.linalg.norm(hand - reading.path, axis=-1).mean()),
        misfit=reading.misfit,
    )


def _stretched(params, duration: Any):
    return eqx.tree_at(lambda p: p.tau, params, jnp.asarray(duration, params.tau.dtype))


def _show_path(axes: Axes, drawing: DigitDrawing) -> None:
    """The picture in grey with the path over it, from dark to bright as time goes on."""
    picture = drawing.picture
    axes.imshow(picture, cmap="gray", interpolation="nearest", vmin=0, vmax=1)
    path = drawing.path
    segments = np.stack([path[:-1], path[1:]], axis=1)
    lines = LineCollection(list(segments), cmap="plasma", linewidths=3, capstyle="round")
    lines.set_array(np.linspace(0, 1, len(segments)))
    axes.add_collection(lines)
    axes.plot(*path[0], "o", color="#0d0887", markeredgecolor="white", markersize=8)
    around = np.concatenate([path, drawing.frame])
    low, high = around.min(0), around.max(0)
    margin = 0.15 * (high - low).max()
    height, width = picture.shape
    axes.set_xlim(max(low[0] - margin, -0.5), min(high[0] + margin, width - 0.5))
    axes.set_ylim(min(high[1] + margin, height - 0.5), max(low[1] - margin, -0.5))
    style.bare(axes)


def _show_arm(axes: Axes, drawing: DigitDrawing, poses: int) -> None:
    """The arm over its sheet in a few poses, with the ink its hand leaves."""
    steps = np.linspace(0, len(drawing.ts) - 1, poses).astype(int)
    _sheet(axes, drawing)
    axes.plot(*drawing.hand.T, color=style.RED, linewidth=2.5, zorder=5)
    for place, step in enumerate(steps):
        alpha = 0.15 + 0.5 * (place + 1) / poses
        draw_arm(axes, drawing.plant, drawing.angles[step], color="0.35", alpha=alpha, linewidth=7)
        axes.plot(*drawing.hand[step], "o", color=style.RED, markersize=6, zorder=6)
    _frame_arm(axes, drawing)


def _sheet(axes: Axes, drawing: DigitDrawing) -> None:
    height, width = drawing.image.shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(1 - 0.35 * drawing.image, cmap="gray", vmin=0, vmax=1, extent=extent, zorder=0)
    style.bare(axes)


@eqx.filter_jit
def _joints_in_pixels(plant, angles):
    return plant.to_pixels(jax.vmap(plant.joint_positions)(angles))


def _frame_arm(axes: Axes, drawing: DigitDrawing) -> None:
    joints = np.asarray(_joints_in_pixels(drawing.plant, drawing.angles))
    height, width = drawing.image.shape
    around = np.concatenate([joints.reshape(-1, 2), [[0, 0], [width, height]]])
    low, high = around.min(0) - 4, around.max(0) + 4
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(high[1], low[1])
    axes.set_aspect("equal")


def _show_time(axes: Axes, drawing: DigitDrawing) -> None:
    for k, name in enumerate(("column", "row")):
        axes.plot(drawing.ts, drawing.wanted[:, k], color=style.BLUE, linewidth=1, linestyle="--")
        axes.plot(
            drawing.ts,
            drawing.hand[:, k],
            color=(style.RED, style.YELLOW)[k],
            linewidth=2,
            label=f"hand, {name}",
        )
    axes.set_xlabel("time (s)")
    axes.set_ylabel("place on the sheet (px), dashed as planned")
    axes.legend(frameon=False, loc="best")
    style.plain(axes)
    axes.set_title("the movement over time")


def overview(drawings: Sequence[DigitDrawing]) -> Figure:
    """A column for each digit: the picture with the path, and the arm at the end of the movement."""
    fig = style.new_figure(2.9 * len(drawings), 5.6)
    grid = fig.subplots(2, len(drawings), squeeze=False)
    for (top, bottom), drawing in zip(grid.T, drawings, strict=True):
        _show_path(top, drawing)
        top.set_title(drawing.name, fontsize=10)
        _show_arm(bottom, drawing, poses=2)
    return fig


def measure(
    images: np.ndarray, paths: np.ndarray, progress: Callable[..., Iterable[Any]] = iter
) -> dict[str, tuple[float, ...]]:
    """How far the paths that the digit reader sees, as it is and refined, are from those that belong to the images.

    Means in px: at equal times, along the best matching in time, from ink to path and from path to ink.
    """
    reader = ideomotor.make("digit-reader")
    ts = jnp.linspace(0.0, 3.0, paths.shape[1])
    found = {}
    for name, perception in (("reader", reader), ("refined", ideomotor.make("refined", reader))):
        play = jax.jit(lambda image, see=perception: reader.primitive.trajectory(see(image), ts))
        rows = []
        for image, truth in progress(list(zip(images, paths, strict=True))):
            seen = read_image(image)
            path = seen.to_original(np.asarray(play(jnp.asarray(seen.image))))
            ink = ink_distances(path, image / 255.0)
            rows.append((np.linalg.norm(path - truth, axis=-1).mean(), warped_distance(path, truth), *ink))
        found[name] = tuple(np.mean(rows, axis=0))
    return found
