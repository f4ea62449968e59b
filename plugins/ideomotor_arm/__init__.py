"""A planar two-link arm moved by torques or muscles, and wrappers that change a plant: servo, loads, noise, delay, sheet."""

from ._activation import AbstractActivation as AbstractActivation
from ._channels import Delayed as Delayed
from ._channels import Noisy as Noisy
from ._draw import draw_arm as draw_arm
from ._limbs import arm26 as arm26
from ._limbs import franklin_arm as franklin_arm
from ._limbs import muscle_leg as muscle_leg
from ._loads import AbstractLoad as AbstractLoad
from ._loads import ConstantLoad as ConstantLoad
from ._loads import CurlField as CurlField
from ._loads import ForceChannel as ForceChannel
from ._loads import JointCurlField as JointCurlField
from ._loads import PulseLoad as PulseLoad
from ._muscle_arm import MuscleArm as MuscleArm
from ._muscles import AbstractMuscle as AbstractMuscle
from ._point_mass import PointMass as PointMass
from ._servo import Servo as Servo
from ._sheet import Sheet as Sheet
from ._two_link_arm import TwoLinkArm as TwoLinkArm
from ._wrapper import AbstractWrapper as AbstractWrapper
