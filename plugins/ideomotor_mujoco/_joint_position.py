import dataclasses

import numpy as np

from ideomotor import quantity
from ideomotor.errors import DataError

from ._modes import AbstractMode
from ._robot import Robot


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


@dataclasses.dataclass(frozen=True)
class JointPosition(AbstractMode):
    """Joint angles (rad; m for slides) to be at *now*, shape `(joints,)`.

    - With motors: computed torque (Luh, Walker & Paul 1980), from the model's own inertia, gravity and Coriolis
      forces; errors die away like exp(-bandwidth · t), critically damped.
    - With position actuators: their set points, moved ahead by what gravity, the wanted velocity and the wanted
      acceleration take of the actuators' gains.

    Set points beyond a joint's limits stand for the limit. Those that move faster than `max_speed` (rad/s) are
    jumps, which are not extrapolated; motors follow them at this speed.
    """

    bandwidth: float | int = quantity(unit="1/s", bounds=(1.0, 200.0), default=60.0)
    max_speed: float | int = quantity(unit="rad/s", bounds=(0.1, 100.0), default=3.0)

    def __post_init__(self):
        for name in ("bandwidth", "max_speed"):
            if not getattr(self, name) > 0:
                raise ValueError(f"JointPosition: {name} must be positive, not {getattr(self, name)}.")

    def memory(self, robot: Robot) -> int:
        return 3 * len(robot.joints)

    def check(self, robot: Robot) -> None:
        if not (robot.has_motors or robot.has_servos):
            raise DataError(
                f"JointPosition needs a motor or a position actuator on each joint of {robot.name} "
                f"({', '.join(robot.joints) or 'none'}); pass actuators='motors'."
            )

    def start(self, robot: Robot) -> None:
        self._set_point(robot).start(robot.position())

    def rest(self, robot: Robot) -> np.ndarray:
        """The present joint positions."""
        return robot.position()

    def begin(self, robot: Robot, command: np.ndarray, dt: float) -> None:
        robot.set_point = self._set_point(robot)
        robot.set_point.take(np.clip(command, robot.lower, robot.upper), dt)

    def act(self, robot: Robot, command: np.ndarray, elapsed: float) -> None:
        wanted, velocity, acceleration = robot.set_point.at(elapsed)
        if robot.has_motors:
            error = shortened(wanted - robot.position(), 2 * self.max_speed / self.bandwidth)
            rate = velocity - robot.velocity()
            acceleration = acceleration + self.bandwidth**2 * error + 2 * self.bandwidth * rate
            robot.apply(robot.inertia() @ acceleration + robot.bias())
        else:
            ahead = (robot.inertia() @ acceleration + robot.bias()) / robot.gear
            ahead = ahead + robot.viscosity * robot.gear * velocity
            robot.data.ctrl[robot.actuators] = wanted * robot.gear + ahead / robot.gain

    def _set_point(self, robot: Robot) -> SetPoint:
        return SetPoint(robot.data.userdata[: self.memory(robot)], self.max_speed)
