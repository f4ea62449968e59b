"""Options that several commands have, declared once."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from .run import Run, chosen, fingerprint

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


def study(
    name: str,
    presets: Mapping[str, Any],
    seeds: str,
    *more: Callable,
    decisive: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
    packages: tuple[str, ...] = (),
    line: Callable[[str, dict[str, Any]], str] | None = None,
) -> Callable[[Callable[..., None]], "Study"]:
    """Turns `reproduce(run, sizes, *, seed, …)` into a `Study`, which is also the command `reproduce NAME`.

    - `seeds`: what `--seed` is for. `more`: options of this study alone; those named in `decisive` determine its results, as does
      the content of those named in `files`, so that a run is only resumed with the same. `packages`, `line`: as for `Run`.
    """

    def decorate(function: Callable[..., None]) -> "Study":
        def reproduce(
            folder: Path | str | None = None,
            *,
            preset: str = "cpu",
            seed: int = 0,
            resume: bool = False,
            say: Callable[[str], Any] = lambda text: None,
            **given: Any,
        ) -> Run:
            sizes: Any = chosen("preset", preset, presets)
            plain = dict(sizes._asdict()) if hasattr(sizes, "_asdict") else dataclasses.asdict(sizes)
            config = {"preset": preset, "seed": seed, "sizes": plain}
            config |= {key: given.get(key) for key in decisive}
            config |= {key: fingerprint(given.get(key)) for key in files}
            run = Run(name, folder, config, resume=resume, say=say, packages=packages, line=line)
            function(run, sizes, seed=seed, **given)
            return run

        def command(out: Path | None, **given: Any) -> None:
            run = reproduce(out, say=click.echo, **given)
            click.echo((run.folder / "table.md").read_text(encoding="utf-8"))
            names = ", ".join(sorted(path.name for path in run.folder.iterdir()))
            click.echo(f"Written to {run.folder}/: {names}")

        command.__doc__ = function.__doc__
        decorated = together(preset(presets), *more, seed(seeds), resumed(name))(command)
        return Study(reproduce, click.command(name)(decorated))

    return decorate


class Study(NamedTuple):
    """A study, as a function and as a command."""

    reproduce: Callable[..., Run]
    command: click.Command


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
