"""Trained components that come with a plug-in: folders written by `ideomotor.save` below `checkpoints` in its package."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from .. import errors
from .._save import load


def load_pretrained(package: str, name: str, *, kind: str | None = None) -> Any:
    """A trained component that comes with a package, by the name of its folder.

    - `kind`: as in `ideomotor.load`.

    Raises an `UnknownNameError` for another name and a `CheckpointError` for a folder that cannot be loaded.
    """
    folder = Path(str(files(package))) / "checkpoints"
    known = sorted(child.name for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []
    if name not in known:
        raise errors.UnknownNameError(
            f"{package} comes with no trained {name!r}.{errors.did_you_mean(name, known)}"
        )
    return load(folder / name, kind=kind)
