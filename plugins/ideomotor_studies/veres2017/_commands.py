"""`ideomotor grasp collect`, `reproduce veres2017`, `run grasp`."""

from pathlib import Path

import click

from .. import _options
from ._settings import PRESETS

_PRESET = _options.preset(PRESETS, "How much of everything.")
_SEED = _options.seed("trials, weights and samples")
_WORKERS = click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes."
)
_RAY = click.option("--ray", metavar="ADDRESS", help="Use the workers of this Ray cluster instead.")


@click.command("collect")
@_PRESET
@_SEED
@_WORKERS
@_RAY
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="grasps",
    show_default=True,
    help="Folder; goes on if it is there.",
)
def collect(preset: str, seed: int, workers: int, ray: str | None, out: Path) -> None:
    """Try grasps on many objects in simulation and keep what was held, with pictures.

    One file per object and pose, written whole or not at all: a collection that was stopped goes on where it was.
    """
    from ._collection import collect_all

    click.echo(collect_all(out, PRESETS[preset], seed, workers, ray))


@click.command("veres2017")
@_PRESET
@_SEED
@_WORKERS
@_RAY
@click.option("--data", type=click.Path(path_type=Path), help="A collection. [default: OUT/grasps]")
@_options.resumed("veres2017")
def reproduce(**options) -> None:
    """Veres et al. 2017: distributions over grasps, their likelihoods and how many of them lift the object."""
    from ._reproduce import reproduce as work

    preset = options.pop("preset")
    click.echo(work(PRESETS[preset], preset=preset, **options))
