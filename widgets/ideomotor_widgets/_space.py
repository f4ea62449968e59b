"""From a movement and its plant to bodies in space."""

from typing import Any

import numpy as np

from ideomotor.errors import DataError

from ._scene import Scene

_RATE, _MOST = 100.0, 3000  # frames per second sent, and frames in all
_INK = 0.05  # N; a pen that is pressed less leaves none


def offers_space(plant: Any) -> bool:
    """Whether a plant can be shown in space.

    It has `shapes()`, shapes as `Scene.bodies` takes them, and `poses(states)`, poses `(time, bodies, 7)` of the bodies they
    belong to. The adapter that the registry puts around plain plants is looked through.
    """
    plain = getattr(plant, "component", plant)
    return callable(getattr(plain, "shapes", None)) and callable(getattr(plain, "poses", None))


def in_space(movement: Any, plant: Any) -> Scene | None:
    """A movement with its states as bodies in space; None where plant or movement do not tell.

    The way of the tip is drawn where the outputs have a `tip` in m; where they have a `pen_force` (N) too, only what is
    written.
    """
    states = getattr(movement, "xs", None)
    if not offers_space(plant) or states is None or not hasattr(states, "shape"):
        return None
    plain = getattr(plant, "component", plant)
    ts, states = np.asarray(movement.ts, float), np.asarray(states)
    if states.ndim != 2 or len(states) != len(ts):
        raise DataError(
            f"A movement of {type(plain).__name__} needs states xs of shape ({len(ts)}, numbers) to be shown, and they "
            f"are of shape {states.shape}."
        )
    rows = thinned(ts)
    scene = Scene(ts[rows]).bodies(plain.shapes(), plain.poses(states[rows]))
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
