import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ideomotor.errors import DataError

_SUFFIX = ".pos"
SO101 = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")


class LeRobotRobot:
    """A robot of LeRobot, or anything with its methods: `connect`, `get_observation`, `send_action`, `disconnect`.

    Its bus answers slowly, so it is read and written in a thread of its own, as fast as it allows but not faster than
    `rate`; `read` and `send` exchange the newest numbers with that thread.

    - `robot`: the object, such as `SO101Follower(SO101FollowerConfig(port=…))`.
    - `joints`: the names in `joint.pos` of its actions; by default all of its `action_features`.
    - `units`: `"deg"`, or `"percent"` of the range for robots that are not configured with degrees.
    - `limits`: as of `SocketRobot`. `rate`: of actions, Hz.
    """

    def __init__(
        self,
        robot: Any = None,
        *,
        joints: Sequence[str] | None = None,
        units: Sequence[str] | str = "deg",
        limits: Mapping[str, Any] | None = None,
        rate: float | int = 50.0,
    ):
        if joints is None:
            features = (
                {f"{name}{_SUFFIX}": float for name in SO101} if robot is None else robot.action_features
            )
            joints = [name.removesuffix(_SUFFIX) for name in features if name.endswith(_SUFFIX)]
        n = len(joints)
        self.robot: Any = robot
        self.joints, self.rate = tuple(joints), rate
        self.units = (units,) * n if isinstance(units, str) else tuple(units)
        known = {"velocity": 90.0} if limits is None else dict(limits)
        self.limits = {
            name: np.broadcast_to(np.asarray(v, float), (n,)).tolist() for name, v in known.items()
        }
        self._reading = {"time": np.array(0.0), "joint_position": np.zeros(n)}
        self._command: list[float] | None = None
        self._thread: threading.Thread | None = None
        self._ending, self._failure = threading.Event(), None

    def default_state(self) -> dict[str, np.ndarray]:
        """The last reading; zeros before the first."""
        return dict(self._reading)

    def default_command(self) -> np.ndarray:
        """The set point that keeps the joints where they were read last."""
        return self._reading["joint_position"].copy()

    def connect(self) -> None:
        """Connect it, read it once, and start the thread."""
        if self.robot is None:
            raise ConnectionError(
                "There is no robot; give LeRobotRobot the robot of LeRobot, such as SO101Follower(config)."
            )
        try:
            self.robot.connect()
            self._look()
        except OSError:
            raise
        except Exception as error:
            raise ConnectionError(f"{type(self.robot).__name__} cannot be connected: {error}") from error
        self._command, self._failure = None, None
        self._ending.clear()
        self._thread = threading.Thread(target=self._exchange, name="LeRobot", daemon=True)
        self._thread.start()

    def read(self) -> dict[str, np.ndarray]:
        """The newest reading."""
        if self._failure is not None:
            raise ConnectionError(
                f"{type(self.robot).__name__} does not answer: {self._failure}"
            ) from self._failure
        if self._thread is None:
            raise ConnectionError("The robot is not connected; call connect() first.")
        return self._reading

    def send(self, command: Any) -> None:
        """Give the thread a set point."""
        self.read()
        self._command = [float(q) for q in command]

    def stop(self, release: bool = False) -> None:
        """Hold where it is and disconnect; whether it then holds is up to its own configuration."""
        if self._thread is None:
            return
        self._ending.set()
        self._thread.join()
        self._thread = None
        try:
            if self._failure is None and not release:
                self._act(self._look()["joint_position"])
        finally:
            self.robot.disconnect()

    def _exchange(self) -> None:
        try:
            while not self._ending.is_set():
                began = time.perf_counter()
                self._look()
                if (command := self._command) is not None:
                    self._act(command)
                self._ending.wait(max(1 / self.rate - (time.perf_counter() - began), 0.0))
        except Exception as error:  # is raised where it is read
            self._failure = error

    def _look(self) -> dict[str, np.ndarray]:
        seen = self.robot.get_observation()
        missing = [name for name in self.joints if f"{name}{_SUFFIX}" not in seen]
        if missing:
            raise DataError(
                f"{type(self.robot).__name__} observes no {missing[0]}{_SUFFIX}; name other joints (joints=…)."
            )
        position = np.array([float(seen[f"{name}{_SUFFIX}"]) for name in self.joints])
        self._reading = {"time": np.array(time.perf_counter()), "joint_position": position}
        return self._reading

    def _act(self, command: Any) -> None:
        self.robot.send_action(
            {f"{name}{_SUFFIX}": float(q) for name, q in zip(self.joints, command, strict=True)}
        )
