# pyright: reportAttributeAccessIssue=false
import abc
import dataclasses
from typing import Any

import mujoco
import numpy as np

from ._robot import Robot


class AbstractMode(abc.ABC):
    """What a command means: a controller inside the plant, run at every step of the simulation.

    A mode keeps what it must remember in `MjData.userdata`, `memory(robot)` numbers of it, so that the whole state
    of the plant is one vector of MuJoCo's, and steps stay pure.
    """

    every_step = True  # whether `act` is called at each step of the simulation

    def memory(self, robot: Robot) -> int:
        """How many numbers it keeps from step to step."""
        return 0

    def check(self, robot: Robot) -> None:  # noqa: B027
        """Raise a `DataError` if the robot cannot be commanded like this."""

    def start(self, robot: Robot) -> None:  # noqa: B027
        """Fill the memory for a robot at rest where it is."""

    @abc.abstractmethod
    def rest(self, robot: Robot) -> Any:
        """The command that keeps the robot where it is."""

    def begin(self, robot: Robot, command: Any, dt: float) -> None:  # noqa: B027
        """Take a new command, to be held for `dt` seconds."""

    @abc.abstractmethod
    def act(self, robot: Robot, command: Any, elapsed: float) -> None:
        """Set the actuators, `elapsed` seconds after the command came; positions and velocities are up to date."""

    def sense(self, robot: Robot) -> None:  # noqa: B027
        """Look at the forces of the step just made."""

    def observe(self, robot: Robot) -> dict[str, Any]:
        """What is added to the feedback."""
        return {}


@dataclasses.dataclass(frozen=True)
class Actuators(AbstractMode):
    """The model's actuators as they are: the command is MuJoCo's `ctrl`, shape `(actuators,)`.

    - `mocap`: whether the command also moves the model's mocap bodies: it is then a dictionary of `ctrl`,
      `mocap_position` `(bodies, 3)` in m and `mocap_quaternion` `(bodies, 4)`, w first.
    """

    mocap: bool = False
    every_step = False

    def rest(self, robot: Robot) -> Any:
        """The controls as they are."""
        data = robot.data
        if not self.mocap:
            return data.ctrl.copy()
        places = {"mocap_position": data.mocap_pos.copy(), "mocap_quaternion": data.mocap_quat.copy()}
        return {"ctrl": data.ctrl.copy(), **places}

    def start(self, robot: Robot) -> None:  # noqa: B027
        """Servos hold the joints where they are."""
        robot.drives.hold(robot.data)

    def act(self, robot: Robot, command: Any, elapsed: float) -> None:
        if self.mocap:
            robot.data.mocap_pos[:] = command["mocap_position"]
            robot.data.mocap_quat[:] = command["mocap_quaternion"]
            command = command["ctrl"]
        robot.data.ctrl[:] = command


@dataclasses.dataclass(frozen=True)
class JointTorque(AbstractMode):
    """Torques of the joints' motors, N m (N for slides), shape `(joints,)`.

    - `compensate`: whether the torques come on top of what gravity, Coriolis forces, springs and dampers take.
    """

    compensate: bool = True

    def check(self, robot: Robot) -> None:  # noqa: B027
        robot.need_motors("JointTorque")

    def rest(self, robot: Robot) -> np.ndarray:
        """What holds still."""
        mujoco.mj_forward(robot.model, robot.data)
        return np.zeros(len(robot.joints)) if self.compensate else robot.bias()

    def act(self, robot: Robot, command: np.ndarray, elapsed: float) -> None:
        robot.apply(command + robot.bias() if self.compensate else command)
