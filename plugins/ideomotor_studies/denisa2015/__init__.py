"""Deniša & Ude 2015, "Synthesis of new dynamic movement primitives through search in a hierarchical database"."""

from ._robot import joints as joints
from ._robot import robot as robot
