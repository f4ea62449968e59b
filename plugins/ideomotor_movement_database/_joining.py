"""Partial paths joined to one smooth movement, with times, by a smoother and by a primitive that imitates it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree
from scipy.linalg import solveh_banded

from ideomotor import Trajectory
from ideomotor.errors import DataError

from ._demonstrations import Speeds
from .graph._graph import NodePath

_PINNED = 3  # equal samples at each end: no speed and no acceleration there
_MOST = 1_000_000


@dataclass(frozen=True)
class Timing:
    """When a joined movement is where.

    - `dt`: seconds between its samples.
    - `smoothing`: seconds; the width of the Gaussian that would smooth as much.
    - `gap_time`: give gaps between partial paths the time of their length at the demonstrations' mean speed; the paper gives
      them none.
    - `limit_speed`: stretch the time of a movement that is faster than the demonstrations at their peak.
    - `kinematics`: samples `(n, dof)` to what moves with them `(n, k)`, such as the hand of an arm whose joints were recorded;
      `limit_speed` then limits its speed too.
    """

    dt: float = 0.01
    smoothing: float = 0.08
    gap_time: bool = True
    limit_speed: bool = True
    kinematics: Callable[[Any], Any] | None = None

    def __post_init__(self):
        if not self.dt > 0 or not self.smoothing >= 0:
            raise DataError(
                f"dt = {self.dt}, smoothing = {self.smoothing}; dt must be positive, smoothing not negative."
            )


def join(
    path: NodePath,
    start: Float[np.ndarray, " coordinate"],
    goal: Float[np.ndarray, " coordinate"],
    speeds: Speeds,
    timing: Timing,
) -> Trajectory:
    """The movement through the nodes of a path that rests at `start` and at `goal`, sampled every `dt` seconds.

    Through its nodes and gaps goes a line, at the times of `node_times`, which is smoothed. All in coordinates.
    """
    dt = timing.dt
    times = node_times(path, speeds.mean if timing.gap_time else None)
    places = np.concatenate([start[None], path.position, goal[None]])
    ends = np.linalg.norm(places[[1, -1]] - places[[0, -2]], axis=1) / speeds.mean
    # A node is where its demonstration is in the middle of its time there.
    before, after = 0.5 * path.duration[[0, -1]] + ends
    times = np.concatenate([[0.0], before + times, [before + times[-1] + after]])
    n = math.ceil(max(times[-1], 10 * dt) / dt) + 1
    if n > _MOST:
        raise DataError(
            f"The movement takes {times[-1]:.4g} s, {n:,} samples of {dt:g} s; choose a longer dt."
        )
    grid = dt * np.arange(n)
    line = np.stack([np.interp(grid, times, column) for column in places.T], axis=1)
    line[:_PINNED], line[-_PINNED:] = start, goal
    ys = smooth_between_rests(line, timing.smoothing / dt)
    speed = np.linalg.norm(np.diff(ys, axis=0), axis=1).max() / dt
    if timing.limit_speed and speed > speeds.peak:
        grid = grid * (speed / speeds.peak)
    return Trajectory(grid, ys)


def node_times(path: NodePath, speed: float | None) -> Float[np.ndarray, " node"]:
    """Times (s) of the nodes, T_i = T_(i-1) + (t_i + t_(i-1)) / 2 (Deniša & Ude 2015, eqs. 10-11), from zero.

    t_v knows nothing of the gaps between partial paths; each takes the time of its length at `speed` in addition,
    or none if that is None, as in the paper.
    """
    between = 0.5 * (path.duration[1:] + path.duration[:-1])
    if speed is not None:
        between = between + np.where(path.gap, path.steps / speed, 0.0)
    return np.append(0.0, np.cumsum(between))


def imitate(primitive: Any, movements: Sequence[Trajectory], *, samples: int = 300) -> PyTree:
    """The primitive's parameters for each movement, stacked along the first axis.

    All are resampled to so many samples, evenly in time, and imitated in one compiled call (`jax.vmap` over `primitive.fit`).
    """
    if not len(movements):
        raise DataError("There are no movements to imitate; give at least one.")
    ts = np.stack([np.linspace(m.ts[0], m.ts[-1], samples) for m in movements])
    ys = np.stack(
        [
            np.stack([np.interp(t, m.ts, column) for column in np.asarray(m.ys).T], axis=1)
            for t, m in zip(ts, movements, strict=True)
        ]
    )
    params = _fit(primitive, jnp.asarray(ts - ts[:, :1]), jnp.asarray(ys))
    if not all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(params)):
        raise DataError("The primitive's parameters are not finite; take fewer samples or another primitive.")
    return params


@eqx.filter_jit
def _fit(primitive: Any, ts, ys) -> PyTree:
    return jax.vmap(lambda t, y: primitive.fit(Trajectory(t, y)))(ts, ys)


@eqx.filter_jit
def play(primitive: Any, params: PyTree, ts) -> Any:
    """The movement of a primitive, compiled once for each number of times."""
    return primitive.trajectory(params, ts)


def smooth_between_rests(line: Float[np.ndarray, "time dof"], width: float) -> Float[np.ndarray, "time dof"]:
    """The sequence y that minimises sum |y - line|^2 + weight * sum |third differences of y|^2 (Whittaker 1923).

    Its first and last three samples stay. `width`, in samples, is that of the Gaussian that halves the same frequency.
    """
    n = len(line)
    inner = slice(_PINNED, n - _PINNED)
    if width <= 0 or n <= 2 * _PINNED + 1:
        return line
    weight = (width / math.sqrt(2 * math.log(2))) ** 6
    # Diagonals of D'D for third differences D, of rows that are far enough from the ends (the pinned samples are the ends).
    diagonals = (20.0, -15.0, 6.0, -1.0)
    size = n - 2 * _PINNED
    banded = np.zeros((4, size))
    for k, value in enumerate(diagonals):
        banded[k, : size - k] = weight * value
    banded[0] += 1.0
    right = line[inner].copy()
    fixed = line.copy()
    fixed[inner] = 0.0
    for k in (1, 2, 3):
        value = diagonals[k]
        right[:] -= (
            weight * value * (fixed[_PINNED - k : n - _PINNED - k] + fixed[_PINNED + k : n - _PINNED + k])
        )
    ys = line.copy()
    ys[inner] = solveh_banded(banded, right, lower=True)
    return ys
