"""Options that several commands of the studies have."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from ideomotor.errors import IdeomotorError


def preset(names: Iterable[str], help: str = "Size of the study.") -> Callable:
    """`--preset`, by default cpu."""
    return click.option(
        "--preset", type=click.Choice(list(names)), default="cpu", show_default=True, help=help
    )


def seed(of: str) -> Callable:
    """`--seed`, by default 0."""
    kind = click.IntRange(min=0)
    return click.option("--seed", type=kind, default=0, show_default=True, help=f"Of {of}.")


def folder(*names: str, help: str, **kwargs: Any) -> Callable:
    """An option that names a folder."""
    return click.option(*names, type=click.Path(path_type=Path), metavar="FOLDER", help=help, **kwargs)


def written(default: str) -> Callable:
    """`--out` and `--overwrite` of a command that writes one folder."""
    return together(
        folder("--out", default=default, show_default=True, help="Folder to write."),
        click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty."),
    )


def resumed(name: str) -> Callable:
    """`--out` and `--resume` of a command that writes a run; see `run_folder`."""
    return together(
        folder("--out", help=f"Run folder.  [default: runs/{name}-TIME]"),
        click.option(
            "--resume", is_flag=True, help="Go on with the run in FOLDER; what is finished is kept."
        ),
    )


def run_folder(name: str, out: Path | None, resume: bool) -> Path:
    """The folder of a run: `out`, or a new one; raises an `IdeomotorError` if none is named to go on with."""
    if resume and out is None:
        raise IdeomotorError("--resume needs the folder of the run; add --out FOLDER.")
    return out or Path("runs") / time.strftime(f"{name}-%Y%m%d-%H%M%S")


def numbers(count: int) -> Callable:
    """A callback for an option of `count` numbers with commas between; also for one that may be given again."""

    def convert(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        def one(text: str) -> tuple[float, ...]:
            try:
                found = tuple(float(word) for word in text.split(","))
            except ValueError:
                found = ()
            if len(found) != count:
                raise click.BadParameter(
                    f"{text!r} is not {count} numbers with commas between, such as 0.1,0.4"
                )
            return found

        return tuple(one(text) for text in value) if isinstance(value, tuple) else one(value)

    return convert


def together(*options: Callable) -> Callable:
    """Several options as one decorator, in this order."""

    def decorate(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
