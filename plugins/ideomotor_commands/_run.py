"""`ideomotor demo`, `run digits | reach | circle | optimal-reach`, `measure digits | movement-database`; light to import."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ideomotor import new_folder, write_trajectory
from ideomotor.cli import options
from ideomotor.errors import DataError
from ideomotor_studies.kit.run import keep_results

_SHOWN = 12  # drawings in an overview
_picture = click.option(
    "--input", "source", required=True, metavar="IMAGE", help="A PNG, JPEG or .npy picture of one digit."
)
_point = options.numbers(2)


@click.command()
@_picture
@options.written(shown="IMAGE-drawn")
@options.path("--pipeline", "file", metavar="YAML", help="Another pipeline than the standard one.")
@options.number("--duration", default=3.0, least=0.2, help="Seconds the drawing takes.")
def run_digits(source: str, out: Path | None, overwrite: bool, file: Path | None, duration: float) -> None:
    """Read a movement from a picture of a digit and let the arm draw it, or all digits of a page.

    Any size, dark on light or light on dark, photographed or scanned. The folder gets a figure, an animation, the
    movement as CSV and NPZ, and the pipeline as YAML.
    """
    from ideomotor import load_pipeline, save_pipeline
    from ideomotor_encoder_decoder import SeveralPiecesError

    from ._digits import PIPELINE, draw, draw_page, overview, standard_pipeline

    out = out or Path(f"{Path(source).stem}-drawn")
    with new_folder(out, overwrite=overwrite) as folder:
        pipeline = standard_pipeline() if file is None else load_pipeline(file)
        files, others = "figure.png, movement.gif, trajectory.csv, trajectory.npz", 0
        try:
            drawings = [draw(source, pipeline, duration=duration)]
            _write_drawing(drawings[0], folder)
        except SeveralPiecesError:
            files = "overview.png, a folder for each digit"
            drawings, others = draw_page(source, pipeline, duration=duration)
            if not drawings:
                raise DataError(
                    f"None of the {others} pieces of writing in {source} looks like a digit."
                ) from None
            overview(drawings[:_SHOWN]).savefig(folder / "overview.png", dpi=110)
            for i, drawing in enumerate(drawings, 1):
                (folder / f"{i:03d}").mkdir()
                _write_drawing(drawing, folder / f"{i:03d}")
        if file is None:
            (folder / "pipeline.yaml").write_text(PIPELINE.read_text())
        else:
            save_pipeline(pipeline, folder / "pipeline.yaml")
    for drawing in drawings:
        click.echo(_drawn(drawing))
    if others:
        click.echo(f"{others} other pieces of writing do not look like digits.")
    click.echo(f"Written to {out}/: {files}, pipeline.yaml")


@click.command()
@options.path("--out", metavar="FOLDER", default="ideomotor-demo", show_default=True, help="Folder to write.")
@click.option("--overwrite/--keep", default=True, help="Whether to replace what an earlier demo wrote.")
def demo(out: Path, overwrite: bool) -> None:
    """Draw the bundled pictures of digits with the arm, and say what was done."""
    from ideomotor_encoder_decoder import example_pictures

    from ._digits import PIPELINE, draw, overview, standard_pipeline

    started = time.perf_counter()
    pictures = example_pictures()
    click.echo(
        f"{len(pictures)} pictures of digits go through one chain: a network reads the parameters of a dynamic\n"
        "movement primitive from each, and a torque-driven two-link arm draws the movement on a sheet of paper.\n"
    )
    drawings = []
    with new_folder(out, overwrite=overwrite) as folder:
        pipeline = standard_pipeline()
        for path in options.bar(pictures, unit="picture"):
            drawings.append(draw(path, pipeline))
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
    drawing.figure().savefig(folder / "figure.png", dpi=110)
    drawing.animate(folder / "movement.gif")
    write_trajectory(drawing.movement, folder)


def _drawn(drawing: Any) -> str:
    from ._digits import DOUBTFUL

    from_hand, from_ink = drawing.misses
    lag = 1000 * float(drawing.plant.pixel) * drawing.lag
    text = (
        f"{drawing.name}: drawn in {drawing.ts[-1]:.1f} s; on average, the hand is {lag:.1f} mm from where it should be, its "
        f"path {from_hand:.2f} px off the ink, and the ink {from_ink:.2f} px off the path."
    )
    if drawing.misfit > DOUBTFUL:
        text += (
            f" It does not look like a digit: the reader's doubt is {drawing.misfit:.1f} px of 40 (digits: "
            f"below {DOUBTFUL}). Letters, and digits that lie or are mirrored, are not read."
        )
    return text


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
@options.number("--hold", default=1.0, least=0.05, help="Seconds for each target.")
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
@options.number("--radius", default=0.07, help="Radius, in m.")
@options.number("--speed", default=0.3, help="Speed, in m/s; positive is clockwise.")
@options.number("--duration", default=6.0, least=0.1, help="Duration, in s.")
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
@options.number("--field", default=0.0, help="Joint curl field in N m s/rad; negative is counter-clockwise.")
@options.number("--duration", default=1.0, help="Movement time, in s.")
@options.path("--network", metavar="FOLDER", help="Another trajectory function than the shipped one.")
@options.written("optimal-reach")
def run_optimal_reach(out: Path, overwrite: bool, **given: Any) -> None:
    """Reach without feedback, by a trajectory function, and compare with the reach of least cost."""
    from ._optimal_reach import play_optimal_reach

    _play(play_optimal_reach, out, overwrite, given)


@click.command()
@options.path(
    "--data",
    required=True,
    metavar="FILE.npz",
    help="Arrays images (n, height, width) uint8 and traj (n, time, 2), in px (column, row).",
)
@options.number("--count", default=150, least=1, help="Pairs drawn from it.")
@options.seed("the draw")
def measure_digits(data: Path, count: int, seed: int) -> None:
    """Compare the paths that the digit reader sees in images with the paths that belong to them.

    All distances are means in pixels of the images: at equal times, along the best matching in time, from ink to
    path and from path to ink. The paths given need not keep the reader's timing or direction.
    """
    import numpy as np

    from ideomotor_encoder_decoder.digits import Pairs

    from ._digits import measure

    pairs = Pairs.load(data)
    chosen = np.random.default_rng(seed).permutation(len(pairs.images))[:count]
    click.echo(f"{len(chosen)} of {len(pairs.images)} pairs in {data}\n")
    click.echo(f"{'':10s}{'equal times':>14s}{'time warped':>14s}{'ink to path':>14s}{'path to ink':>14s}")
    for name, means in measure(pairs.images[chosen], pairs.paths[chosen].astype(float), options.bar).items():
        click.echo(f"{name:10s}" + "".join(f"{mean:14.3f}" for mean in means))
        keep_results(name, means=[float(mean) for mean in means])


@click.command("movement-database")
@options.path(
    "--data", required=True, help="Demonstrations as NPZ (data or ys, with offsets), CSV or a recording."
)
@options.number("--rate", default=95.2, above=0, help="Samples per second, if the file has no times.")
@click.option(
    "--columns", default="0,1,2", show_default=True, metavar="A,B,…", help="Columns of the position (m)."
)
@options.number("--count", least=1, help="How many to leave out.  [default: each once]")
def measure_movements(data: Path, rate: float, columns: str, count: int | None) -> None:
    """Leave each recorded demonstration out, find its movement among the others, and compare the two."""
    from ideomotor_studies.kit import recorded

    made = recorded.read(data, rate, tuple(word.strip() for word in columns.split(",")))
    found = recorded.leave_one_out(
        made, count=None if count is None else min(count, len(made)), progress=options.bar
    )
    click.echo(f"{found['left_out']} of {len(made)} demonstrations left out, one at a time (median, worst):")
    rows = [(name, what, "m") for name, what in recorded.SHOWN]
    for name, what, unit in [*rows[:4], ("peak", "peak speed over the demonstrated", "times"), *rows[4:]]:
        click.echo(f"  {what}: {found[f'{name}_median']:.4f}, {found[f'{name}_worst']:.4f} {unit}")
    click.echo(
        f"  nearer than the straight line {found['better_than_straight_line']} times, than the nearest other "
        f"{found['better_than_nearest']} times"
    )
