"""Options that several commands have, declared once."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from .run import Run

overwrite = click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty.")
workers = click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes."
)
ray = click.option("--ray", metavar="ADDRESS", help="Use the workers of this Ray cluster instead.")


def preset(names: Iterable[str], help: str = "Size of the study.") -> Callable:
    """`--preset`, by default cpu."""
    return click.option(
        "--preset", type=click.Choice(list(names)), default="cpu", show_default=True, help=help
    )


def seed(of: str) -> Callable:
    """`--seed`, by default 0."""
    kind = click.IntRange(min=0)
    return click.option("--seed", type=kind, default=0, show_default=True, help=f"Random seed of {of}.")


def path(*names: str, metavar: str = "FILE", **options: Any) -> Callable:
    """An option that names a file or, with `metavar="FOLDER"`, a folder."""
    return click.option(*names, type=click.Path(path_type=Path), metavar=metavar, **options)


def written(default: str | None = None, shown: str = "") -> Callable:
    """`--out` and `--overwrite` of a command that writes one folder; `shown` describes a default that depends on other options."""
    help = "Folder to write." + (f"  [default: {shown}]" if shown else "")
    return together(
        path("--out", metavar="FOLDER", default=default, show_default=not shown, help=help), overwrite
    )


def resumed(name: str) -> Callable:
    """`--out` and `--resume` of a command that writes a `Run`."""
    help = "Resume the run in this folder; completed stages are skipped."
    return together(
        path("--out", metavar="FOLDER", help=f"Run folder.  [default: runs/{name}-TIME]"),
        click.option("--resume", is_flag=True, help=help),
    )


def reproduces(
    study: str, presets: Iterable[str], seeds: str, *more: Callable
) -> Callable[[Callable[..., Run]], click.Command]:
    """Turns a function that returns a `Run` into the command `reproduce STUDY`, which prints the run's table.

    - `seeds`: what `--seed` is for. `more`: options of this study alone.
    """

    def decorate(function: Callable[..., Run]) -> click.Command:
        def command(**given: Any) -> None:
            run = function(say=click.echo, **given)
            click.echo((run.folder / "table.md").read_text(encoding="utf-8"))
            click.echo(
                f"Written to {run.folder}/: {', '.join(sorted(path.name for path in run.folder.iterdir()))}"
            )

        command.__doc__ = function.__doc__
        return click.command(study)(together(preset(presets), *more, seed(seeds), resumed(study))(command))

    return decorate


def numbers(count: int) -> Callable:
    """A callback for an option of `count` numbers separated by commas, which may also be repeatable."""

    def convert(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        def one(text: str) -> tuple[float, ...]:
            try:
                found = tuple(float(word) for word in text.split(","))
            except ValueError:
                found = ()
            if len(found) != count:
                raise click.BadParameter(
                    f"{text!r} is not {count} numbers separated by commas, such as 0.1,0.4"
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


def bar(items: Iterable[Any], **options: Any) -> Any:
    """The items, with a progress bar if they take longer than two seconds."""
    from tqdm import tqdm

    return tqdm(items, delay=2, leave=False, disable=None, **options)
