# pyright: reportAttributeAccessIssue=false
import dataclasses
import functools

import mujoco
import numpy as np

from .._plant import MujocoPlant
from ._camera import upright
from ._hand import Hand, three_finger_hand
from ._object import GraspObject
from ._palm import PalmAndFingers
from ._picking import PickingScene
from ._table import Settings

HOME = (0.0, 0.0, 0.6, 0.0, 1.0, 0.0, 0.0)  # above the table, looking down


@dataclasses.dataclass(frozen=True)
class PickingTask:
    """What is to be picked up by which hand: the model of a plant, and what a planner must know.

    - `thing`: at rest on the table (see `settled`). `hand`: by default the three-finger hand.
    - `settings`: the physics. `home`: the palm's pose at the start, `(x, y, z, qw, qx, qy, qz)`, m.
    """

    thing: GraspObject = GraspObject("tin can")
    hand: Hand = dataclasses.field(default_factory=three_finger_hand)
    settings: Settings = Settings()
    home: tuple[float | int, ...] = HOME

    @functools.cached_property
    def scene(self) -> PickingScene:
        """Where single picks are tried without a pipeline."""
        return PickingScene(self.thing, self.hand, self.settings)

    def spec(self) -> mujoco.MjSpec:
        """The picking scene as a model, with the hand at home."""
        spec = self.scene.spec()
        for name in (self.hand.palm, "wrist target"):
            body = spec.body(name)
            body.pos, body.quat = self.home[:3], self.home[3:]
        spec.equality("still").active = self.settings.held_while_closing
        _light_up(spec, np.array([*self.thing.pose[:2], 0.5 * self.home[2]], float))
        return spec


def _light_up(spec: mujoco.MjSpec, middle: np.ndarray) -> None:
    """A camera from which the whole way of the hand is seen, and light."""
    forward = np.array([-0.62, 0.74, -0.26]) / np.linalg.norm([-0.62, 0.74, -0.26])
    axes, quaternion = upright(forward), np.empty(4)
    mujoco.mju_mat2Quat(quaternion, axes.ravel())
    spec.worldbody.add_camera(name="side", pos=middle - 1.1 * forward, quat=quaternion, fovy=45)
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.45] * 3, [0.55] * 3
    sky = spec.add_texture(name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=64, height=64)
    sky.builtin, sky.rgb1, sky.rgb2 = (
        mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        [0.93, 0.95, 0.98],
        [0.75, 0.85, 0.95],
    )


def picking_scene(task: PickingTask | None = None) -> MujocoPlant:
    """A hand over a table with something to pick up, as a plant.

    Commands are one vector, so that any primitive of that many degrees of freedom plays them: see `PalmAndFingers`. Feedback also
    holds the object's pose (`body`) and who touches whom (`touching`).
    """
    task = PickingTask() if task is None else task
    hand = task.hand
    mode = PalmAndFingers(hand.tips, hand.closing, tuple(float(x) for x in task.scene.lead))
    return MujocoPlant(task, mode=mode, tip=hand.palm, bodies=("object",))
