"""Formats of recordings: parts of kind "format" that plug-ins add, found by what is in a file and then by its name."""

import abc
import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

from . import _files
from ._recording import Recording
from .errors import DataError, IdeomotorError, did_you_mean
from .registry import registry
from .spec import Component

_HEAD = 4096  # bytes that a format may look at


@dataclass(frozen=True)
class ReadOptions:
    """What a file may not say itself; a format uses what concerns it.

    - `rate`: samples per second, for files without times, or whose times are not to be used.
    - `time`: the column that holds the times; `time_unit`: `"s"`, `"ms"`, `"us"` or `"ns"`.
    - `channels`: read only these topics or channels, and what lies below them (`"/arm"`: `"/arm/position"`).
    """

    rate: float | None = None
    time: str | None = None
    time_unit: str | None = None
    channels: tuple[str, ...] = ()

    def __post_init__(self):
        if self.rate is not None and not self.rate > 0:
            raise DataError(f"rate = {self.rate}; there must be a positive number of samples per second.")

    def takes(self, name: str) -> bool:
        """Whether a channel of that name is to be read."""
        return not self.channels or any(name == c or name.startswith(f"{c}/") for c in self.channels)


class AbstractFormat(abc.ABC):
    """A file format of recordings; registered as a component of kind `"format"`.

        class Plain(AbstractFormat):
            suffixes = (".plain",)

            def sniff(self, path, head):
                return float(head.startswith(b"PLAIN"))

            def read(self, path, options):
                values = np.loadtxt(path, skiprows=1)
                yield Recording(path.stem, [Channel("x", values[:, 0], values[:, 1])])

    - `suffixes`: how its files end; the first is that of what is written.
    - `many`: whether one file holds several recordings; `folder`: whether it is a folder.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    many: ClassVar[bool] = False
    folder: ClassVar[bool] = False

    @abc.abstractmethod
    def sniff(self, path: Path, head: bytes) -> float:
        """How surely a file with these first bytes (a folder has none) is of this format, from 0 to 1."""

    @abc.abstractmethod
    def read(self, path: Path, options: ReadOptions) -> Iterator[Recording]:
        """The recordings in a file, one after the other, so that a large set needs no more memory than one of them.

        What is damaged or missing is said in `Recording.warnings`; a `DataError` where nothing can be read.
        """

    def write(self, recordings: Iterable[Recording], path: Path) -> Iterable[str]:
        """Write a file or folder that does not exist; gives a sentence for all that the format cannot hold."""
        raise DataError("this format is only read")


def find_format(path: Path | str, name: str | None = None) -> tuple[Component, AbstractFormat]:
    """The format of a file or folder, by its content, then by its name; `name` chooses a registered one."""
    path = Path(path)
    if name is not None:
        return registry().get(name, "format"), registry().make(name, kind="format")
    if not path.exists():
        raise DataError(f"There is no file {path}.")
    head = b""
    if not path.is_dir():
        with _as_data_error(path), path.open("rb") as file:
            head = file.read(_HEAD)
    best: tuple[float, Component, AbstractFormat] | None = None
    suffixes = []
    for component in registry().components("format"):
        made = registry().make(component.name)
        suffixes += made.suffixes
        named = path.suffix.lower() in made.suffixes
        sure = made.sniff(path, head) + (0.01 if named and path.is_dir() <= made.folder else 0)
        if sure > (best[0] if best else 0):
            best = (sure, component, made)
    if best is None and path.is_dir():
        raise DataError(f"The folder {path} is no recording; give the files in it one by one.")
    if best is None:
        raise DataError(
            f"{path} ends in {path.suffix or 'nothing'} and has the content of no format of recordings; they are read from "
            f"{', '.join(dict.fromkeys(suffixes))}."
        )
    return best[1:]


def read_recordings(
    path: Path | str, options: ReadOptions | None = None, *, format: str | None = None
) -> Iterator[Recording]:
    """The recordings in a file or folder, one after the other; `ideomotor.components("format")` lists what is read.

    Raises `DataError` that names the file, the location and what to do.
    """
    path = Path(path)
    component, made = find_format(path, format)
    with _as_data_error(path, component):
        count = 0
        for recording in made.read(path, options or ReadOptions()):
            yield recording
            count += 1
        if not count:
            raise DataError(f"{path} has no recording in it.")


def write_recordings(
    recordings: Recording | Iterable[Recording],
    path: Path | str,
    *,
    format: str | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Write recordings, whole or not at all; returns a sentence for all that the format cannot hold.

    - `format`: a registered name, such as `"lerobot-v3"`; by default by the ending of `path`.

    A format of one recording per file gets a folder of files, each named after its recording, where `path` has no such ending.
    """
    path = Path(path)
    component, made = format_to_write(path, format)
    found = iter([recordings] if isinstance(recordings, Recording) else recordings)
    told: list[str] = []
    with _as_data_error(path, component):
        first, second = next(found, None), None
        if first is None:
            raise DataError("There are no recordings to write.")
        one = made.many or path.suffix.lower() in made.suffixes
        if not made.many and (made.folder or one):
            second = next(found, None)
            one = one or second is None
        found = chain([first] if second is None else [first, second], found)
        if one and second is not None:
            raise DataError(
                f"{path} would hold several recordings, and {component.name} holds one; give a folder for all of them."
            )
        opened = _files.new_file if one and not made.folder else _files.new_folder
        with opened(path, overwrite=overwrite) as place:
            if one:
                if made.folder:
                    place.rmdir()
                told += made.write(found, place)
            else:
                used: set[str] = set()
                for recording in found:
                    name = unique_name(recording.name, used) + ("" if made.folder else made.suffixes[0])
                    told += (
                        f"{recording.name}: {sentence}" for sentence in made.write([recording], place / name)
                    )
    return list(dict.fromkeys(told))


