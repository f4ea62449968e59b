# pyright: reportAttributeAccessIssue=false
"""Hands: an MJCF model, the names of its finger tips, and how it opens and closes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from ideomotor.errors import DataError, did_you_mean

from .._model import compile_spec, name_of, read_spec
from ._fingers import Fingers


@dataclasses.dataclass(frozen=True)
class Hand:
    """A hand that can be exchanged: a model, and names in it.

    Your own hand is an MJCF file and these names; nothing else has to be written:

        hand = Hand(
            "gripper.xml", palm="base", grasp="pinch", tips=("left pad", "right pad"), closing=("fingers",), closed=(0.04,),
            preshapes=((0.0,),), speed=0.1,
        )
        scene = PickingScene(GraspObject("mug").settled(), hand)

    or the same as YAML, for `ideomotor run grasp --hand gripper.yaml`:

        {use: hand, model: gripper.xml, palm: base, grasp: pinch, tips: [left pad, right pad], closing: [fingers],
         closed: [0.04], preshapes: [[0.0]], speed: 0.1}

    - `model`: the path of an MJCF file, its XML, or an object with `spec()`. Its root body is the palm, without a
      joint of its own; its actuators are position servos, of joints or tendons, with any gain, gear and range (such as 0 to 255).
      An actuator may move several fingers, and several may move one.
    - `palm`: the name of that body. `grasp`: a site on the palm's surface whose z axis points to what is grasped,
      and whose x axis runs along the opening of the fingers.
    - `tips`: the geoms of the finger tips, or their bodies, one per finger, in the order of a grasp's contacts.
    - `closing`: the actuators that close fingers; `closed`: their commands when fully closed, above or below the open ones.
    - `preshapes`: commands of all actuators before closing, one row each.
    - `speed`: of the closing commands, per second: rad/s for servos of hinges, m/s for slides.

    Raises a `DataError` for names that the model does not have, commands out of range, and tips that closing does not bring together.
    """

    model: Any
    palm: str
    grasp: str
    tips: tuple[str, ...]
    closing: tuple[str, ...]
    closed: tuple[float | int, ...]
    preshapes: tuple[tuple[float | int, ...], ...]
    speed: float | int = 2.6

    def __post_init__(self):
        model = compile_spec(read_spec(self.model), self.name)
        if not self.tips:
            raise DataError(
                f"{self.name} names no finger tips; a grasp is where the tips touch, so name one per finger."
            )
        names = {
            "body": (mujoco.mjtObj.mjOBJ_BODY, [self.palm]),
            "site": (mujoco.mjtObj.mjOBJ_SITE, [self.grasp]),
            "actuator": (mujoco.mjtObj.mjOBJ_ACTUATOR, self.closing),
        }
        for kind, (number, wanted) in names.items():
            for name in wanted:
                if mujoco.mj_name2id(model, number, name) < 0:
                    raise DataError(f"{self.name} has no {kind} {name!r}; name one that its model has.")
        for name in self.tips:
            if all(
                mujoco.mj_name2id(model, kind, name) < 0
                for kind in (mujoco.mjtObj.mjOBJ_GEOM, mujoco.mjtObj.mjOBJ_BODY)
            ):
                known = [model.geom(i).name for i in range(model.ngeom)] + [
                    model.body(i).name for i in range(1, model.nbody)
                ]
                raise DataError(
                    f"{self.name} has no geom or body {name!r} for a tip.{did_you_mean(name, filter(None, known))}"
                )
        palm = model.body(self.palm)
        if palm.parentid[0] != 0 or palm.jntnum[0] != 0:
            raise DataError(
                f"{self.name}: the palm {self.palm!r} must be the root of the model and have no joint of its own (the scene gives it "
                f"one); name the root body, or remove its joint."
            )
        if len(self.closed) != len(self.closing):
            raise DataError(
                f"{self.name} closes {len(self.closing)} actuators, and {len(self.closed)} closed commands are given."
            )
        if not self.preshapes or any(len(row) != model.nu for row in self.preshapes):
            raise DataError(
                f"{self.name} has {model.nu} actuators, so each pre-shape needs {model.nu} numbers."
            )
        self._check_actuators(model)
        self._check_closing(model)

    def _check_actuators(self, model: mujoco.MjModel) -> None:
        """Position servos, asked for commands within their ranges; a site on the palm."""
        fixed = model.actuator_gaintype == int(mujoco.mjtGain.mjGAIN_FIXED)
        affine = model.actuator_biastype == int(mujoco.mjtBias.mjBIAS_AFFINE)
        servo = fixed & affine & (model.actuator_gainprm[:, 0] != 0) & (model.actuator_biasprm[:, 1] < 0)
        for i in np.flatnonzero(~servo):
            raise DataError(
                f"{self.name}: actuator {model.actuator(int(i)).name!r} is not a position servo, and fingers are placed by their "
                f"positions; make it a <position> (or a <general> with an affine bias)."
            )
        if model.site_bodyid[model.site(self.grasp).id] != model.body(self.palm).id:
            raise DataError(
                f"{self.name}: the site {self.grasp!r} is not on the palm {self.palm!r}; move it there."
            )
        rows = np.array(self.preshapes, float)
        closed = np.array(self.preshapes[0], float)
        closed[[model.actuator(name).id for name in self.closing]] = self.closed
        for what, row in [("closed", closed), *(("pre-shape", row) for row in rows)]:
            low, high = model.actuator_ctrlrange.T
            outside = model.actuator_ctrllimited.astype(bool) & ((row < low - 1e-3) | (row > high + 1e-3))
            for i in np.flatnonzero(outside):
                raise DataError(
                    f"{self.name}: the {what} command {row[i]:g} of actuator {model.actuator(int(i)).name!r} is outside its range, "
                    f"{low[i]:g} to {high[i]:g}."
                )

    def _check_closing(self, model: mujoco.MjModel) -> None:
        """Closing moves every tip, and brings them nearer to each other."""
        fingers, data = Fingers(model, self), mujoco.MjData(model)
        ways = []
        for share in np.linspace(0.0, 1.0, 6):
            commands = np.array(self.preshapes[0], float)
            commands[fingers.closing] += share * (fingers.closed - commands[fingers.closing])
            fingers.place(data, commands)
            mujoco.mj_kinematics(model, data)
            ways.append([data.geom_xpos[fingers.tip_of == k].mean(0) for k in range(len(self.tips))])
        places = np.array(ways)
        for k in np.flatnonzero(np.ptp(places, axis=0).max(1) < 1e-4):
            raise DataError(
                f"{self.name}: closing {', '.join(self.closing)} does not move the tip {self.tips[k]!r}; name the actuators "
                f"that close it."
            )
        apart = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1).sum((1, 2))
        if len(self.tips) > 1 and apart.min() > 0.99 * apart[0]:
            raise DataError(
                f"{self.name}: closing from the first pre-shape to closed={self.closed} does not bring the tips together; "
                f"swap the open and the closed commands."
            )

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return f"The hand {name_of(self.model)}"


@dataclasses.dataclass(frozen=True)
class ThreeFinger:
    """The model of a three-finger hand of 8 joints and 4 motors, by the published numbers of the Barrett BH8-280.

    Two fingers turn about the palm together (spread); each finger's distal joint moves with its proximal one, at a
    third of its angle. Lengths, masses and limits: barrett_model's URDF and GraspIt's kinematics agree on them. When
    a proximal joint stalls, its distal joint stalls too; the real hand's breakaway clutch is not modelled.
    """

    def spec(self) -> mujoco.MjSpec:
        """The hand as a model."""
        return mujoco.MjSpec.from_string(_THREE_FINGER)


def three_finger_hand() -> Hand:
    """The three-finger hand with pre-shapes that span its spread and opening (rad)."""
    shapes = [(s, q, q, q) for s in (0.0, 0.2, 0.4, 0.79, 1.57) for q in (0.0, 0.5, 0.9)]
    fingers = ("finger 1", "finger 2", "finger 3")
    tips = ("tip 1", "tip 2", "tip 3")
    return Hand(ThreeFinger(), "palm", "grasp", tips, fingers, (2.44,) * 3, tuple(shapes))


@dataclasses.dataclass(frozen=True)
class ParallelJaw:
    """The model of a gripper whose two flat fingers slide towards each other, 0.14 m apart when open."""

    def spec(self) -> mujoco.MjSpec:
        """The hand as a model."""
        return mujoco.MjSpec.from_string(_PARALLEL_JAW)


def parallel_jaw() -> Hand:
    """The gripper with two fingers."""
    shapes = ((0.0, 0.0), (0.025, 0.025))
    return Hand(
        ParallelJaw(), "palm", "grasp", ("tip 1", "tip 2"), ("left", "right"), (0.069,) * 2, shapes, 0.15
    )


def _finger(number: int, place: str, turn: int, spread: str) -> str:
    """One finger; its own axes are y outwards and z along the palm, and it closes about x."""
    at, angle = np.array([0.0, 0.06994, 0.003]), np.radians(42.54)
    end = 0.0415 * np.array([0.0, np.cos(angle), np.sin(angle)])  # the tip's ball ends 50 mm from the joint
    joint = (
        f'<joint name="spread {number}" axis="0 0 {spread}" range="0 180" damping="0.11"/>' if spread else ""
    )
    link = (
        '<geom type="capsule" fromto="0 0.008 0.010 0 0.046 0.030" size="0.012" mass="0.141" class="link"/>'
        if spread
        else '<geom type="capsule" fromto="0 -0.012 0.005 0 -0.002 0.028" size="0.012" mass="0.141" class="link"/>'
    )
    knuckle = "0 0.05 0.0339" if spread else "0 0 0.0339"
    return f"""
      <body name="knuckle {number}" pos="{place}" euler="0 0 {turn}">
        {joint}{link}
        <body name="proximal {number}" pos="{knuckle}">
          <joint name="proximal {number}" axis="1 0 0" range="0 140" damping="0.11" armature="0.002"/>
          <geom type="capsule" fromto="0 0.006 0 {_words(at)}" size="0.010" mass="0.0621" class="link"/>
          <body name="distal {number}" pos="{_words(at)}">
            <joint name="distal {number}" axis="1 0 0" range="0 48" damping="0.02" armature="0.0005"/>
            <geom name="tip {number}" type="capsule" fromto="0 0 0 {_words(end)}" size="0.0085" mass="0.0414" class="tip"/>
          </body>
        </body>
      </body>"""


def _words(values: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{float(v):.6g}" for v in values)


_THREE_FINGER = f"""
<mujoco model="three-finger hand">
  <default>
    <default class="link"><geom rgba="0.62 0.65 0.70 1"/></default>
    <default class="tip"><geom rgba="0.20 0.22 0.26 1"/></default>
  </default>
  <worldbody>
    <body name="palm">
      <geom name="palm" type="cylinder" fromto="0 0 0.010 0 0 0.076" size="0.045" mass="0.506" rgba="0.35 0.38 0.43 1"/>
      <site name="grasp" pos="0 0 0.08" size="0.004"/>
      {_finger(1, "-0.025 0 0.0415", 180, "-1")}
      {_finger(2, "0.025 0 0.0415", 180, "1")}
      {_finger(3, "0 0.05 0.0415", 0, "")}
    </body>
  </worldbody>
  <equality>
    <joint joint1="spread 2" joint2="spread 1" polycoef="0 1 0 0 0" solref="0.005 1"/>
    <joint joint1="distal 1" joint2="proximal 1" polycoef="0 0.333333 0 0 0" solref="0.005 1"/>
    <joint joint1="distal 2" joint2="proximal 2" polycoef="0 0.333333 0 0 0" solref="0.005 1"/>
    <joint joint1="distal 3" joint2="proximal 3" polycoef="0 0.333333 0 0 0" solref="0.005 1"/>
  </equality>
  <actuator>
    <position name="spread" joint="spread 1" kp="20" kv="0.4" forcerange="-5 5" ctrlrange="0 3.14159"/>
    <position name="finger 1" joint="proximal 1" kp="20" kv="0.3" forcerange="-2 2" ctrlrange="0 2.44346"/>
    <position name="finger 2" joint="proximal 2" kp="20" kv="0.3" forcerange="-2 2" ctrlrange="0 2.44346"/>
    <position name="finger 3" joint="proximal 3" kp="20" kv="0.3" forcerange="-2 2" ctrlrange="0 2.44346"/>
  </actuator>
