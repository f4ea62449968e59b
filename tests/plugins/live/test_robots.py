import json
import socket
import socketserver
import threading

import numpy as np
import pytest

import ideomotor
from ideomotor.capabilities import SupportsRobot
from ideomotor.errors import DataError
from ideomotor.testing import check
from ideomotor_live import SimulatedRobot, SocketRobot


class Line(socketserver.StreamRequestHandler):
    """A robot of two joints behind TCP: it is where it is sent, and hangs up when it is told to stop."""

    def handle(self):
        position = [0.0, 0.0]
        for count, line in enumerate(self.rfile):
            message = json.loads(line)
            if message.get("stop"):
                return
            if "hello" in message:
                self.say(self.server.answer)
            position = message.get("command", position)
            self.wfile.write(b"not json\n")
            self.say({"time": count, "joint_position": position, "joint_velocity": [0, 0]})

    def say(self, message):
        self.wfile.write(json.dumps(message).encode() + b"\n")


@pytest.fixture
def server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line) as server:
        server.daemon_threads, server.answer = True, {"joints": ["a", "b"], "units": ["rad", "rad"]}
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def robot_at(server, **options):
    port = server.server_address[1]
    return SocketRobot(port=port, transport="tcp", joints=["a", "b"], **options)


def test_a_robot_behind_a_socket_conforms_when_it_may_move(server):
    check(ideomotor.host(robot_at(server)), hardware=True)


def test_other_joints_or_units_are_refused(server):
    robot = robot_at(server, units="deg")
    with pytest.raises(DataError, match=r"has the units rad, rad, and deg, deg were given; pass units="):
        robot.connect()
    server.answer = {"joints": ["b", "a"]}
    with pytest.raises(DataError, match=r"has the joints b, a, and a, b were given"):
        robot_at(server).connect()
    server.answer = {"error": "busy"}
    with pytest.raises(ConnectionError, match="refuses: busy"):
        robot_at(server).connect()


def test_who_is_not_there_is_said_and_what_is_lost_too(server):
    robot = robot_at(server)
    for call in (robot.read, lambda: robot.send([0, 0])):
        with pytest.raises(ConnectionError, match=r"call connect\(\) first"):
            call()
    robot.connect()
    robot.send([0.1, 0.2])
    robot._say({"stop": True})

    def until_it_is_lost():
        while True:
            robot.read()

    with pytest.raises(ConnectionResetError, match="closed the connection"):
        until_it_is_lost()
    robot.stop()
    robot.stop()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        alone = SocketRobot(port=taken.getsockname()[1], transport="tcp", timeout=0.2)
        with pytest.raises(ConnectionError, match="No robot answers at 127.0.0.1"):
            alone.connect()
    with pytest.raises(ValueError, match="'udp' or 'tcp'"):
        SocketRobot(transport="carrier pigeon")


def test_the_simulated_robot_conforms_and_is_a_plant():
    check("simulated-robot", hardware=True)
    robot = ideomotor.make("simulated-robot", joints=["pan", "tilt"], start=[0.1, -0.1])
    assert isinstance(robot, SupportsRobot) and robot.joints == ("pan", "tilt")
    np.testing.assert_array_equal(robot.default_command(), [0.1, -0.1])


def test_it_follows_with_the_lag_of_its_bandwidth():
    robot = SimulatedRobot(latency=0, bandwidth=20, noise=0)
    plant = ideomotor.host(robot)
    robot.connect()
    try:
        state = plant.step(robot.read(), np.array([0.5, -0.5]), 0.4)
    finally:
        robot.stop()
    # Critically damped: after eight time constants 99.7 % of the way; a busy machine only gives it more time.
    np.testing.assert_allclose(state["joint_position"], [0.5, -0.5], rtol=0.01)


def test_a_second_controller_is_refused():
    robot = SimulatedRobot(latency=0)
    robot.connect()
    try:
        robot.send([0, 0])
        second = SocketRobot(port=robot.port, joints=robot.joints)
        with pytest.raises(ConnectionError, match=r"refuses: it is controlled by 127.0.0.1"):
            second.connect()
    finally:
        robot.stop()
        second.stop()


def test_any_plant_that_is_moved_by_joint_positions_can_be_the_robot():
    pytest.importorskip("mujoco")
    arm = ideomotor.make("mujoco", mode=ideomotor.make("joint-position"), actuators="motors")
    robot = SimulatedRobot(arm, limits=dict(velocity=1.0))
    assert robot.joints == ("shoulder", "elbow")
    np.testing.assert_allclose(robot.limits["upper"], np.radians([150, 150]))
    robot.connect()
    try:
        robot.send([0.2, -0.2])
        for _ in range(200):
            state = ideomotor.host(robot).step(robot.read(), np.array([0.2, -0.2]), 0.02)
            if np.allclose(state["joint_position"], [0.2, -0.2], atol=0.01):
                break
        else:
            raise AssertionError(state)
    finally:
        robot.stop()
    with pytest.raises(DataError, match="not moved by joint positions"):
        SimulatedRobot(
            ideomotor.make("mujoco", mode=ideomotor.make("cartesian-pose"), actuators="motors", tip="tip")
        )
