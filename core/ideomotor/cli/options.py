"""Options that commands share, for those of plug-ins too, so that one word means the same everywhere.

from ideomotor.cli import options

@click.command()
@options.number("--count", default=100, least=1, help="Digits to write.")
@options.seed("the digits")
@options.written("my-digits")
def run(count: int, seed: int, out: Path, overwrite: bool) -> None: ...
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click


def number(
    *names: str,
    default: float | int | None = None,
    help: str,
    least: float | int | None = None,
    above: float | int | None = None,
    most: float | int | None = None,
) -> Callable:
    """A number; a whole one if the default is, or without a default the smallest value.

    - `least`, `most`: smallest and largest value, which are allowed. `above`: all values are greater than this.
    """
    low = above if least is None else least
    whole = isinstance(low if default is None else default, int)
    kind = click.IntRange if whole else click.FloatRange
    limits = (
        kind(low, most, min_open=above is not None)
        if (low, most) != (None, None)
        else int
        if whole
        else float
    )
    return click.option(*names, type=limits, default=default, show_default=default is not None, help=help)


def choice(*names: str, of: Iterable[str], default: str | None = None, help: str) -> Callable:
    """One of several words, `of`."""
    kind = click.Choice(list(of))
    return click.option(*names, type=kind, default=default, show_default=default is not None, help=help)


def numbers(count: int) -> Callable:
    """A callback for an option of `count` numbers separated by commas, which may also be repeatable."""

    def convert(context: click.Context, parameter: click.Parameter, value: Any) -> Any:  # noqa: ARG001
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


def path(*names: str, metavar: str = "FILE", **options: Any) -> Callable:
    """An option that names a file or, with `metavar="FOLDER"`, a folder; other `options` are click's."""
    return click.option(*names, type=click.Path(path_type=Path), metavar=metavar, **options)


def seed(of: str) -> Callable:
    """`--seed`, by default 0, the random seed `of` something."""
    return number("--seed", default=0, least=0, help=f"Random seed of {of}.")


def written(default: str | None = None, shown: str = "") -> Callable:
    """`--out` and `--overwrite` of a command that writes one folder.

    - `default`: the folder; `shown` describes a default that depends on other options.
    """
    help = "Folder to write." + (f"  [default: {shown}]" if shown else "")
    return together(
        path("--out", metavar="FOLDER", default=default, show_default=not shown, help=help),
        click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty."),
    )


def workers(help: str = "Processes.") -> Callable:
    """`--workers`, by default 1, and `--ray`, for `ideomotor.make_pool`."""
    return together(
        number("--workers", default=1, least=1, help=help),
        click.option("--ray", metavar="ADDRESS", help="Ray cluster to use instead; local starts one here."),
    )


def together(*options: Callable) -> Callable:
    """Several options as one decorator, in this order."""

    def decorate(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def bar(items: Iterable[Any], **options: Any) -> Any:
    """The items, with a progress bar if they take longer than two seconds; other `options` are tqdm's."""
    from tqdm import tqdm

    return tqdm(items, delay=2, leave=False, disable=None, **options)
