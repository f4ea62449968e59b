"""Veres, Moussa & Taylor 2017: from RGB-D pictures to a distribution over three-finger grasps, judged by lifting."""

from ._checkpoint import GraspModel as GraspModel
from ._checkpoint import load_grasp_model as load_grasp_model
from ._checkpoint import save_grasp_model as save_grasp_model
from ._data import Grasps as Grasps
from ._data import gather as gather
from ._data import jobs as jobs
from ._settings import PRESETS as PRESETS
from ._settings import Settings as Settings
