"""`ideomotor reproduce huh2009`, `train reach | circle`."""

from typing import Any

import click

from ..kit import Run, options


def _objective(context, parameter, value):
    from ._train import parse_objective

    try:
        parse_objective(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


@options.reproduces(
    "huh2009",
    ("tiny", "cpu", "paper"),
    "weights and trials",
    click.option(
        "--shipped", is_flag=True, help="Measure the networks that come with Ideomotor; no training."
    ),
)
def reproduce(**given: Any) -> Run:
    """Huh & Todorov 2009: train both networks, measure them, and draw the paper's figures 6, 7 and 8."""
    from ._study import reproduce

    return reproduce(given.pop("out"), **given)


def _training(kind: str) -> Any:
    return options.together(
        options.preset(("tiny", "cpu", "paper"), "Seconds, minutes or hours of training."),
        options.seed("weights and trials"),
        options.resumed(kind),
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
        options.path(
            "--checkpoint", metavar="FOLDER", help="Where to save the network.  [default: OUT/network]"
        ),
    )


def _train(kind: str, given: dict[str, Any]) -> None:
    from ._study import train_one

    if given["method"] != "adam" and given["resume"]:
        raise click.UsageError(
            "A run on a frozen sample has no checkpoints to --resume from; start it again."
        )
    click.echo(train_one(kind, given.pop("out"), say=click.echo, **given))


@click.command("reach")
@_training("reach")
def train_reach(**given: Any) -> None:
    """Train a recurrent network of 12 units to reach with a six-muscle arm."""
    _train("reach", given)


@click.command("circle")
@_training("circle")
def train_circle(**given: Any) -> None:
    """Train a recurrent network of 36 units to draw circles with a six-muscle arm."""
    _train("circle", given)
