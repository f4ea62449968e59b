"""`ideomotor reproduce pahic2018`."""

from pathlib import Path

import click

from .. import _options
from ._settings import PRESETS, ROWS


@click.command()
@_options.preset(PRESETS)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="MNIST threes and fives with their pen paths (images, traj, labels, mnist_index), or a folder of the public MNIST and "
    "stroke files.  [default: leave those rows out]",
)
@click.option(
    "--characters",
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="Omniglot's drawings with their strokes.  [default: leave out networks for several strokes]",
)
@click.option(
    "--row",
    "rows",
    type=click.Choice(ROWS),
    multiple=True,
    help="Row of the table; may be given again.  [default: all that there are data for]",
)
@_options.seed("data and weights")
@_options.resumed("pahic2018")
def reproduce(
    preset: str,
    data: Path | None,
    characters: Path | None,
    rows: tuple[str, ...],
    seed: int,
    out: Path | None,
    resume: bool,
) -> None:
    """Repeat Pahič et al. 2018: networks from images of digits to the movements that write them.

    Generates synthetic digits, trains with eq. (9) and eq. (10), for ten digits, for the digit 2 alone and for real
    threes and fives, measures on digits held out, and writes the paper's Table I beside ours (table.md), figures 3 and
    4, a table of robustness, and the trained networks.
    """
    from ._study import reproduce as study

    out = _options.run_folder("pahic2018", out, resume)
    study(
        out,
        preset=preset,
        data=data,
        characters=characters,
        rows=rows,
        seed=seed,
        resume=resume,
        say=click.echo,
    )
    click.echo((out / "table.md").read_text(encoding="utf-8"))
    click.echo(f"Written to {out}: table.md, results.json, metrics.jsonl, figures, networks")
