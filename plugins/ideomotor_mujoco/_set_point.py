import numpy as np


class SetPoint:
    """A set point that comes in samples, followed between them.

    A sample says where to be *now*, and is held until the next. So that nothing lags by one sample, velocity
    and acceleration are taken from the last samples and extrapolated. Samples that move faster than
    `max_speed` are jumps, and a jump is not extrapolated.

    It works on a view of the simulation's memory, `3 · size` numbers: the last sample, its velocity over the
    last interval, and its acceleration.
    """

    def __init__(self, memory: np.ndarray, max_speed: np.ndarray | float | int):
        self._point, self._velocity, self._acceleration = memory.reshape(3, -1)
        self._max_speed = max_speed

    def start(self, point: np.ndarray) -> None:
        """At rest at a point."""
        self._point[:], self._velocity[:], self._acceleration[:] = point, 0, 0

    def take(self, point: np.ndarray, dt: float) -> None:
        """The next sample, to be held for `dt`."""
        velocity = (point - self._point) / dt
        velocity = velocity / max(1.0, float(np.sum((velocity / self._max_speed) ** 2))) ** 4
        self._acceleration[:] = (velocity - self._velocity) / dt
        self._velocity[:], self._point[:] = velocity, point
        self._dt = dt

    def at(self, elapsed: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position, velocity and acceleration `elapsed` seconds after the sample."""
        # The difference of two samples is the velocity half an interval ago.
        a = self._acceleration
        velocity = self._velocity + (0.5 * self._dt + elapsed) * a
        return self._point + elapsed * (velocity - 0.5 * elapsed * a), velocity, a


def shortened(error: np.ndarray, most: float) -> np.ndarray:
    """A vector no longer than `most`: with critical damping, an error of 2 speed / bandwidth is left at that speed."""
    size = float(np.sqrt(error @ error))
    return error if size <= most else error * (most / size)
