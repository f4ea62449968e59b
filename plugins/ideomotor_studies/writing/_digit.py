from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import ideomotor
from ideomotor_encoder_decoder import load_picture, normalise_image, to_grey
from ideomotor_mujoco import draw_ink

from ._strokes import Writing, write

_LINE = 2.0  # px, the width of the pen's line: that of the synthetic digits


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


def write_digit(
    picture: str | Path | np.ndarray,
    robot: Any = None,
    reader: Any = None,
    *,
    duration: float = 3.0,
    rate: float = 100.0,
    name: str | None = None,
) -> WrittenDigit:
    """Read a movement from a picture of a digit and let a KUKA arm write it with a pen.

    - `picture`: a PNG or JPEG file, or an array; any size, dark on light or light on dark.
    - `robot`: by default `ideomotor.make("writing-robot", strokes=True)`.
    - `reader`: an image (40, 40) to a DMP's parameters; by default the shipped digit reader, refined on the picture.
    - `duration`: of the movement read, s; `rate`: commands per second.

    Raises a `DataError` where no digit can be found in the picture.
    """
    robot = ideomotor.make("writing-robot", strokes=True) if robot is None else robot
    reader = ideomotor.make("refined", ideomotor.make("digit-reader")) if reader is None else reader
    name = name or (Path(picture).name if isinstance(picture, str | Path) else "the array")
    grey = to_grey(load_picture(Path(picture)) if isinstance(picture, str | Path) else picture, name)
    seen = normalise_image(grey, name=name)
    ts = np.linspace(0.0, duration, round(duration * rate) + 1)
    path = read_path(reader, seen.image, ts)
    writing = write(robot, path, ts)
    return WrittenDigit(
        name=name,
        picture=grey,
        image=seen.image,
        path=path,
        writing=writing,
        ink=draw_ink(writing.pen, writing.down, shape=seen.image.shape[:2], width=_LINE, scale=8),
        to_original=seen.to_original,
    )


def read_path(reader: Any, image: np.ndarray, ts: np.ndarray) -> Float[np.ndarray, "time 2"]:
    """The movement a reader sees in a normalised image, stretched over `ts`."""
    return np.asarray(_read(reader, jnp.asarray(image), jnp.asarray(ts)), float)


@eqx.filter_jit
def _read(reader, image, ts):
    params = reader(image)
    params = eqx.tree_at(lambda p: p.tau, params, jnp.asarray(ts[-1] - ts[0], params.tau.dtype))
    return getattr(reader, "perception", reader).primitive.trajectory(params, ts)


def distance_to_path(
    points: Float[np.ndarray, "points 2"], path: Float[np.ndarray, "time 2"]
) -> Float[np.ndarray, " points"]:
    """How far each point is from the nearest place on a polyline."""
    start, along = path[:-1], np.diff(path, axis=0)
    length = np.maximum((along**2).sum(-1), 1e-12)
    t = ((points[:, None] - start) * along).sum(-1) / length
    nearest = start + np.clip(t, 0, 1)[..., None] * along
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(1)
