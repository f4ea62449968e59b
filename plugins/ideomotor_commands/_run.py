"""`ideomotor demo`, `run digits | write-digit | reach | circle | optimal-reach | grasp`, `grasp collect`; light to import."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ideomotor import new_folder, write_trajectory
from ideomotor.errors import DataError, SimulationError
from ideomotor_studies.kit import options

_FAR = 1.0  # px of the sheet
_picture = click.option(
    "--input", "source", required=True, metavar="IMAGE", help="A PNG, JPEG or .npy picture of one digit."
)
_point = options.numbers(2)


@click.command()
@_picture
@options.written(shown="IMAGE-drawn")
@options.path("--pipeline", "file", metavar="YAML", help="Another pipeline than the standard one.")
@click.option(
    "--duration",
    type=click.FloatRange(min=0.2),
    default=3.0,
    show_default=True,
    help="Seconds the drawing takes.",
)
def run_digits(source: str, out: Path | None, overwrite: bool, file: Path | None, duration: float) -> None:
    """Read a movement from a picture of a digit and let the arm draw it.

    Any size, dark on light or light on dark, photographed or scanned. The folder gets a figure, an animation, the
    movement as CSV and NPZ, and the pipeline as YAML.
    """
    from ideomotor import load_pipeline, save_pipeline

    from .digits import PIPELINE, draw_digit, standard_pipeline

    out = out or Path(f"{Path(source).stem}-drawn")
    with new_folder(out, overwrite=overwrite) as folder:
        pipeline = standard_pipeline() if file is None else load_pipeline(file)
        drawing = draw_digit(source, pipeline, duration=duration)
        _write_drawing(drawing, folder)
        if file is None:
            (folder / "pipeline.yaml").write_text(PIPELINE.read_text())
        else:
            save_pipeline(pipeline, folder / "pipeline.yaml")
    click.echo(
        f"{_drawn(drawing)}\nWritten to {out}/: figure.png, movement.gif, trajectory.csv, trajectory.npz, pipeline.yaml"
    )


@click.command()
@options.path("--out", metavar="FOLDER", default="ideomotor-demo", show_default=True, help="Folder to write.")
@click.option("--overwrite/--keep", default=True, help="Whether to replace what an earlier demo wrote.")
def demo(out: Path, overwrite: bool) -> None:
    """Draw the bundled pictures of digits with the arm, and say what was done."""
    from .digits import PIPELINE, draw_digit, examples, overview, standard_pipeline

    started = time.perf_counter()
    pictures = examples()
    click.echo(
        f"{len(pictures)} pictures of digits go through one chain: a network reads the parameters of a dynamic\n"
        "movement primitive from each, and a torque-driven two-link arm draws the movement on a sheet of paper.\n"
    )
    drawings = []
    with new_folder(out, overwrite=overwrite) as folder:
        pipeline = standard_pipeline()
        for path in options.bar(pictures, unit="picture"):
            drawings.append(draw_digit(path, pipeline))
            (folder / path.stem).mkdir()
            _write_drawing(drawings[-1], folder / path.stem)
        overview(drawings).savefig(folder / "overview.png", dpi=110)
        (folder / "pipeline.yaml").write_text(PIPELINE.read_text())
    for drawing in drawings:
        click.echo(f"  {_drawn(drawing)}")
    click.echo(
        f"\nLook at {out / 'overview.png'} first, then into a folder such as {out / pictures[0].stem}/:\n"
        f"figure.png, movement.gif, trajectory.csv, trajectory.npz.\nDone in {time.perf_counter() - started:.0f} s. "
        f"Next: ideomotor run digits --input YOUR-PICTURE.jpg"
    )


def _write_drawing(drawing: Any, folder: Path) -> None:
    from .digits import animation, figure

    figure(drawing).savefig(folder / "figure.png", dpi=110)
    animation(drawing, folder / "movement.gif")
    write_trajectory(drawing.movement, folder)


def _drawn(drawing: Any) -> str:
    from_hand, from_ink = drawing.misses
    lag = 1000 * float(drawing.plant.pixel) * drawing.lag
    text = (
        f"{drawing.name}: drawn in {drawing.ts[-1]:.1f} s; the hand is {lag:.1f} mm from where it should be and its "
        f"path {from_hand:.2f} px off the ink, on average."
    )
    if from_hand > _FAR or from_ink > 2 * _FAR:
        text += " That is far: is it a digit, and the only one in the picture?"
    return text


@click.command()
@_picture
@options.written(shown="IMAGE-written")
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
    help="Contact force, in N.",
)
@click.option("--gif", is_flag=True, help="Also write writing.gif, the robot at work.")
def run_write_digit(
    source: str, out: Path | None, overwrite: bool, duration: float, force: float, gif: bool
) -> None:
    """Read a digit from a picture and let a simulated KUKA LWR4+ write it with a pen.

    The folder gets a figure (picture, movement, ink, force), the written picture, and the movement as CSV and NPZ.
    """
    import ideomotor

    out = out or Path(f"{Path(source).stem}-written")
    stopped, said = None, ""
    with new_folder(out, overwrite=overwrite) as folder:
        mode = ideomotor.make("admittance", strokes=True, force=force)
        robot = ideomotor.make("writing-robot", strokes=True, mode=mode)
        try:
            said = _write_digit(source, robot, duration, gif, folder)
        except SimulationError as error:
            if error.movement is None:
                raise
            write_trajectory(error.movement, folder)
            stopped = error
    if stopped is not None:
        raise SimulationError(f"{stopped} What was written until then is in {out}/.") from stopped
    names = "figure.png, written.png, trajectory.csv, trajectory.npz" + (", writing.gif" if gif else "")
    click.echo(f"{said}\nWritten to {out}/: {names}")


def _write_digit(source: str, robot: Any, duration: float, gif: bool, folder: Path) -> str:
    import numpy as np
    from PIL import Image

    from .writing import animation, figure, write_digit

    digit = write_digit(source, robot, duration=duration)
    write_trajectory(digit.writing.movement, folder)
    figure(digit).savefig(folder / "figure.png", dpi=110)
    Image.fromarray(np.round(255 * (1 - digit.ink)).astype(np.uint8)).save(folder / "written.png")
    if gif:
        animation(digit, folder / "writing.gif")
    writing = digit.writing
    return (
        f"{digit.name}: {digit.ink_to_path:.3f} px between ink and commanded path on average (40 px, 12 cm wide); force "
        f"{100 * writing.force_error:.1f} % RMS off its set {writing.set_force:g} N; "
        f"{writing.lift_offs} lift-offs."
    )


def _playing(name: str) -> Callable:
    return options.together(
        click.option(
            "--noise", type=int, metavar="SEED", help="Draw 20 % noise with this seed.  [default: none]"
        ),
        options.path("--network", metavar="FOLDER", help="Another network than the shipped one."),
        options.written(name),
    )


def _play(play: Callable, out: Path, overwrite: bool, given: dict[str, Any]) -> None:
    started = time.perf_counter()
    with new_folder(out, overwrite=overwrite) as folder:
        movement, text = play(folder, **given)
        write_trajectory(movement, folder)
        names = sorted(path.name for path in folder.iterdir())
    click.echo(f"{text}\nWritten to {out}/ in {time.perf_counter() - started:.0f} s: {', '.join(names)}")


@click.command("reach")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="X,Y",
    callback=_point,
    help="Target of the hand, in m; repeat it for a sequence.  [default: four targets]",
)
@click.option(
    "--hold", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Seconds for each target."
)
@click.option("--track", is_flag=True, help="Follow a target that moves without stopping, for 12 s.")
@click.option(
    "--push",
    callback=_point,
    default="0,0",
    metavar="X,Y",
    help="Force on the hand for 0.1 s after 0.5 s, in N.",
)
@_playing("reach")
def run_reach(out: Path, overwrite: bool, **given: Any) -> None:
    """Reach from target to target with the six-muscle arm and a recurrent network of 12 units."""
    if given["track"] and given["targets"]:
        raise click.UsageError("--track moves the target by itself; leave --target out.")
    from ._muscle_arm import play_reach

    _play(play_reach, out, overwrite, given)


@click.command("circle")
@click.option(
    "--center", callback=_point, default="0.18,0.36", show_default=True, metavar="X,Y", help="Center, in m."
)
@click.option("--radius", type=float, default=0.07, show_default=True, help="Radius, in m.")
@click.option(
    "--speed", type=float, default=0.3, show_default=True, help="Speed, in m/s; positive is clockwise."
)
@click.option(
    "--duration", type=click.FloatRange(min=0.1), default=6.0, show_default=True, help="Duration, in s."
)
@click.option(
    "--eight", is_flag=True, help="Draw a figure of eight, by commanding one circle after the other."
)
@_playing("circle")
def run_circle(out: Path, overwrite: bool, **given: Any) -> None:
    """Draw circles with the six-muscle arm and a recurrent network of 36 units."""
    from ._muscle_arm import play_circle

    _play(play_circle, out, overwrite, given)


@click.command("optimal-reach")
@click.option(
    "--start", callback=_point, default="-0.05,0.3", show_default=True, metavar="X,Y", help="Start, in m."
)
@click.option(
    "--target", callback=_point, default="0.05,0.38", show_default=True, metavar="X,Y", help="Target, in m."
)
@click.option(
    "--field",
    type=float,
    default=0.0,
    show_default=True,
    help="Joint curl field in N m s/rad; negative is counter-clockwise.",
)
@click.option("--duration", type=float, default=1.0, show_default=True, help="Movement time, in s.")
@options.path("--network", metavar="FOLDER", help="Another trajectory function than the shipped one.")
@options.written("optimal-reach")
def run_optimal_reach(out: Path, overwrite: bool, **given: Any) -> None:
    """Reach without feedback, by a trajectory function, and compare with the reach of least cost."""
    from ._optimal_reach import play_optimal_reach

    _play(play_optimal_reach, out, overwrite, given)


@click.command("grasp")
@click.option(
    "--object",
    "name",
    default="mug",
    show_default=True,
    metavar="FAMILY|MESH",
    help="A family of objects, or an OBJ, STL or PLY file (z up).",
)
@click.option(
    "--instance",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of the object in its family.",
)
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Scale applied to all lengths; 0.001 for a mesh in millimetres.",
)
@click.option(
    "--mass", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True, help="Mass, in kg."
)
@click.option(
    "--hand",
    default="three-finger",
    show_default=True,
    metavar="NAME|FILE",
    help="three-finger, parallel-jaw, or a YAML file that describes your own.",
)
@click.option(
    "--by",
    type=click.Choice(["network", "outline", "trial"]),
    help="Where the grasp comes from: the trained network, the outline in the picture, or trials in the simulator.  "
    "[default: network where there is one for this hand, else trial]",
)
@click.option(
    "--samples", type=click.IntRange(min=1), default=10, show_default=True, help="Grasps per picture."
)
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
    from ideomotor_mujoco.grasping import GraspObject, PickingTask, Settings

    from . import grasping

    out = out or Path(f"{Path(name).stem.replace(' ', '-')}-grasped")
    with new_folder(out, overwrite=overwrite) as folder:
        settings, gripper = Settings(held_while_closing=not free), grasping.hand_named(hand)
        thing = GraspObject(name, instance, mass=mass, friction=settings.friction, scale=scale)
        task = PickingTask(thing.settled(seed=seed, settings=settings), gripper, settings)
        task.scene.check_graspable()
        found = grasping.pick_up_by(
            task, by, samples=samples, seed=seed, say=click.echo, progress=options.bar
        )
        try:
            files = grasping.write(found, folder, gif=gif)
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
@options.preset(("tiny", "cpu", "paper"), "How much of everything.")
@options.seed("trials, weights and samples")
@options.workers
@options.ray
@options.path(
    "--out", metavar="FOLDER", default="grasps", show_default=True, help="Folder; continued if it is there."
)
def collect(out: Path, **given: Any) -> None:
    """Try grasps on many objects in simulation and keep those that held, with pictures.

    One file per object and pose, written whole or not at all: a collection that was stopped continues where it was.
    """
    from ideomotor_studies.veres2017 import collect_all

    click.echo(f"Written to {collect_all(out, say=click.echo, **given)}/")
