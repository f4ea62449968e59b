import dataclasses

import numpy as np

from ideomotor import quantity
from ideomotor.errors import DataError

from ._modes import AbstractMode
from ._robot import Robot

_STUCK = 0.001  # rad (m), how far off dry friction may hold a joint


class SetPoint:
    """A set point that comes in samples, followed between them.

    A sample says where to be *now*, and is held until the next. So that nothing lags by one sample, velocity
    and acceleration are taken from the last samples and extrapolated. Samples that move faster than
    `max_speed` are jumps, and a jump is not extrapolated.

    It works on a view of the simulation's memory, `3 · size` numbers: the last sample, its velocity over the
    last interval, and its acceleration.

    - `each`: whether `max_speed` is for each number rather than for the length of the vector.
    """

    def __init__(self, memory: np.ndarray, max_speed: float | int, *, each: bool = False):
        self._point, self._velocity, self._acceleration = memory.reshape(3, -1)
        self._max_speed, self._each = max_speed, each

    def start(self, point: np.ndarray) -> None:
        """At rest at a point."""
        self._point[:], self._velocity[:], self._acceleration[:] = point, 0, 0

    def take(self, point: np.ndarray, dt: float) -> None:
        """The next sample, to be held for `dt`."""
        velocity = (point - self._point) / dt
        squares = (velocity / self._max_speed) ** 2
        fastest = float(squares.max(initial=0.0) if self._each else np.sum(squares))
        velocity = velocity / max(1.0, fastest) ** 4
        self._acceleration[:] = (velocity - self._velocity) / dt
        self._velocity[:], self._point[:] = velocity, point
        self._dt = dt

    def at(self, elapsed: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position, velocity and acceleration `elapsed` seconds after the sample."""
        # The difference of two samples is the velocity half an interval ago.
        a = self._acceleration
        velocity = self._velocity + (0.5 * self._dt + elapsed) * a
        return self._point + elapsed * (velocity - 0.5 * elapsed * a), velocity, a


def shortened(error: np.ndarray, most: float, *, each: bool = False) -> np.ndarray:
    """A vector of at most the length `most`, or with no number beyond it.

    With critical damping an error of 2 speed / bandwidth is left at that speed.
    """
    size = float(np.abs(error).max(initial=0.0)) if each else float(np.sqrt(error @ error))
    return error if size <= most else error * (most / size)


@dataclasses.dataclass(frozen=True)
class JointPosition(AbstractMode):
    """Joint angles (rad; m for slides) to be at *now*, shape `(joints,)`.

    - With motors: computed torque (Luh, Walker & Paul 1980), from the model's own inertia, gravity and Coriolis
      forces; errors die away like exp(-bandwidth · t), critically damped.
    - With servos (any gain and bias, filters, integrators, several to a joint, fixed tendons): their set points, moved
      ahead by what gravity, the wanted velocity and the wanted acceleration take. Servos that would ring are damped.

    A motor's set point beyond its joint's limits stands for the limit. Where one moves faster than `max_speed` (rad/s) they are
    jumps, which are not extrapolated; motors follow them at this speed. An actuator that has been at its limit for a
    second while its joint is short of the set point is reported in the log (`ideomotor.mujoco`).
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
        drives = robot.drives
        if drives.missing or not robot.joints:
            lacking = ", ".join(repr(robot.joints[k]) for k in drives.missing) or "any joint"
            raise DataError(
                f"JointPosition needs a motor or a servo on each joint, but {robot.name} has none on {lacking}; "
                f"name other joints (joints=…), or pass actuators='motors'."
            )
        if not drives.independent:
            raise DataError(
                f"JointPosition moves each joint independently, but one actuator of {robot.name} moves several of "
                f"{', '.join(robot.joints)}; name one of those that move together (joints=…)."
            )

    def start(self, robot: Robot) -> None:
        self._set_point(robot).start(robot.position())

    def rest(self, robot: Robot) -> np.ndarray:
        """The present joint positions."""
        return robot.position()

    def begin(self, robot: Robot, command: np.ndarray, dt: float) -> None:
        robot.set_point = self._set_point(robot)
        # Servos have their own ranges of set points, which may go beyond the soft limits of the joints.
        clipped = np.clip(command, robot.lower, robot.upper)
        robot.set_point.take(np.where(robot.drives.computed, clipped, command), dt)

    def act(self, robot: Robot, command: np.ndarray, elapsed: float) -> None:
        wanted, velocity, acceleration = robot.set_point.at(elapsed)
        error, rate = wanted - robot.position(), velocity - robot.velocity()
        near = shortened(error, 2 * self.max_speed / self.bandwidth, each=True)
        if robot.has_motors:
            acceleration = acceleration + self.bandwidth**2 * near + 2 * self.bandwidth * rate
            robot.apply(robot.inertia() @ acceleration + robot.bias() + self._friction(robot, error, rate))
        else:
            spring = np.where(
                robot.drives.computed, self.bandwidth**2 * near + 2 * self.bandwidth * rate, 0.0
            )
            self._track(robot, error, rate, velocity, acceleration + spring)
        if elapsed == 0.0:
            robot.report_limits(error)

    def _track(self, robot: Robot, error, rate, velocity, acceleration) -> None:
        drives, model, inertia = robot.drives, robot.model, robot.inertia()
        mass, own = np.diag(inertia), model.dof_damping[robot.dofs]
        # Servos rely on the dampers of the joints: only what these take at the wanted velocity is fed forward.
        bias = robot.bias() + np.where(drives.computed, 0.0, own * rate)
        lacking = 2 * np.sqrt(np.maximum(drives.stiffness, 0.0) * mass) - drives.damping - own
        damping = np.clip(lacking, 0.0, 0.5 / (model.opt.timestep * np.diag(np.linalg.inv(inertia))))
        catch = np.minimum(self.bandwidth, drives.damping / (4 * mass)) * error
        torque = inertia @ acceleration + bias + damping * rate + self._friction(robot, error, rate)
        drives.track(model, robot.data, error, velocity, torque, catch)

    def _friction(self, robot: Robot, error: np.ndarray, rate: np.ndarray) -> np.ndarray | float:
        """A torque that overcomes dry friction, by a spring as stiff as the time step allows, and never beyond it."""
        dry, h = robot.model.dof_frictionloss[robot.dofs], robot.model.opt.timestep
        if not dry.any():
            return 0.0
        mass = 1 / np.diag(np.linalg.inv(robot.inertia()))
        stiffness = np.minimum(dry / _STUCK, mass * (0.4 / h) ** 2)
        damping = np.minimum(2 * np.sqrt(stiffness * mass), 0.5 * mass / h)
        return np.clip(stiffness * error + damping * rate, -dry, dry)

    def _set_point(self, robot: Robot) -> SetPoint:
        return SetPoint(robot.data.userdata[: self.memory(robot)], self.max_speed, each=True)
