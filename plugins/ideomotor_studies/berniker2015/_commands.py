"""`ideomotor reproduce berniker2015`, `train trajectory-network`, `run optimal-reach`."""

import time
from pathlib import Path

import click

from .. import _options
from ._settings import CONSTANTS, PRESETS


@click.command()
@_options.preset(PRESETS)
@click.option(
    "--constants",
    type=click.Choice(list(CONSTANTS)),
    default="figures",
    show_default=True,
    help="Whose Φ and c: as printed, or those that fit the figures.",
)
@_options.seed("data and weights")
@_options.resumed("berniker2015")
def reproduce(preset: str, constants: str, seed: int, out: Path | None, resume: bool) -> None:
    """Repeat Berniker & Kording 2015: trajectory functions by deep networks.

    Makes optimal reaches, trains the linear and the deep trajectory function, lets a network teach itself from motor
    babble, optimises it through the arm and through a learned model of it, and writes the paper's numbers beside ours
    (table.md), the paper's figures 3 to 5, and the trained networks.
    """
    from ._study import reproduce as study

    out = _options.run_folder("berniker2015", out, resume)
    study(out, preset=preset, constants=constants, seed=seed, resume=resume, say=click.echo)
    click.echo((out / "table.md").read_text())
    click.echo(f"Written to {out}: table.md, results.json, metrics.jsonl, figures, trained networks")


@click.command("trajectory-network")
@_options.preset(("tiny", "cpu", "paper"), "Seconds, minutes or hours of training.")
@_options.seed("reaches and weights")
@_options.resumed("trajectory-network")
def train(preset: str, seed: int, out: Path | None, resume: bool) -> None:
    """Train a trajectory function: start, target, field and movement time to a whole optimal reach."""
    from ._train import train_one

    out = _options.run_folder("trajectory-network", out, resume)
    train_one(out, preset=preset, seed=seed, resume=resume, say=click.echo)
    click.echo(
        f"The function is in {out}/network; play it with: ideomotor run optimal-reach --network {out}/network"
    )


_point = _options.numbers(2)


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
@_options.folder("--network", help="Another trajectory function than the shipped one.")
@_options.written("optimal-reach")
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
