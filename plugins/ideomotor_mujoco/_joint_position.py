import dataclasses

import numpy as np

from ideomotor import quantity
from ideomotor.errors import DataError

from ._modes import AbstractMode
from ._robot import Robot
from ._set_point import SetPoint, shortened


@dataclasses.dataclass(frozen=True)
class JointPosition(AbstractMode):
    """Joint angles (rad; m for slides) to be at *now*, shape `(joints,)`.

    - With motors: computed torque (Luh, Walker & Paul 1980), from the model's own inertia, gravity and Coriolis
      forces; errors die away like exp(-bandwidth · t), critically damped.
    - With position actuators: their set points, moved ahead by what gravity, the wanted velocity and the wanted
      acceleration take of the actuators' gains.

    Set points beyond a joint's limits stand for the limit. Those that move faster than `max_speed` (rad/s) are
    jumps, which are not extrapolated; motors come after them at this speed.
    """

    bandwidth: float | int = quantity(unit="1/s", bounds=(1.0, 200.0), default=60.0)
    max_speed: float | int = quantity(unit="rad/s", bounds=(0.1, 100.0), default=3.0)

    def __post_init__(self):
        for name in ("bandwidth", "max_speed"):
            if not getattr(self, name) > 0:
                raise ValueError(f"JointPosition: {name} must be positive, not {getattr(self, name)}.")

    def memory(self, robot: Robot) -> int:
        """See `AbstractMode`."""
        return 3 * len(robot.joints)

    def check(self, robot: Robot) -> None:
        """See `AbstractMode`."""
        if not (robot.has_motors or robot.has_servos):
            raise DataError(
                f"JointPosition needs a motor or a position actuator on each joint of {robot.name} "
                f"({', '.join(robot.joints) or 'none'}); pass actuators='motors'."
            )

    def start(self, robot: Robot) -> None:
        """See `AbstractMode`."""
        self._set_point(robot).start(robot.position())

    def rest(self, robot: Robot) -> np.ndarray:
        """The present joint positions."""
        return robot.position()

    def begin(self, robot: Robot, command: np.ndarray, dt: float) -> None:
        """See `AbstractMode`."""
        robot.set_point = self._set_point(robot)
        robot.set_point.take(np.clip(command, robot.lower, robot.upper), dt)

    def act(self, robot: Robot, command: np.ndarray, elapsed: float) -> None:
        """See `AbstractMode`."""
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
