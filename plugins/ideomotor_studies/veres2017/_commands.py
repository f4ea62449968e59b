"""`ideomotor reproduce veres2017`."""

from typing import Any

from ..kit import Run, options
from ._settings import PRESETS


@options.reproduces(
    "veres2017",
    PRESETS,
    "trials, weights and samples",
    options.workers,
    options.ray,
    options.path("--data", metavar="FOLDER", help="A collection of grasps.  [default: OUT/grasps]"),
)
def reproduce(**given: Any) -> Run:
    """Veres et al. 2017: distributions over grasps, their likelihoods and how many of them lift the object."""
    from ._study import reproduce

    return reproduce(given.pop("out"), **given)
