"""From a movement and its plant to what can be played: links, muscles and paths in the plane, bodies in space."""

from typing import Any

import numpy as np

import ideomotor
from ideomotor.capabilities import (
    SupportsGeometry,
    SupportsLinks,
    SupportsReach,
)
from ideomotor.errors import DataError

from ._asked import SupportsDuration, SupportsMuscles
from ._canvas import view_of
from ._layers import Layers
from ._scene import Scene


class Drawn:
    """A movement as layers, the `view` around it, and the `unit` of both."""

    def __init__(self, layers: Layers, view: list[float], unit: str):
        self.layers, self.view, self.unit = layers, view, unit


def drawn(movement: Any, plant: Any = None) -> Drawn:
    """A movement in the plane as it can be played.

    An arm is a plant with `joint_positions(angle)` whose feedback has an `angle`; its muscles are drawn where it has
    `paths` and its feedback an `activation`. Any other movement is the path of its first two outputs, or of `hand`.
    """
    ts, ys = np.asarray(movement.ts, float), movement.ys
    if plant is not None and isinstance(ys, dict) and "angle" in ys and isinstance(plant, SupportsLinks):
        return _arm(ts, ys, plant)
    path = path_of(ys)
    layers = Layers(ts).add(path, color="ghost", width=3)
    layers.add(path, color="path", width=3, trail=True).add(
        path[:, None], kind="dots", color="accent", width=10
    )
    return Drawn(layers, view_of(path), "")


def path_of(ys: Any) -> np.ndarray:
    """The path in the plane, shape (time, 2), of outputs: `hand` of a dictionary, or the first two numbers."""
    if isinstance(ys, dict):
        if "hand" not in ys:
            names = ", ".join(sorted(map(str, ys)))
            raise DataError(
                f"The movement has no output 'hand' that could be drawn; its outputs are {names}."
            )
        ys = ys["hand"]
    path = np.asarray(ys, float) if hasattr(ys, "__array__") or isinstance(ys, list | tuple) else None
    if path is None or path.ndim not in (1, 2) or not path.size:
        raise DataError(
            f"The movement's outputs are a {type(ys).__name__}, and a path (time, 2) is needed to draw it."
        )
    path = path.reshape(len(path), -1)
    if path.shape[1] == 1:  # one number over its index
        path = np.stack([np.linspace(0, 1, len(path)), path[:, 0]], -1)
    return path[:, :2]


def _arm(ts: np.ndarray, ys: dict[str, Any], plant: Any) -> Drawn:
    points = np.asarray(plant.joint_positions(np.asarray(ys["angle"])), float)
    hand = points[:, -1]
    layers = Layers(ts).add(hand, color="ghost", width=2.5)
    muscles = _muscles(points, ys, plant)
    for line, value in muscles:
        layers.add(line, value=value, width=5)
    layers.add(points, color="link", width=9, alpha=0.75)
    layers.add(points[:, :-1], kind="dots", color="link", width=15)
    layers.add(hand, color="path", width=2.5, trail=True)
    layers.add(hand[:, None], kind="dots", color="accent", width=11)
    return Drawn(layers, view_of(points, *(line for line, _ in muscles), margin=0.1), "m")


