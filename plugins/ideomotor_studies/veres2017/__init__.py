"""Veres, Moussa & Taylor 2017: from RGB-D pictures to a distribution over three-finger grasps, judged by lifting."""

from ._data import collect_all as collect_all
from ._models import GraspModel as GraspModel
from ._models import load_grasp_model as load_grasp_model
