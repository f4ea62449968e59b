# pyright: reportAttributeAccessIssue=false
"""The picking task as a plant: its model, its commands, and the judgement of a movement."""

import dataclasses
import functools
from typing import Any, NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float

from ideomotor import Trajectory
from ideomotor.errors import DataError

from .._modes import AbstractMode
from .._plant import MujocoPlant
from .._robot import Robot
from ._camera import upright
from ._fingers import actuator_lengths, servo_law, tip_geoms
from ._hand import Hand, three_finger_hand
from ._object import GraspObject, Settings
from ._picking import PickingScene

HOME = (0.0, 0.0, 0.6, 0.0, 1.0, 0.0, 0.0)  # above the table, looking down


def _held(robot: Robot) -> np.ndarray:
    """The commands that hold the fingers where they are."""
    model, data = robot.model, robot.data
    scale, shift = servo_law(model)
    return scale * actuator_lengths(model, data) + shift


class Outcome(NamedTuple):
    """What became of a movement of `picking_scene`.

    - `reason`: one of those of `PickingScene.pick`; `held` is success: as in Veres et al. (2017) all finger tips and nothing else of
      the hand touch the object, before the lift and after it, and it is where it was lifted to.
    - `lifted`: how far the object rose from where it was let go, m. `let_go`: when that was, s.
    - `off`: for how long after that not all tips touched, s. (`PickingScene.pick`, which is stricter, stops there: `lost tip`.)
    """

    reason: str
    lifted: float
    let_go: float
    off: float


@dataclasses.dataclass(frozen=True)
class PalmAndFingers(AbstractMode):
    """Commands of a hand over a table, one vector: where the palm is to be now, the fingers' commands, and a clamp.

        x, y, z (m), qw, qx, qy, qz (made a unit), one command per actuator (rad; m for slides), clamp

    Above a half the clamp keeps the object still on the table, as Veres et al. (2017) do until all fingers have closed; once let go it
    stays so. With `held_while_closing=False` in the scene's settings the object is free from the start.

    - `tips`: the geoms, or bodies, of the finger tips.
    - `closing`, `lead`: actuators that close fingers, and how far their commands may run ahead of the fingers, rad (m), below zero for
      those that close downwards: what makes them close with no more than their force. What a finger has closed it keeps while its
      command asks for no more opening.

    Feedback `touching`: which tips touch the object (`tips`), whether another part of the hand does (`other`), and whether the hand
    touches the table (`table`), each 0 or 1.
    """

    tips: tuple[str, ...] = ("tip 1", "tip 2", "tip 3")
    closing: tuple[str, ...] = ("finger 1", "finger 2", "finger 3")
    lead: tuple[float | int, ...] = (0.1, 0.1, 0.1)
    every_step = False

    def check(self, robot: Robot) -> None:
        model = robot.model
        if model.nmocap != 1 or mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_EQUALITY, "still") < 0:
            raise DataError(
                f"PalmAndFingers commands a picking task, which {robot.name} is not; use PickingTask as its model."
            )

    def start(self, robot: Robot) -> None:
        """Fingers stay where they are."""
        robot.data.ctrl[:] = _held(robot)

    def rest(self, robot: Robot) -> Float[np.ndarray, " numbers"]:
        """Where it is, with the object clamped."""
        data = robot.data
        clamp = float(data.eq_active[self._still(robot)])
        return np.concatenate([data.mocap_pos[0], data.mocap_quat[0], data.ctrl, [clamp]])

    def begin(self, robot: Robot, command: Any, dt: float) -> None:
        length = float(np.linalg.norm(command[3:7]))
        if not np.isfinite(command).all() or length < 1e-6:
            raise DataError(
                f"A palm's command must be finite and turn by a quaternion, which {command[3:7]} is not."
            )
        robot.data.mocap_pos[0], robot.data.mocap_quat[0] = command[:3], command[3:7] / length
        if command[-1] <= 0.5:
            robot.data.eq_active[self._still(robot)] = 0

    def act(self, robot: Robot, command: Any, elapsed: float) -> None:
        model, data = robot.model, robot.data
        wanted = command[7:-1]
        closing, lead = [model.actuator(name).id for name in self.closing], np.asarray(self.lead)
        sign = np.where(lead < 0, -1.0, 1.0)
        kept = np.maximum(sign * data.ctrl[closing], sign * (_held(robot)[closing] + lead))
        data.ctrl[:] = wanted
        data.ctrl[closing] = sign * np.minimum(sign * wanted[closing], kept)

    def observe(self, robot: Robot) -> dict[str, Any]:
        model, data = robot.model, robot.data
        root = model.body_rootid[model.geom_bodyid]
        tip_of = tip_geoms(model, self.tips)
        hand = root == root[np.argmax(tip_of >= 0)]
        thing = root == model.body("object").id
        touching = {"tips": np.zeros(len(self.tips)), "other": np.zeros(()), "table": np.zeros(())}
        for pair in data.contact.geom[: data.ncon]:
            if not hand[pair].any():
                continue
            if not thing[pair].any():
                touching["table"] = np.ones(())
                continue
            tip = tip_of[pair[hand[pair]][0]]
            if tip >= 0:
                touching["tips"][tip] = 1.0
            else:
                touching["other"] = np.ones(())
        return {"touching": touching}

    def _still(self, robot: Robot) -> int:
        return robot.model.eq("still").id


@dataclasses.dataclass(frozen=True)
class PickingTask:
    """What is to be picked up by which hand: the model of a plant, and what a planner must know.

    - `thing`: at rest on the table (see `GraspObject.settled`). `hand`: by default the three-finger hand.
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

    def judge(self, movement: Trajectory) -> Outcome:
        """Judge a movement of `picking_scene` that reaches, closes, lets go of the clamp and lifts, from its feedback."""
        ts, clamp = np.asarray(movement.ts), np.asarray(movement.us)[:, -1]
        touching = {name: np.asarray(seen) > 0.5 for name, seen in movement.ys["touching"].items()}
        closed = int(np.flatnonzero(clamp > 0.5)[-1]) if (clamp > 0.5).any() else 0
        height = np.asarray(movement.ys["body"]["object"])[:, 2]
        lifted = float(height[-1] - height[closed])
        dt = float(np.diff(ts).mean())
        off = dt * float((~touching["tips"][closed + 1 :].all(1)).sum())
        last = max(1, round(0.1 / dt))  # a tip may chatter
        if touching["table"][closed]:
            reason = "table"
        elif touching["other"][closed]:
            reason = "other part"
        elif not touching["tips"][closed].all():
            reason = "missed"
        elif not touching["tips"][-last:].any(0).all():
            reason = "lost tip"
        elif lifted < 0.5 * self.settings.lift:
            reason = "dropped"
        else:
            reason = "other part" if touching["other"][-1] else "held"
        return Outcome(reason, lifted, float(ts[closed]), off)

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

    Commands are one vector, so that any primitive of that many degrees of freedom plays them (`PalmAndFingers` says what its numbers
    mean). Feedback also holds the object's pose (`body`) and which parts touch (`touching`).
    """
    task = PickingTask() if task is None else task
    hand = task.hand
    mode = PalmAndFingers(hand.tips, hand.closing, tuple(float(x) for x in task.scene.lead))
    return MujocoPlant(task, mode=mode, tip=hand.palm, bodies=("object",))
