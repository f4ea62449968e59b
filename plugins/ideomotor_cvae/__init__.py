"""Conditional variational autoencoders: from one observation to a distribution over movement parameters."""

from ._cvae import CVAE as CVAE
from ._cvae import GaussianRegression as GaussianRegression
from ._training import balanced_batches as balanced_batches
from ._training import negative_bound as negative_bound
