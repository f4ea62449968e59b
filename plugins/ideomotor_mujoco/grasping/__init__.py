"""Picking things up with several fingers: hands, objects, the picking scene, what a camera sees, where the wrist goes.

scene = PickingScene(GraspObject("mug", instance=3).settled(), ideomotor.make("three-finger-hand"))
wrists, shapes = scene.candidates(100, seed=0)
picks = [scene.pick(wrist, shape) for wrist, shape in zip(wrists, shapes)]

The same through the ordinary pipeline, every part of which can be another (`ideomotor run pick.yaml --seed 1 --duration 5.4`):

perception: {use: grasp-perception, samples: 10}
planner: {use: grasp-planner, samples: 10, task: &task {use: picking-task, thing: {use: grasp-object, family: mug}}}
primitive: {use: joined-dmp, parts: [&part {use: dmp, dof: 12}, *part, *part]}
plant: {use: picking-scene, task: *task}
"""

from ._camera import Camera as Camera
from ._camera import View as View
from ._camera import to_frame as to_frame
from ._camera import to_world as to_world
from ._collect import Job as Job
from ._collect import collect as collect
from ._families import TRAINING as TRAINING
from ._families import UNSEEN as UNSEEN
from ._hand import Hand as Hand
from ._object import GraspObject as GraspObject
from ._object import Settings as Settings
from ._picking import PickingScene as PickingScene
from ._placement import WristPlacement as WristPlacement
from ._task import PickingTask as PickingTask
