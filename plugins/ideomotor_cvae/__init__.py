"""Conditional variational autoencoders: from one observation to a distribution over movement parameters."""

from ._balanced import balanced_batches as balanced_batches
from ._cvae import CVAE as CVAE
from ._gaussian import Gaussian as Gaussian
from ._loss import negative_bound as negative_bound
from ._output import NamedArrays as NamedArrays
from ._priors import AbstractPrior as AbstractPrior
from ._priors import ImagePrior as ImagePrior
from ._priors import RecurrentPrior as RecurrentPrior
from ._priors import SharedPrior as SharedPrior
from ._regression import GaussianRegression as GaussianRegression
from ._towers import AbstractTower as AbstractTower
from ._towers import DenseTower as DenseTower
from ._towers import NetworkInNetwork as NetworkInNetwork
