from typing import Any

import anywidget
import traitlets

from ._elements import buffer
from ._scene import Scene
from ._static import script, style


class Canvas3D(anywidget.AnyWidget):
    """Space in the browser: movements of bodies played there. All of it is synced state.

    - `view`: azimuth and elevation (degrees), distance (m) and the point looked at, as MuJoCo's cameras have them; the
      mouse turns (left), shifts (right) and zooms (wheel) it, and so do the keys w a s d + -.
    - `layers`, `data`: what is played; made by `show(Scene)` and sent once. `playing`, `position` (s), `loop`, `speed`: as
      those of `Canvas`; nothing is sent while it plays.
    """

    _esm = script("three", "scene")
    _css = style()
    width = traitlets.Int(520).tag(sync=True)
    height = traitlets.Int(420).tag(sync=True)
    label = traitlets.Unicode("a movement in space").tag(sync=True)
    view = traitlets.List(traitlets.Float(), default_value=[130.0, -20.0, 2.0, 0.0, 0.0, 0.0]).tag(sync=True)
    layers = traitlets.List(traitlets.Dict()).tag(sync=True)
    data = buffer()
    controls = traitlets.Bool(False).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    position = traitlets.Float(0.0).tag(sync=True)
    loop = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)
    streaming = traitlets.Bool(False).tag(sync=True)

    def show(self, scene: Scene, **traits: Any) -> None:
        """Replace what is drawn; other traits can be set in the same message."""
        with self.hold_sync():
            self.layers, self.data = scene.describe(), scene.pack()
            for name, value in traits.items():
                setattr(self, name, value)
