from pathlib import Path

import click
import numpy as np
import yaml

import ideomotor
from ideomotor.config import from_config
from ideomotor.errors import IdeomotorError

from ._export import TARGETS, export
from ._guards import Guards
from ._session import Session


@click.command("export")
@click.argument("source")
@click.option("--to", type=click.Choice(TARGETS), default="stablehlo", show_default=True, help="Format.")
@click.option("--out", metavar="FOLDER", help="A new folder.  [default: the source's name and -FORMAT]")
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Of movements, s.",
)
@click.option(
    "--samples", type=click.IntRange(min=2), default=101, show_default=True, help="Times of movements."
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Random inputs to compare.",
)
def export_command(source, to, out, duration, samples, examples) -> None:
    """Write a pipeline or a component as programs that run without Python, with a card and a numerical check.

    SOURCE is a pipeline file, the folder of a saved component, or a registered name.
    """
    if Path(source).suffix in (".yaml", ".yml"):
        made = ideomotor.load_pipeline(source)
    else:
        made = ideomotor.load(source) if Path(source).is_dir() else ideomotor.make(source)
    folder = out or f"{Path(source).stem}-{to}"
    card = export(made, folder, to=to, ts=np.linspace(0.0, duration, samples), examples=examples)
    for name, program in card["programs"].items():
        compared = program["compared"]
        click.echo(
            f"{name}: {', '.join(program['files'])}; differs from Python by {compared['largest_difference']:.1e} of its largest "
            f"output; {compared['us_per_call']:.1f} us per call"
        )
    click.echo(f"Written to {folder}/")


@click.command("play")
@click.argument("pipeline", type=click.Path(path_type=Path))
@click.option(
    "--robot",
    required=True,
    metavar="NAME",
    help="A registered robot, such as simulated-robot, or as in a pipeline file: '{use: socket-robot, port: 5005}'.",
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Hz.  [default: the robot's]")
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds.  [default: the primitive's, or 3]",
)
@click.option("--input", "source", metavar="FILE", help="Observation: .npy, .npz or an image.")
@click.option("--limits", metavar="YAML", help="Tighter limits, such as '{velocity: 0.5, jerk: 50}'.")
@click.option(
    "--law", type=click.Choice(["own", "ruckig"]), default="own", show_default=True, help="See Limiter."
)
@click.option("--release", is_flag=True, help="Let the robot go limp at the end.")
@click.option(
    "--stale",
    type=float,
    default=Guards.stale,
    show_default=True,
    help="Stop after so long without a reading, s.",
)
@click.option(
    "--missed",
    type=float,
    default=Guards.missed,
    show_default=True,
    help="Stop at this share of missed deadlines in a second.",
)
@click.option(
    "--record", metavar="PATH", help="Write what was recorded: a new folder, or a file such as out.mcap."
)
def play_command(
    pipeline, robot, rate, duration, source, limits, law, release, stale, missed, record
) -> None:
    """Play a pipeline on a robot in real time and within limits; Ctrl-C brings it to rest.

    Prints why it ended, how well time was kept, and how much of the limits was used.
    """
    made = ideomotor.load_pipeline(pipeline)
    session = Session(
        made,
        from_config(yaml.safe_load(robot), kind="plant"),
        rate=rate,
        duration=duration,
        limits=None if limits is None else yaml.safe_load(limits),
        guards=Guards(stale=stale, missed=missed),
        law=law,
        release=release,
    )
    observation = None if source is None else ideomotor.read_observation(source, made.default_observation())
    played = session.play(observation, record=record)
    click.echo(played.table())
    if record is not None:
        click.echo(f"Written to {record}")
    if not played.finished:
        raise IdeomotorError(f"The robot was stopped: {played.reason}.")
