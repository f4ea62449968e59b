"""Recordings in and out: tables, bags, LeRobot sets, HDF5, motion capture."""

from ._check import ChannelReport as ChannelReport
from ._check import Report as Report
from ._check import examine as examine
from ._check import problems as problems
from ._view import draw as draw
