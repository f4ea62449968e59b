"""Pipelines on robots in real time, within limits."""

from ._export import export as export
from ._guards import Guards as Guards
from ._lerobot import LeRobotRobot as LeRobotRobot
from ._limits import Limiter as Limiter
from ._limits import Limits as Limits
from ._limits import read_limits as read_limits
from ._plan import make_plan as make_plan
from ._played import Played as Played
from ._protocols import SupportsTip as SupportsTip
from ._rosbridge import RosbridgeRobot as RosbridgeRobot
from ._session import Session as Session
from ._simulated import SimulatedRobot as SimulatedRobot
from ._socket_robot import SocketRobot as SocketRobot
