"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl


def _component(kind: str, name: str, attribute: str, summary: str) -> Component:
    return Component(kind, name, f"ideomotor_mujoco:{attribute}", summary, extra="mujoco")


@hookimpl
def ideomotor_components() -> list[Component]:
    """See `ideomotor.spec.Hooks`."""
    return [
        _component("plant", "mujoco", "MujocoPlant", "any MJCF or URDF model, simulated by MuJoCo"),
        _component("plant", "lwr4", "lwr4", "the KUKA LWR4+, an arm of seven joints"),
        _component(
            "plant", "writing-robot", "writing_robot", "a KUKA LWR4+ with a pen over a sheet of paper"
        ),
        _component("part", "actuators", "Actuators", "commands are the model's actuator controls"),
        _component("part", "joint-torque", "JointTorque", "commands are joint torques"),
        _component("part", "joint-position", "JointPosition", "commands are joint angles"),
        _component(
            "part", "cartesian-pose", "CartesianPose", "commands are tip poses, by inverse kinematics"
        ),
        _component(
            "part", "operational-space", "OperationalSpace", "commands are tip poses, by Khatib's control"
        ),
        _component(
            "part", "admittance", "Admittance", "commands lie in a surface that is pressed with a set force"
        ),
        _component("part", "lwr4-model", "LWR4", "the KUKA LWR4+ as a MuJoCo model"),
        _component("part", "pen", "Pen", "a pen in a sprung holder"),
        _component("part", "paper", "Sheet", "a sheet of paper on a board"),
        _component("part", "box", "Box", "a box, fixed or free"),
        _component("part", "shelf", "Shelf", "an open shelf of boards"),
    ]
