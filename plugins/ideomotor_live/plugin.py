"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_HERE = "ideomotor_live"


@hookimpl
def ideomotor_components() -> list[Component]:
    """The components of this plug-in."""
    return [
        Component("plant", "simulated-robot", f"{_HERE}:SimulatedRobot", "a robot in a process of its own"),
        Component(
            "plant", "socket-robot", f"{_HERE}:SocketRobot", "a robot behind a socket that speaks JSON"
        ),
        Component("plant", "lerobot-robot", f"{_HERE}:LeRobotRobot", "a robot of LeRobot"),
        Component("plant", "rosbridge-robot", f"{_HERE}:RosbridgeRobot", "a robot of ROS 2 behind rosbridge"),
        Component("part", "live-session", f"{_HERE}:Session", "a pipeline that moves a robot in real time"),
        Component(
            "command", "export", f"{_HERE}._command:export_command", "a pipeline as StableHLO, ONNX or C"
        ),
        Component("command", "play", f"{_HERE}._command:play_command", "play a pipeline on a robot"),
        Component(
            "command",
            "measure live",
            f"{_HERE}._measure:measure_live",
            "how well time, limits and stops are kept",
        ),
    ]
