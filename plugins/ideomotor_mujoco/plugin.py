"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_COMPONENTS = """
plant mujoco _plant:MujocoPlant any MJCF or URDF model, simulated by MuJoCo
plant lwr4 _lwr4:lwr4 the KUKA LWR4+, an arm of seven joints
plant writing-robot _writing_robot:writing_robot a KUKA LWR4+ with a pen over a sheet of paper
part actuators _modes:Actuators commands are the model's actuator controls
part joint-torque _modes:JointTorque commands are joint torques
part joint-position _joint_position:JointPosition commands are joint angles
part cartesian-pose _cartesian:CartesianPose commands are tip poses, by inverse kinematics
part operational-space _cartesian:OperationalSpace commands are tip poses, by Khatib's control
part admittance _admittance:Admittance commands lie in a surface that is pressed with a set force
part lwr4-model _lwr4:LWR4 the KUKA LWR4+ as a MuJoCo model
part pen _lwr4:Pen a pen in a sprung holder
part paper _scene:Sheet a sheet of paper on a board
part box _scene:Box a box, fixed or free
part shelf _scene:Shelf an open shelf of boards
plant picking-scene grasping._task:picking_scene a hand over a table with a thing to pick up
planner grasp-planner grasping._planner:GraspPlanner reach, close and lift, from contacts of finger tips
planner reach-planner grasping._planner:ReachPlanner reach, close and lift, from where the palm should be
perception grasp-perception grasping._perception:GraspPerception grasps in the world, from an RGB-D picture
perception outline-grasp grasping._perception:OutlineGrasp a grasp by the outline of what is seen
part grasp-stage grasping._stage:GraspStage grasps of an object, to be displayed and tried
part picking-task grasping._task:PickingTask what is to be picked up by which hand
part grasp-object grasping._object:GraspObject a household thing of a family, or a mesh
part hand grasping._hand:Hand a hand: an MJCF model and names in it
part three-finger-hand grasping._hand:three_finger_hand a hand of three fingers and four motors
part parallel-jaw grasping._hand:parallel_jaw a gripper with two flat fingers
part three-finger-model grasping._hand:ThreeFinger the model of the three-finger hand
part parallel-jaw-model grasping._hand:ParallelJaw the model of the parallel jaw
part picking-settings grasping._object:Settings how a pick is simulated
part palm-and-fingers grasping._task:PalmAndFingers commands are the palm's pose and the fingers'
part depth-camera grasping._camera:Camera a simulated colour and depth camera
"""


@hookimpl
def ideomotor_components() -> list[Component]:
    """One component for each line above: kind, name, where it is, summary."""
    rows = (line.split(maxsplit=3) for line in _COMPONENTS.strip().splitlines())
    return [
        Component(kind, name, f"ideomotor_mujoco.{at}", text, extra="mujoco") for kind, name, at, text in rows
    ]
