"""Simulated robots: any MJCF or URDF model as a plant."""

from ._batch import rollout_batch as rollout_batch
from ._lwr4 import lwr4 as lwr4
from ._modes import AbstractMode as AbstractMode
from ._plant import MujocoPlant as MujocoPlant
from ._robot import Robot as Robot
from ._writing_robot import draw_ink as draw_ink
from ._writing_robot import writing_robot as writing_robot
