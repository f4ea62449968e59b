"""What the commands do, from Python; light to import, so that a missing extra concerns one task only."""

from collections.abc import Callable, Iterable
from typing import Any


def draw_digit(
    picture: Any, pipeline: Any = None, *, duration: float = 3.0, samples: int = 301, name: str | None = None
) -> Any:
    """Read a movement from a picture of a digit and let the arm draw it.

        drawing = draw_digit("photo.jpg")
        drawing.figure().savefig("figure.png")
        drawing.animate("movement.gif")

    - `picture`: a PNG, JPEG or `.npy` file, or an array `(height, width)` or `(height, width, 3)`; any size, dark on light
      or light on dark. `name`: what it is called in messages.
    - `pipeline`: by default that of `ideomotor run digits`: digit reader, DMP, two-link arm over a sheet.
    - `duration`: of the movement, in seconds: the reader's own timing, stretched to `samples` samples.

    Returns a drawing, in pixels `(column, row)` of the 40 x 40 image that the network sees: `image`, `wanted` and `hand`
    `(time, 2)`; also `path` in pixels of the picture, `angles` of the arm (rad), `movement` (a `Trajectory`), `misses` (mean
    distances from the hand's path to the ink and back) and `misfit` (of the ink and the reader's path; more than 0.5 is hardly
    a digit). Raises a `DataError` where the picture holds no digit, or several.
    """
    from ._digits import draw

    return draw(picture, pipeline, duration=duration, samples=samples, name=name)


def write_digit(
    picture: Any,
    robot: Any = None,
    reader: Any = None,
    *,
    duration: float = 3.0,
    rate: float = 100.0,
    name: str | None = None,
) -> Any:
    """Read a movement from a picture of a digit and let a KUKA arm write it with a pen (Pahič et al. 2018, section V).

    - `picture`, `name`: as for `draw_digit`.
    - `robot`: by default `ideomotor.make("writing-robot", strokes=True)`.
    - `reader`: from an image `(40, 40)` to a DMP's parameters; by default the shipped digit reader, refined on the picture.
    - `duration`: of the movement read, s; `rate`: commands per second.

    Returns the written digit, with `figure()` and `animate(path)`: `image` and `path` as the network sees them, `ink` (the
    written picture), `ink_to_path` (mean distance, px), and `writing`, which holds times, pen, contact force (N) and the
    `movement`. Raises a `DataError` where the picture holds no digit, and a `SimulationError` that holds what was written
    until then.
    """
    from ._writing import write_picture

    return write_picture(picture, robot, reader, duration=duration, rate=rate, name=name)


def write_path(robot: Any, path: Any, ts: Any, *, pen: Any = None, threshold: float = 0.05) -> Any:
    """Let a robot write a path, from the lifted pen to the lifted pen.

    - `robot`: a plant like `ideomotor.make("writing-robot", strokes=True)`.
    - `path`: px of the sheet (column, row), `(time, 2)`; `ts`: its times, equally spaced, s.
    - `pen`: whether each sample is written, `(time,)`; by default all are. Where it changes, the path waits for the pen.
    - `threshold`: the contact force above which ink flows, N.

    Returns what was written: `ts`, `wanted` and `pen` (px), `force` (N), `down`, `lag`, `lift_offs`, `force_error`, `movement`.
    Raises a `DataError` for times that are not equally spaced, and a `SimulationError` that holds what was written until then.
    """
    from ._writing import write

    return write(robot, path, ts, pen=pen, threshold=threshold)


def pick_up(
    task: Any,
    by: Any = None,
    *,
    samples: int = 10,
    seed: int = 0,
    say: Callable[[str], Any] = print,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    **looking: Any,
) -> Any:
    """Pick one object up with a simulated hand: a picture becomes grasps, one of them a movement, by an ordinary pipeline.

        task = PickingTask(GraspObject("mug").settled())     # of ideomotor_mujoco.grasping
        found = pick_up(task, "outline", seed=1)
        found.outcome.reason, found.movement, found.pipeline

    - `by`: where the grasp comes from: `"network"` (the trained one), `"outline"` (of what is seen) or `"trial"` (one that held in
      simulation); by default the network where there is one for this hand, else trials. A perception of your own predicts
      from a picture of `layers` a grasp in the object's frame `axes`; `camera`, `layers`, `axes` and `views`, the most sides to look
      from, are further keyword arguments.
    - `samples`: grasps drawn from one picture. `say` is told why there are trials; `progress` wraps them.

    Returns what was done: `how` and `notes`, `pipeline`, `observation` and `seed` (which make the same movement again), `movement`,
    `outcome`, and `write(folder)`, which writes what `ideomotor run grasp` does. Raises a `DataError` if no grasp can be
    reached from any side, or none held.
    """
    from ._grasping import pick_up_by

    return pick_up_by(task, by, samples=samples, seed=seed, say=say, progress=progress, **looking)
