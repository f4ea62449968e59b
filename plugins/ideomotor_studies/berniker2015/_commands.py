"""`ideomotor reproduce berniker2015`."""

import time
from pathlib import Path

import click

from ._settings import CONSTANTS, PRESETS


@click.command()
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), default="cpu", show_default=True, help="Size of the study."
)
@click.option(
    "--constants",
    type=click.Choice(list(CONSTANTS)),
    default="figures",
    show_default=True,
    help="Whose Φ and c: as printed, or those that fit the figures.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of data and weights.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Run folder.  [default: runs/berniker2015-TIME]",
)
@click.option("--resume", is_flag=True, help="Go on with the run in FOLDER; finished stages are kept.")
def reproduce(preset: str, constants: str, seed: int, out: Path | None, resume: bool) -> None:
    """Repeat Berniker & Kording 2015: trajectory functions by deep networks.

    Makes optimal reaches, trains the linear and the deep trajectory function, lets a network teach itself from motor
    babble, optimises it through the arm and through a learned model of it, and writes the paper's numbers beside ours
    (table.md), the paper's figures 3 to 5, and the trained networks.
    """
    from ideomotor.errors import IdeomotorError

    from ._study import reproduce as study

    if resume and out is None:
        raise IdeomotorError("--resume needs the folder of the run; add --out FOLDER.")
    out = out or Path("runs") / time.strftime("berniker2015-%Y%m%d-%H%M%S")
    study(out, preset=preset, constants=constants, seed=seed, resume=resume, say=click.echo)
    click.echo((out / "table.md").read_text())
    click.echo(f"Written to {out}: table.md, results.json, metrics.jsonl, figures, trained networks")
