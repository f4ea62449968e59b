"""`ideomotor measure movement-database`."""

from pathlib import Path

import click

from ideomotor_studies.kit import options, recorded


@click.command("movement-database")
@options.path(
    "--data", required=True, help="Demonstrations as NPZ (data or ys, with offsets), CSV or a recording."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=95.2,
    show_default=True,
    help="Samples per second, if the file has no times.",
)
@click.option(
    "--columns", default="0,1,2", show_default=True, metavar="A,B,…", help="Columns of the position (m)."
)
@click.option("--count", type=click.IntRange(min=1), help="How many to leave out.  [default: each once]")
def measure_movements(data: Path, rate: float, columns: str, count: int | None) -> None:
    """Leave each recorded demonstration out, find its movement among the others, and compare the two."""
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
