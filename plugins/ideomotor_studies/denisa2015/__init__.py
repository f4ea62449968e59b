"""Deniša & Ude 2015, "Synthesis of new dynamic movement primitives through search in a hierarchical database"."""

from ._arm import joints as joints
from ._arm import place as place
from ._robot import SCENE as SCENE
from ._robot import execute as execute
from ._robot import robot as robot
from ._settings import PRESETS as PRESETS
from ._settings import Preset as Preset
from ._study import reproduce as reproduce
