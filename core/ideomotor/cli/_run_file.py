from pathlib import Path

import click

from . import options
from ._cache import enable_compilation_cache


def pipeline_command(path: str) -> click.Command:
    """The command that plays the pipeline in the file `path`."""

    @click.command(path, short_help="Play the pipeline in a YAML file.")
    @click.option(
        "--input",
        "source",
        metavar="FILE",
        help="Observation: .npy, .npz or an image. [default: the pipeline's own example]",
    )
    @options.number("--duration", default=3.0, above=0, help="Seconds to play.")
    @options.number("--samples", default=301, least=2, help="Number of times.")
    @click.option("--seed", type=int, help="Draw noise with this seed. [default: deterministic]")
    @options.written(shown="the file's name and -movement")
    def run_pipeline(source, duration, samples, seed, out, overwrite) -> None:
        """Play a pipeline and write the movement into a folder.

        The folder holds trajectory.csv, trajectory.npz (also commands and states), pipeline.yaml and figure.png.
        """
        enable_compilation_cache()
        from ._play import play

        folder = out or Path(Path(path).stem + "-movement")
        text = play(path, source, duration, samples, seed, folder, overwrite)
        click.echo(text)

    return run_pipeline
