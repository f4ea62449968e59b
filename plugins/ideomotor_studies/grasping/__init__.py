"""One thing is picked up: a picture becomes grasps, one of them a movement of a hand, by the ordinary pipeline.

task = PickingTask(settled(GraspObject("mug")))
found = pick_up(task, seed=1)                   # by the outline of what is seen
found = pick_up(task, network, seed=1)          # by a trained network
found = pick_up_by_trial(task, seed=1)          # by a grasp that held in simulation before
found.outcome.reason, found.movement, found.pipeline
"""

from ._pick_up import PickedUp as PickedUp
from ._pick_up import assemble as assemble
from ._pick_up import pick_up as pick_up
from ._pick_up import pick_up_by_trial as pick_up_by_trial
from ._pictures import animation as animation
from ._pictures import strip as strip
from ._report import report as report
from ._report import write as write
from ._report import write_pipeline as write_pipeline
