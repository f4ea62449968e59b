"""Options of studies; those of any command are in `ideomotor.cli.options`."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from ideomotor.cli.options import bar as bar
from ideomotor.cli.options import choice as choice
from ideomotor.cli.options import number as number
from ideomotor.cli.options import path as path
from ideomotor.cli.options import seed as seed
from ideomotor.cli.options import together as together
from ideomotor.cli.options import workers as workers

from .run import Run, chosen, fingerprint


def preset(names: Iterable[str], help: str = "Size of the study.") -> Callable:
    """`--preset`, by default cpu."""
    return choice("--preset", of=names, default="cpu", help=help)


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
