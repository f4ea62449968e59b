"""`ideomotor run write-digit`."""

from pathlib import Path

import click

from ideomotor import new_folder, write_trajectory
from ideomotor.errors import SimulationError


@click.command()
@click.option("--input", "source", required=True, metavar="IMAGE", help="A PNG or JPEG picture of one digit.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder to write.  [default: IMAGE-written]",
)
@click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty.")
@click.option(
    "--duration",
    type=click.FloatRange(min=1.0),
    default=3.0,
    show_default=True,
    help="Seconds the strokes take.",
)
@click.option(
    "--force",
    type=click.FloatRange(min=0.2, max=5.0),
    default=1.0,
    show_default=True,
    help="Newtons to press with.",
)
@click.option("--gif", is_flag=True, help="Also write writing.gif, the robot at work.")
def run(source: str, out: Path | None, overwrite: bool, duration: float, force: float, gif: bool) -> None:
    """Read a digit from a picture and let a simulated KUKA LWR4+ write it with a pen.

    The folder gets a figure (picture, movement, ink, force), the written picture, and the movement as CSV and NPZ.
    """
    import ideomotor

    out = out or Path(f"{Path(source).stem}-written")
    stopped = None
    with new_folder(out, overwrite=overwrite) as folder:
        robot = ideomotor.make(
            "writing-robot", strokes=True, mode=ideomotor.make("admittance", strokes=True, force=force)
        )
        try:
            _write(source, robot, duration, gif, folder)
        except SimulationError as error:
            if error.movement is None:
                raise
            write_trajectory(error.movement, folder)
            stopped = error
    if stopped is not None:
        raise SimulationError(f"{stopped} What was written until then is in {out}/.") from stopped
    names = "figure.png, written.png, trajectory.csv, trajectory.npz" + (", writing.gif" if gif else "")
    click.echo(f"Written to {out}/: {names}")


def _write(source: str, robot, duration: float, gif: bool, folder: Path) -> None:
    import numpy as np
    from PIL import Image

    from ._digit import write_digit
    from ._pictures import animation, figure

    digit = write_digit(source, robot, duration=duration)
    write_trajectory(digit.writing.movement, folder)
    figure(digit).savefig(folder / "figure.png", dpi=110)
    Image.fromarray(np.round(255 * (1 - digit.ink)).astype(np.uint8)).save(folder / "written.png")
    if gif:
        animation(digit, folder / "writing.gif")
    writing = digit.writing
    click.echo(
        f"{digit.name}: {digit.ink_to_path:.3f} px between ink and commanded path on average (40 px, 12 cm wide); force "
        f"{100 * writing.force_error:.1f} % RMS off its set {writing.set_force:g} N; "
        f"{writing.lift_offs} lift-offs."
    )
