"""Huh & Todorov 2009, "Real-time motor control using recurrent neural networks": training, measures, figures."""

from ._figures import figure_6 as figure_6
from ._figures import figure_7 as figure_7
from ._figures import figure_8 as figure_8
from ._measure import measure_circles as measure_circles
from ._measure import measure_reach as measure_reach
from ._measure import measure_tracking as measure_tracking
from ._train import PRESETS as PRESETS
from ._train import Preset as Preset
from ._train import Training as Training
from ._train import parse_objective as parse_objective
from ._train import train_circle as train_circle
from ._train import train_reach as train_reach
