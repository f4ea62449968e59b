"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl


def _component(kind: str, name: str, attribute: str, summary: str) -> Component:
    return Component(kind, name, f"ideomotor_mujoco:{attribute}", summary, extra="mujoco")


def _grasping(kind: str, name: str, attribute: str, summary: str) -> Component:
    return Component(kind, name, f"ideomotor_mujoco.grasping:{attribute}", summary, extra="mujoco")


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
        _component("part", "grasp-stage", "GraspStage", "grasps of an object, to be seen and tried"),
        _component("part", "shelf", "Shelf", "an open shelf of boards"),
        _grasping("plant", "picking-scene", "picking_scene", "a hand over a table with a thing to pick up"),
        _grasping(
            "planner",
            "grasp-planner",
            "GraspPlanner",
            "reach, close and lift, from where finger tips should touch",
        ),
        _grasping(
            "planner", "reach-planner", "ReachPlanner", "reach, close and lift, from where the palm should be"
        ),
        _grasping(
            "perception",
            "grasp-perception",
            "GraspPerception",
            "grasps in the world, from a picture with depth",
        ),
        _grasping("perception", "outline-grasp", "OutlineGrasp", "a grasp by the outline of what is seen"),
        _grasping("part", "picking-task", "PickingTask", "what is to be picked up by which hand"),
        _grasping("part", "grasp-object", "GraspObject", "a household thing of a family, or a mesh"),
        _grasping("part", "hand", "Hand", "a hand: an MJCF model and names in it"),
        _grasping(
            "part", "three-finger-hand", "three_finger_hand", "a hand of three fingers and four motors"
        ),
        _grasping("part", "parallel-jaw", "parallel_jaw", "a gripper with two flat fingers"),
        _grasping("part", "three-finger-model", "ThreeFinger", "the model of the three-finger hand"),
        _grasping("part", "parallel-jaw-model", "ParallelJaw", "the model of the parallel jaw"),
        _grasping("part", "picking-settings", "Settings", "how a pick is simulated"),
        _grasping(
            "part", "palm-and-fingers", "PalmAndFingers", "commands are the palm's pose and the fingers'"
        ),
        _grasping("part", "depth-camera", "Camera", "a simulated colour and depth camera"),
    ]
