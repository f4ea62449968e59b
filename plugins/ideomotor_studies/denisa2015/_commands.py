"""`ideomotor reproduce denisa2015`, `run pick-place`, `measure movement-database`."""

from pathlib import Path

import click

from .. import _options
from ._settings import PRESETS


@click.command()
@_options.preset(PRESETS)
@_options.seed("demonstrations and starts")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Recorded demonstrations to leave out one by one.  [default: leave that part out]",
)
@_options.resumed("denisa2015")
def reproduce(preset: str, seed: int, data: Path | None, out: Path | None, resume: bool) -> None:
    """Repeat Deniša & Ude 2015: 30 demonstrations of putting objects on a shelf become movements from anywhere to any compartment.

    Builds the trees, finds 180 movements with both searches from places and from joint angles, generalises them to new starts,
    executes all on a simulated KUKA LWR4+ before a shelf that can be hit, and writes the paper's numbers beside ours (table.md)
    and its figures 3, 6, 8, 10, 11 and 14.
    """
    from ._study import reproduce as study

    out = _options.run_folder("denisa2015", out, resume)
    study(out, preset=preset, seed=seed, data=data, resume=resume, say=click.echo, progress=_bar)
    click.echo((out / "table.md").read_text(encoding="utf-8"))
    click.echo(f"Written to {out}: table.md, results.json, metrics.jsonl, figures, movements")


@click.command("pick-place")
@click.option(
    "--start",
    type=(float, float),
    default=(0.1, -0.6),
    show_default=True,
    metavar="X Y",
    help="Of the object, in m.",
)
@click.option(
    "--goal", type=click.IntRange(1, 6), default=6, show_default=True, help="Compartment: 1 and 2 are lowest."
)
@click.option(
    "--search",
    type=click.Choice(["flat", "hierarchical"]),
    default="flat",
    show_default=True,
    help="Which search.",
)
@click.option(
    "--space",
    type=click.Choice(["cartesian", "joint"]),
    default="cartesian",
    show_default=True,
    help="What is searched: places or joint angles.",
)
@_options.seed("the demonstrations")
@click.option("--gif", is_flag=True, help="Also write movement.gif, the robot at work.")
@_options.written("pick-place")
def run(
    start: tuple[float, float],
    goal: int,
    search: str,
    space: str,
    seed: int,
    gif: bool,
    out: Path,
    overwrite: bool,
) -> None:
    """Put an object from the table into a compartment of a shelf: one movement, found among 30 demonstrations and executed.

    The robot is a simulated KUKA LWR4+ at the origin; the table is before its right side, 0.76 m by 0.62 m about (0, -0.6) m.
    The folder gets a figure and the movement as CSV and NPZ.
    """
    from ideomotor import new_folder

    from ._play import play

    with new_folder(out, overwrite=overwrite) as folder:
        text = play(folder, start, goal, search, space, seed, gif)
    names = "figure.png, trajectory.csv, trajectory.npz" + (", movement.gif" if gif else "")
    click.echo(f"{text}\nWritten to {out}/: {names}")


@click.command("movement-database")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Demonstrations as NPZ (data or ys, with offsets), CSV or a recording.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=95.2,
    show_default=True,
    help="Samples per second, if the file has no times.",
)
@click.option(
    "--columns", default="0,1,2", show_default=True, metavar="A,B,…", help="Those that are positions (m)."
)
@click.option("--count", type=click.IntRange(min=1), help="How many to leave out.  [default: each once]")
def measure(data: Path, rate: float, columns: str, count: int | None) -> None:
    """Leave each recorded demonstration out, find its movement among the others, and compare the two."""
    from ._recorded import leave_one_out, read

    made = read(data, rate, tuple(word.strip() for word in columns.split(",")))
    found = leave_one_out(made, count=None if count is None else min(count, len(made)), progress=_bar)
    click.echo(f"{found['left_out']} of {len(made)} demonstrations left out, one at a time (median, worst):")
    for name, what, unit in (
        ("distance", "distance of the movement found from the one left out", "m"),
        ("nearest_warped", "the same of the nearest other demonstration, shifted to its ends", "m"),
        ("straight_line", "the same of the straight line", "m"),
        ("largest_gap", "largest gap bridged", "m"),
        ("peak", "peak speed over the demonstrated", "times"),
        ("end_error", "end error", "m"),
        ("length", "length of the movement", "m"),
    ):
        click.echo(f"  {what}: {found[f'{name}_median']:.4f}, {found[f'{name}_worst']:.4f} {unit}")
    click.echo(
        f"  nearer than the straight line {found['better_than_straight_line']} times, than the nearest other "
        f"{found['better_than_nearest']} times"
    )


def _bar(items):
    from tqdm import tqdm

    return tqdm(items, delay=2, leave=False, disable=None)
