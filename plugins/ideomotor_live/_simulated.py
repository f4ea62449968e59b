"""A robot in another process: what a pipeline meets outside of a simulation, and nothing can be broken."""

import json
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import AbstractPlant
from ideomotor.config import from_config, to_config
from ideomotor.errors import DataError

from ._protocols import SupportsModel
from ._socket_robot import SocketRobot

_LIMITS = {"lower": -2.9, "upper": 2.9, "velocity": 2.0, "acceleration": 10.0, "jerk": 200.0}


class SimulatedRobot:
    """A robot that is simulated in a process of its own, with its own clock and what goes wrong between two machines.

    - `model`: a plant whose commands are joint positions, as in a pipeline file (`lwr4`, `{use: mujoco, model: arm.xml,
      mode: {use: joint-position}}`); None: second-order joints without MuJoCo.
    - `joints`: how many of these, or their names, and `start`: their positions, rad; of a plant, its own.
    - `latency`, `jitter`: s, of each message in either direction; `loss`: the share of messages that is lost.
    - `noise`: standard deviation of the positions that are read, rad; `drift`: of its clock.
    - `torque`: the most that a joint without `model` accelerates, rad/s² (an inertia of 1 kg m²), and `bandwidth`, 1/s.
    - `limits`: as of `SocketRobot`. `rate`: of its readings, Hz. `timestep`: of the simulation, s.
    """

    def __init__(
        self,
        model: Any = None,
        *,
        joints: Sequence[str] | int = 2,
        start: Any = None,
        latency: float | int = 0.001,
        jitter: float | int = 0.0,
        loss: float | int = 0.0,
        noise: float | int = 0.0,
        drift: float | int = 1e-5,
        torque: float | int | None = None,
        bandwidth: float | int = 100.0,
        limits: Mapping[str, Any] | None = None,
        rate: float | int = 500.0,
        timestep: float | int = 0.001,
        seed: int = 0,
    ):
        self.model, self.start, self.latency, self.jitter = model, start, latency, jitter
        self.loss, self.noise, self.drift, self.torque = loss, noise, drift, torque
        self.bandwidth, self.rate, self.timestep, self.seed = bandwidth, rate, timestep, seed
        self._own = dict(_LIMITS)
        if model is None:
            self.joints: Any = _names(joints) if isinstance(joints, int) else tuple(joints)
            self._start = [0.0] * len(self.joints) if start is None else [float(q) for q in start]
        else:
            self._describe(model, start)
        self.limits = {**self._own, **({} if limits is None else limits)}
        self._process: subprocess.Popen | None = None
        self._link = self._make_link(0)
        self.limits, self.units = self._link.limits, self._link.units

    def _describe(self, model: Any, start: Any) -> None:
        plant = model if isinstance(model, AbstractPlant) else from_config(model, kind="plant")
        command, seen = plant.default_command(), plant.observe(plant.default_state())
        there = isinstance(seen, dict) and {"joint_position", "joint_velocity"} <= set(seen)
        if not there or np.shape(command) != np.shape(seen["joint_position"]):
            raise DataError(
                f"The model {model!r} is not moved by joint positions that it shows; give it the mode joint-position, or "
                f"another model."
            )
        self._start = [float(q) for q in (command if start is None else start)]
        self.joints = _names(len(self._start))
        if isinstance(plant, SupportsModel):
            body = plant.robot
            self.joints = tuple(body.joints)
            self._own.update(lower=np.asarray(body.lower).tolist(), upper=np.asarray(body.upper).tolist())

    def _make_link(self, port: int) -> SocketRobot:
        return SocketRobot(port=port, joints=self.joints, limits=self.limits, rate=self.rate, timeout=30)

    def default_state(self) -> dict[str, np.ndarray]:
        """The last reading; the start before the first."""
        reading = self._link.default_state()
        if not np.isfinite(reading["time"]):
            reading.update(time=np.array(0.0), joint_position=np.array(self._start))
        return reading

    def default_command(self) -> np.ndarray:
        """The set point that keeps the joints where they were read last."""
        return self.default_state()["joint_position"].copy()

    def connect(self) -> None:
        """Start the process and wait for its first reading."""
        names = (
            "latency",
            "jitter",
            "loss",
            "noise",
            "drift",
            "torque",
            "bandwidth",
            "rate",
            "timestep",
            "seed",
        )
        settings = {name: getattr(self, name) for name in names}
        settings |= {
            "joints": self.joints,
            "units": self.units,
            "start": self._start,
            "freeze": False,
            "nan": False,
        }
        settings["model"] = to_config(self.model) if isinstance(self.model, AbstractPlant) else self.model
        script = [sys.executable, "-P", str(Path(__file__).with_name("_process.py"))]
        self._process = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self._process.stdin.write(json.dumps(settings) + "\n")  # pyright: ignore[reportOptionalMemberAccess]
            self._process.stdin.flush()  # pyright: ignore[reportOptionalMemberAccess]
            port = self._process.stdout.readline()  # pyright: ignore[reportOptionalMemberAccess]
            if not port.strip():
                raise ConnectionError(
                    "The process of the simulated robot ended before it answered; see its message above."
                )
            self._link = self._make_link(int(port))
            self._link.connect()
        except BaseException:
            self._end()
            raise

    def read(self) -> dict[str, np.ndarray]:
        """The newest reading."""
        return self._link.read()

    def send(self, command: Any) -> None:
        """Send a set point."""
        self._link.send(command)

    def stop(self, release: bool = False) -> None:
        """Stop the robot and end its process."""
        self._link.stop(release)
        self._end()

    def fault(self, **settings: Any) -> None:
        """Let something go wrong from now on: `freeze=True`, `nan=True`, or other `latency`, `jitter`, `loss`, `noise`."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(json.dumps({"fault": settings}).encode(), (self._link.host, self._link.port))

    def kill(self) -> None:
        """End the process without a word, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def port(self) -> int:
        """The port of the running robot on this machine."""
        return self._link.port

    def _end(self) -> None:
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                stream.close()  # pyright: ignore[reportOptionalMemberAccess]
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _names(joints: int) -> tuple[str, ...]:
    return tuple(f"j{i + 1}" for i in range(joints))
