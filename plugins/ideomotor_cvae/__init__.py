"""Conditional variational autoencoders: from one observation to a distribution over movement parameters."""

from ._cvae import CVAE as CVAE
from ._cvae import GaussianRegression as GaussianRegression
from ._networks import DenseTower as DenseTower
from ._networks import ImagePrior as ImagePrior
from ._networks import NetworkInNetwork as NetworkInNetwork
from ._networks import RecurrentPrior as RecurrentPrior
from ._networks import SharedPrior as SharedPrior
from ._training import balanced_batches as balanced_batches
from ._training import negative_bound as negative_bound
