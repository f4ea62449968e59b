# pyright: reportAttributeAccessIssue=false
"""How a placed grasp is started: as it is, free of collisions, or as a rehearsal of the closing says."""

import itertools
from typing import Any, NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float

from ._rehearsal import MARGIN, Rehearsal, Rehearser, needed_friction

CARE = ("plain", "clear", "rehearsed")


class Start(NamedTuple):
    """Where a placed grasp starts: the palm's pose and the commands before closing; below a `price` of 1 it should hold."""

    price: float
    wrist: Float[np.ndarray, "7"]
    shape: Float[np.ndarray, " actuators"]


# Moves of the palm, in the axes of the grasp site (x along the opening, z ahead): shifts (m), turns (rad) about the middle of the
# tips, and how far that is (10 mm or 10 degrees: 1). Commands that close no finger, such as a spread, move by as much as the turns.
_SHIFT, _TURN, _STILL = 0.008, np.radians(10.0), np.zeros(3)
_AROUND = [(side * _SHIFT * axis, _STILL, 0.8) for axis in np.eye(3) for side in (1, -1)]
_AROUND += [(_STILL, side * _TURN * axis, 1.0) for axis in np.eye(3) for side in (1, -1)]
_AROUND += [(np.array([0.0, 0.0, -back]), _STILL, 100 * back) for back in (0.02, 0.04)]
# A stalled finger pushes with more or less than the torque it closed with, once the thing is let go and has moved a little: between
# these shares of it. What is asked of the friction counts in full, and so does half of the squared logarithm of each share. Of 340
# starts with a price below 1 on training objects that the network had not seen 96 in 100 were held.
_SHARES, _UNLIKE, _GOOD = (0.5, 0.75, 1.0, 1.35, 1.9), 0.5, 0.6
# Prices of a deviation by 10 mm or 10 degrees, of a worse way, of fingers opened wider, of other parts near the thing, of what will
# fail for certain.
_FAR, _WAY, _WIDE, _ROOM, _FAILS, _COLLIDES = 0.05, 0.02, 0.02, 0.3, 4.0, 20.0
_ROUNDS, _FARTHEST = 3, 6.0  # moves in a row, and how far in all


