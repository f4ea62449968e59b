"""Picking things up with several fingers: hands, objects, the picking scene, what a camera sees, where the wrist goes.

thing = settled(GraspObject("mug", instance=3))
scene = PickingScene(thing, three_finger_hand())
wrists, shapes = candidates(thing, scene.hand, 100, seed=0)
picks = [scene.pick(wrist, shape) for wrist, shape in zip(wrists, shapes)]
"""

from ._camera import Camera as Camera
from ._camera import View as View
from ._candidates import candidates as candidates
from ._chain import TipKinematics as TipKinematics
from ._collect import Job as Job
from ._collect import collect as collect
from ._collect import collect_object as collect_object
from ._families import FAMILIES as FAMILIES
from ._families import TRAINING as TRAINING
from ._families import UNSEEN as UNSEEN
from ._frame import object_frame as object_frame
from ._frame import to_frame as to_frame
from ._frame import to_world as to_world
from ._hand import Hand as Hand
from ._hand import parallel_jaw as parallel_jaw
from ._hand import three_finger_hand as three_finger_hand
from ._object import GraspObject as GraspObject
from ._picking import REASONS as REASONS
from ._picking import Pick as Pick
from ._picking import PickingScene as PickingScene
from ._picking import Settings as Settings
from ._picking import settled as settled
from ._placement import Placement as Placement
from ._placement import WristPlacement as WristPlacement
