"""Movement primitives: solved in closed form where they are linear, with exact gradients in all parameters.

- A reach: `DMP`. From any state, replanned under way: `ProDMP`. Meeting a moving target: `HittingDMP`. Through
  given points: `ViaPointDMP`. One after another: `JoinedDMP`.
- A rhythm: `PeriodicDMP`. Orientations and poses: `OrientationDMP`, `PoseDMP`. Distributions: `ProMP`.
- Reacting at every step: `FeedbackDMP`, `FeedbackPeriodicDMP` with couplings.
"""

from ._coupling import AbstractCoupling as AbstractCoupling
from ._coupling import Observed as Observed
from ._dmp import DMP as DMP
from ._feedback import FeedbackDMP as FeedbackDMP
from ._feedback import FeedbackPeriodicDMP as FeedbackPeriodicDMP
from ._hitting import HittingDMP as HittingDMP
from ._joined import JoinedDMP as JoinedDMP
from ._orientation import OrientationDMP as OrientationDMP
from ._orientation import PoseDMP as PoseDMP
from ._params import DMPParams as DMPParams
from ._periodic import PeriodicDMP as PeriodicDMP
from ._prodmp import ProDMP as ProDMP
from ._promp import ProMP as ProMP
from ._promp import ProMPParams as ProMPParams
from ._via_points import ViaPointDMP as ViaPointDMP
