from collections.abc import Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets

from ._elements import buffer, script, style
from ._layers import Packed


class _Player(anywidget.AnyWidget):
    """What both canvases share: layers that are played by the browser's clock."""

    _css = style()
    width = traitlets.Int(420).tag(sync=True)
    height = traitlets.Int(420).tag(sync=True)
    layers = traitlets.List(traitlets.Dict()).tag(sync=True)
    data = buffer()
    controls = traitlets.Bool(False).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    position = traitlets.Float(0.0).tag(sync=True)
    loop = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)
    streaming = traitlets.Bool(False).tag(sync=True)

    def show(self, layers: Packed, **traits: Any) -> None:
        """Replace what is drawn (`Layers`, in space a `Scene`); other traits can be set in the same message."""
        with self.hold_sync():
            self.layers, self.data = layers.describe(), layers.pack()
            for name, value in traits.items():
                setattr(self, name, value)


class Canvas(_Player):
    """A plane in the browser: movements played there, points to drag, ink to draw. All of it is synced state.

    - `view`: what is seen, `[left, right, bottom, top]` in the units of the world; `down`: y counts downwards (images).
    - `handles`: points to drag, `{"name", "label", "x", "y", "color"}`; `follow`: the one that jumps to a press.
    - `drawable`: whether the pen leaves `ink`: float32 rows (x, y, t in s), a row of NaN after each stroke. Sent once,
      when the pen is lifted.
    - `picture`: a PNG under it all, which fills `extent` (as `view`).
    - `layers`, `data`: what is played; made by `show(Layers)` and sent once. `playing`, `position` (s), `loop`, `speed`:
      the clock runs in the browser, and only a press, a pause or the end is sent. With `streaming` it asks for more by
      `wants` (s) before it runs out.
    """

    _esm = script("canvas")
    label = traitlets.Unicode("a movement").tag(sync=True)
    view = traitlets.List(traitlets.Float(), default_value=[0.0, 1.0, 0.0, 1.0]).tag(sync=True)
    down = traitlets.Bool(False).tag(sync=True)
    unit = traitlets.Unicode("").tag(sync=True)
    handles = traitlets.List(traitlets.Dict()).tag(sync=True)
    follow = traitlets.Unicode("").tag(sync=True)
    drawable = traitlets.Bool(False).tag(sync=True)
    pen = traitlets.Float(10.0).tag(sync=True)
    most = traitlets.Int(20_000, help="points of one stroke; a longer one is thinned").tag(sync=True)
    ink = buffer()
    picture = buffer()
    extent = traitlets.List(traitlets.Float(), default_value=[0.0, 1.0, 0.0, 1.0]).tag(sync=True)
    wants = traitlets.Float(0.0).tag(sync=True)

    def handle(self, name: str) -> tuple[float, float]:
        """Where a point to drag is."""
        found = next(h for h in self.handles if h["name"] == name)
        return float(found["x"]), float(found["y"])

    def place(self, name: str, point: Sequence[float]) -> None:
        """Move a point to drag, as the mouse does."""
        x, y = (float(v) for v in point)
        if self.handle(name) != (x, y):
            self.handles = [{**h, "x": x, "y": y} if h["name"] == name else h for h in self.handles]


def view_of(*points: Any, margin: float = 0.12, least: float = 1e-3) -> list[float]:
    """A view around all points, shape (..., 2), with a margin; what is not finite does not count."""
    flat = np.concatenate([np.reshape(np.asarray(p, float), (-1, 2)) for p in points])
    flat = flat[np.isfinite(flat).all(-1)]
    if not len(flat):
        return [-1.0, 1.0, -1.0, 1.0]
    low, high = flat.min(0), flat.max(0)
    room = np.maximum(margin * (high - low).max(), least)
    return [float(v) for v in (low[0] - room, high[0] + room, low[1] - room, high[1] + room)]


class Canvas3D(_Player):
    """Space in the browser: movements of bodies played there. All of it is synced state.

    - `view`: azimuth and elevation (degrees), distance (m) and the point looked at, as MuJoCo's cameras have them; the
      mouse turns (left), shifts (right) and zooms (wheel) it, and so do the keys w a s d + -.
    - `layers`, `data`: what is played; made by `show(Scene)` and sent once. `playing`, `position` (s), `loop`, `speed`: as
      those of `Canvas`; nothing is sent while it plays.
    """

    _esm = script("three", "scene")
    width = traitlets.Int(520).tag(sync=True)
    label = traitlets.Unicode("a movement in space").tag(sync=True)
    view = traitlets.List(traitlets.Float(), default_value=[130.0, -20.0, 2.0, 0.0, 0.0, 0.0]).tag(sync=True)
