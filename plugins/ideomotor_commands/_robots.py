"""`ideomotor run write-digit | grasp`, `grasp collect`, `measure writing`: what needs a simulator."""

from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import ideomotor
from ideomotor import new_folder, write_trajectory
from ideomotor.cli import options
from ideomotor.errors import DataError, SimulationError
from ideomotor_mujoco.grasping import GraspObject, PickingTask, Settings
from ideomotor_studies.kit.options import preset
from ideomotor_studies.kit.run import keep_results
from ideomotor_studies.veres2017._data import collect_all

from ._grasping import BY, hand_named
from ._tasks import pick_up
from ._writing import Row, measure, write_picture

_HELD = 0.1  # RMS error of the force, relative to its set point, up to which it counts as held


@click.command()
@click.option("--input", "source", required=True, metavar="IMAGE", help="A PNG or JPEG picture of one digit.")
@options.written(shown="IMAGE-written")
@options.number("--duration", default=3.0, least=1.0, help="Seconds the strokes take.")
@options.number("--force", default=1.0, least=0.2, most=5.0, help="Contact force, in N.")
@click.option("--gif", is_flag=True, help="Also write writing.gif, the robot at work.")
def run_write_digit(
    source: str, out: Path | None, overwrite: bool, duration: float, force: float, gif: bool
) -> None:
    """Read a digit from a picture and let a simulated KUKA LWR4+ write it with a pen.

    The folder gets a figure (picture, movement, ink, force), the written picture, and the movement as CSV and NPZ.
    """
    out = out or Path(f"{Path(source).stem}-written")
    stopped, said, refused = None, "", ""
    with new_folder(out, overwrite=overwrite) as folder:
        mode = ideomotor.make("admittance", strokes=True, force=force)
        robot = ideomotor.make("writing-robot", strokes=True, mode=mode)
        try:
            said, refused = _write_digit(source, robot, duration, gif, folder)
        except SimulationError as error:
            if error.movement is None:
                raise
            write_trajectory(error.movement, folder)
            stopped = error
    if stopped is not None:
        raise SimulationError(f"{stopped} What was written until then is in {out}/.") from stopped
    names = "figure.png, written.png, trajectory.csv, trajectory.npz" + (", writing.gif" if gif else "")
    click.echo(f"{said}\nWritten to {out}/: {names}")
    if refused:
        raise SimulationError(f"{refused} What was written is in {out}/.")


def _write_digit(source: str, robot: Any, duration: float, gif: bool, folder: Path) -> tuple[str, str]:
    """What to say, and why the force could not be held, if so."""
    digit = write_picture(source, robot, None, duration=duration)
    write_trajectory(digit.writing.movement, folder)
    digit.figure().savefig(folder / "figure.png", dpi=110)
    Image.fromarray(np.round(255 * (1 - digit.ink)).astype(np.uint8)).save(folder / "written.png")
    if gif:
        digit.animate(folder / "writing.gif")
    wrote = digit.writing
    said = (
        f"{digit.name}: {digit.ink_to_path:.3f} px between ink and commanded path on average (40 px, 12 cm wide); force "
        f"{100 * wrote.force_error:.1f} % RMS off its set {wrote.set_force:g} N; "
        f"{wrote.lift_offs} lift-offs."
    )
    if wrote.force_error <= _HELD and not wrote.lift_offs:
        return said, ""
    return said, (
        f"{wrote.set_force:g} N cannot be held at this speed: the pen left the paper in {wrote.lift_offs} of {wrote.writing.sum()} "
        f"samples, and its force was {100 * wrote.force_error:.0f} % RMS off (at most {100 * _HELD:.0f} % is allowed); write more "
        f"slowly (--duration above {duration:g}) or press harder (--force above {wrote.set_force:g})."
    )


