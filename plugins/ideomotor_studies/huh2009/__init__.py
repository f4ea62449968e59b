"""Huh & Todorov 2009, "Real-time motor control using recurrent neural networks": training, measures, figures."""

from ._figures import figure as figure
