"""The folder of a training run: `config.json`, `metrics.jsonl` and one `checkpoint.safetensors`."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from . import _files, _tensors
from ._saved import versions
from .errors import CheckpointError

CONFIG, METRICS, CHECKPOINT = "config.json", "metrics.jsonl", "checkpoint.safetensors"
_MARK = "ideomotor training run"

_WORDS = {
    "seed": "the seed",
    "batch_size": "batch_size",
    "data": "the shape of the data",
    "untrained": "the part of the model that is not trained",
}


class Checkpoints:
    """What a training writes down; without a folder, nothing.

    - `about`: what must be the same for a resumed run to give the same result.
    - `settings`: what is only written down, `steps` among it.
    - `template`: a tree of the arrays of a checkpoint.

    After opening, `state` is the stored tree, or `None` at a fresh start, and `step` is its step.
    """

    def __init__(
        self, folder: Path | str | None, about: dict, settings: dict, template: Any, *, resume: bool
    ):
        self.about, self.step, self.state, self.folder, self._metrics = about, 0, None, None, None
        if folder is None:
            return
        self.folder = folder = _files.make_folder(folder)
        there = [name for name in (CHECKPOINT, METRICS, CONFIG) if (folder / name).exists()]
        if there and not resume:
            raise CheckpointError(
                f"{folder} holds {there[0]} already; pass resume=True or choose another folder."
            )
        if CONFIG in there:
            _check_is_run(folder / CONFIG)
        if CHECKPOINT in there:
            self.step, self.state = _read(folder / CHECKPOINT, about, template)
        if self.step > settings["steps"]:
            raise CheckpointError(
                f"{folder} is at step {self.step} already; ask for more than steps={settings['steps']}."
            )
        for name in (CHECKPOINT, METRICS, CONFIG):
            for half in folder.glob(f".{name}.*"):  # a run was killed while it wrote this
                half.unlink(missing_ok=True)
        config = {"kind": _MARK, **about, **settings, "versions": versions()}
        _files.write_json(folder / CONFIG, config)
        self._metrics = _open_metrics(folder / METRICS, self.step)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_):
        if self._metrics is not None:
            self._metrics.close()

    def log(self, metrics: dict[str, Any]) -> None:
        """Append a line to `metrics.jsonl`."""
        if self._metrics is not None:
            self._metrics.write(json.dumps(metrics) + "\n")
            self._metrics.flush()

    def save(self, state: Any, step: int) -> None:
        """Replace the checkpoint atomically."""
        if self.folder is None or self._metrics is None:
            return
        # The lines up to this step are on disk before the checkpoint that will not write them again.
        os.fsync(self._metrics.fileno())
        tensors = {name: _tensors.to_numpy(leaf) for name, leaf in _tensors.numbers(state).items()}
        metadata = {"step": str(step), "about": json.dumps(self.about), "digest": _tensors.digest(tensors)}
        _files.write_bytes(self.folder / CHECKPOINT, _tensors.pack(tensors, metadata))
        self.step = step


def _check_is_run(path: Path) -> None:
    found: Any = None
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text())
    if not isinstance(found, dict) or found.get("kind") != _MARK:
        raise CheckpointError(
            f"{path} was not written by ideomotor.train; choose another folder for the run."
        )


def _read(path: Path, about: dict, template: Any) -> tuple[int, Any]:
    try:
        tensors, metadata = _tensors.unpack(path.read_bytes())
        step, stored = int(metadata["step"]), json.loads(metadata["about"])
        whole = metadata["digest"] == _tensors.digest(tensors)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} cannot be read: {error}; delete the folder and start again."
        ) from error
    if not whole:
        raise CheckpointError(
            f"{path} has been changed since it was saved; delete the folder and start again."
        )
    for key, now in about.items():
        if stored.get(key) != now:
            values = "differs" if key == "untrained" else f"was {stored.get(key)} and is {now}"
            raise CheckpointError(
                f"{path} belongs to a different run: {_WORDS[key]} {values}; choose another folder."
            )
    try:
        state = _tensors.replace(template, tensors)
        for name, leaf in _tensors.numbers(template).items():
            dtype = _tensors.to_numpy(leaf).dtype
            if tensors[name].dtype != dtype:
                raise ValueError(f"{name} is {tensors[name].dtype} where {dtype} is needed")
    except ValueError as error:
        raise CheckpointError(
            f"{path} belongs to a different model or optimiser: {error}; choose another folder."
        ) from error
    return step, state


def _open_metrics(path: Path, step: int):
    """`metrics.jsonl` for appending, without lines after `step` or one that was cut short."""
    kept = []
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_text().splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (ValueError, TypeError, KeyError):
                break
    _files.write_text(path, "".join(kept))
    return path.open("a")
