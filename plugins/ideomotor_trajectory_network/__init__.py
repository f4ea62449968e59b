"""Trajectory functions: optimal reaches as data, and a network from start, target and field to the whole movement."""

from ._conditions import ConditionsNetwork as ConditionsNetwork
from ._conditions import centre_out as centre_out
from ._conditions import sample_reaches as sample_reaches
from ._decoder import TrajectoryCode as TrajectoryCode
from ._decoder import TrajectoryDecoder as TrajectoryDecoder
from ._euler_lagrange import euler_lagrange as euler_lagrange
from ._forward_model import improve_through_forward_model as improve_through_forward_model
from ._improving import commands_and_states as commands_and_states
from ._improving import improve_through_plant as improve_through_plant
from ._improving import optimise_through_plant as optimise_through_plant
from ._improving import self_train as self_train
from ._inversion import TrajectoryInversion as TrajectoryInversion
from ._problem import ReachProblem as ReachProblem
from ._shooting import OptimalReaches as OptimalReaches
from ._shooting import optimal_reaches as optimal_reaches
from ._training import Trainer as Trainer
from ._training import linear_function as linear_function
from ._training import pretrained as pretrained
