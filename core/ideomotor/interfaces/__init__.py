"""The four interfaces. Perception and Planner choose parameters; Primitive and Plant play them."""

from ._perception import AbstractPerception as AbstractPerception
from ._planner import AbstractPlanner as AbstractPlanner
from ._plant import AbstractODEPlant as AbstractODEPlant
from ._plant import AbstractPlant as AbstractPlant
from ._primitive import AbstractFeedbackPrimitive as AbstractFeedbackPrimitive
from ._primitive import AbstractFeedforwardPrimitive as AbstractFeedforwardPrimitive
from ._primitive import AbstractPrimitive as AbstractPrimitive