def _muscles(points: np.ndarray, ys: dict[str, Any], plant: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lines along the links on the side to which each muscle pulls, with its activation; a scheme, not anatomy."""
    if "activation" not in ys or not isinstance(plant, SupportsMuscles) or points.shape[1] != 3:
        return []
    activation = np.asarray(ys["activation"], float)
    arms = np.asarray(plant.paths.moment_arms(np.asarray(ys["angle"])), float).mean(0)  # (muscles, joints)
    shoulder, elbow, hand = np.moveaxis(points, 1, 0)
    first, second = elbow - shoulder, hand - elbow
    size = float(np.linalg.norm(first[0]))
    left, left2 = (_turned(v) / np.linalg.norm(v, axis=-1, keepdims=True) for v in (first, second))
    bend = left + left2
    bend = bend / np.maximum(np.linalg.norm(bend, axis=-1, keepdims=True), 0.3)
    found = []
    for muscle, (over_shoulder, over_elbow) in enumerate(arms):
        at_shoulder, at_elbow = np.sign(over_shoulder), np.sign(over_elbow)
        both = abs(over_shoulder) > 1e-4 and abs(over_elbow) > 1e-4
        off = size * (0.16 if both else 0.09)
        body = shoulder + size * np.array([-0.28, -0.04]) + size * np.array([0.0, 0.1]) * at_shoulder
        near = shoulder + at_shoulder * off * left
        upper = shoulder + 0.55 * first
        fore = elbow + 0.4 * second
        if both:
            line = [body, near + 0.2 * first, elbow + at_elbow * off * bend, fore + 0.05 * second]
        elif abs(over_shoulder) > 1e-4:
            line = [body, near + 0.1 * first, upper + 0.4 * at_shoulder * off * left]
        elif abs(over_elbow) > 1e-4:
            line = [upper + 0.4 * at_elbow * off * left, elbow + at_elbow * off * bend, fore]
        else:
            continue
        found.append((np.stack(line, 1), activation[:, muscle]))
    return found


def _turned(v: np.ndarray) -> np.ndarray:
    return np.stack([-v[..., 1], v[..., 0]], -1)


_RATE, _MOST = 100.0, 3000  # frames per second sent, and frames in all
_INK = 0.05  # N; a pen that is pressed less leaves none


def at_rest(plant: Any, hand: Any) -> Any:
    """The plant's state with the hand at a point; None, its own state at rest, where it cannot tell."""
    return plant.at(hand) if isinstance(plant, SupportsReach) else None


def own_duration(primitive: Any) -> float:
    """How long a movement takes whose parameters do not say, in s."""
    return float((primitive.duration if isinstance(primitive, SupportsDuration) else None) or 1.0)


def in_space(movement: Any, plant: Any) -> Scene | None:
    """A movement with its states as bodies in space; None where plant or movement do not tell.

    The way of the tip is drawn where the outputs have a `tip` in m; where they have a `pen_force` (N) too, only what is
    written.
    """
    states = getattr(movement, "xs", None)
    if not isinstance(plant, SupportsGeometry) or states is None or not hasattr(states, "shape"):
        return None
    ts, states = np.asarray(movement.ts, float), np.asarray(states)
    if states.ndim != 2 or len(states) != len(ts):
        raise DataError(
            f"A movement of {type(ideomotor.plain_object(plant)).__name__} needs states xs of shape ({len(ts)}, numbers) to "
            f"be shown, and they are of shape {states.shape}."
        )
    rows = thinned(ts)
    scene = Scene(ts[rows]).bodies(plant.shapes(), plant.poses(states[rows]))
    outputs: dict[str, Any] = movement.ys if isinstance(movement.ys, dict) else {}
    if np.shape(outputs.get("tip", 0)) == (len(ts), 3):
        way = np.array(outputs["tip"], float)[rows]
        if np.shape(outputs.get("pen_force", 0)) == (len(ts),):
            way[np.asarray(outputs["pen_force"])[rows] < _INK] = np.nan
            scene.line(way, color="ink", width=2.5, trail=True)
        else:
            scene.line(way, color="ghost", width=2).line(way, color="path", width=3, trail=True)
    return scene


def thinned(ts: np.ndarray) -> np.ndarray:
    """Which samples to send: at most 100 a second, and 3,000 in all, with both ends."""
    wanted = int(min(len(ts), _MOST, max(2, np.ceil((ts[-1] - ts[0]) * _RATE) + 1)))
    if wanted == len(ts):
        return np.arange(len(ts))
    return np.unique(np.searchsorted(ts, np.linspace(ts[0], ts[-1], wanted)).clip(0, len(ts) - 1))
