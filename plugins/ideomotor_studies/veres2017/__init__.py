"""Veres, Moussa & Taylor 2017: from RGB-D pictures to a distribution over three-finger grasps, judged by lifting."""

from ._data import Grasps as Grasps
from ._data import gather as gather
from ._data import jobs as jobs
from ._settings import PRESETS as PRESETS
from ._settings import Settings as Settings
