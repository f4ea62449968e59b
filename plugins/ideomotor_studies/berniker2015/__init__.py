"""Berniker & Kording 2015, "Deep networks for motor control functions": their numbers beside ours."""

from ._settings import CONSTANTS as CONSTANTS
from ._train import reach_problem as reach_problem
