"""Berniker & Kording 2015, "Deep networks for motor control functions": their numbers beside ours."""

from ._settings import CONSTANTS as CONSTANTS
from ._settings import PRESETS as PRESETS
from ._settings import Constants as Constants
from ._settings import Preset as Preset
from ._study import reproduce as reproduce
