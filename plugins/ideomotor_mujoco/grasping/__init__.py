"""Picking things up with several fingers: hands, objects, the picking scene, what a camera sees, where the wrist goes.

thing = settled(GraspObject("mug", instance=3))
scene = PickingScene(thing, three_finger_hand())
wrists, shapes = candidates(thing, scene.hand, 100, seed=0)
picks = [scene.pick(wrist, shape) for wrist, shape in zip(wrists, shapes)]

The same through the ordinary pipeline, every part of which can be another (`ideomotor run pick.yaml --seed 1 --duration 5.4`):

perception: {use: grasp-perception, samples: 10}
planner: {use: grasp-planner, samples: 10, task: &task {use: picking-task, thing: {use: grasp-object, family: mug}}}
primitive: {use: joined-dmp, parts: [&part {use: dmp, dof: 12}, *part, *part]}
plant: {use: picking-scene, task: *task}
"""

from ._camera import Camera as Camera
from ._camera import View as View
from ._candidates import candidates as candidates
from ._chain import TipKinematics as TipKinematics
from ._choosing import Start as Start
from ._collect import Job as Job
from ._collect import collect as collect
from ._collect import collect_object as collect_object
from ._families import FAMILIES as FAMILIES
from ._families import TRAINING as TRAINING
from ._families import UNSEEN as UNSEEN
from ._frame import object_frame as object_frame
from ._frame import to_frame as to_frame
from ._frame import to_world as to_world
from ._graspable import check_graspable as check_graspable
from ._hand import Hand as Hand
from ._hand import ParallelJaw as ParallelJaw
from ._hand import ThreeFinger as ThreeFinger
from ._hand import parallel_jaw as parallel_jaw
from ._hand import three_finger_hand as three_finger_hand
from ._look import look_at as look_at
from ._mesh import mesh_parts as mesh_parts
from ._object import GraspObject as GraspObject
from ._outcome import Outcome as Outcome
from ._outcome import outcome as outcome
from ._outline import OutlineGrasp as OutlineGrasp
from ._palm import PalmAndFingers as PalmAndFingers
from ._perception import GraspPerception as GraspPerception
from ._picking import REASONS as REASONS
from ._picking import Pick as Pick
from ._picking import PickingScene as PickingScene
from ._placement import Placement as Placement
from ._placement import WristPlacement as WristPlacement
from ._planner import Chosen as Chosen
from ._planner import GraspPlanner as GraspPlanner
from ._reach import ReachPlanner as ReachPlanner
from ._rehearsal import Rehearsal as Rehearsal
from ._rehearsal import Rehearser as Rehearser
from ._rehearsal import needed_friction as needed_friction
from ._table import Settings as Settings
from ._table import settled as settled
from ._task import PickingTask as PickingTask
from ._task import picking_scene as picking_scene
