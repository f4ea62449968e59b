from pathlib import Path

import click

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
    @click.option(
        "--duration",
        type=click.FloatRange(min=0, min_open=True),
        default=3.0,
        show_default=True,
        help="Seconds to play.",
    )
    @click.option(
        "--samples", type=click.IntRange(min=2), default=301, show_default=True, help="Number of times."
    )
    @click.option("--seed", type=int, help="Draw noise with this seed. [default: deterministic]")
    @click.option("--out", metavar="FOLDER", help="Folder to write. [default: the file's name and -movement]")
    @click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty.")
    def run_pipeline(source, duration, samples, seed, out, overwrite) -> None:
        """Play a pipeline and write the movement into a folder.

        The folder holds trajectory.csv, trajectory.npz (also commands and states), pipeline.yaml and figure.png.
        """
        enable_compilation_cache()
        from ._play import play

        folder = Path(out) if out else Path(Path(path).stem + "-movement")
        text = play(path, source, duration, samples, seed, folder, overwrite)
        click.echo(text)

    return run_pipeline
