import importlib.metadata
import platform
import time
from pathlib import Path

from ._files import make_folder

_PACKAGES = ("ideomotor", "jax", "equinox", "diffrax", "optax", "numpy")


def versions(*more: str) -> dict[str, str]:
    """The versions of Python and of the packages that decide on a result, and of `more` distributions."""
    found = {"python": platform.python_version()}
    for package in (*_PACKAGES, *more):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def new_run(folder: Path | str | None = None, name: str = "run") -> Path:
    """Make and return an empty folder such as `runs/digits-20260131-174502`.

    - `folder`: where to put it, by default `runs` in the working directory.
    """
    parent = make_folder("runs" if folder is None else folder)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        path = parent / (f"{name}-{stamp}" if number == 1 else f"{name}-{stamp}-{number}")
        try:
            path.mkdir()
        except FileExistsError:  # another run was started in the same second
            continue
        return path
    raise FileExistsError(f"{parent} holds a thousand runs {name}-{stamp}; choose another folder.")
