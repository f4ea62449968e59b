# pyright: reportAttributeAccessIssue=false
"""How closing would end, by geometry alone: no force is simulated, nothing is lifted."""

import copy
import itertools
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from ._fingers import Fingers
from ._hand import Hand

_STEP = 0.05  # share of the way from open to closed that fingers advance between two looks
_HALVINGS = 4  # then the first touch is found to within so many halvings of a step
MARGIN = 0.006  # within which other parts of the hand are noticed, m
_PRESSED = 0.002  # how far a stalled finger is pressed in, as a share of that way


class PredictedClosing(NamedTuple):
    """Where each finger would stop.

    - `tips`: which tips touch the object; `other`: whether another part of the hand does; `table`: whether the hand touches the table.
    - `contacts`, `normals`: where the tips touch, m, world axes, and the object's outward normal there; NaN where they do not.
    - `pushes`: how the contact points move per unit of closing of their fingers, m/rad (slides: 1): a finger that closes with torque
      t pushes with any force f for which pushes · f = t.
    - `room`: how far other parts of the hand than the tips stay from everything, at most `MARGIN`, m.
    - `commands`: of all actuators when closed.
    """

    tips: Bool[np.ndarray, " tips"]
    other: bool
    table: bool
    contacts: Float[np.ndarray, "tips 3"]
    normals: Float[np.ndarray, "tips 3"]
    pushes: Float[np.ndarray, "tips 3"]
    room: float
    commands: Float[np.ndarray, " actuators"]

    @property
    def by_tips(self) -> bool:
        """Whether all tips touch the object, and nothing else touches anything."""
        return bool(self.tips.all()) and not self.other and not self.table


class ClosingPredictor:
    """Closes the fingers of a hand on a thing that keeps still, finger by finger until it touches.

    - `model`: of a picking scene; `hand`: the one in it. `centre`: the thing's centre of mass, m, world axes. `fingers`: how
      they move with commands.
    """

    def __init__(self, model: mujoco.MjModel, hand: Hand):
        self.model, self.hand = copy.copy(model), hand
        model = self.model
        self._data = mujoco.MjData(model)
        self.fingers = Fingers(model, hand)
        self._closing, self._closed = self.fingers.closing, self.fingers.closed
        self._tips = np.array(
            [int(np.flatnonzero(self.fingers.tip_of == k)[0]) for k in range(len(hand.tips))]
        )
        root = model.body_rootid[model.geom_bodyid]
        self._hand = root == model.body(hand.palm).id
        self._object = root == model.body("object").id
        self._shared = self.fingers.moves[:, self._tips]  # which closing actuators move which tips
        others = self._hand & (self.fingers.tip_of < 0)
        model.geom_margin[others] = MARGIN
        mujoco.mj_kinematics(model, self._data)
        self.centre = self._data.xipos[model.body("object").id].copy()

    def __call__(
        self, wrist: Float[np.ndarray, "7"], shape: Float[np.ndarray, " actuators"]
    ) -> PredictedClosing:
        """From the palm's pose and the commands before closing."""
        data, closing = self._data, self._closing
        data.joint("wrist").qpos[:] = wrist
        commands = np.array(shape, float)
        sign, fingers = self.fingers.sign, self.fingers
        way = np.maximum(sign * (self._closed - commands[closing]), 0.0)
        open_ = np.where(sign > 0, fingers.low[closing], fingers.high[closing])
        step = _STEP * np.maximum(sign * (self._closed - open_), 1e-9)
        start = commands[closing].copy()
        stopped = np.zeros(len(closing), bool)
        done = np.zeros(len(closing))  # how far each has closed
        while not np.all(stopped | (done >= way)):
            done = np.where(stopped, done, np.minimum(done + step, way))
            stopped |= self._stops(commands, start + sign * done)
        low, high = np.maximum(done - step, 0.0), done.copy()
        for _ in range(_HALVINGS):
            middle = np.where(stopped, 0.5 * (low + high), done)
            # A finger that was stopped by another finger's reach is looked at together with it, as in the steps before.
            touches = self._stops(commands, start + sign * middle)
            low, high = np.where(touches, low, middle), np.where(touches, middle, high)
        end = start + sign * np.where(stopped, high, done) + sign * (_PRESSED * step / _STEP * stopped)
        self._stops(commands, end)
        return self._ended(commands, end)

    def depth(self, wrist: Float[np.ndarray, "7"], shape: Float[np.ndarray, " actuators"]) -> float:
        """How deep the hand is in anything there, m, summed over the contacts; 0 where it is clear of everything."""
        self._pose(wrist, shape)
        mujoco.mj_collision(self.model, self._data)
        contact, count = self._data.contact, self._data.ncon
        dist = contact.dist[:count]
        return -float(dist[self._hand[contact.geom[:count]].any(1) & (dist < 0.0)].sum())

    def middle(
        self, wrist: Float[np.ndarray, "7"], shape: Float[np.ndarray, " actuators"]
    ) -> Float[np.ndarray, "3"]:
        """The middle of the tips there."""
        self._pose(wrist, shape)
        return self._data.geom_xpos[self._tips].mean(0)

    def _pose(self, wrist: np.ndarray, shape: np.ndarray) -> None:
        self._data.joint("wrist").qpos[:] = wrist
        self.fingers.place(self._data, shape)
        mujoco.mj_kinematics(self.model, self._data)

    def _stops(self, commands: np.ndarray, closing: np.ndarray) -> Bool[np.ndarray, " closing"]:
        """Which fingers touch the object or the table with these closing commands."""
        commands[self._closing] = closing
        self.fingers.place(self._data, commands)
        mujoco.mj_kinematics(self.model, self._data)
        mujoco.mj_collision(self.model, self._data)
        found, touched = np.zeros(len(closing), bool), np.zeros(len(self._tips), bool)
        contact, count = self._data.contact, self._data.ncon
        for one, two in contact.geom[:count][contact.dist[:count] < 0.0].tolist():
            part = one if self._hand[one] else two
            if self._hand[part]:
                k = int(self.fingers.tip_of[part])
                touched[k] |= k >= 0
                # What closes several tips goes on until all of them touch: the palm gives way to the first.
                found |= self.fingers.moves[:, part] & ((k < 0) | (self._shared.sum(1) < 2))
        return found | (self._shared.sum(1) > 1) & ~(self._shared & ~touched).any(1)

    def _ended(self, commands: np.ndarray, end: np.ndarray) -> PredictedClosing:
        data, tips = self._data, self._tips
        count = len(tips)
        places, normals, seen = np.zeros((count, 3)), np.zeros((count, 3)), np.zeros(count)
        other, table, room = False, False, MARGIN
        for i in range(data.ncon):
            contact = data.contact[i]
            one, two = (int(g) for g in contact.geom)
            if not (self._hand[one] or self._hand[two]):
                continue
            if contact.dist >= 0.0:
                room = min(room, float(contact.dist))
                continue
            if not (self._object[one] or self._object[two]):
                table = True
                continue
            k = int(self.fingers.tip_of[one if self._hand[one] else two])
            if k < 0:
                other = True
                continue
            places[k] += contact.pos
            normals[k] += contact.frame[:3] if self._hand[two] else -contact.frame[:3]
            seen[k] += 1
        with np.errstate(invalid="ignore", divide="ignore"):
            places = places / seen[:, None]
            normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        closed = commands.copy()
        closed[self._closing] = end
        room = 0.0 if other or table else room
        return PredictedClosing(
            seen > 0, other, table, places, normals, self._pushes(closed, places), room, closed
        )

    def _pushes(self, commands: np.ndarray, places: np.ndarray) -> Float[np.ndarray, "tips 3"]:
        """By a small step of all closing commands at once."""
        data, tips = self._data, self._tips
        small = 1e-5
        axes, centres = data.geom_xmat[tips].reshape(-1, 3, 3).copy(), data.geom_xpos[tips].copy()
        held = np.einsum("tij,ti->tj", axes, places - centres)
        moved = commands.copy()
        moved[self._closing] -= self.fingers.sign * small * self.fingers.unit[self._closing]
        self.fingers.place(self._data, moved)
        mujoco.mj_kinematics(self.model, data)
        after = np.einsum("tij,tj->ti", data.geom_xmat[tips].reshape(-1, 3, 3), held) + data.geom_xpos[tips]
        return (places - after) / small


