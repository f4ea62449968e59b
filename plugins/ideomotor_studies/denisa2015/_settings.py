from typing import NamedTuple


class Preset(NamedTuple):
    """Sizes of a reproduction.

    - `seeds`: sets of demonstrations that the searches are compared on; the first is executed.
    - `starts`: new ones to generalise to; `executed`: movements that the robot executes of each kind, all if None.
    - `levels`: of figure 6, for each way of clustering.
    - `restarts`: of the search for the Gaussian processes' kernels; `held_out`: recorded demonstrations left out, all if None.
    """

    seeds: int
    starts: int
    executed: int | None
    levels: int
    restarts: int
    held_out: int | None
    note: str


PRESETS = {
    "tiny": Preset(1, 4, 12, 6, 0, 4, "a minute of work, to see that all parts run"),
    "cpu": Preset(5, 1000, None, 17, 2, None, "everything, with five sets of demonstrations"),
    "paper": Preset(20, 1000, None, 24, 4, None, "everything, with twenty sets of demonstrations"),
}

FAN = 0.3
"""How far the demonstrations spread in mid-air (see `shelf_demonstrations`): they come within centimetres of each other."""

THRESHOLD = {"cartesian": 0.0056, "joint": 0.028}
"""d_v (m, rad) at which nodes are no longer split; the paper gives none, and these give about as many nodes as it has."""

PAPER = {"cartesian": {"levels": 20, "nodes": 4133}, "joint": {"levels": 21, "nodes": 3464}}
VISION = 0.0085
"""The paper's systematic error of vision, in m."""
