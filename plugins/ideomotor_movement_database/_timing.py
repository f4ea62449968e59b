"""When a discovered movement is where."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ._demonstrations import Demonstrations
from .graph import NodePath
from .tree import Chart


@dataclass(frozen=True)
class Pace:
    """How fast the demonstrations are: `cruise`, the median of their mean speeds, and `peak`, the median of their peaks.

    A demonstration's peak is the speed that it exceeds for 1 % of its time: one sample that jumps is no speed.

    In coordinates of the chart per second: m/s, rad/s. Or in those of `look`, a function from samples `(n, dof)` to
    what moves with them, `(n, k)`: the hand of an arm whose joints were recorded.
    """

    cruise: float
    peak: float

    @classmethod
    def of(
        cls, demonstrations: Demonstrations, chart: Chart, look: Callable[[Any], Any] | None = None
    ) -> "Pace":
        """By differences from sample to sample, each over at least 20 ms, so that noise does not count as speed."""
        means, peaks = [], []
        for item in demonstrations:
            place = chart.coordinates(item.ys) if look is None else np.asarray(look(item.ys))
            stride = max(1, min(len(item) - 1, round(0.02 / np.median(np.diff(item.ts)))))
            step = np.linalg.norm(place[stride:] - place[:-stride], axis=1)
            peaks.append(np.percentile(step / (item.ts[stride:] - item.ts[:-stride]), 99))
            length = np.linalg.norm(np.diff(place, axis=0), axis=1).sum()
            means.append(length / (item.ts[-1] - item.ts[0]))
        # Demonstrations of rest have no speed; a movement between them takes its time all the same.
        return cls(max(float(np.median(means)), 1e-3), max(float(np.median(peaks)), 1e-3))


def node_times(path: NodePath, cruise: float | None) -> Float[np.ndarray, " node"]:
    """Times (s) of the nodes, T_i = T_(i-1) + (t_i + t_(i-1)) / 2 (Deniša & Ude 2015, eqs. 10-11), from zero.

    t_v knows nothing of the gaps between partial paths; each takes the time of its length at speed `cruise` in addition,
    or none if that is None, as in the paper.
    """
    between = 0.5 * (path.duration[1:] + path.duration[:-1])
    if cruise is not None:
        between = between + np.where(path.jump, path.steps / cruise, 0.0)
    return np.append(0.0, np.cumsum(between))