@click.command()
@options.number("--count", default=100, least=1, help="Digits to write.")
@options.seed("the digits")
@click.option(
    "--true-paths", is_flag=True, help="Give the robot the true paths instead of reading the images."
)
def measure_writing(count: int, seed: int, true_paths: bool) -> None:
    """Let the KUKA arm write synthetic digits and compare the ink with the digits' own pen paths.

    Distances are means in pixels of the 40 x 40 images. `robot` is the error of the arm alone, `reader` that of the
    network alone, `ink` what is left between paper and digit.
    """
    rows = list(options.bar(measure(count, seed=seed, reader="none" if true_paths else None), total=count))
    click.echo(
        f"{'digit':>6s}{'robot':>9s}{'reader':>9s}{'ink':>9s}{'missed':>9s}{'force':>9s}{'lift-offs':>11s}"
    )
    for label in sorted({row.label for row in rows}):
        _print(str(label), [row for row in rows if row.label == label])
    _print("all", rows)
    ink = np.array([row.ink for row in rows])
    worst, lift_offs = max(row.force for row in rows), sum(row.lift_offs for row in rows)
    keep_results("writing", ink=float(ink.mean()), force_percent=float(100 * worst), lift_offs=int(lift_offs))
    click.echo(
        f"\n{len(rows)} digits: ink {ink.mean():.3f} px from the digit on average (worst {ink.max():.3f}; bar 0.8), force "
        f"within {100 * worst:.1f} % RMS of its set point in the worst (bar 10 %), "
        f"{lift_offs} lift-offs (bar 0)."
    )


def _print(name: str, rows: list[Row]) -> None:
    robot, reader, ink, missed, force = np.mean([row[1:6] for row in rows], axis=0)
    lifted = sum(row.lift_offs for row in rows)
    click.echo(f"{name:>6s}{robot:9.3f}{reader:9.3f}{ink:9.3f}{missed:9.3f}{100 * force:7.1f} %{lifted:11d}")


@click.command("grasp")
@click.option(
    "--object",
    "name",
    default="mug",
    show_default=True,
    metavar="FAMILY|MESH",
    help="A family of objects, or an OBJ, STL or PLY file (z up).",
)
@options.number("--instance", default=0, least=0, help="Number of the object in its family.")
@options.number(
    "--scale", default=1.0, above=0, help="Scale applied to all lengths; 0.001 for a mesh in millimetres."
)
@options.number("--mass", default=1.0, above=0, help="Mass, in kg.")
@click.option(
    "--hand",
    default="three-finger",
    show_default=True,
    metavar="NAME|FILE",
    help="three-finger, parallel-jaw, or a YAML file that describes your own.",
)
@options.choice(
    "--by",
    of=BY,
    help="Where the grasp comes from: the trained network, the outline in the picture, or trials in the simulator.  "
    "[default: network where there is one for this hand, else trial]",
)
@options.number("--samples", default=10, least=1, help="Grasps per picture.")
@options.seed("pose, views and samples")
@click.option("--free", is_flag=True, help="Let the object move while the fingers close.")
@click.option("--gif/--no-gif", default=True, show_default=True, help="Write movement.gif.")
@options.written(shown="OBJECT-grasped")
def run_grasp(
    name: str,
    instance: int,
    scale: float,
    mass: float,
    hand: str,
    by: str | None,
    samples: int,
    seed: int,
    free: bool,
    gif: bool,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Pick one object up with a simulated hand: look, choose a grasp, reach, close, lift, and hold.

    The folder gets a report with the reason if it failed, a picture (what was seen, five moments, who touched what), movement.gif, the
    movement as CSV and NPZ, and the pipeline as YAML with its observation, which make the same movement again.
    """
    out = out or Path(f"{Path(name).stem.replace(' ', '-')}-grasped")
    with new_folder(out, overwrite=overwrite) as folder:
        settings, gripper = Settings(held_while_closing=not free), hand_named(hand)
        thing = GraspObject(name, instance, mass=mass, friction=settings.friction, scale=scale)
        task = PickingTask(thing.settled(seed=seed, settings=settings), gripper, settings)
        task.scene.check_graspable()
        found = pick_up(task, by, samples=samples, seed=seed, say=click.echo, progress=options.bar)
        try:
            files = found.write(folder, gif=gif)
        except OSError as error:
            raise DataError(
                f"{out} cannot be written ({error.strerror or error}); nothing is left there: make room, or choose another folder."
            ) from error
    result = found.outcome
    click.echo(f"{Path(name).name}: {result.reason}, lifted by {100 * result.lifted:.1f} cm.")
    for note in found.notes:
        click.echo(f"  {note}")
    click.echo(f"The grasp was found by {found.how}.\nWritten to {out}/: {', '.join(files)}")


@click.command("collect")
@preset(("tiny", "cpu", "paper"), "How much of everything.")
@options.seed("trials, weights and samples")
@options.workers()
@options.path(
    "--out", metavar="FOLDER", default="grasps", show_default=True, help="Folder; continued if it is there."
)
def collect(out: Path, **given: Any) -> None:
    """Try grasps on many objects in simulation and keep those that held, with pictures.

    One file per object and pose, written whole or not at all: a collection that was stopped continues where it was.
    """
    click.echo(f"Written to {collect_all(out, say=click.echo, **given)}/")
