"""Studies: five papers, each its data, its models, its measures and its table, on one kit.

run = reproduce("huh2009", "runs/huh", preset="tiny")
run.results  # by stage; the folder has table.md, results.json and the figures
"""

from ._reproduce import reproduce as reproduce
from .kit import Run as Run
