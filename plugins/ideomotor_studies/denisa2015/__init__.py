"""Deniša & Ude 2015, "Synthesis of new dynamic movement primitives through search in a hierarchical database"."""

from ._data import demonstrations as demonstrations
from ._data import planner_of as planner_of
from ._figures import show_scene as show_scene
from ._robot import SCENE as SCENE
from ._robot import commands_at as commands_at
from ._robot import joints as joints
from ._robot import place as place
from ._robot import robot as robot