def format_to_write(path: Path, name: str | None = None) -> tuple[Component, AbstractFormat]:
    """The format of this name, or that which files of this ending are written in; raises `DataError` where there is none."""
    if name is not None:
        return find_format(path, name)
    suffixes = {}
    for component in registry().components("format"):
        made = registry().make(component.name)
        for suffix in made.suffixes if type(made).write is not AbstractFormat.write else ():
            suffixes.setdefault(suffix, (component, made))
    if path.suffix.lower() not in suffixes:
        hint = did_you_mean(path.suffix, suffixes)
        raise DataError(
            f"{path} ends in {path.suffix or 'nothing'}, which is no format that is written; say one (format=, --to), or end it "
            f"in {', '.join(suffixes)}.{hint if 'Did' in hint else ''}"
        )
    return suffixes[path.suffix.lower()]


def unique_name(name: str, used: set[str]) -> str:
    """A file name for a text, unlike all in `used`, to which it is added; also where case makes no difference."""
    stem = re.sub(r"[^\w.-]+", "_", name).strip(".")[:80] or "recording"
    found, number = stem, 1
    while found.lower() in used:
        number += 1
        found = f"{stem}-{number}"
    used.add(found.lower())
    return found


@contextlib.contextmanager
def _as_data_error(path: Path, component: Component | None = None) -> Iterator[None]:
    """What libraries raise becomes one sentence, with the extra to install where a library is missing."""
    name = component.name if component else "file"
    try:
        yield
    except IdeomotorError:
        raise
    except ImportError as error:
        extra = component.extra if component else None
        source = registry().source(name).distribution if component else "ideomotor"
        fix = f": pip install '{source}[{extra}]'" if extra else "."
        raise DataError(f"{path}: {name} needs {error.name}, which is not installed{fix}") from error
    except (Exception, RecursionError) as error:  # of SQLite, Zstandard, HDF5, FFmpeg, …
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            text = error.strerror
        raise DataError(f"{path} cannot be read or written as {name}: {text[:300]}") from error
