"""`ideomotor reproduce denisa2015`."""

from typing import Any

from ..kit import Run, options
from ._settings import PRESETS


@options.reproduces(
    "denisa2015",
    PRESETS,
    "demonstrations and starts",
    options.path(
        "--data", help="Recorded demonstrations to leave out one by one.  [default: leave that part out]"
    ),
)
def reproduce(**given: Any) -> Run:
    """Repeat Deniša & Ude 2015: 30 demonstrations of putting objects on a shelf become movements from anywhere to any compartment.

    Builds the trees, finds 180 movements with both searches from places and from joint angles, generalises them to new starts,
    executes all on a simulated KUKA LWR4+ before a shelf that can be hit, and writes the paper's numbers beside ours (table.md)
    and its figures 3, 6, 8, 10, 11 and 14.
    """
    from ._study import reproduce

    return reproduce(given.pop("out"), progress=options.bar, **given)
