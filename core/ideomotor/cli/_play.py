"""Plays a pipeline file and writes what came out; heavy, imported when it is needed."""

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .. import _files
from .._export import columns, named_leaves, write_trajectory
from .._pipeline import Pipeline
from .._save import load_pipeline, save_pipeline
from .._structure import describe
from .._trajectory import Trajectory
from ..capabilities import SupportsAnimation
from ..errors import DataError, SimulationError

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")


def play(
    path: str,
    source: str | None,
    duration: float,
    samples: int,
    seed: int | None,
    folder: Path,
    overwrite: bool = False,
) -> str:
    """Run the pipeline in the file `path` and write `folder`; returns what to tell the user."""
    pipeline = load_pipeline(path)
    observation = pipeline.default_observation()
    if source is not None:
        observation = read_observation(source, observation)
    ts = np.linspace(0.0, duration, samples)
    stopped = None
    # The folder is opened before the work, so that a refusal costs no time.
    with _files.new_folder(folder, overwrite=overwrite) as temporary:
        try:
            movement = pipeline(observation, ts, key=None if seed is None else jax.random.key(seed))
        except SimulationError as error:
            if error.movement is None:
                raise
            movement, stopped = error.movement, error
        _check_finite(movement)
        write_movement(pipeline, movement, temporary)
    if stopped is not None:
        raise SimulationError(f"{stopped} What was recorded until then is in {folder}/.") from stopped
    return f"{samples} samples over {duration:g} s, outputs {describe(movement.ys)}\nWritten to {folder}/"


def write_movement(pipeline: Pipeline, movement: Trajectory, folder: Path) -> None:
    """Write trajectory.csv, trajectory.npz, pipeline.yaml, figure.png, and movement.gif if the plant can be shown.

    A plant is shown by its own method `animate(movement, path)`: see `ideomotor.capabilities.SupportsAnimation`.
    """
    write_trajectory(movement, folder)
    save_pipeline(pipeline, folder / "pipeline.yaml")
    _draw(movement, folder / "figure.png")
    if isinstance(pipeline.plant, SupportsAnimation):
        pipeline.plant.animate(movement, folder / "movement.gif")


def read_observation(source: str, example: Any) -> Any:
    """An observation from a file, with the structure of `example`.

    A `.npy` file or an image (as grey values from 0 to 1) fills an observation that is one array; a `.npz` file
    needs one array for each leaf, named by its path, such as `goal`.
    """
    path = Path(source)
    leaves = [(name.lstrip("."), leaf) for name, leaf in named_leaves(example)]
    arrays = _read_arrays(path, max((np.size(leaf) for _, leaf in leaves), default=0))
    if len(leaves) == 1 and len(arrays) == 1:
        arrays = {leaves[0][0]: next(iter(arrays.values()))}
    wanted = [name for name, _ in leaves]
    if sorted(arrays) != sorted(wanted):
        names = ", ".join(repr(name) for name in wanted)
        raise DataError(
            f"{path} holds {', '.join(map(repr, arrays)) or 'nothing'}, and the pipeline's observation is made of "
            f"{names}: {describe(example)}; write them with numpy.savez."
        )
    filled = [_as(arrays[name], leaf, f"{path}: {name}" if name else str(path)) for name, leaf in leaves]
    return jax.tree.unflatten(jax.tree.structure(example), filled)


def _as(array: np.ndarray, example: np.ndarray, where: str) -> np.ndarray:
    if array.shape != example.shape and array.size == example.size and 1 in (*array.shape, *example.shape):
        array = array.reshape(example.shape)  # a channel axis of one, given or not
    if array.shape != example.shape:
        raise DataError(
            f"{where} has shape {array.shape}, and the pipeline takes {example.shape}; resize it first."
        )
    if array.dtype.kind not in "buif":
        raise DataError(f"{where} holds {array.dtype} values, and numbers are needed.")
    if not np.all(np.isfinite(array)):
        raise DataError(f"{where} holds values that are not finite; repair them first.")
    return array.astype(example.dtype)


def _read_arrays(path: Path, most: int) -> dict[str, np.ndarray]:
    """The arrays of a file by name; one of more than `most` numbers is refused before it is read."""
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".npz", *_IMAGES):
        raise DataError(
            f"{path} is neither .npy, .npz nor an image ({', '.join(_IMAGES)}); convert it to one of them."
        )
    try:
        if suffix in _IMAGES:
            from PIL import Image

            with Image.open(path) as image:
                return {path.stem: np.asarray(image.convert("L"), np.float32) / 255}
        if suffix == ".npy":
            with path.open("rb") as file:
                return {path.stem: _read_array(file, most)}
        with zipfile.ZipFile(path) as archive:
            found = {}
            for member in archive.namelist():
                with archive.open(member) as file:
                    found[member.removesuffix(".npy")] = _read_array(file, most)
            return found
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    # Readers of damaged files raise anything: zlib.error, SyntaxError, MemoryError, …
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} cannot be read: {reason}") from error


def _read_array(file: Any, most: int) -> np.ndarray:
    start = io.BytesIO(file.read(2**16))  # the header, which NumPy keeps below that
    version = np.lib.format.read_magic(start)
    shape, _, dtype = _HEADERS.get(version, np.lib.format.read_array_header_2_0)(start)
    if math.prod(shape) > most:
        raise ValueError(f"it holds an array of shape {shape}, and at most {most} numbers are needed")
    start.seek(0)
    rest = file.read(max(0, math.prod(shape) * dtype.itemsize))
    return np.lib.format.read_array(io.BytesIO(start.getvalue() + rest), allow_pickle=False)


_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0}


def _check_finite(movement: Trajectory) -> None:
    for name, values in columns(movement.ys, "ys"):
        if not np.all(np.isfinite(values)):
            bad = int(np.argmin(np.isfinite(values)))
            raise DataError(
                f"The movement is not finite: {name} is {values[bad]} at {float(movement.ts[bad]):g} s; "
                f"the plant may be unstable with these arguments, or need smaller steps (substeps, --samples)."
            )


def _draw(movement: Trajectory, path: Path) -> None:
    from matplotlib.figure import Figure

    leaves = [(name.lstrip("."), leaf) for name, leaf in named_leaves(movement.ys)]
    figure = Figure(figsize=(7, 1 + 2 * len(leaves)), layout="constrained")
    axes = figure.subplots(len(leaves), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (name, leaf) in zip(axes, leaves, strict=True):
        lines = ax.plot(movement.ts, leaf.reshape(leaf.shape[0], -1))
        ax.set_ylabel(name or "output")
        if 1 < len(lines) <= 8:
            ax.legend(lines, range(len(lines)), loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axes[-1].set_xlabel("time (s)")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    _files.write_bytes(path, buffer.getvalue())
