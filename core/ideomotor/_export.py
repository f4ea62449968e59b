"""Movements as files other programs read."""

import csv
import io
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from . import _files
from ._formats import write_recordings
from ._recording import Recording
from ._trajectory import Trajectory, named_leaves

record_to: ContextVar[Path | None] = ContextVar("record_to", default=None)


def write_trajectory(movement: Trajectory, folder: Path | str) -> list[Path]:
    """Write trajectory.csv (times, outputs, commands) and trajectory.npz (states too) into `folder`.

    Where `record_to` names a file (`ideomotor run --record`), the movement is also written there, as a recording.
    Columns and arrays are named by their path: `ts`, `ys.hand[0]`, `us[1]`; in the NPZ `ys.hand`, `us`, `xs.angle`.
    """
    folder = Path(folder)
    if (path := record_to.get()) is not None:
        write_recordings(Recording.from_trajectory(movement, path.stem), path, overwrite=True)
    parts = ("ys", "us", "xs")
    arrays: dict[str, Any] = {
        f"{part}{name}": leaf for part in parts for name, leaf in named_leaves(getattr(movement, part))
    }
    buffer = io.BytesIO()
    np.savez(buffer, ts=np.asarray(movement.ts), **arrays)
    return [
        _files.write_text(folder / "trajectory.csv", _table(movement)),
        _files.write_bytes(folder / "trajectory.npz", buffer.getvalue()),
    ]


def columns(tree: Any, name: str) -> Iterator[tuple[str, np.ndarray]]:
    """The leaves, which lead with time, as named columns of numbers."""
    for path, leaf in named_leaves(tree):
        for index in np.ndindex(leaf.shape[1:]):
            yield f"{name}{path}" + "".join(f"[{i}]" for i in index), leaf[(slice(None), *index)]


def _table(movement: Trajectory) -> str:
    found = [("ts", np.asarray(movement.ts)), *columns(movement.ys, "ys"), *columns(movement.us, "us")]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for name, _ in found])
    writer.writerows(zip(*[[str(value) for value in values] for _, values in found], strict=True))
    return out.getvalue()
