"""Files read and written so that a failure leaves nothing half done."""

import contextlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError, IdeomotorError


def write_bytes(path: Path | str, data: bytes) -> Path:
    """Write a file whole or not at all: to a temporary name on the same disk, synced, then renamed."""
    path = Path(path)
    make_folder(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return path


def write_text(path: Path | str, text: str) -> Path:
    """Write a text file whole or not at all."""
    return write_bytes(path, text.encode())


def write_json(path: Path | str, value: Any) -> Path:
    """Write a JSON file whole or not at all."""
    return write_text(path, json.dumps(value, indent=2) + "\n")


def make_folder(path: Path | str) -> Path:
    """Make a folder and its parents; says plainly what is in the way."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise IdeomotorError(
            f"{path} cannot be a folder: a file of that name is there; choose another."
        ) from error
    except OSError as error:
        raise IdeomotorError(
            f"{path} cannot be written to ({error.strerror}); choose another folder."
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise IdeomotorError(f"{path} cannot be written to (no permission); choose another folder.")
    return path


@contextlib.contextmanager
def new_folder(path: Path | str, *, overwrite: bool = False) -> Iterator[Path]:
    """A folder that appears under its name only when the block ends well."""
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise IdeomotorError(f"{path} is a file; give a folder to write to.")
    if path.exists() and any(path.iterdir()) and not overwrite:
        raise IdeomotorError(
            f"The folder {path} exists and is not empty; choose another, or overwrite it (overwrite=True, --overwrite)."
        )
    make_folder(path.absolute().parent)
    try:
        temporary = Path(tempfile.mkdtemp(dir=path.absolute().parent, prefix=f".{path.name}."))
    except OSError as error:
        raise IdeomotorError(
            f"{path} cannot be written to ({error.strerror}); choose another folder."
        ) from error
    try:
        temporary.chmod(0o755)
        yield temporary
        _swap(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(temporary: Path, path: Path) -> None:
    if not path.exists():
        os.replace(temporary, path)
        return
    aside = Path(tempfile.mkdtemp(dir=path.absolute().parent, prefix=f".{path.name}.old."))
    os.replace(path, aside / path.name)
    os.replace(temporary, path)
    shutil.rmtree(aside, ignore_errors=True)


def read_yaml(path: Path | str) -> Any:
    """Read a YAML file with the safe loader."""
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, and a YAML file is needed.")
    try:
        return yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as text: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{place} is not YAML: {getattr(error, 'problem', error)}.") from error


def resolve(location: str, folder: Path | str = ".") -> Path:
    """A path relative to `folder`, or `module:path` for a folder that ships inside an installed module."""
    module, colon, inside = location.partition(":")
    if colon and module.isidentifier() and len(module) > 1:
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(f"{location!r} points into the module {module!r}, which is not installed.")
        return Path(spec.submodule_search_locations[0]) / inside
    return Path(folder) / location
