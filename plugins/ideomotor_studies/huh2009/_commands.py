"""`ideomotor reproduce huh2009`, `train reach | circle`, `run reach | circle`."""

import functools
import time
from pathlib import Path

import click

from ideomotor import new_folder, write_trajectory

_FILES = "figure.png, movement.gif, trajectory.csv, trajectory.npz, pipeline.yaml"
_PRESET = click.option(
    "--preset",
    type=click.Choice(["tiny", "cpu", "paper"]),
    default="cpu",
    show_default=True,
    help="Seconds, minutes or hours of training.",
)
_SEED = click.option("--seed", type=int, default=0, show_default=True, help="Of weights and trials.")
_OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty.")


def _numbers(count: int):
    def convert(context, parameter, value):
        def one(text):
            try:
                numbers = tuple(float(word) for word in text.split(","))
            except ValueError:
                numbers = ()
            if len(numbers) != count:
                raise click.BadParameter(
                    f"{text!r} is not {count} numbers with commas between, such as 0.1,0.4"
                )
            return numbers

        return tuple(one(text) for text in value) if isinstance(value, tuple) else one(value)

    return convert


@click.command("huh2009")
@_PRESET
@_SEED
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="The run. [default: runs/huh2009-…]"
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--shipped", is_flag=True, help="Measure the networks that come with Ideomotor; no training.")
def reproduce(preset: str, seed: int, out: Path | None, resume: bool, shipped: bool) -> None:
    """Huh & Todorov 2009: train both networks, measure them, and draw the paper's figures 6, 7 and 8."""
    from ._reproduce import reproduce as work

    click.echo(work(preset, seed, out, resume=resume, shipped=shipped))


def _train(
    kind: str, preset: str, seed: int, out: Path | None, resume: bool, checkpoint: Path | None
) -> None:
    from ._reproduce import train_one

    click.echo(train_one(kind, preset, seed, out, resume=resume, checkpoint=checkpoint))


def _train_command(kind: str, help: str):
    @click.command(kind, help=help)
    @_PRESET
    @_SEED
    @click.option(
        "--out", type=click.Path(path_type=Path), metavar="FOLDER", help=f"The run. [default: runs/{kind}-…]"
    )
    @click.option("--resume", is_flag=True, help="Go on with the run in --out.")
    @click.option(
        "--checkpoint",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Where to save the network. [default: OUT/network]",
    )
    @functools.wraps(_train)
    def command(preset, seed, out, resume, checkpoint):
        _train(kind, preset, seed, out, resume, checkpoint)

    return command


train_reach = _train_command("reach", "Train a recurrent network of 12 units to reach with a six-muscle arm.")
train_circle = _train_command("circle", "Train a recurrent network of 36 units to draw circles.")


@click.command("reach")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="X,Y",
    callback=_numbers(2),
    help="Where the hand shall be, in m; give several for a sequence. [default: four targets]",
)
@click.option(
    "--hold", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Seconds for each target."
)
@click.option("--noise", type=int, metavar="SEED", help="Draw 20 % noise with this seed. [default: none]")
@click.option(
    "--push",
    callback=_numbers(2),
    default="0,0",
    metavar="X,Y",
    help="Perturb the hand for 0.1 s after 0.5 s, in N.",
)
@click.option(
    "--network",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Another network than the shipped one.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="reach",
    show_default=True,
    metavar="FOLDER",
    help="Folder to write.",
)
@_OVERWRITE
def run_reach(targets, hold, noise, push, network, out, overwrite) -> None:
    """Reach from target to target with the six-muscle arm and a recurrent network of 12 units."""
    from ._play import play_reach

    started = time.perf_counter()
    with new_folder(out, overwrite=overwrite) as folder:
        movement, text = play_reach(folder, targets, hold, noise, push, network)
        write_trajectory(movement, folder)
    click.echo(f"{text}\nWritten to {out}/ in {time.perf_counter() - started:.0f} s: {_FILES}")


@click.command("circle")
@click.option(
    "--center", callback=_numbers(2), default="0.18,0.36", show_default=True, metavar="X,Y", help="In m."
)
@click.option("--radius", type=float, default=0.07, show_default=True, help="In m.")
@click.option("--speed", type=float, default=0.3, show_default=True, help="In m/s; positive is clockwise.")
@click.option("--duration", type=click.FloatRange(min=0.1), default=6.0, show_default=True, help="In s.")
@click.option(
    "--eight", is_flag=True, help="Draw a figure of eight, by commanding one circle after the other."
)
@click.option("--noise", type=int, metavar="SEED", help="Draw 20 % noise with this seed. [default: none]")
@click.option(
    "--network",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Another network than the shipped one.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="circle",
    show_default=True,
    metavar="FOLDER",
    help="Folder to write.",
)
@_OVERWRITE
def run_circle(center, radius, speed, duration, eight, noise, network, out, overwrite) -> None:
    """Draw a circle for ever with the six-muscle arm and a recurrent network of 36 units."""
    from ._play import play_circle

    started = time.perf_counter()
    with new_folder(out, overwrite=overwrite) as folder:
        movement, text = play_circle(folder, center, radius, speed, duration, eight, noise, network)
        write_trajectory(movement, folder)
    click.echo(f"{text}\nWritten to {out}/ in {time.perf_counter() - started:.0f} s: {_FILES}")
