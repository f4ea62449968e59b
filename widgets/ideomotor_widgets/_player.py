from typing import Any

import numpy as np
import traitlets

from ideomotor.errors import DataError

from ._canvas import Canvas, Canvas3D
from ._drawn import drawn, in_space
from ._elements import close_all
from ._still import still
from ._view import AbstractView


class MovementPlayer(AbstractView):
    """Plays a movement: play, pause, scrub, loop; space and arrow keys do the same.

    - `movement`: an `ideomotor.Trajectory`, or a path of shape `(time, 2)` with its times `ts` (s).
    - `plant`: draws links and muscles where it is an arm in the plane (`joint_positions`, `paths`), and bodies in space
      where it tells of them (`shapes()` and `poses(states)`, as MuJoCo's plants do); then the mouse turns the view.
    - `loop`: whether it begins anew at its end; `playing` starts it at once.

    The whole movement is sent once, and nothing while it plays.

        player = MovementPlayer(movement, plant)
        player.play(); player.pause(); player.seek(0.5)
    """

    playing = traitlets.Bool(False)
    position = traitlets.Float(0.0)
    loop = traitlets.Bool(True)
    speed = traitlets.Float(1.0)

    def __init__(
        self,
        movement: Any,
        plant: Any = None,
        *,
        ts: Any = None,
        loop: bool = True,
        playing: bool = False,
        speed: float | int = 1.0,
        width: int = 460,
        height: int = 400,
    ):
        self._size, self._links = {"width": width, "height": height}, list[traitlets.link]()
        self.canvas: Any = None
        self.plant = plant
        super().__init__()
        self.show(movement, plant, ts=ts)
        self.loop, self.speed, self.playing = loop, speed, playing

    def show(self, movement: Any, plant: Any = None, *, ts: Any = None) -> None:
        """Replace the movement."""
        movement = as_movement(movement, ts)
        begin = float(np.asarray(movement.ts)[0])
        scene = in_space(movement, plant)
        if scene is not None:
            again = self._take(Canvas3D, "a movement in space; space plays it, the mouse turns it")
            self.canvas.show(scene, position=begin, **({} if again else {"view": scene.view()}))
        else:
            found = drawn(movement, plant)
            self._take(Canvas, "a movement; space plays it")
            self.canvas.show(found.layers, view=found.view, unit=found.unit, position=begin)
        self.movement, self.plant = movement, plant

    def play(self) -> None:
        """Start, from the beginning if it stands at the end."""
        self.playing = True

    def pause(self) -> None:
        """Stop where it is."""
        self.playing = False

    def seek(self, time: float | int) -> None:
        """Go to a time in s; times before the movement or after it are its ends."""
        ts = np.asarray(self.movement.ts)
        self.position = float(np.clip(time, ts[0], ts[-1]))

    def _take(self, kind: type[Canvas] | type[Canvas3D], label: str) -> bool:
        """See to it that the canvas is of a kind; whether it was already."""
        if isinstance(self.canvas, kind):
            return True
        old, self.canvas = self.canvas, kind(**self._size, controls=True, label=label)
        for link in self._links:
            link.unlink()
        for name in ("loop", "speed"):
            setattr(self.canvas, name, getattr(self, name))
        self._links = [
            traitlets.link((self.canvas, name), (self, name))
            for name in ("playing", "position", "loop", "speed")
        ]
        self.children = [self.canvas, self.notice]
        if old is not None:
            close_all(old)
        return False

    def snapshot(self) -> bytes:
        """The last frame, or the one at which it stands, as PNG."""
        return still(self.canvas)


class _Path:
    """What a trajectory looks like that is only a path."""

    def __init__(self, ts: np.ndarray, ys: np.ndarray):
        self.ts, self.ys = ts, ys


def as_movement(movement: Any, ts: Any = None) -> Any:
    """A trajectory as it is; a path with times as what looks like one. Raises a `DataError` for what cannot be played."""
    if not hasattr(movement, "ys"):
        path = np.asarray(movement, float)
        if path.ndim != 2 or path.shape[1] < 2:
            raise DataError(f"A path must be of shape (time, 2), not {path.shape}.")
        times = np.linspace(0.0, 1.0, len(path)) if ts is None else np.asarray(ts, float)
        movement = _Path(times, path)
    times = np.asarray(movement.ts, float)
    if times.ndim != 1 or len(times) < 2 or not np.all(np.isfinite(times)) or not np.all(np.diff(times) > 0):
        raise DataError(
            f"A movement to play needs at least two increasing times, and it has ts of shape {times.shape}."
        )
    lengths = {
        len(leaf) for leaf in (movement.ys.values() if isinstance(movement.ys, dict) else [movement.ys])
    }
    if lengths != {len(times)}:
        raise DataError(
            f"The movement has {len(times)} times and outputs of {sorted(lengths)} samples; give as many of each."
        )
    return movement
