"""Recurrent networks that move a body in a closed loop, and what they are trained with (Huh & Todorov 2009)."""

from ._commands import CircleCommand as CircleCommand
from ._commands import ReachCommand as ReachCommand
from ._optimising import cvar as cvar
from ._optimising import minimise_frozen as minimise_frozen
from ._optimising import risk as risk
from ._policy import RecurrentPolicy as RecurrentPolicy
from ._policy import pretrained as pretrained
from ._schedule import ScheduledPolicy as ScheduledPolicy
from ._training import CircleTask as CircleTask
from ._training import ReachTask as ReachTask
from ._training import Workspace as Workspace
