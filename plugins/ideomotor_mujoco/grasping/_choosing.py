# pyright: reportAttributeAccessIssue=false
"""Where a hand starts: poses worth trying, and the start of a placed grasp by the checks that it passes."""

import itertools
from typing import Any, NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull

from .._model import compile_spec, read_spec
from ._closing import MARGIN, ClosingPredictor, PredictedClosing, needed_friction
from ._hand import Hand
from ._object import GraspObject

START_CHECKS = ("none", "collision", "closing")


class Start(NamedTuple):
    """Where a placed grasp starts: the palm's pose and the commands before closing; below a `cost` of 1 it should hold."""

    cost: float
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
# starts with a cost below 1 on training objects that the network had not seen 96 in 100 were held.
_SHARES, _UNLIKE, _GOOD = (0.5, 0.75, 1.0, 1.35, 1.9), 0.5, 0.6
# Costs of a deviation by 10 mm or 10 degrees, of a worse placement, of fingers opened wider, of other parts near the thing, of what
# will fail for certain.
_FAR, _RANK, _WIDE, _ROOM, _FAILS, _COLLIDES = 0.05, 0.02, 0.02, 0.3, 4.0, 20.0
_ROUNDS, _FARTHEST = 3, 6.0  # moves in a row, and how far in all


class Chooser:
    """What `PickingScene.choose` does: one method for each of `START_CHECKS`."""

    def __init__(self, scene: Any):
        self.scene = scene
        model, hand = scene.model, scene.hand
        self._predict = ClosingPredictor(model, hand)
        self._fingers = fingers = self._predict.fingers
        self._others = [i for i in range(model.nu) if i not in fingers.closing]
        # The torque of each closing command is shared by the tips that it moves.
        tips = [fingers.tip_of == k for k in range(len(hand.tips))]
        moves = np.array([fingers.moves[:, tip].any(1) for tip in tips], float)
        torque = (
            np.abs(scene.lead * model.actuator_gainprm[fingers.closing, 0] * fingers.leverage)
            * fingers.unit[fingers.closing]
        )
        self._nominal = moves @ (torque / np.maximum(moves.sum(0), 1.0))
        some = _SHARES if len(tips) < 4 else _SHARES[::2]
        shares = np.array(list(itertools.product(some, repeat=len(tips))))
        self._torques, self._unlike = self._nominal * shares, _UNLIKE * (np.log(shares) ** 2).sum(1)
        mass = float(model.body_subtreemass[model.body("object").id])
        self._weight = mass * float(np.linalg.norm(model.opt.gravity))
        self._friction = float(max(model.geom_friction[fingers.tip_of >= 0, 0].max(), scene.thing.friction))

    def none(self, wrists, shapes, error, opening, tolerance) -> Start | None:
        """The first placement as it is; `None` if that starts in a collision."""
        opened = self._fingers.opened(shapes[0], opening)
        if error[0] > tolerance or not self.scene.clear(wrists[0], opened):
            return None
        return Start(0.0, np.array(wrists[0], float), opened)

    def collision(self, wrists, shapes, error, opening, tolerance) -> Start | None:
        """Free of collisions, and such that nothing but tips touches when it is nearly closed."""
        plans = sorted(
            (100 * back + 0.3 * i + 0.4 * (wide - 1) + 100 * float(error[i]), back, i, wide)
            for back in (0.0, 0.01, 0.02, 0.03, 0.045)
            for i in range(len(wrists))
            for wide in (1.0, 2.0, 4.0)
            if error[i] <= tolerance
        )
        best: Start | None = None
        for cost, back, i, wide in plans:
            if best is not None and cost >= best.cost:
                break
            wrist = np.array(wrists[i], float)
            wrist[:3] -= back * self.scene.forward(wrist)
            shape = self._fingers.opened(shapes[i], opening * wide)
            if not self.scene.clear(wrist, shape):
                continue
            # Half closed nothing may touch, and nearly closed nothing but tips: else the grasp is pushed aside.
            half = self.scene.clear(wrist, self._fingers.opened(shapes[i], 0.5 * opening))
            tips_only = self.scene.clear(wrist, self._fingers.opened(shapes[i], 0.02), tips=True)
            cost += 1.5 * (not half) + 1.5 * (not tips_only)
            if best is None or cost < best.cost:
                best = Start(cost, wrist, shape)
        return best

    def closing(self, wrists, shapes, error, opening, tolerance) -> Start | None:
        """The nearest start whose predicted closing is good: all placements, then the palm moved around the two best."""
        found = [
            self._evaluated(i, np.array(wrists[i], float), np.array(shapes[i], float), opening, 0.0)
            for i in range(len(wrists))
            if error[i] <= tolerance
        ]
        found.sort(key=lambda candidate: candidate.start.cost)
        done = set()
        for _ in range(_ROUNDS):
            if not found or found[0].start.cost < 1.0:
                break
            for candidate in found[:2]:
                if id(candidate) not in done:
                    done.add(id(candidate))
                    found += self._around(candidate, opening)
            found.sort(key=lambda candidate: candidate.start.cost)
        return found[0].start if found and found[0].start.cost < _COLLIDES else None

    def _around(self, candidate: "_Candidate", opening: float) -> "list[_Candidate]":
        """The palm moved a little, and fingers spread more or less."""
        wrist, shape = candidate.start.wrist, candidate.shape
        pivot = self._predict.middle(wrist, shape)
        moves = [(self._moved(wrist, pivot, shift, turn), shape, cost) for shift, turn, cost in _AROUND]
        for i in self._others:
            for side in (_TURN, -_TURN):
                spread = shape.copy()
                spread[i] = np.clip(
                    spread[i] + side * self._fingers.unit[i], self._fingers.low[i], self._fingers.high[i]
                )
                moves.append((wrist, spread, 1.0))
        found = []
        for moved, spread, cost in moves:
            if candidate.far + cost > _FARTHEST:
                continue
            found.append(self._evaluated(candidate.number, moved, spread, opening, candidate.far + cost))
            if found[-1].start.cost < 1.0:
                break
        return found

    def _evaluated(
        self, number: int, wrist: np.ndarray, shape: np.ndarray, opening: float, far: float
    ) -> "_Candidate":
        """A start there with its cost."""
        cost, opened = np.inf, shape
        for wide in (1.0, 2.0, 4.0):
            opened = self._fingers.opened(shape, wide * opening)
            depth = self._predict.depth(wrist, opened)
            if depth == 0.0:
                cost = self.cost(self._predict(wrist, opened)) + _WIDE * (wide - 1)
                break
            cost = min(cost, _COLLIDES + 100.0 * depth)
        return _Candidate(Start(cost + _FAR * far + _RANK * number, wrist, opened), number, shape, far)

    def cost(self, ended: PredictedClosing) -> float:
        """The cost of a predicted closing."""
        if not ended.by_tips:
            return _FAILS + float((~ended.tips).sum()) + 0.5 * ended.other + ended.table
        centre = self._predict.centre
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


