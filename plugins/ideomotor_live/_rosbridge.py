import contextlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class RosbridgeRobot:
    """A robot of ROS 2 behind rosbridge, without a ROS installation here (`pip install ideomotor[live]`).

    On its side `ros2 launch rosbridge_server rosbridge_websocket_launch.xml` runs. Readings are `sensor_msgs/msg/JointState`, in
    any order of the joints; commands are `std_msgs/msg/Float64MultiArray`, as the position controllers of ros2_control take them.

    - `url`: of the websocket. `joints`: in the order of the controller's commands.
    - `states`, `commands`: the topics.
    - `units`, `limits`, `rate`, `timeout`: as of `SocketRobot`.
    """

    def __init__(
        self,
        url: str = "ws://127.0.0.1:9090",
        *,
        joints: Sequence[str] = ("joint1", "joint2"),
        states: str = "/joint_states",
        commands: str = "/forward_position_controller/commands",
        units: Sequence[str] | str = "rad",
        limits: Mapping[str, Any] | None = None,
        rate: float | int = 100.0,
        timeout: float | int = 5.0,
    ):
        n = len(joints)
        self.url, self.joints, self.states, self.commands = url, tuple(joints), states, commands
        self.units = (units,) * n if isinstance(units, str) else tuple(units)
        known = {} if limits is None else dict(limits)
        self.limits = {
            name: np.broadcast_to(np.asarray(v, float), (n,)).tolist() for name, v in known.items()
        }
        self.rate, self.timeout = rate, timeout
        self._reading = {"time": np.array(0.0), "joint_position": np.zeros(n), "joint_velocity": np.zeros(n)}
        self._socket: Any = None
        self._stack, self._failure = contextlib.ExitStack(), ""

    def default_state(self) -> dict[str, np.ndarray]:
        """The last reading; zeros before the first."""
        return dict(self._reading)

    def default_command(self) -> np.ndarray:
        """The set point that keeps the joints where they were read last."""
        return self._reading["joint_position"].copy()

    def connect(self) -> None:
        """Open the websocket, subscribe and advertise, and wait for the first reading."""
        try:
            from websockets.sync.client import connect
        except ImportError as error:
            raise ImportError("RosbridgeRobot needs websockets: pip install ideomotor[live].") from error
        first = threading.Event()
        try:
            opened = connect(self.url, open_timeout=self.timeout, compression=None)
            self._socket = self._stack.enter_context(opened)
            self._say(op="subscribe", topic=self.states, type="sensor_msgs/msg/JointState", queue_length=1)
            self._say(op="advertise", topic=self.commands, type="std_msgs/msg/Float64MultiArray")
        except Exception as error:
            self.stop()
            raise ConnectionError(f"No rosbridge answers at {self.url}: {error}") from error
        self._failure = ""
        threading.Thread(
            target=self._listen, args=(self._socket, first), name="rosbridge", daemon=True
        ).start()
        if not first.wait(self.timeout):
            self.stop()
            raise ConnectionError(
                f"{self.url} sent no {self.states} with {', '.join(self.joints)} within {self.timeout:g} s."
            )

    def read(self) -> dict[str, np.ndarray]:
        """The newest reading."""
        if self._socket is None or self._failure:
            raise ConnectionError(self._failure or f"{self.url} is not connected; call connect() first.")
        return self._reading

    def send(self, command: Any) -> None:
        """Publish a set point."""
        self.read()
        message = {"layout": {"dim": [], "data_offset": 0}, "data": [float(q) for q in command]}
        try:
            self._say(op="publish", topic=self.commands, msg=message)
        except Exception as error:
            raise ConnectionError(f"{self.url} is lost: {error}") from error

    def stop(self, release: bool = False) -> None:
        """Publish where it is as the set point, and hang up; a position controller holds, whatever `release` says."""
        if self._socket is not None:
            with contextlib.suppress(Exception):
                if not self._failure:
                    self.send(self._reading["joint_position"])
                self._say(op="unadvertise", topic=self.commands)
            with contextlib.suppress(Exception):
                self._stack.close()
            self._socket = None

    def _say(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def _listen(self, websocket: Any, first: threading.Event) -> None:
        try:
            for text in websocket:
                message = json.loads(text)
                ours = message.get("op") == "publish" and message.get("topic") == self.states
                if ours and (reading := self._parsed(message["msg"])) is not None:
                    self._reading = reading
                    first.set()
            self._failure = f"{self.url} closed the connection."
        except Exception as error:
            self._failure = f"{self.url} is lost: {error}"

    def _parsed(self, state: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
        """A JointState as a reading; None if it is of other joints."""
        names = list(state["name"])
        if not set(self.joints) <= set(names):
            return None
        at = [names.index(name) for name in self.joints]
        stamp = state.get("header", {}).get("stamp", {})
        seconds = stamp.get("sec", 0) + 1e-9 * stamp.get("nanosec", 0) if stamp else 0.0
        rates = state.get("velocity") or [0.0] * len(names)
        return {
            "time": np.array(seconds or time.perf_counter()),
            "joint_position": np.array([float(state["position"][i]) for i in at]),
            "joint_velocity": np.array([float(rates[i]) for i in at]),
        }
