import contextlib
import dataclasses
import itertools
import json
import socket
import socketserver
import threading
import time

import numpy as np
import pytest

import ideomotor
from ideomotor.capabilities import SupportsRobot
from ideomotor.errors import DataError
from ideomotor.testing import check
from ideomotor_live import Guards, LeRobotRobot, RosbridgeRobot, Session, SimulatedRobot, SocketRobot


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


class Follower:
    """The methods of a robot of LeRobot 0.6, whose bus takes 5 ms."""

    action_features = {"pan.pos": float, "lift.pos": float}

    def __init__(self):
        self.position, self.connected, self.fails = {"pan.pos": 10.0, "lift.pos": -5.0}, False, False

    def connect(self):
        self.connected = True

    def get_observation(self):
        time.sleep(0.005)
        if self.fails:
            raise ConnectionError("no status packet")
        return {**self.position, "camera": np.zeros((2, 2, 3))}

    def send_action(self, action):
        self.position.update(action)
        return action

    def disconnect(self):
        self.connected = False


LIMITS = dict(velocity=90, acceleration=900, jerk=9000)
DMP = ideomotor.make("dmp", dof=2, basis=5)


def test_a_robot_of_lerobot_is_moved_by_its_own_names():
    follower = Follower()
    check(ideomotor.host(LeRobotRobot(follower)), hardware=True)
    assert not follower.connected
    robot = LeRobotRobot(follower, limits=LIMITS)
    assert robot.joints == ("pan", "lift")
    params = dataclasses.replace(DMP.default_params(), start=np.float32([10, -5]), goal=np.float32([20, 5]))
    played = Session(DMP, robot, rate=50, duration=0.5, guards=Guards(stale=5, missed=1)).run(params)
    assert played.finished and not follower.connected
    np.testing.assert_allclose(list(follower.position.values()), [20, 5], atol=1)
    assert played.movement.ys["joint_position"].shape == played.movement.us.shape


def test_a_bus_that_fails_ends_it():
    follower = Follower()
    robot = LeRobotRobot(follower, limits=LIMITS)
    live = Session(DMP, robot, rate=50, duration=5, guards=Guards(stale=5, missed=1))
    live.start(dataclasses.replace(DMP.default_params(), start=np.float32([10, -5])))
    follower.fails = True
    assert "connection lost: Follower does not answer: no status packet" in live.wait().reason
    assert not follower.connected
    with pytest.raises(ConnectionError, match="no robot; give LeRobotRobot"):
        LeRobotRobot().connect()


@pytest.fixture
def rosbridge():
    """A robot behind the JSON protocol of rosbridge, which publishes its joints in another order."""
    server_of = pytest.importorskip("websockets.sync.server")
    heard, position = [], {"b": 0.0, "a": 0.0}

    def handle(websocket):
        stamp = itertools.count(1)
        while True:
            with contextlib.suppress(TimeoutError):
                message = json.loads(websocket.recv(timeout=0.005))
                heard.append(message)
                if message["op"] == "publish":
                    position.update(zip(("a", "b"), message["msg"]["data"], strict=True))
            state = {
                "name": ["b", "other", "a"],
                "position": [position["b"], 9.0, position["a"]],
                "velocity": [],
            }
            state["header"] = {"stamp": {"sec": 5, "nanosec": 1000 * next(stamp)}}
            websocket.send(json.dumps({"op": "publish", "topic": "/joint_states", "msg": state}))

    def until_it_leaves(websocket):
        with contextlib.suppress(Exception):
            handle(websocket)

    with server_of.serve(until_it_leaves, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", heard, position
        server.shutdown()


def test_a_robot_of_ros_is_moved_through_rosbridge(rosbridge):
    url, heard, position = rosbridge
    robot = RosbridgeRobot(url, joints=["a", "b"])
    check(ideomotor.host(robot), hardware=True)
    params = dataclasses.replace(DMP.default_params(), goal=np.float32([0.2, -0.1]))
    played = Session(DMP, robot, rate=50, duration=0.5, guards=Guards(stale=5, missed=1)).run(params)
    assert played.finished
    np.testing.assert_allclose([position["a"], position["b"]], [0.2, -0.1], atol=0.01)
    types = {m["topic"]: m["type"] for m in heard if "type" in m}
    assert types == {
        "/joint_states": "sensor_msgs/msg/JointState",
        "/forward_position_controller/commands": "std_msgs/msg/Float64MultiArray",
    }
    with pytest.raises(ConnectionError, match="sent no /joint_states with z"):
        RosbridgeRobot(url, joints=["z"], timeout=0.1).connect()
    with pytest.raises(ConnectionError, match="No rosbridge answers"):
        RosbridgeRobot("ws://127.0.0.1:9", timeout=0.5).connect()