class _Candidate(NamedTuple):
    """A start, the placement that it comes from, the commands that touch, and how far it is from that placement."""

    start: Start
    number: int
    shape: Float[np.ndarray, " actuators"]
    far: float


def candidates(
    thing: GraspObject, hand: Hand, count: int, seed: int
) -> tuple[Float[np.ndarray, "count 7"], Float[np.ndarray, "count actuators"]]:
    """What `PickingScene.candidates` does."""
    random = np.random.default_rng(seed)
    points, normals = _surface(thing, 4 * count, random)
    middle = points.mean(0)
    shapes = np.array(hand.preshapes)[random.integers(len(hand.preshapes), size=count)]
    offset, frame = _grasp_frame(hand)
    wrists = np.empty((count, 7))
    for i in range(count):
        while True:
            k = random.integers(len(points))
            if random.random() < 0.5:
                target, back = points[k], normals[k] + random.normal(scale=0.2, size=3)
                distance = random.uniform(0.02, 0.08)
            else:
                target, back = middle, random.normal(size=3)
                distance = random.uniform(0.06, 0.11)
            back = back / np.linalg.norm(back)
            if back[2] > -0.1:
                break
        rotation = _looking(-back, random.uniform(0, 2 * np.pi)) @ frame.T
        wrists[i, :3] = target + distance * back - rotation @ offset
        mujoco.mju_mat2Quat(wrists[i, 3:], rotation.ravel())
    return wrists, shapes


def _grasp_frame(hand: Hand) -> tuple[np.ndarray, np.ndarray]:
    """Position and axes of the grasp site in the palm."""
    model = compile_spec(read_spec(hand.model), hand.name)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    palm, site = data.body(hand.palm), data.site(hand.grasp)
    axes = palm.xmat.reshape(3, 3).T
    return axes @ (site.xpos - palm.xpos), axes @ site.xmat.reshape(3, 3)


def _looking(forward: np.ndarray, roll: float) -> np.ndarray:
    """Axes as columns with z along `forward`, turned by `roll` about it."""
    length = np.hypot(forward[0], forward[1])
    # Across the vertical; where that is forward, any way.
    x = np.array([-forward[1], forward[0], 0.0]) / length if length >= 1e-3 else np.array([1.0, 0.0, 0.0])
    y = np.array([-forward[2] * x[1], forward[2] * x[0], forward[0] * x[1] - forward[1] * x[0]])
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * x + s * y, -s * x + c * y, forward], 1)


def _surface(thing: GraspObject, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on the parts' hulls and their outward normals, in the world, spread by area."""
    corners, normals = [], []
    for part in thing.parts:
        hull = ConvexHull(part)
        corners.append(part[hull.simplices])
        normals.append(hull.equations[:, :3])
    triangles, outward = np.concatenate(corners), np.concatenate(normals)
    sides = triangles[:, 1:] - triangles[:, :1]
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    chosen = random.choice(len(area), size=count, p=area / area.sum())
    u = np.sort(random.random((count, 2)), axis=1)
    weights = np.stack([u[:, 0], u[:, 1] - u[:, 0], 1 - u[:, 1]], 1)
    points = np.einsum("nk,nkd->nd", weights, triangles[chosen])
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, np.array(thing.pose[3:]))
    rotation = rotation.reshape(3, 3)
    return points @ rotation.T + np.array(thing.pose[:3]), outward[chosen] @ rotation.T
