"""Dynamic movement primitives: solved in closed form, with exact gradients in all parameters."""

from ._coupling import AbstractCoupling as AbstractCoupling
from ._coupling import ObstacleCoupling as ObstacleCoupling
from ._coupling import TrackingCoupling as TrackingCoupling
from ._dmp import DMP as DMP
from ._feedback import DMPState as DMPState
from ._feedback import FeedbackDMP as FeedbackDMP
from ._methods import AbstractMethod as AbstractMethod
from ._methods import ClosedForm as ClosedForm
from ._methods import Integrated as Integrated
from ._params import DMPParams as DMPParams
