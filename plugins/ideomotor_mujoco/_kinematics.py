import numpy as np

from ._robot import Robot, rotation_error

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
    error, jacobian = _look(robot, q, position, quaternion)
    damping = 1e-3
    for _ in range(_ITERATIONS):
        size = float(error @ error)
        if size < _CLOSE**2:
            break
        slope = jacobian.T @ error
        # A joint at its limit that would go further is left out.
        free = ~(((q <= robot.lower) & (slope < 0)) | ((q >= robot.upper) & (slope > 0)))
        j = jacobian * free
        step = np.linalg.solve(j.T @ j + (damping * size + 1e-12) * np.eye(len(q)), j.T @ error)
        step *= min(1.0, 0.5 / max(np.abs(step).max(), 1e-12))  # at most half a radian
        new = np.clip(q + step, robot.lower, robot.upper)
        new_error, new_jacobian = _look(robot, new, position, quaternion)
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


def _look(robot, q, position, quaternion):
    data = robot.look_from(q)
    here, facing = robot.tip_pose(data)
    jacobian = robot.tip_jacobian(data)
    if quaternion is None:
        return position - here, jacobian[:3].copy()
    return np.concatenate([position - here, rotation_error(quaternion, facing)]), jacobian.copy()
