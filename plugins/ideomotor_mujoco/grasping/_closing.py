# pyright: reportAttributeAccessIssue=false
"""How closing would end, by geometry alone: no force is simulated, nothing is lifted."""

import copy
import functools
import itertools
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float

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

    - `model`: of a picking scene; `hand`: the one in it. `centre`: the thing's centre of mass, m, world axes. `finger`: which closing
      actuator moves each geom, -1 for none.
    """

    def __init__(self, model: mujoco.MjModel, hand: Hand):
        self.model, self.hand = copy.copy(model), hand
        model = self.model
        self._data = mujoco.MjData(model)
        self._closing = np.array([model.actuator(name).id for name in hand.closing])
        self._closed = np.array(hand.closed, float)
        self._tips = np.array([model.geom(name).id for name in hand.tips])
        root = model.body_rootid[model.geom_bodyid]
        self._hand = root == model.body(hand.palm).id
        self._object = root == model.body("object").id
        self.finger = _fingers(model, hand)
        others = self._hand.copy()
        others[self._tips] = False
        model.geom_margin[others] = MARGIN
        self._qpos = functools.partial(set_fingers, model, self._data, couplings(model))
        mujoco.mj_kinematics(model, self._data)
        self.centre = self._data.xipos[model.body("object").id].copy()

    def __call__(
        self, wrist: Float[np.ndarray, "7"], shape: Float[np.ndarray, " actuators"]
    ) -> PredictedClosing:
        """From the palm's pose and the commands before closing."""
        data, closing = self._data, self._closing
        data.joint("wrist").qpos[:] = wrist
        commands = np.array(shape, float)
        way = np.maximum(self._closed - commands[closing], 0.0)
        step = _STEP * np.maximum(self._closed - self.model.actuator_ctrlrange[closing, 0], 1e-9)
        start = commands[closing].copy()
        stopped = np.zeros(len(closing), bool)
        done = np.zeros(len(closing))  # how far each has closed
        while not np.all(stopped | (done >= way)):
            done = np.where(stopped, done, np.minimum(done + step, way))
            stopped |= self._stops(commands, start + done)
        low, high = np.maximum(done - step, 0.0), done.copy()
        for _ in range(_HALVINGS):
            middle = np.where(stopped, 0.5 * (low + high), done)
            # A finger that was stopped by another finger's reach is looked at together with it, as in the steps before.
            touches = self._stops(commands, start + middle)
            low, high = np.where(touches, low, middle), np.where(touches, middle, high)
        end = start + np.where(stopped, high, done) + _PRESSED * step / _STEP * stopped
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
        self._qpos(shape)
        mujoco.mj_kinematics(self.model, self._data)

    def _stops(self, commands: np.ndarray, closing: np.ndarray) -> Bool[np.ndarray, " closing"]:
        """Which fingers touch the object or the table with these closing commands."""
        commands[self._closing] = closing
        self._qpos(commands)
        mujoco.mj_kinematics(self.model, self._data)
        mujoco.mj_collision(self.model, self._data)
        found = np.zeros(len(closing), bool)
        contact, count = self._data.contact, self._data.ncon
        for one, two in contact.geom[:count][contact.dist[:count] < 0.0].tolist():
            part = one if self._hand[one] else two
            if self._hand[part] and self.finger[part] >= 0:
                found[self.finger[part]] = True
        return found

    def _ended(self, commands: np.ndarray, end: np.ndarray) -> PredictedClosing:
        data, tips = self._data, self._tips
        count = len(tips)
        places, normals, seen = np.zeros((count, 3)), np.zeros((count, 3)), np.zeros(count)
        other, table, room = False, False, MARGIN
        rows = {int(tip): k for k, tip in enumerate(tips)}
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
            k = rows.get(one if self._hand[one] else two)
            if k is None:
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
        """By a small step of all fingers at once: each moves its own tip only."""
        data, tips = self._data, self._tips
        small = 1e-5
        axes, centres = data.geom_xmat[tips].reshape(-1, 3, 3).copy(), data.geom_xpos[tips].copy()
        held = np.einsum("tij,ti->tj", axes, places - centres)
        moved = commands.copy()
        moved[self._closing] -= small
        self._qpos(moved)
        mujoco.mj_kinematics(self.model, data)
        after = np.einsum("tij,tj->ti", data.geom_xmat[tips].reshape(-1, 3, 3), held) + data.geom_xpos[tips]
        return (places - after) / small


def couplings(model: mujoco.MjModel) -> list[tuple[int, int, np.ndarray]]:
    """Joints that follow others: the addresses of both, and the polynomial."""
    return [
        (
            int(model.jnt_qposadr[model.eq_obj1id[i]]),
            int(model.jnt_qposadr[model.eq_obj2id[i]]),
            model.eq_data[i, :5].copy(),
        )
        for i in np.flatnonzero(model.eq_type == int(mujoco.mjtEq.mjEQ_JOINT))
    ]


def set_fingers(model: mujoco.MjModel, data: mujoco.MjData, coupled: list, commands: np.ndarray) -> None:
    """Joints as the commands of all actuators say, and those that follow them."""
    data.qpos[model.jnt_qposadr[model.actuator_trnid[:, 0]]] = commands
    for one, two, polynomial in coupled:
        x = data.qpos[two]
        data.qpos[one] = (
            (((polynomial[4] * x + polynomial[3]) * x) + polynomial[2]) * x + polynomial[1]
        ) * x + polynomial[0]


def _fingers(model: mujoco.MjModel, hand: Hand) -> np.ndarray:
    """Which closing actuator moves each geom: the last on the way from the palm; -1 for none."""
    moved_by = {
        int(model.actuator_trnid[model.actuator(name).id, 0]): k for k, name in enumerate(hand.closing)
    }
    for i in np.flatnonzero(model.eq_type == int(mujoco.mjtEq.mjEQ_JOINT)):
        if int(model.eq_obj2id[i]) in moved_by:
            moved_by.setdefault(int(model.eq_obj1id[i]), moved_by[int(model.eq_obj2id[i])])
    finger = np.full(model.nbody, -1)
    for body in range(1, model.nbody):
        joint = int(model.body_jntadr[body])
        finger[body] = moved_by.get(joint, finger[model.body_parentid[body]])
    return finger[model.geom_bodyid]


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
