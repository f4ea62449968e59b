import dataclasses

import numpy as np

from ideomotor import quantity
from ideomotor.common.solvers import damped_step
from ideomotor.errors import DataError, SimulationError

from ._joint_position import JointPosition, SetPoint, shortened
from ._modes import AbstractMode
from ._robot import Robot, rotation_error

_MAX_TURN = 3.0  # rad/s


def _check_positive(mode: AbstractMode, *names: str) -> None:
    for name in names:
        if not getattr(mode, name) > 0:
            raise ValueError(f"{type(mode).__name__}: {name} must be positive, not {getattr(mode, name)}.")


def _unit(quaternion: np.ndarray) -> np.ndarray:
    size = float(np.linalg.norm(quaternion))
    if not size > 1e-6:
        raise DataError(f"The orientation {quaternion} is not a quaternion; give (w, x, y, z) of length one.")
    return quaternion / size


@dataclasses.dataclass(frozen=True)
class CartesianPose(AbstractMode):
    """Where the tip is to be *now*, by damped least squares inverse kinematics and joint position control.

    - command: position (m) and orientation (unit quaternion, w first) in the world, shape `(7,)`; with
      `orientation=False` the position alone, `(3,)`.
    - `joints`: how the joints follow.
    - `tolerance`: a pose that the joints cannot reach within this distance (m) and angle (rad) raises a
      `SimulationError`.
    """

    orientation: bool = True
    joints: JointPosition = JointPosition()
    tolerance: float | int = quantity(unit="m", bounds=(1e-6, 10.0), default=1e-3)

    def __post_init__(self):
        _check_positive(self, "tolerance")

    def memory(self, robot: Robot) -> int:
        return self.joints.memory(robot)

    def check(self, robot: Robot) -> None:
        self.joints.check(robot)

    def start(self, robot: Robot) -> None:
        self.joints.start(robot)

    def rest(self, robot: Robot) -> np.ndarray:
        """The present pose."""
        position, quaternion = robot.tip_pose()
        return np.concatenate([position, quaternion]) if self.orientation else position

    def begin(self, robot: Robot, command: np.ndarray, dt: float) -> None:
        last = robot.data.userdata[: len(robot.joints)]  # the joints' last set point
        quaternion = _unit(command[3:]) if self.orientation else None
        joints, distance, angle = inverse_kinematics(robot, command[:3], quaternion, last)
        if distance > self.tolerance or angle > self.tolerance:
            raise SimulationError(unreachable(robot, command[:3], distance, angle))
        self.joints.begin(robot, joints, dt)

    def act(self, robot: Robot, command: np.ndarray, elapsed: float) -> None:
        self.joints.act(robot, command, elapsed)


def unreachable(robot: Robot, position: np.ndarray, distance: float, angle: float) -> str:
    """The sentence for a pose that is out of reach."""
    at = ", ".join(f"{x:.3f}" for x in position)
    return (
        f"The tip of {robot.name} cannot reach ({at}) m as asked: {1000 * distance:.0f} mm and "
        f"{np.degrees(angle):.0f} degrees are left within the joints' limits; bring the target nearer, or turn it."
    )


@dataclasses.dataclass(frozen=True)
class OperationalSpace(AbstractMode):
    """Where the tip is to be *now*, by operational space control (Khatib 1987); needs motors.

    - command: as for `CartesianPose`.
    - `bandwidth`: pose errors die away like exp(-bandwidth · t), with the inertia that the tip feels decoupled.
    - `posture`: the same for joint angles that the tip's pose leaves free, which are drawn to the angles at rest.
    - `max_speed`: set points that move faster (m/s) are jumps, which are not extrapolated; the tip follows them
      at this speed.

    Turning set points are followed without their velocity.
    """

    orientation: bool = True
    bandwidth: float | int = quantity(unit="1/s", bounds=(1.0, 200.0), default=60.0)
    posture: float | int = quantity(unit="1/s", bounds=(0.1, 50.0), default=5.0)
    max_speed: float | int = quantity(unit="m/s", bounds=(0.01, 10.0), default=2.0)

    def __post_init__(self):
        _check_positive(self, "bandwidth", "posture", "max_speed")

    def memory(self, robot: Robot) -> int:
        """The set point, and the joint angles at rest."""
        return 9 + len(robot.joints)

    def check(self, robot: Robot) -> None:
        robot.need_motors("OperationalSpace")

    def start(self, robot: Robot) -> None:
        self._set_point(robot).start(robot.tip_pose()[0])
        robot.data.userdata[9 : self.memory(robot)] = robot.position()

    def rest(self, robot: Robot) -> np.ndarray:
        """The present pose."""
        position, quaternion = robot.tip_pose()
        return np.concatenate([position, quaternion]) if self.orientation else position

    def begin(self, robot: Robot, command: np.ndarray, dt: float) -> None:
        if self.orientation:
            _unit(command[3:])
        robot.set_point = self._set_point(robot)
        robot.set_point.take(command[:3], dt)

    def act(self, robot: Robot, command: np.ndarray, elapsed: float) -> None:
        motion = robot.set_point.at(elapsed)
        quaternion = _unit(command[3:]) if self.orientation else None
        rest = robot.data.userdata[9 : self.memory(robot)]
        robot.apply(
            operational_torque(robot, motion, quaternion, rest, self.bandwidth, self.posture, self.max_speed)
        )

    def _set_point(self, robot: Robot) -> SetPoint:
        return SetPoint(robot.data.userdata[:9], self.max_speed)


