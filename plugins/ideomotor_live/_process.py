"""The robot of `SimulatedRobot`: a process of its own that moves joints, or any plant, in real time.

Run as a script; it speaks the protocol of `SocketRobot` over UDP. Its settings are one line of JSON on its standard input,
it answers with its port, and ends when its standard input is closed.
"""

import heapq
import json
import random
import select
import socket
import sys
import time
from typing import Any

_SILENCE = 1.0  # s without a command after which another controller may take over


class Joints:
    """Second-order joints that follow set points: acceleration = clip(w² error - 2 w velocity), limited by the torque."""

    def __init__(self, joints: int, bandwidth: float, torque: float | None, start: list[float]):
        self.w, self.most = bandwidth, float("inf") if torque is None else torque  # for an inertia of 1 kg m²
        self.q, self.v, self.goal, self.limp = list(start), [0.0] * joints, list(start), False

    def command(self, goal: list[float]) -> None:
        """A set point for each joint."""
        self.goal, self.limp = list(goal), False

    def stop(self, release: bool) -> None:
        """Hold where it is, or let go."""
        self.goal, self.limp = list(self.q), release

    def step(self, dt: float) -> None:
        """`dt` seconds later."""
        for i, (q, v, goal) in enumerate(zip(self.q, self.v, self.goal, strict=True)):
            a = -2.0 * v if self.limp else self.w**2 * (goal - q) - 2 * self.w * v
            self.v[i] = v + min(max(a, -self.most), self.most) * dt
            self.q[i] = q + self.v[i] * dt

    def read(self) -> tuple[list[float], list[float]]:
        """Positions and velocities."""
        return self.q, self.v


class Plant:
    """Any plant of the registry whose commands are joint positions."""

    def __init__(self, config: dict):
        from ideomotor.config import from_config

        self.plant = from_config(config, kind="plant")
        self.state = self.plant.default_state()
        self.set_point = self.plant.default_command()

    def command(self, goal: list[float]) -> None:
        """A set point for each joint."""
        import numpy as np

        self.set_point = np.asarray(goal, float)

    def stop(self, release: bool) -> None:
        """Hold where it is."""
        self.set_point = self.plant.observe(self.state)["joint_position"]

    def step(self, dt: float) -> None:
        """`dt` seconds later."""
        self.state = self.plant.step(self.state, self.set_point, dt)

    def read(self) -> tuple[list[float], list[float]]:
        """Positions and velocities."""
        seen = self.plant.observe(self.state)
        return list(map(float, seen["joint_position"])), list(map(float, seen["joint_velocity"]))


class Server:
    """The clock, the socket and all that goes wrong on the way."""

    def __init__(self, settings: dict):
        self.set, self.random = settings, random.Random(settings["seed"])
        model = settings["model"]
        self.body = (
            Plant(model)
            if model
            else Joints(len(settings["joints"]), settings["bandwidth"], settings["torque"], settings["start"])
        )
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.queue: list[tuple[float, int, str, Any]] = []
        self.count, self.newest, self.master, self.heard, self.frozen = 0, 0, None, 0.0, None

    def later(self, what: str, content: Any) -> None:
        """Put something on the way, in either direction: delayed, jittered, or lost."""
        if self.random.random() >= self.set["loss"]:
            delay = self.set["latency"] + abs(self.random.gauss(0.0, self.set["jitter"]))
            heapq.heappush(self.queue, (time.perf_counter() + delay, self.count, what, content))
            self.count += 1

    def receive(self) -> None:
        """Take all messages from the socket."""
        while True:
            try:
                data, sender = self.socket.recvfrom(65_536)
                message = json.loads(data)
            except BlockingIOError:
                return
            except (OSError, ValueError):
                continue
            now = time.perf_counter()
            if "fault" in message:
                self.set.update(message["fault"])
                self.frozen = None
            elif self.master not in (None, sender) and now - self.heard < _SILENCE:
                answer = {"error": f"it is controlled by {self.master[0]}:{self.master[1]}"}
                self.socket.sendto(json.dumps(answer).encode(), sender)
            elif "hello" in message:
                self.master, self.heard, self.newest = sender, now, 0
                answer = {"joints": self.set["joints"], "units": self.set["units"]}
                self.socket.sendto(json.dumps(answer).encode(), sender)
            elif sender == self.master:
                self.heard = now
                self.later("command", message)

    def deliver(self, now: float) -> None:
        """What is due."""
        while self.queue and self.queue[0][0] <= now:
            _, _, what, content = heapq.heappop(self.queue)
            if what == "reading" and self.master is not None:
                try:
                    self.socket.sendto(content, self.master)
                except OSError:
                    self.master = None
            elif what == "command" and content.get("stop"):
                self.body.stop(bool(content.get("release")))
                self.master = None
            elif what == "command" and content.get("number", 0) > self.newest:
                self.newest = content["number"]
                self.body.command(content["command"])

    def report(self, now: float) -> None:
        """Put a reading on the way, on a clock of its own."""
        q, v = self.body.read()
        noise = self.set["noise"]
        message = {
            "time": 1000.0 + now * (1 + self.set["drift"]),
            "joint_position": [x + self.random.gauss(0.0, noise) for x in q],
            "joint_velocity": list(v),
        }
        if self.set["freeze"]:
            message = self.frozen = self.frozen or message
        if self.set["nan"]:
            message["joint_position"] = [float("nan")] * len(q)
        self.later("reading", json.dumps(message).encode())

    def run(self) -> None:
        """Until the standard input is closed."""
        dt, period = self.set["timestep"], 1 / self.set["rate"]
        began = time.perf_counter()
        moved = reported = 0.0
        while True:
            readable, _, _ = select.select([self.socket, sys.stdin], [], [], dt)
            if sys.stdin in readable and not sys.stdin.read(1):
                return
            self.receive()
            now = time.perf_counter() - began
            self.deliver(began + now)
            while moved < now:  # after a pause of the machine it catches up
                self.body.step(dt)
                moved += dt
            if now >= reported:
                self.report(now)
                reported = max(reported + period, now - period)


if __name__ == "__main__":
    server = Server(json.loads(sys.stdin.readline()))
    print(server.socket.getsockname()[1], flush=True)
    server.run()
