"""Pahič et al. 2018, deep encoder-decoder networks from images of digits to the movements that write them."""

from ._settings import PAPER as PAPER
from ._settings import PRESETS as PRESETS
from ._study import reproduce as reproduce