def operational_torque(
    robot: Robot,
    motion: tuple[np.ndarray, np.ndarray, np.ndarray],
    quaternion: np.ndarray | None,
    rest: np.ndarray,
    bandwidth: float | int,
    posture: float | int,
    max_speed: float | int,
) -> np.ndarray:
    """Joint torques that move the tip like a unit mass on a critically damped spring: Khatib 1987, eq. (51) and (58).

    - `motion`: position, velocity and acceleration wanted.
    - `quaternion`: the orientation wanted, at rest; `None` leaves it free.
    - `rest`: where joints go that the tip leaves free.
    - `max_speed`: a tip that is far off comes no faster, m/s (and 3 rad/s).
    """
    rows = 3 if quaternion is None else 6
    position, facing = robot.tip_pose()
    moving, jacobian = robot.tip_velocity()[:rows], robot.tip_jacobian()[:rows]
    error, rate, acceleration = np.zeros(rows), -moving, -robot.tip_drift()[:rows]
    error[:3] = shortened(motion[0] - position, 2 * max_speed / bandwidth)
    rate[:3] += motion[1]
    acceleration[:3] += motion[2]
    if quaternion is not None:
        error[3:] = shortened(rotation_error(quaternion, facing), 2 * _MAX_TURN / bandwidth)
    acceleration = acceleration + bandwidth**2 * error + 2 * bandwidth * rate
    inertia = robot.inertia()
    responses = np.linalg.solve(inertia, jacobian.T)  # M⁻¹ Jᵀ
    # Near a singularity the tip feels infinite inertia along a direction; a trace of damping bounds it.
    mobility = jacobian @ responses
    mobility += 1e-6 * np.trace(mobility) / rows * np.eye(rows)
    drawn = posture**2 * (rest - robot.position()) - 2 * posture * robot.velocity()
    # The posture's acceleration acts in the null space: its effect on the tip is subtracted again.
    force = np.linalg.solve(mobility, acceleration - jacobian @ drawn)
    return jacobian.T @ force + inertia @ drawn + robot.bias()


_ITERATIONS = 200
_CLOSE = 1e-9  # m and rad


def inverse_kinematics(
    robot: Robot,
    position: np.ndarray,
    quaternion: np.ndarray | None,
    start: np.ndarray,
    *,
    restarts: int = 0,
) -> tuple[np.ndarray, float, float]:
    """Joint positions at which the tip has a pose, by damped least squares within the joints' limits.

    Levenberg-Marquardt on the pose error (Sugihara 2011: damping that shrinks with the error), with joints that
    push against a limit held there.

    - `quaternion`: w first; `None` leaves the orientation free.
    - `start`: where to search from; the nearest solution is found as a rule.
    - `restarts`: how many other starts, spread over the joints' range, to try if that one fails.

    Returns `(joint positions, distance left in m, angle left in rad)`.
    """
    best = _descend(robot, position, quaternion, start)
    low, high = np.maximum(robot.lower, -np.pi), np.minimum(robot.upper, np.pi)
    rng = np.random.default_rng(0)
    for _ in range(restarts):
        if best[1] + best[2] < 1e-6:
            break
        best = min(
            best, _descend(robot, position, quaternion, rng.uniform(low, high)), key=lambda b: b[1] + b[2]
        )
    return best


def _descend(robot, position, quaternion, start):
    q = np.clip(start, robot.lower, robot.upper)
    error, jacobian = _pose_error(robot, q, position, quaternion)
    damping = 1e-3
    for _ in range(_ITERATIONS):
        size = float(error @ error)
        if size < _CLOSE**2:
            break
        slope = jacobian.T @ error
        # A joint at its limit that would go further is left out.
        free = ~(((q <= robot.lower) & (slope < 0)) | ((q >= robot.upper) & (slope > 0)))
        j = jacobian * free
        step = damped_step(j, -error, damping * size + 1e-12)
        step *= min(1.0, 0.5 / max(np.abs(step).max(), 1e-12))  # at most half a radian
        new = np.clip(q + step, robot.lower, robot.upper)
        new_error, new_jacobian = _pose_error(robot, new, position, quaternion)
        if new_error @ new_error < size:
            if np.abs(new - q).max() < 1e-12:
                break
            q, error, jacobian, damping = new, new_error, new_jacobian, max(damping / 5, 1e-6)
        else:
            damping *= 10
            if damping > 1e9:
                break
    turn = float(np.linalg.norm(error[3:])) if quaternion is not None else 0.0
    return q, float(np.linalg.norm(error[:3])), turn


def _pose_error(robot, q, position, quaternion):
    data = robot.kinematics_at(q)
    here, facing = robot.tip_pose(data)
    jacobian = robot.tip_jacobian(data)
    if quaternion is None:
        return position - here, jacobian[:3].copy()
    return np.concatenate([position - here, rotation_error(quaternion, facing)]), jacobian.copy()
