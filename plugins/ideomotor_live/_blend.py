from typing import Any

import numpy as np

from ._limits import Limits


class Blend:
    """An offset from where the references were heading to where they are now, which fades with minimum jerk."""

    def __init__(self, reference: np.ndarray, last: np.ndarray, limits: Limits, dt: float):
        self._heading, self._speed = reference, reference - last
        self._limits, self._dt, self._k, self.over = limits, dt, 0, False
        self._first: Any = None

    def add(self, wanted: np.ndarray) -> np.ndarray:
        """The reference with the offset of this cycle."""
        if self.over:
            return wanted
        self._k += 1
        if self._k == 1:
            self._first, self._offset = wanted, self._heading + self._speed - wanted
            return wanted + self._offset
        if self._k == 2:
            self._rate = self._speed - (wanted - self._first)
            self._cycles = self._duration() / self._dt
        u = min((self._k - 1) / self._cycles, 1.0)
        self.over = u >= 1.0
        there = 1 - u**3 * (10 - 15 * u + 6 * u * u)
        drift = self._cycles * u * (1 - u * u * (6 - 8 * u + 3 * u * u))
        return wanted + self._offset * there + self._rate * drift

    def _duration(self) -> float:
        """s, in which the offset itself uses at most half of each limit; the largest derivatives are those of minimum jerk."""
        far, limits = np.abs(self._offset), self._limits
        fast = np.abs(self._rate) / self._dt
        needs = [
            1.875 * far / limits.velocity * 2,
            np.sqrt(5.77 * far / limits.acceleration * 2),
            np.cbrt(60 * far / np.asarray(limits.jerk) * 2),
            4 * fast / limits.acceleration * 2,
            np.sqrt(36 * fast / limits.jerk * 2),
        ]
        return max(0.1, *(float(np.max(need)) for need in needs))
