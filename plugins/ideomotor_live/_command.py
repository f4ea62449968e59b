from pathlib import Path

import click
import yaml

import ideomotor
from ideomotor.config import from_config
from ideomotor.errors import IdeomotorError

from ._session import Guards, Session


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
