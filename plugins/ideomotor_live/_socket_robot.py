"""A robot behind a socket that speaks JSON: the adapter to copy from."""

import contextlib
import json
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ideomotor.errors import DataError

_LARGEST = 65_536  # bytes of a message


class SocketRobot:
    """A robot behind a UDP or TCP socket, with one JSON object per datagram or line.

        to the robot      {"hello": "ideomotor"}    {"command": [0.1, 0.2], "number": 7}    {"stop": true, "release": false}
        from the robot    {"joints": ["j1", "j2"], "units": ["rad", "rad"]}     after hello; {"error": "…"} refuses
                          {"time": 12.3, "joint_position": [0.1, 0.2], "joint_velocity": [0.0, 0.0]}      as often as it likes

    - `joints`, `units`: as the robot names them; other ones in its answer are refused.
    - `limits`: of `lower`, `upper`, `velocity`, `acceleration`, `jerk`, by name: one number, or one per joint.
    - `rate`: commands per second that it takes, Hz.
    - `transport`: `"udp"` or `"tcp"`; `timeout`: s to wait for the answer and the first reading.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 5005,
        *,
        joints: Sequence[str] = ("j1", "j2"),
        units: Sequence[str] | str = "rad",
        limits: Mapping[str, Any] | None = None,
        rate: float | int = 200.0,
        transport: str = "udp",
        timeout: float | int = 5.0,
    ):
        if transport not in ("udp", "tcp"):
            raise ValueError(f"transport must be 'udp' or 'tcp', not {transport!r}.")
        self.host, self.port, self.transport, self.timeout = host, port, transport, timeout
        self.joints, self.rate = tuple(joints), rate
        self.units = (units,) * len(self.joints) if isinstance(units, str) else tuple(units)
        known = {} if limits is None else dict(limits)
        n = len(self.joints)
        self.limits = {
            name: np.broadcast_to(np.asarray(v, float), (n,)).tolist() for name, v in known.items()
        }
        self._socket: socket.socket | None = None
        self._rest, self._number = b"", 0
        self._reading = self._empty()

    def default_state(self) -> dict[str, np.ndarray]:
        """The last reading; zeros before the first."""
        return dict(self._reading)

    def default_command(self) -> np.ndarray:
        """The set point that keeps the joints where they were read last."""
        return self._reading["joint_position"].copy()

    def connect(self) -> None:
        """Say hello, compare joints and units, and wait for the first reading."""
        kind = socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM
        self._reading, self._rest, self._number = self._empty(), b"", 0
        self._socket = socket.socket(socket.AF_INET, kind)
        try:
            self._socket.settimeout(self.timeout)
            self._socket.connect((self.host, self.port))
            self._socket.setblocking(False)
            if self.transport == "tcp":
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._greet()
        except OSError as error:
            self._close()
            raise ConnectionError(f"No robot answers at {self.host}:{self.port}: {error}") from error
        except BaseException:
            self._close()
            raise

    def _greet(self) -> None:
        until, described, asked = time.monotonic() + self.timeout, False, 0.0
        while time.monotonic() < until:
            if time.monotonic() > asked:  # once more, as the first one may be lost
                self._say({"hello": "ideomotor"})
                asked = time.monotonic() + 0.1
            for message in self._messages():
                if "error" in message:
                    raise ConnectionError(f"The robot at {self.host}:{self.port} refuses: {message['error']}")
                if "joints" in message:
                    self._compare(message)
                    described = True
                else:
                    self._take(message)
            if described and self._reading["time"] > -np.inf:
                return
            time.sleep(0.001)
        raise ConnectionError(f"{self.host}:{self.port} did not answer within {self.timeout:g} s")

    def _compare(self, message: dict[str, Any]) -> None:
        for name in ("joints", "units"):
            theirs, ours = tuple(message.get(name, getattr(self, name))), getattr(self, name)
            if theirs != ours:
                raise DataError(
                    f"The robot at {self.host}:{self.port} has the {name} {', '.join(theirs)}, and {', '.join(ours)} were "
                    f"given; pass {name}={list(theirs)} and commands in that order."
                )

    def read(self) -> dict[str, np.ndarray]:
        """The newest reading."""
        for message in self._messages():
            self._take(message)
        return self._reading

    def send(self, command: Any) -> None:
        """Send a set point; one that does not fit into the socket's buffer is dropped."""
        self._number += 1
        self._say({"command": [float(q) for q in command], "number": self._number})

    def stop(self, release: bool = False) -> None:
        """Tell it to stop, and hang up."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it may be gone already
                self._say({"stop": True, "release": bool(release)})
            self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, message: dict[str, Any]) -> None:
        if self._socket is None:
            raise ConnectionError(
                f"The robot at {self.host}:{self.port} is not connected; call connect() first."
            )
        data = json.dumps(message).encode()
        with contextlib.suppress(BlockingIOError):
            self._socket.send(data + b"\n")

    def _messages(self) -> list[dict[str, Any]]:
        """What has arrived; damaged messages are left out."""
        if self._socket is None:
            raise ConnectionError(
                f"The robot at {self.host}:{self.port} is not connected; call connect() first."
            )
        found = []
        while True:
            try:
                data = self._socket.recv(_LARGEST)
            except BlockingIOError:
                break
            if self.transport == "tcp":
                if not data:
                    raise ConnectionResetError(f"The robot at {self.host}:{self.port} closed the connection.")
                *lines, self._rest = (self._rest + data).split(b"\n")
            else:
                lines = [data]
            for line in lines:
                try:
                    message = json.loads(line)
                except ValueError:
                    continue
                if isinstance(message, dict):
                    found.append(message)
        return found

    def _take(self, message: dict[str, Any]) -> None:
        """A reading that is newer than the last one, since datagrams may overtake each other."""
        n = len(self.joints)
        try:
            arrays = {name: np.asarray(message[name], float) for name in self._reading}
        except (KeyError, TypeError, ValueError):
            return
        fits = arrays["time"].shape == () and all(a.shape == (n,) for k, a in arrays.items() if k != "time")
        if fits and not arrays["time"] <= self._reading["time"]:
            self._reading = arrays

    def _empty(self) -> dict[str, np.ndarray]:
        n = len(self.joints)
        return {"time": np.array(-np.inf), "joint_position": np.zeros(n), "joint_velocity": np.zeros(n)}
