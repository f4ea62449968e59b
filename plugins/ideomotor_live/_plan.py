"""A known path, slowed where it would break a limit: the phase gives way, and the path is kept."""

import math
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from ideomotor.errors import DataError

from ._limits import Limits

_ROUNDS = 25
_MARGIN = 0.98  # of each limit
_SLOWEST = 1e-3


class Plan(NamedTuple):
    """What to command in each cycle.

    - `phase`: how many cycles of the movement's own time are done, from 0 on; increasing.
    - `points`: the commands, shape `(cycles, joints)`, at rest before the first and after the last.
    """

    phase: np.ndarray
    points: np.ndarray


def make_plan(path: np.ndarray, limits: Limits, dt: float, *, fine: int = 1) -> Plan:
    """The plan along a path, shape `(cycles, joints)`, one point in each `dt` (s): as it is where it keeps the limits.

    - `fine`: points per cycle; more of them show the path between cycles.

    Elsewhere the phase is slowed: from the local speed, acceleration and jerk of the path a rate is computed at which all
    limits hold, made smooth, and lowered wherever the differences of the resulting commands still exceed one.

    Raises a `DataError` for a path that is not finite or leaves the limits of position, which no slowing mends.
    """
    path = np.asarray(path, float)
    _check(path, limits)
    every, path = path, path[::fine]
    most = [np.asarray(getattr(limits, name)) * dt**k * _MARGIN for k, name in enumerate(_ORDERS, 1)]
    if len(path) < 3 or np.max(excess(path, most)) <= 1:
        return Plan(np.arange(len(path), dtype=float), path)
    n = len(path) - 1
    spline = CubicSpline(np.arange(len(every)) / fine, every)
    knots = np.linspace(0.0, n, 4 * n + 1)
    # From the path's own differences, those across its ends (from and to rest) left out: ramps take care of them.
    need = np.ones(n + 1)
    for k, limit in enumerate(most, 1):
        rate = np.max(np.abs(np.diff(path, k, axis=0)) / limit, 1) ** (1 / k)
        rate = np.pad(rate, (k // 2, k - k // 2), "edge")
        need = np.maximum(need, maximum_filter1d(rate, k + 2))
    slow = np.interp(knots, np.arange(n + 1), need)
    width, ramp, worst = 4 * max(4, round(0.02 / dt)), 0.1 / dt, 0.0
    for number in range(2 * _ROUNDS):
        least = minimum_filter1d(1 / slow, 2 * int(width) + 1, mode="nearest")
        rate = np.maximum(gaussian_filter1d(least, width / 3, mode="nearest"), _SLOWEST)
        phase = _play(knots, rate, ramp)
        points = spline(phase)
        over = excess(points, most)
        worst = over.max()
        if worst <= 1:
            return Plan(phase, points)
        # At the ends longer ramps mend it, as far as there is room; elsewhere it goes slower, and changes its rate more gently.
        edge = min(int(ramp), len(over) // 2 - 2) + 3
        ends, over[:edge], over[-edge:] = max(over[:edge].max(), over[-edge:].max()), 1.0, 1.0
        room = 2 * edge < len(over)
        ramp *= min(ends + 0.01, 1.2) if room and ends > 1 else 1.0
        if number >= _ROUNDS:
            slow = slow * (1.02 * worst)  # all of it, which ends at last
        elif over.max() > 1:
            width *= 1.1
            over = maximum_filter1d(np.where(over > 1, 0.02 + np.minimum(over, 1.3), 1.0), 5)
            slow = slow * np.interp(knots, np.concatenate([phase, [n] * 3]), over)
        elif not room:
            slow = slow * min(ends + 0.01, 1.3)
    raise DataError(
        f"The movement exceeds a limit by {worst:.2f} times even when it is slowed; give a longer duration or other limits."
    )


_ORDERS = ("velocity", "acceleration", "jerk")


def excess(points: np.ndarray, most: list[np.ndarray]) -> np.ndarray:
    """By how much each cycle exceeds its limits of velocity, acceleration and jerk, as the factor in time that mends it.

    The movement starts from rest and ends at rest.
    """
    padded = np.concatenate(
        [points[:1], points[:1], points[:1], points, points[-1:], points[-1:], points[-1:]]
    )
    found = np.zeros(len(points) + 3)
    for k, limit in enumerate(most, 1):
        ratio = np.max(np.abs(np.diff(padded, k, axis=0)) / limit, 1) ** (1 / k)
        found = np.maximum(found, ratio[3 - k : 3 - k + len(found)])
    return found


def _play(knots: np.ndarray, rate: np.ndarray, ramp: float) -> np.ndarray:
    """The phase in each cycle at this rate over the phase, with ramps from and to rest."""
    steps = 0.5 * (1 / rate[1:] + 1 / rate[:-1]) * np.diff(knots)
    cycles = np.concatenate([[0.0], np.cumsum(steps)])
    whole = CubicSpline(cycles, knots)
    ramp = min(ramp, cycles[-1])
    end = float(math.ceil(cycles[-1] + ramp))
    own = np.arange(end + 1)
    time = (_ramped(own, ramp) + end - ramp / 2 - _ramped(end - own, ramp) - own) * cycles[-1] / (end - ramp)
    return np.clip(whole(time), 0.0, knots[-1])


def _ramped(x: np.ndarray, ramp: float) -> np.ndarray:
    """The integral of a smooth step from 0 to 1 over `ramp`: x - ramp / 2 after it."""
    u = np.clip(x / ramp, 0.0, 1.0)
    inside = ramp * (u**6 - 3 * u**5 + 2.5 * u**4)
    return np.where(x < ramp, inside, x - ramp / 2)


def _check(path: np.ndarray, limits: Limits) -> None:
    if not np.isfinite(path).all():
        raise DataError("The movement is not finite; nothing was sent.")
    for name, bad in (("lower", path < limits.lower), ("upper", path > limits.upper)):
        if bad.any():
            k, joint = np.argwhere(bad)[0]
            raise DataError(
                f"The movement takes joint {joint} to {path[k, joint]:.4g}, beyond its {name} limit "
                f"{getattr(limits, name)[joint]:.4g}; nothing was sent. Give another goal, or start it elsewhere."
            )