class Chooser:
    """Chooses starts in one picking scene; see `PickingScene.choose`."""

    def __init__(self, scene: Any):
        self.scene = scene
        model, hand = scene.model, scene.hand
        self._closing = [model.actuator(name).id for name in hand.closing]
        self._others = [i for i in range(model.nu) if i not in self._closing]
        self._low, self._high = model.actuator_ctrlrange.T.copy()
        self._rehearse = Rehearser(model, hand)
        self._tips = [model.geom(name).id for name in hand.tips]
        closing_torque = scene.lead * model.actuator_gainprm[self._closing, 0]
        self._nominal = closing_torque[self._rehearse.finger[self._tips]]
        some = _SHARES if len(self._tips) < 4 else _SHARES[::2]
        shares = np.array(list(itertools.product(some, repeat=len(self._tips))))
        self._torques, self._unlike = self._nominal * shares, _UNLIKE * (np.log(shares) ** 2).sum(1)
        mass = float(model.body_subtreemass[model.body("object").id])
        self._weight = mass * float(np.linalg.norm(model.opt.gravity))
        self._friction = float(max(model.geom_friction[self._tips, 0].max(), scene.thing.friction))

    def plain(self, wrist: np.ndarray, shape: np.ndarray, opening: float) -> Start | None:
        """As it is; `None` if it starts in a collision."""
        opened = self._opened(shape, opening)
        return Start(0.0, np.array(wrist, float), opened) if self.scene.clear(wrist, opened) else None

    def clear(
        self, wrists: np.ndarray, shapes: np.ndarray, error: np.ndarray, opening: float, tolerance: float
    ) -> Start | None:
        """Free of collisions, and such that nothing but tips touches when it is nearly closed."""
        plans = sorted(
            (100 * back + 0.3 * i + 0.4 * (wide - 1) + 100 * float(error[i]), back, i, wide)
            for back in (0.0, 0.01, 0.02, 0.03, 0.045)
            for i in range(len(wrists))
            for wide in (1.0, 2.0, 4.0)
            if error[i] <= tolerance
        )
        best: Start | None = None
        for price, back, i, wide in plans:
            if best is not None and price >= best.price:
                break
            wrist = np.array(wrists[i], float)
            wrist[:3] -= back * self.scene.forward(wrist)
            shape = self._opened(shapes[i], opening * wide)
            if not self.scene.clear(wrist, shape):
                continue
            # Half closed nothing may touch, and nearly closed nothing but tips: else the grasp is pushed aside.
            half = self.scene.clear(wrist, self._opened(shapes[i], 0.5 * opening))
            tips_only = self.scene.clear(wrist, self._opened(shapes[i], 0.02), tips=True)
            price += 1.5 * (not half) + 1.5 * (not tips_only)
            if best is None or price < best.price:
                best = Start(price, wrist, shape)
        return best

    def rehearsed(
        self, wrists: np.ndarray, shapes: np.ndarray, error: np.ndarray, opening: float, tolerance: float
    ) -> Start | None:
        """The nearest start whose rehearsal is good: all ways first, then the palm moved around the two best, and again."""
        found = [
            self._looked(i, np.array(wrists[i], float), np.array(shapes[i], float), opening, 0.0)
            for i in range(len(wrists))
            if error[i] <= tolerance
        ]
        found.sort(key=_price)
        done = set()
        for _ in range(_ROUNDS):
            if not found or found[0].start.price < 1.0:
                break
            for way in found[:2]:
                if id(way) not in done:
                    done.add(id(way))
                    found += self._around(way, opening)
            found.sort(key=_price)
        return found[0].start if found and found[0].start.price < _COLLIDES else None

    def _around(self, way: "_Way", opening: float) -> "list[_Way]":
        """The palm moved a little, and fingers spread more or less."""
        wrist, shape = way.start.wrist, way.shape
        pivot = self._rehearse.middle(wrist, shape)
        moves = [(self._moved(wrist, pivot, shift, turn), shape, cost) for shift, turn, cost in _AROUND]
        for i in self._others:
            for side in (_TURN, -_TURN):
                spread = shape.copy()
                spread[i] = np.clip(spread[i] + side, self._low[i], self._high[i])
                moves.append((wrist, spread, 1.0))
        found = []
        for moved, spread, cost in moves:
            if way.far + cost > _FARTHEST:
                continue
            found.append(self._looked(way.number, moved, spread, opening, way.far + cost))
            if found[-1].start.price < 1.0:
                break
        return found

    def _looked(
        self, number: int, wrist: np.ndarray, shape: np.ndarray, opening: float, far: float
    ) -> "_Way":
        """A start there with its price."""
        price, opened = np.inf, shape
        for wide in (1.0, 2.0, 4.0):
            opened = self._opened(shape, wide * opening)
            depth = self._rehearse.depth(wrist, opened)
            if depth == 0.0:
                price = self.worth(self._rehearse(wrist, opened)) + _WIDE * (wide - 1)
                break
            price = min(price, _COLLIDES + 100.0 * depth)
        return _Way(Start(price + _FAR * far + _WAY * number, wrist, opened), number, shape, far)

    def worth(self, ended: Rehearsal) -> float:
        """The price of a rehearsed closing."""
        if not ended.by_tips:
            return _FAILS + float((~ended.tips).sum()) + 0.5 * ended.other + ended.table
        centre = self._rehearse.centre
        needed = needed_friction(
            ended.contacts, ended.normals, ended.pushes, self._torques, centre, self._weight
        )
        tight = _ROOM * (1.0 - ended.room / MARGIN)
        return min(float((needed / self._friction + self._unlike).min()) / _GOOD, _FAILS) + tight

    def _moved(self, wrist: np.ndarray, pivot: np.ndarray, shift: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """A palm's pose, turned about a point and shifted, both in the axes of the grasp site."""
        site, there, quaternion = np.empty(4), np.empty(4), np.empty(4)
        mujoco.mju_mulQuat(site, wrist[3:], self.scene.model.site(self.scene.hand.grasp).quat)
        world, by, place = np.empty(3), np.empty(3), np.empty(3)
        mujoco.mju_rotVecQuat(world, turn, site)
        mujoco.mju_rotVecQuat(by, shift, site)
        angle = np.linalg.norm(world)
        mujoco.mju_axisAngle2Quat(there, world / max(float(angle), 1e-12), angle)
        mujoco.mju_rotVecQuat(place, wrist[:3] - pivot, there)
        mujoco.mju_mulQuat(quaternion, there, wrist[3:])
        return np.concatenate([pivot + place + by, quaternion])

    def _opened(self, shape: np.ndarray, opening: float) -> np.ndarray:
        opened = np.array(shape, float)
        opened[self._closing] = np.maximum(opened[self._closing] - opening, self._low[self._closing])
        return opened


class _Way(NamedTuple):
    """A start that was looked at, from which placement it comes, the commands that touch, and how far it is from that placement."""

    start: Start
    number: int
    shape: Float[np.ndarray, " actuators"]
    far: float


def _price(way: _Way) -> float:
    return way.start.price
