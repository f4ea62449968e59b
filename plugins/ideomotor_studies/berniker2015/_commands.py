"""`ideomotor reproduce berniker2015`, `train trajectory-network`."""

from pathlib import Path
from typing import Any

import click

from ..kit import Run, options

_PRESETS = ("tiny", "cpu", "paper")


@options.reproduces(
    "berniker2015",
    _PRESETS,
    "data and weights",
    click.option(
        "--constants",
        type=click.Choice(["literal", "figures"]),
        default="figures",
        show_default=True,
        help="Φ and c as printed, or those that fit the figures.",
    ),
)
def reproduce(**given: Any) -> Run:
    """Repeat Berniker & Kording 2015: trajectory functions by deep networks.

    Makes optimal reaches, trains the linear and the deep trajectory function, lets a network teach itself from motor
    babble, optimises it through the arm and through a learned model of it, and writes the paper's numbers beside ours
    (table.md), the paper's figures 3 to 5, and the trained networks.
    """
    from ._study import reproduce

    return reproduce(given.pop("out"), **given)


@click.command("trajectory-network")
@options.preset(_PRESETS, "Seconds, minutes or hours of training.")
@options.seed("reaches and weights")
@options.resumed("trajectory-network")
def train(preset: str, seed: int, out: Path | None, resume: bool) -> None:
    """Train a trajectory function: start, target, field and movement time to a whole optimal reach."""
    from ._train import train_one

    out = train_one(out, preset=preset, seed=seed, resume=resume, say=click.echo).folder
    click.echo(
        f"The function is in {out}/network; play it with: ideomotor run optimal-reach --network {out}/network"
    )
