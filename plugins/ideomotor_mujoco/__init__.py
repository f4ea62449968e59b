"""Simulated robots: any MJCF or URDF model as a plant."""

from ._admittance import Admittance as Admittance
from ._batch import rollout_batch as rollout_batch
from ._cartesian import CartesianPose as CartesianPose
from ._cartesian import OperationalSpace as OperationalSpace
from ._contacts import Contact as Contact
from ._ink import draw_ink as draw_ink
from ._joint_position import JointPosition as JointPosition
from ._lwr4 import LWR4 as LWR4
from ._lwr4 import Pen as Pen
from ._lwr4 import forward_kinematics as forward_kinematics
from ._lwr4 import lwr4 as lwr4
from ._modes import AbstractMode as AbstractMode
from ._modes import Actuators as Actuators
from ._modes import JointTorque as JointTorque
from ._plant import MujocoPlant as MujocoPlant
from ._rays import RayImage as RayImage
from ._rays import cast as cast
from ._render import render as render
from ._render import save_gif as save_gif
from ._robot import Robot as Robot
from ._scene import Box as Box
from ._scene import Sheet as Sheet
from ._scene import Shelf as Shelf
from ._writing_robot import writing_robot as writing_robot
