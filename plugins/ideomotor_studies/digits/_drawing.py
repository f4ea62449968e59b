from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ideomotor import Pipeline, Trajectory, load_pipeline, rollout
from ideomotor.errors import AssemblyError, DataError
from ideomotor_encoder_decoder import ink_distances, load_picture, normalise_image, to_grey

PIPELINE = Path(__file__).with_name("pipeline.yaml")


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


def examples() -> list[Path]:
    """The pictures that come with the digit reader."""
    folder = Path(str(files("ideomotor_encoder_decoder"))) / "examples"
    return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg"))


def standard_pipeline() -> Pipeline:
    """The pipeline that reads and draws digits: digit reader, DMP, two-link arm over a sheet."""
    return load_pipeline(PIPELINE)


def draw_digit(
    picture: str | Path | np.ndarray,
    pipeline: Pipeline | None = None,
    *,
    duration: float = 3.0,
    samples: int = 301,
    name: str | None = None,
) -> DigitDrawing:
    """Read a movement from a picture of a digit and let the arm draw it.

    - `picture`: a PNG, JPEG or `.npy` file, or an array; any size, dark on light or light on dark.
    - `pipeline`: by default `standard_pipeline()`.
    - `duration`: of the movement, in seconds: the reader's own timing, stretched.

    Raises a `DataError` where no digit can be found in the picture.
    """
    pipeline = standard_pipeline() if pipeline is None else pipeline
    plant: Any = pipeline.plant
    if not (hasattr(plant, "at") and hasattr(plant, "to_pixels")):
        raise AssemblyError(
            f"Drawing needs a plant with a sheet, such as `plant: {{use: sheet}}`, and this pipeline's plant is "
            f"{type(plant).__name__}."
        )
    name = name or (Path(picture).name if isinstance(picture, str | Path) else "the array")
    grey = to_grey(_load(Path(picture)) if isinstance(picture, str | Path) else picture, name)
    normalised = normalise_image(grey, name=name)
    params = pipeline.params(jnp.asarray(normalised.image))
    # Time in units of the reader's own duration: all of the movement, whatever the duration asked for.
    params = _stretched(params, duration)
    ts = jnp.linspace(0.0, duration, samples)
    wanted = rollout(pipeline.primitive, params, ts).ys
    movement = rollout(pipeline.primitive, params, ts, plant=plant, x0=plant.at(wanted[0]))
    hand = np.asarray(movement.ys["hand"])
    height, width = normalised.image.shape
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)
    to_path, to_ink = ink_distances(hand, normalised.image)
    return DigitDrawing(
        name=name,
        picture=grey,
        image=normalised.image,
        path=normalised.to_original(np.asarray(wanted)),
        frame=normalised.to_original(corners),
        ts=np.asarray(ts),
        wanted=np.asarray(wanted),
        hand=hand,
        angles=np.asarray(movement.ys["angle"]),
        plant=plant,
        movement=movement,
        misses=(to_ink, to_path),
        lag=float(np.linalg.norm(hand - np.asarray(wanted), axis=-1).mean()),
    )


def _load(path: Path) -> np.ndarray:
    if path.suffix != ".npy":
        return load_picture(path)
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}; give the path of a picture or an .npy array.") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is no array that can be read ({error}); save it with numpy.save.") from error


def _stretched(params, duration: float):
    return eqx.tree_at(lambda p: p.tau, params, jnp.asarray(duration, params.tau.dtype))
