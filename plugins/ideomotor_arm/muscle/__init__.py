"""Muscles as exchangeable parts: how they are excited, how they pull, and where they run over the joints."""

from ._activation import AbstractActivation as AbstractActivation
from ._activation import FirstOrderActivation as FirstOrderActivation
from ._activation import ThelenActivation as ThelenActivation
from ._activation import TodorovLiActivation as TodorovLiActivation
from ._kistemaker import KistemakerMuscle as KistemakerMuscle
from ._limits import JointLimits as JointLimits
from ._linear import LinearMuscle as LinearMuscle
from ._muscle import AbstractMuscle as AbstractMuscle
from ._paths import MusclePaths as MusclePaths
from ._thelen import ThelenMuscle as ThelenMuscle
from ._virtual import FAST as FAST
from ._virtual import LILLICRAP_SCOTT as LILLICRAP_SCOTT
from ._virtual import SLOW as SLOW
from ._virtual import TODOROV_LI as TODOROV_LI
from ._virtual import VirtualMuscle as VirtualMuscle
from ._virtual import VirtualMuscleParameters as VirtualMuscleParameters
