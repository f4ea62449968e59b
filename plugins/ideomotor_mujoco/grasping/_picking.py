# pyright: reportAttributeAccessIssue=false
"""The picking task: place the wrist, close, lift, hold; and why it failed if it did."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float

from .._model import compile_spec, read_spec
from ._chain import check_graspable
from ._choosing import START_CHECKS, Chooser, Start, candidates
from ._fingers import Fingers
from ._hand import Hand, three_finger_hand
from ._object import CONTACT, GraspObject, Settings, table

REASONS = (
    "held",
    "start collision",  # hand in object or table before anything moved
    "missed",  # not every finger tip touched the object
    "other part",  # something else of the hand touched the object
    "table",  # the hand touched the table while closing
    "lost tip",  # a tip came off while lifting or holding
    "dropped",  # the object is not where it was lifted to
    "diverged",
)


# Anchor, relative pose (zeros: as the model is built), weight of the turning. MjSpec's own default puts the anchor a
# metre away, and the wrist then swings.
_WELD = [0.0] * 10 + [1.0, 0.0]


@dataclasses.dataclass(frozen=True)
class Pick:
    """What became of one trial.

    - `reason`: one of `REASONS`; `held` is success.
    - `wrist`: the palm's pose before closing, `(x, y, z, qw, qx, qy, qz)`; `preshape`: the commands then.
    - `contacts`, `normals`: where each tip touched when closed, m, world axes, and the object's outward normal
      there, `(tips, 3)`; NaN where nothing was touched.
    """

    reason: str
    wrist: Float[np.ndarray, "7"]
    preshape: Float[np.ndarray, " actuators"]
    contacts: Float[np.ndarray, "tips 3"]
    normals: Float[np.ndarray, "tips 3"]

    @property
    def held(self) -> bool:
        """Whether the object was lifted and held by the tips alone."""
        return self.reason == "held"


class PickingScene:
    """A hand, an object and a table; `pick` tries one grasp. The same trial twice gives the same bits.

    - `hand`: by default the three-finger hand. `thing`: what is to be picked up, at rest (see `GraspObject.settled`).
    """

    def __init__(
        self, thing: GraspObject | None = None, hand: Hand | None = None, settings: Settings | None = None
    ):
        self.thing = GraspObject().settled() if thing is None else thing
        self.hand = three_finger_hand() if hand is None else hand
        self.settings = Settings() if settings is None else settings

    def spec(self) -> mujoco.MjSpec:
        """The scene as a model, for `ideomotor_mujoco.MujocoPlant(scene, mode=ideomotor.make("actuators", mocap=True))`."""
        spec = table(self.settings)
        hand = read_spec(self.hand.model)
        for geom in hand.geoms:
            if not (geom.contype or geom.conaffinity):
                continue  # only to be looked at
            geom.contype, geom.conaffinity = 1, 0
            geom.friction = [self.settings.friction, 0.005, 0.0001]
            for name, value in CONTACT.items():
                setattr(geom, name, value)
        for actuator in hand.actuators:
            if actuator.name in self.hand.closing:
                actuator.forcerange = self.settings.backdrive * np.array(actuator.forcerange)
        spec.attach(hand, frame=spec.worldbody.add_frame(), prefix="")
        spec.body(self.hand.palm).add_freejoint(name="wrist")
        spec.worldbody.add_body(name="wrist target", mocap=True)
        # Never the hand as a child of the mocap body: such bodies have no velocity, and friction would not carry.
        spec.add_equality(
            name="wrist",
            type=mujoco.mjtEq.mjEQ_WELD,
            objtype=mujoco.mjtObj.mjOBJ_BODY,
            name1="wrist target",
            name2=self.hand.palm,
            data=_WELD,
            solref=[0.01, 1.0],
            solimp=[0.95, 0.99, 0.001, 0.5, 2.0],
        )
        spec.attach(self.thing.spec(), frame=spec.worldbody.add_frame(), prefix="")
        spec.add_equality(
            name="still",
            type=mujoco.mjtEq.mjEQ_WELD,
            objtype=mujoco.mjtObj.mjOBJ_BODY,
            name1="object",
            name2="world",
            data=_WELD,
        )
        return spec

    @functools.cached_property
    def model(self) -> mujoco.MjModel:
        """MuJoCo's compiled model."""
        return compile_spec(self.spec(), f"{self.hand.name} with {self.thing.family!r}")

    @functools.cached_property
    def data(self) -> mujoco.MjData:
        """The simulation's present state."""
        return mujoco.MjData(self.model)

    @functools.cached_property
    def _geoms(self) -> dict[str, Any]:
        model = self.model
        root = model.body_rootid[model.geom_bodyid]
        return {
            "hand": np.flatnonzero(root == model.body(self.hand.palm).id),
            "object": np.flatnonzero(root == model.body("object").id),
            "table": model.geom("table").id,
        }

    @functools.cached_property
    def lead(self) -> Float[np.ndarray, " closing"]:
        """How far the closing commands may run ahead of the fingers, up or down: what makes them push with their full force."""
        model, at = self.model, self.fingers.closing
        force = (
            np.where(self.fingers.sign > 0, *np.abs(model.actuator_forcerange[at, ::-1].T))
            / self.settings.backdrive
        )
        limited = model.actuator_forcelimited[at].astype(bool)
        return self.fingers.sign * np.where(
            limited, force / np.abs(model.actuator_gainprm[at, 0]), 0.1 * self.hand.speed
        )

    @functools.cached_property
    def fingers(self) -> Fingers:
        """How the fingers move with their commands."""
        return Fingers(self.model, self.hand)

    def digest(self) -> str:
        """A hash of the hand and the physics, for data sets: grasps of another hand do not mix with these."""
        text = (
            read_spec(self.hand.model).to_xml()
            + repr(self.settings)
            + repr(CONTACT)
            + repr(self.hand.preshapes)
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def pick(
        self,
        wrist: Sequence[float] | Float[np.ndarray, "7"],
        preshape: Sequence[float] | Float[np.ndarray, " actuators"],
        *,
        watch: Callable[[mujoco.MjData], Any] = lambda data: None,
    ) -> Pick:
        """Place the palm, close the fingers until they stall, let go of the object, lift, hold.

        - `wrist`: the palm's pose, `(x, y, z, qw, qx, qy, qz)`, m, in the world; `preshape`: commands of all actuators.
        - `watch`: is shown the simulation's state at the start and then every 20 ms (lifting: 10 ms) or so.
        """
        wrist, shape = np.asarray(wrist, float), np.asarray(preshape, float)
        none = np.full((len(self.hand.tips), 3), np.nan)
        touched = (none, none)
        self.place(wrist, shape)
        watch(self.data)
        reason = "" if self._touching() == (set(), set(), False) else "start collision"
        if not reason:
            self._close(shape, watch)
            tips, others, on_table = self._touching()
            touched = self._contacts()
            if on_table:
                reason = "table"
            elif others:
                reason = "other part"
            elif len(tips) < len(self.hand.tips):
                reason = "missed"
            else:
                reason = self._lift(watch)
        if not np.isfinite(self.data.qpos).all():
            reason = "diverged"
        return Pick(reason, wrist, shape, *touched)

    def choose(
        self,
        wrists: Float[np.ndarray, "placements 7"],
        shapes: Float[np.ndarray, "placements actuators"],
        error: Float[np.ndarray, " placements"],
        *,
        opening: float | int = 0.2,
        tolerance: float | int = 0.02,
        start_check: str = "closing",
    ) -> Start | None:
        """The best start of a grasp, by geometry: the scene's own shapes are known, nothing is simulated.

        - `wrists`, `shapes`, `error`: a `Placement` of one grasp, the best first.
        - `opening`: how far the closing commands are opened before closing, rad (m for slides).
        - `tolerance`: placements whose tips miss their contacts by more are not tried, m.
        - `start_check`: `none` takes the first placement unchecked. `collision` takes the first free of collisions; where all
          collide it opens the fingers further or starts with the palm up to 45 mm back. `closing` predicts how the fingers
          close, and takes the nearest start from which all tips and nothing else will touch, and hold with friction to spare:
          up to three moves of the palm by 8 mm (back: 40 mm) or 10 degrees from the asked grasp.

        `None` if all placements collide.
        """
        if start_check not in START_CHECKS:
            raise ValueError(f"start_check must be one of {', '.join(START_CHECKS)}, not {start_check!r}.")
        return getattr(self._chooser, start_check)(wrists, shapes, error, opening, tolerance)

    @functools.cached_property
    def _chooser(self) -> Chooser:
        return Chooser(self)

    def pick_placed(
        self,
        wrists: Float[np.ndarray, "placements 7"],
        shapes: Float[np.ndarray, "placements actuators"],
        error: Float[np.ndarray, " placements"],
    ) -> Pick:
        """Pick from the start that `choose` takes.

        Without any start the reason is `start collision`, or `missed` where no placement reaches the contacts.
        """
        start = self.choose(wrists, shapes, error)
        if start is not None:
            return self.pick(start.wrist, start.shape)
        none = np.full((len(self.hand.tips), 3), np.nan)
        reason = "start collision" if np.min(error) <= 0.02 else "missed"
        return Pick(reason, wrists[0], shapes[0], none, none)

    def candidates(
        self, count: int, seed: int
    ) -> tuple[Float[np.ndarray, "count 7"], Float[np.ndarray, "count actuators"]]:
        """Wrist poses and pre-shapes worth trying: half aim along surface normals, half at the middle of the object.

        The palm looks at the object from above the table, at a distance at which the fingers reach around it.
        """
        return candidates(self.thing, self.hand, count, seed)

    def check_graspable(self) -> None:
        """Raise a `DataError` if the object is too large or lies too flat for the hand; what passes may be hard to hold."""
        check_graspable(self.thing, self.hand)

    def forward(self, wrist: Float[np.ndarray, "7"]) -> Float[np.ndarray, "3"]:
        """The direction that the grasp site faces, in the world."""
        quaternion, forward = np.empty(4), np.empty(3)
        mujoco.mju_mulQuat(quaternion, wrist[3:], self.model.site(self.hand.grasp).quat)
        mujoco.mju_rotVecQuat(forward, np.array([0.0, 0.0, 1.0]), quaternion)
        return forward

    def clear(
        self, wrist: Float[np.ndarray, "7"], shape: Float[np.ndarray, " actuators"], *, tips: bool = False
    ) -> bool:
        """Whether nothing touches with the hand placed there, or with `tips` nothing but tips."""
        self.place(wrist, shape)
        touching, others, on_table = self._touching()
        return not (others or on_table or (touching and not tips))

    def place(self, wrist: Float[np.ndarray, "7"], shape: Float[np.ndarray, " actuators"]) -> None:
        """Restart with the palm at `wrist`, the fingers as the commands `shape` say, the object where it was."""
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        data.joint("wrist").qpos[:] = wrist
        data.mocap_pos[0], data.mocap_quat[0] = wrist[:3], wrist[3:]
        data.ctrl[:] = shape
        self.fingers.place(data, np.asarray(shape, float))
        data.eq_active[model.eq("still").id] = self.settings.held_while_closing
        mujoco.mj_forward(model, data)

    def _touching(self) -> tuple[set[int], set[int], bool]:
        """Tips that touch the object, other parts of the hand that do, and whether the hand touches the table."""
        data, geoms = self.data, self._geoms
        tips, others, on_table = set(), set(), False
        for one, two in data.contact.geom[: data.ncon].tolist():
            if geoms["table"] in (one, two):
                on_table |= one in geoms["hand"] or two in geoms["hand"]
                continue
            part = one if one in geoms["hand"] else two
            tip = int(self.fingers.tip_of[part])
            tips.add(tip) if tip >= 0 else others.add(part)
        return tips, others, on_table

    def _contacts(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each tip touches, and the object's outward normal there; means over a tip's contacts."""
        data, tip_of, count = self.data, self.fingers.tip_of, len(self.hand.tips)
        places, normals, counts = np.zeros((count, 3)), np.zeros((count, 3)), np.zeros(count)
        objects = set(self._geoms["object"].tolist())
        for i in range(data.ncon):
            contact = data.contact[i]
            one, two = (int(g) for g in contact.geom)
            k = int(max(tip_of[one], tip_of[two]))
            if k >= 0 and (one in objects or two in objects):
                places[k] += contact.pos
                normals[k] += (1.0 if tip_of[two] >= 0 else -1.0) * contact.frame[:3]
                counts[k] += 1
        with np.errstate(invalid="ignore", divide="ignore"):
            return places / counts[:, None], normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def _close(self, shape: np.ndarray, watch: Callable[[mujoco.MjData], Any]) -> None:
        """Commands advance at the hand's speed, but never run further ahead of a finger than its force needs."""
        model, data, hand, fingers = self.model, self.data, self.hand, self.fingers
        indices, sign, goal = fingers.closing, fingers.sign, fingers.closed
        chunk = 10
        dt = chunk * self.settings.timestep
        command = shape[indices]
        for step in range(round(self.settings.close / dt)):
            ahead = np.minimum(
                sign * (command + sign * hand.speed * dt),
                sign * (fingers.commands(data)[indices] + self.lead),
            )
            command = sign * np.minimum(ahead, sign * goal)
            data.ctrl[indices] = command
            mujoco.mj_step(model, data, chunk)
            watch(data)
            # At rest while the commands are ahead: stalled, or closed on nothing.
            lag = sign * (command - fingers.commands(data)[indices])
            if (
                step > 5
                and np.all(np.abs(fingers.speeds(data)[indices]) < 0.02 * hand.speed)
                and np.all((lag > 0.9 * np.abs(self.lead)) | (sign * command >= sign * goal))
            ):
                return

    def _lift(self, watch: Callable[[mujoco.MjData], Any]) -> str:
        model, data, settings = self.model, self.data, self.settings
        data.eq_active[model.eq("still").id] = False
        start, wrist = data.body("object").xpos[2], data.mocap_pos[0, 2]
        chunk = 5
        dt = chunk * settings.timestep
        rising = settings.lift / settings.lift_speed
        for step in range(round((rising + settings.hold) / dt)):
            data.mocap_pos[0, 2] = wrist + min(settings.lift_speed * dt * (step + 1), settings.lift)
            mujoco.mj_step(model, data, chunk)
            watch(data)
            if step % 4 == 3 and len(self._touching()[0]) < len(self.hand.tips):
                return "lost tip"
        tips, others, _ = self._touching()
        if data.body("object").xpos[2] - start < 0.5 * settings.lift:
            return "dropped"
        if others:
            return "other part"
        return "held" if len(tips) == len(self.hand.tips) else "lost tip"
