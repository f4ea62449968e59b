"""`ideomotor reproduce huh2009`, `train reach | circle`, `run reach | circle`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ideomotor import new_folder, write_trajectory

from .. import _options

_FILES = "figure.png, movement.gif, trajectory.csv, trajectory.npz, pipeline.yaml"


def _objective(context, parameter, value):
    from ._train import parse_objective

    try:
        parse_objective(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


_LEARNING = _options.together(
    _options.preset(("tiny", "cpu", "paper"), "Seconds, minutes or hours of training."),
    _options.seed("weights and trials"),
    _options.folder("--out", help="The run. [default: a new one in runs/]"),
    click.option("--resume", is_flag=True, help="Go on with the run in --out."),
)
_TRAINING = _options.together(
    _LEARNING,
    click.option(
        "--objective",
        default="risk:1",
        show_default=True,
        metavar="NAME",
        callback=_objective,
        help="What is minimised over the trials: risk:BETA, mean, cvar:LEVEL or max.",
    ),
    click.option(
        "--method",
        type=click.Choice(["adam", "cg", "l-bfgs"]),
        default="adam",
        show_default=True,
        help="Adam on new trials at each step; or, as in the paper, a frozen sample of trials.",
    ),
    _options.folder("--checkpoint", help="Where to save the network. [default: OUT/network]"),
)


def _playing(name: str) -> Callable:
    return _options.together(
        click.option(
            "--noise", type=int, metavar="SEED", help="Draw 20 % noise with this seed. [default: none]"
        ),
        _options.folder("--network", help="Another network than the shipped one."),
        _options.written(name),
    )


@click.command("huh2009")
@_LEARNING
@click.option("--shipped", is_flag=True, help="Measure the networks that come with Ideomotor; no training.")
def reproduce(**options: Any) -> None:
    """Huh & Todorov 2009: train both networks, measure them, and draw the paper's figures 6, 7 and 8."""
    from ._reproduce import reproduce as work

    click.echo(work(**options))


def _train(kind: str, options: dict[str, Any]) -> None:
    from ._reproduce import train_one

    if options["method"] != "adam" and options["resume"]:
        raise click.UsageError(
            "A run on a frozen sample has no checkpoints to --resume from; start it again."
        )
    click.echo(train_one(kind, **options))


@click.command("reach")
@_TRAINING
def train_reach(**options: Any) -> None:
    """Train a recurrent network of 12 units to reach with a six-muscle arm."""
    _train("reach", options)


@click.command("circle")
@_TRAINING
def train_circle(**options: Any) -> None:
    """Train a recurrent network of 36 units to draw circles with a six-muscle arm."""
    _train("circle", options)


def _play(play: Callable, out: Path, overwrite: bool, options: dict[str, Any]) -> None:
    started = time.perf_counter()
    with new_folder(out, overwrite=overwrite) as folder:
        movement, text = play(folder, **options)
        write_trajectory(movement, folder)
    click.echo(f"{text}\nWritten to {out}/ in {time.perf_counter() - started:.0f} s: {_FILES}")


@click.command("reach")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="X,Y",
    callback=_options.numbers(2),
    help="Where the hand shall be, in m; give several for a sequence. [default: four targets]",
)
@click.option(
    "--hold", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Seconds for each target."
)
@click.option("--track", is_flag=True, help="Follow a target that moves without a stop, for 12 s.")
@click.option(
    "--push",
    callback=_options.numbers(2),
    default="0,0",
    metavar="X,Y",
    help="Perturb the hand for 0.1 s after 0.5 s, in N.",
)
@_playing("reach")
def run_reach(out: Path, overwrite: bool, **options: Any) -> None:
    """Reach from target to target with the six-muscle arm and a recurrent network of 12 units."""
    from ._play import play_reach

    if options["track"] and options["targets"]:
        raise click.UsageError("--track moves the target by itself; leave --target out.")
    _play(play_reach, out, overwrite, options)


@click.command("circle")
@click.option(
    "--center",
    callback=_options.numbers(2),
    default="0.18,0.36",
    show_default=True,
    metavar="X,Y",
    help="In m.",
)
@click.option("--radius", type=float, default=0.07, show_default=True, help="In m.")
@click.option("--speed", type=float, default=0.3, show_default=True, help="In m/s; positive is clockwise.")
@click.option("--duration", type=click.FloatRange(min=0.1), default=6.0, show_default=True, help="In s.")
@click.option(
    "--eight", is_flag=True, help="Draw a figure of eight, by commanding one circle after the other."
)
@_playing("circle")
def run_circle(out: Path, overwrite: bool, **options: Any) -> None:
    """Draw a circle for ever with the six-muscle arm and a recurrent network of 36 units."""
    from ._play import play_circle

    _play(play_circle, out, overwrite, options)
