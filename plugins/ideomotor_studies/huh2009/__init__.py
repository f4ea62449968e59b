"""Huh & Todorov 2009, "Real-time motor control using recurrent neural networks": training, measures, figures."""

from ._figures import figure_6 as figure_6
from ._figures import figure_7 as figure_7
from ._figures import figure_8 as figure_8