</mujoco>
"""

_PARALLEL_JAW = """
<mujoco model="parallel jaw">
  <worldbody>
    <body name="palm">
      <geom name="palm" type="box" pos="0 0 0.04" size="0.095 0.025 0.036" mass="0.6" rgba="0.35 0.38 0.43 1"/>
      <site name="grasp" pos="0 0 0.08" size="0.004"/>
      <body name="left" pos="-0.08 0 0.08">
        <joint name="left" type="slide" axis="1 0 0" range="0 0.07" damping="5"/>
        <geom name="tip 1" type="box" pos="0 0 0.045" size="0.010 0.014 0.045" mass="0.08" rgba="0.20 0.22 0.26 1"/>
      </body>
      <body name="right" pos="0.08 0 0.08">
        <joint name="right" type="slide" axis="-1 0 0" range="0 0.07" damping="5"/>
        <geom name="tip 2" type="box" pos="0 0 0.045" size="0.010 0.014 0.045" mass="0.08" rgba="0.20 0.22 0.26 1"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <position name="left" joint="left" kp="2000" kv="40" forcerange="-25 25" ctrlrange="0 0.07"/>
    <position name="right" joint="right" kp="2000" kv="40" forcerange="-25 25" ctrlrange="0 0.07"/>
  </actuator>
</mujoco>
"""
