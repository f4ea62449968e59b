"""Files read and written so that a failure leaves nothing half done."""

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError, IdeomotorError


def write_bytes(path: Path | str, data: bytes) -> Path:
    """Write a file atomically: to a temporary name on the same disk, synced, then renamed.

    A link is followed; a new file gets the permissions that the user's umask leaves, an old one keeps its own.
    """
    with new_file(path, overwrite=True) as temporary:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    return Path(path)


@contextlib.contextmanager
def new_file(path: Path | str, *, overwrite: bool = False) -> Iterator[Path]:
    """A name to write a file to, which gets its own name only when the block ends well; see `write_bytes`."""
    target = Path(path).resolve()
    if target.exists() and not overwrite:
        raise IdeomotorError(
            f"The file {path} exists; choose another, or overwrite it (overwrite=True, --overwrite)."
        )
    make_folder(target.parent)
    temporary = _hidden_beside(target)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def write_text(path: Path | str, text: str) -> Path:
    """Write a text file atomically."""
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path | str, value: Any) -> Path:
    """Write a JSON file atomically; `value` is made of dictionaries, lists, text and numbers."""
    return write_text(path, json.dumps(value, indent=2) + "\n")


def make_folder(path: Path | str) -> Path:
    """Make a folder and its parents; the error names what is in the way."""
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
    """A folder that appears under its name only when the block ends well.

    - `overwrite`: replace what is in the folder. Of a folder that cannot be replaced as a whole (the working directory, a
      mounted disk), only files of the same names are.

    A link to a folder is followed. Where the last step fails, what was written is kept, and the error says where.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_dir():
        raise IdeomotorError(f"{path} is a file; give a folder to write to.")
    if target.exists() and any(target.iterdir()) and not overwrite:
        raise IdeomotorError(
            f"The folder {path} exists and is not empty; choose another, or overwrite it (overwrite=True, --overwrite)."
        )
    inside = target.is_dir() and not _replaceable(target)
    home = make_folder(target if inside else target.parent)
    temporary = _hidden_beside(home / target.name)
    try:
        temporary.mkdir()
    except OSError as error:
        raise IdeomotorError(
            f"{path} cannot be written to ({error.strerror}); choose another folder."
        ) from error
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    try:
        _move_into(temporary, target) if inside else _swap(temporary, target)
    except OSError as error:
        raise IdeomotorError(
            f"{path} cannot be replaced ({error.strerror}); what was to be written is in {temporary}."
        ) from error


def _hidden_beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _replaceable(folder: Path) -> bool:
    """Whether a folder may be renamed: it is not where somebody stands, and no disk is mounted there."""
    here = Path.cwd()
    stands = folder == here or folder in here.parents
    return not (stands or os.path.ismount(folder)) and os.access(folder.parent, os.W_OK | os.X_OK)


def _swap(temporary: Path, path: Path) -> None:
    if not path.exists():
        os.replace(temporary, path)
        return
    aside = _hidden_beside(path)
    try:
        os.replace(path, aside)
    except OSError:  # such as a folder that is mounted from the same disk
        _move_into(temporary, path)
        return
    try:
        os.replace(temporary, path)
    except BaseException:
        os.replace(aside, path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _move_into(temporary: Path, path: Path) -> None:
    """Move what is in one folder into another; what has the same name there is replaced."""
    for new in sorted(temporary.iterdir()):
        old = path / new.name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        shutil.move(new, old)
    temporary.rmdir()


class _Loader(yaml.SafeLoader):
    """The safe loader, except that a key may not stand twice: the first value would be dropped in silence."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if (text := getattr(key, "value", None)) in seen and isinstance(text, str):
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {text!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(text if isinstance(text, str) else None)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path | str) -> Any:
    """Read a YAML file with the safe loader."""
    path = Path(path)
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder, and a YAML file is needed.")
        loader = _Loader(path.read_text())
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {path}.") from error
    except (OSError, ValueError) as error:  # also of numbers and dates
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply for a pipeline or a component.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", error)).split())
        raise ConfigError(f"{path}{place} is not YAML: {problem}.") from error


def resolve(location: str, folder: Path | str = ".") -> Path:
    """A path relative to `folder`, or `module:path` for a folder that ships inside an installed module."""
    module, colon, inside = location.partition(":")
    if colon and module.isidentifier() and len(module) > 1:
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(f"{location!r} points into the module {module!r}, which is not installed.")
        return Path(spec.submodule_search_locations[0]) / inside
    return Path(folder) / location