def needed_friction(
    contacts: Float[np.ndarray, "tips 3"],
    normals: Float[np.ndarray, "tips 3"],
    pushes: Float[np.ndarray, "tips 3"],
    torques: Float[np.ndarray, "cases tips"],
    centre: Float[np.ndarray, "3"],
    weight: float,
) -> Float[np.ndarray, " cases"]:
    """The least friction coefficient with which tips that push with these torques hold a thing of this weight (N) still.

    Point contacts with friction. Forces that balance the weight are one solution of the six equations of equilibrium plus squeezing
    forces along the lines between contacts (Yoshikawa & Nagai 1991); the torques say how strong each squeeze is. Infinite where a
    finger would have to pull.

    - `centre`: of mass; all in the world, m and N m. `torques`: several cases at once.
    """
    count = len(contacts)
    arms = (contacts - centre) / 0.05
    grasp = np.zeros((6, 3 * count))
    for i, (x, y, z) in enumerate(arms):
        grasp[:3, 3 * i : 3 * i + 3] = np.eye(3)
        grasp[3:, 3 * i : 3 * i + 3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
    balance = np.array([0.0, 0.0, weight, 0.0, 0.0, 0.0])
    resting = np.linalg.lstsq(grasp, balance, rcond=1e-9)[0].reshape(count, 3)
    squeezes = []
    for i, j in itertools.combinations(range(count), 2):
        along = (contacts[j] - contacts[i]) / max(np.linalg.norm(contacts[j] - contacts[i]), 1e-9)
        squeezes.append(np.zeros((count, 3)))
        squeezes[-1][i], squeezes[-1][j] = along, -along
    squeeze = np.array(squeezes).reshape(-1, count, 3)
    torque = np.einsum("pti,ti->tp", squeeze, pushes)
    wanted = torques - np.einsum("ti,ti->t", resting, pushes)
    strength = wanted @ np.linalg.pinv(torque, rcond=1e-6).T
    force = resting + np.einsum("cp,pti->cti", strength, squeeze)
    into = -np.einsum("cti,ti->ct", force, normals)
    across = np.linalg.norm(force + into[..., None] * normals, axis=-1)
    ratio = np.where(into > 1e-6, across / np.maximum(into, 1e-6), np.inf)
    return ratio.max(1)
