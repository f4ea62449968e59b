"""`ideomotor run digits` and `ideomotor demo`."""

import time
from pathlib import Path

import click

from ideomotor import new_folder, write_trajectory

_RUN_FILES = "figure.png, movement.gif, trajectory.csv, trajectory.npz"
_FAR = 1.0  # px of the sheet


@click.command()
@click.option(
    "--input", "source", required=True, metavar="IMAGE", help="A PNG, JPEG or .npy picture of one digit."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder to write.  [default: IMAGE-drawn]",
)
@click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty.")
@click.option(
    "--pipeline",
    "file",
    type=click.Path(path_type=Path),
    metavar="YAML",
    help="Another pipeline than the standard one.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=0.2),
    default=3.0,
    show_default=True,
    help="Seconds the drawing takes.",
)
def run(source: str, out: Path | None, overwrite: bool, file: Path | None, duration: float) -> None:
    """Read a movement from a picture of a digit and let the arm draw it.

    Any size, dark on light or light on dark, photographed or scanned. The folder gets a figure, an animation, the
    movement as CSV and NPZ, and the pipeline as YAML.
    """
    from ideomotor import load_pipeline, save_pipeline

    from ._drawing import PIPELINE, draw_digit, standard_pipeline

    out = out or Path(f"{Path(source).stem}-drawn")
    with new_folder(out, overwrite=overwrite) as folder:
        pipeline = standard_pipeline() if file is None else load_pipeline(file)
        drawing = draw_digit(source, pipeline, duration=duration)
        _write(drawing, folder)
        if file is None:
            (folder / "pipeline.yaml").write_text(PIPELINE.read_text())
        else:
            save_pipeline(pipeline, folder / "pipeline.yaml")
    click.echo(_sentence(drawing))
    click.echo(f"Written to {out}/: {_RUN_FILES}, pipeline.yaml")


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="ideomotor-demo",
    show_default=True,
    metavar="FOLDER",
    help="Folder to write.",
)
@click.option("--overwrite/--keep", default=True, help="Whether to replace what an earlier demo wrote.")
def demo(out: Path, overwrite: bool) -> None:
    """Draw the bundled pictures of digits with the arm, and say what was done."""
    from tqdm import tqdm

    from ._drawing import PIPELINE, draw_digit, examples, standard_pipeline
    from ._pictures import overview

    started = time.perf_counter()
    pictures = examples()
    click.echo(
        f"{len(pictures)} pictures of digits go through one chain: a network reads the parameters of a dynamic\n"
        "movement primitive from each, and a torque-driven two-link arm draws the movement on a sheet of paper.\n"
    )
    with new_folder(out, overwrite=overwrite) as folder:
        pipeline = standard_pipeline()
        drawings = []
        for path in tqdm(pictures, unit="picture", leave=False, disable=None):
            drawing = draw_digit(path, pipeline)
            (folder / path.stem).mkdir()
            _write(drawing, folder / path.stem)
            drawings.append(drawing)
        overview(drawings).savefig(folder / "overview.png", dpi=110)
        (folder / "pipeline.yaml").write_text(PIPELINE.read_text())
    for drawing in drawings:
        click.echo(f"  {_sentence(drawing)}")
    click.echo(
        f"\nLook at {out / 'overview.png'} first, then into a folder such as {out / pictures[0].stem}/:\n"
        f"{_RUN_FILES}.\nDone in {time.perf_counter() - started:.0f} s. "
        f"Next: ideomotor run digits --input YOUR-PICTURE.jpg"
    )


def _write(drawing, folder: Path) -> None:
    from ._pictures import animation, figure

    figure(drawing).savefig(folder / "figure.png", dpi=110)
    animation(drawing, folder / "movement.gif")
    write_trajectory(drawing.movement, folder)


def _sentence(drawing) -> str:
    from_hand, from_ink = drawing.misses
    lag = 1000 * float(drawing.plant.pixel) * drawing.lag
    text = (
        f"{drawing.name}: drawn in {drawing.ts[-1]:.1f} s; the hand is {lag:.1f} mm from where it should be and its "
        f"path {from_hand:.2f} px off the ink, on average."
    )
    if from_hand > _FAR or from_ink > 2 * _FAR:
        text += " That is far: is it a digit, and the only one in the picture?"
    return text
