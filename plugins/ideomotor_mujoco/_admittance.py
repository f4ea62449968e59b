# pyright: reportAttributeAccessIssue=false
import dataclasses
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from ideomotor import quantity
from ideomotor.errors import DataError

from ._cartesian import operational_torque
from ._joint_position import SetPoint
from ._modes import AbstractMode
from ._robot import Robot, contact_forces

_NEAR = 0.001  # m above the surface, from where on the force alone decides


@dataclasses.dataclass(frozen=True)
class Admittance(AbstractMode):
    """A tool pressed on a surface with a set force while it follows a movement in the surface's plane.

    Along the normal the tool moves with a velocity proportional to the error of the low-passed contact force
    (admittance control; Pahič et al. 2018, section V); in the plane it is where the command says; the arm gets there
    by operational space control. The tool keeps square to the surface.

    - command: `(column, row)`, in units of `pixel`; columns run along the surface's x, rows against its y, as in
      images. With `strokes=True` a third number says whether the tool is down (above one half) or lifted.
    - feedback added: `pen` `(2,)`, where the tool is in the same units; `pen_force`, the contact force along the
      normal, N; `pen_height`, of the undeflected tool above the surface, m.
    - `surface`: the body whose origin and axes are the surface's, z out of it; `tool`: the body that touches it.
    - `pixel`: m; `middle`: the command that means the surface's origin.
    - `force`: to press with, N. `mobility`: velocity per force error. `cutoff`: of the low-pass on the force.
    - `clearance`: of the lifted tool, m. `approach`: the greatest speed along the normal, m/s.
    - `bandwidth`, `posture`, `max_speed`: as for `OperationalSpace`.
    """

    surface: str = "sheet"
    tool: str = "pen"
    strokes: bool = False
    pixel: float | int = quantity(unit="m", bounds=(0.0005, 1.0), default=0.003)
    middle: Sequence[float | int] = (19.5, 19.5)
    force: float | int = quantity(unit="N", bounds=(0.1, 20.0), default=1.0)
    mobility: float | int = quantity(unit="m/(N s)", bounds=(0.001, 0.5), default=0.03)
    cutoff: float | int = quantity(unit="1/s", bounds=(10.0, 2000.0), default=300.0)
    clearance: float | int = quantity(unit="m", bounds=(0.001, 0.1), default=0.01)
    approach: float | int = quantity(unit="m/s", bounds=(0.001, 0.2), default=0.03)
    bandwidth: float | int = quantity(unit="1/s", bounds=(1.0, 200.0), default=100.0)
    posture: float | int = quantity(unit="1/s", bounds=(0.1, 50.0), default=5.0)
    max_speed: float | int = quantity(unit="m/s", bounds=(0.01, 10.0), default=0.5)

    def __post_init__(self):
        names = "pixel force mobility cutoff clearance approach bandwidth posture max_speed".split()
        for name in names:
            if not getattr(self, name) > 0:
                raise ValueError(f"Admittance: {name} must be positive, not {getattr(self, name)}.")

    def memory(self, robot: Robot) -> int:
        """Set point in the plane 6, height, speed and force along the normal 3, orientation 4, joints at rest."""
        return 13 + len(robot.joints)

    def check(self, robot: Robot) -> None:
        robot.need_motors("Admittance")
        for name in (self.surface, self.tool):
            if mujoco.mj_name2id(robot.model, mujoco.mjtObj.mjOBJ_BODY, name) < 0:
                raise DataError(
                    f"Admittance needs a body {name!r}, which {robot.name} lacks; name surface and tool."
                )

    def start(self, robot: Robot) -> None:
        memory = robot.data.userdata
        position, quaternion = robot.tip_pose()
        origin, axes = self._frame(robot)
        local = (position - origin) @ axes
        self._set_point(robot).start(local[:2])
        memory[6:9] = local[2], 0.0, 0.0
        memory[9:13] = _squared(quaternion, -axes[:, 2])
        memory[13 : self.memory(robot)] = robot.position()

    def rest(self, robot: Robot) -> np.ndarray:
        """The tool lifted where it is, or put down there."""
        point = self._to_pixels(robot)
        return np.append(point, 0.0) if self.strokes else point

    def begin(self, robot: Robot, command: np.ndarray, dt: float) -> None:
        robot.set_point = self._set_point(robot)
        robot.set_point.take(self.pixel * (command[:2] - np.asarray(self.middle)) * (1, -1), dt)

    def act(self, robot: Robot, command: np.ndarray, elapsed: float) -> None:
        memory = robot.data.userdata
        if not self.strokes or command[2] > 0.5:
            speed = self.mobility * (memory[8] - self.force)
            if memory[6] > _NEAR and memory[8] < 0.05 * self.force:
                speed = min(speed, -self.approach)  # a small force alone would take long through the air
        else:
            speed = 10.0 * (self.clearance - memory[6])
        speed = float(np.clip(speed, -self.approach, self.approach))
        origin, axes = self._frame(robot)
        plane = robot.set_point.at(elapsed)
        lifted = (memory[6], speed, 0.0)
        point, velocity, acceleration = (axes @ np.append(p, z) for p, z in zip(plane, lifted, strict=True))
        rest = memory[13 : self.memory(robot)]
        motion = (origin + point, velocity, acceleration)
        gains = self.bandwidth, self.posture, self.max_speed
        robot.apply(operational_torque(robot, motion, memory[9:13], rest, *gains))
        memory[6] += speed * robot.model.opt.timestep
        memory[7] = speed

    def sense(self, robot: Robot) -> None:
        """Let the force just felt into the low-pass."""
        memory = robot.data.userdata
        felt = self._force(robot)
        memory[8] += -np.expm1(-self.cutoff * robot.model.opt.timestep) * (felt - memory[8])

    def observe(self, robot: Robot) -> dict[str, Any]:
        origin, axes = self._frame(robot)
        height = float((robot.tip_pose()[0] - origin) @ axes[:, 2])
        return {
            "pen": self._to_pixels(robot),
            "pen_force": np.array(self._force(robot)),
            "pen_height": np.array(height),
        }

    def _to_pixels(self, robot: Robot) -> np.ndarray:
        origin, axes = self._frame(robot)
        local = (robot.tip_pose()[0] - origin) @ axes[:, :2]
        return np.asarray(self.middle) + local * (1, -1) / self.pixel

    def _frame(self, robot: Robot) -> tuple[np.ndarray, np.ndarray]:
        body = robot.data.body(self.surface)
        return body.xpos, body.xmat.reshape(3, 3)

    def _force(self, robot: Robot) -> float:
        """The contact force on the tool along the surface's normal, N."""
        if not robot.data.ncon:
            return 0.0
        model = robot.model
        tool, total = model.body(self.tool).id, np.zeros(3)
        for one, two, _, force in contact_forces(model, robot.data):
            total += (int(model.geom_bodyid[two] == tool) - int(model.geom_bodyid[one] == tool)) * force
        return float(total @ self._frame(robot)[1][:, 2])

    def _set_point(self, robot: Robot) -> SetPoint:
        return SetPoint(robot.data.userdata[:6], self.max_speed)


def _squared(quaternion: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The orientation nearest to `quaternion` whose z axis points along a unit vector."""
    axis, turn, out = np.zeros(3), np.zeros(4), np.zeros(4)
    mujoco.mju_rotVecQuat(axis, np.array([0.0, 0.0, 1.0]), quaternion)
    cross = np.cross(axis, along)
    angle = np.arctan2(np.linalg.norm(cross), axis @ along)
    sideways = np.cross(axis, [1.0, 0, 0] if abs(axis[0]) < 0.9 else [0, 1.0, 0])
    normal = cross if np.linalg.norm(cross) > 1e-9 else sideways
    mujoco.mju_axisAngle2Quat(turn, normal / np.linalg.norm(normal), angle)
    mujoco.mju_mulQuat(out, turn, quaternion)
    return out
