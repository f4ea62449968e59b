"""`ideomotor reproduce pahic2018`."""

from typing import Any

import click

from ..kit import Run, options
from ._settings import PRESETS, ROWS


@options.reproduces(
    "pahic2018",
    PRESETS,
    "data and weights",
    options.path(
        "--data",
        metavar="FILE.npz",
        help="MNIST threes and fives with their pen paths (images, traj, labels, mnist_index), or a folder of the public MNIST and "
        "stroke files.  [default: leave those rows out]",
    ),
    options.path(
        "--characters",
        metavar="FILE.npz",
        help="Omniglot's drawings with their strokes.  [default: leave out networks for several strokes]",
    ),
    click.option(
        "--row",
        "rows",
        type=click.Choice(ROWS),
        multiple=True,
        help="Row of the table; may be repeated.  [default: all that there are data for]",
    ),
)
def reproduce(**given: Any) -> Run:
    """Repeat Pahič et al. 2018: networks from images of digits to the movements that write them.

    Generates synthetic digits, trains with eq. (9) and eq. (10), for ten digits, for the digit 2 alone and for real
    threes and fives, measures on digits held out, and writes the paper's Table I beside ours (table.md), figures 3 and
    4, a table of robustness, and the trained networks.
    """
    from ._study import reproduce

    return reproduce(given.pop("out"), **given)
