"""`ideomotor reproduce berniker2015`, `train trajectory-network`, `run optimal-reach`."""

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


@click.command("trajectory-network")
@click.option(
    "--preset",
    type=click.Choice(["tiny", "cpu", "paper"]),
    default="cpu",
    show_default=True,
    help="Seconds, minutes or hours of training.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of reaches and weights."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Run folder.  [default: runs/trajectory-network-TIME]",
)
@click.option("--resume", is_flag=True, help="Go on with the run in FOLDER; finished stages are kept.")
def train(preset: str, seed: int, out: Path | None, resume: bool) -> None:
    """Train a trajectory function: start, target, field and movement time to a whole optimal reach."""
    from ideomotor.errors import IdeomotorError

    from ._train import train_one

    if resume and out is None:
        raise IdeomotorError("--resume needs the folder of the run; add --out FOLDER.")
    out = out or Path("runs") / time.strftime("trajectory-network-%Y%m%d-%H%M%S")
    train_one(out, preset=preset, seed=seed, resume=resume, say=click.echo)
    click.echo(
        f"The function is in {out}/network; play it with: ideomotor run optimal-reach --network {out}/network"
    )


def _point(context, parameter, value: str) -> tuple[float, float]:
    try:
        x, y = (float(word) for word in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not two numbers with a comma between, such as 0.1,0.4"
        ) from None
    return x, y


@click.command("optimal-reach")
@click.option("--start", callback=_point, default="-0.05,0.3", show_default=True, metavar="X,Y", help="In m.")
@click.option(
    "--target", callback=_point, default="0.05,0.38", show_default=True, metavar="X,Y", help="In m."
)
@click.option(
    "--field",
    type=float,
    default=0.0,
    show_default=True,
    help="Joint curl field in N m s/rad; negative is counter-clockwise.",
)
@click.option("--duration", type=float, default=1.0, show_default=True, help="Movement time in s.")
@click.option(
    "--network",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Another trajectory function than the shipped one.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="optimal-reach",
    show_default=True,
    metavar="FOLDER",
    help="Folder to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty.")
def run(
    start: tuple[float, float],
    target: tuple[float, float],
    field: float,
    duration: float,
    network: Path | None,
    out: Path,
    overwrite: bool,
) -> None:
    """Reach without feedback, by a trajectory function, and compare with the reach of least cost."""
    from ideomotor import new_folder, write_trajectory

    from ._play import play_optimal_reach

    started = time.perf_counter()
    with new_folder(out, overwrite=overwrite) as folder:
        movement, text = play_optimal_reach(folder, start, target, field, duration, network)
        write_trajectory(movement, folder)
    seconds = time.perf_counter() - started
    click.echo(
        f"{text}\nWritten to {out}/ in {seconds:.0f} s: figure.png, trajectory.csv, trajectory.npz, pipeline.yaml"
    )
