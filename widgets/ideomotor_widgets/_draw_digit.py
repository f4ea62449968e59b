import io
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image

import ideomotor
from ideomotor.capabilities import SupportsLinks
from ideomotor.errors import AssemblyError, DataError

from ._canvas import Canvas
from ._drawn import at_rest, drawn
from ._elements import row
from ._layers import Layers
from ._recordings import Recording, save_recordings
from ._still import still
from ._strokes import Square, demonstration, ink_of, inside, rasterise, strokes_of
from ._view import AbstractView

_BOX = 0.7  # of the image's side that the ink fills, as in the reader's training data
_SAMPLES = 201
_ONE = [[(210.0, 90.0), (205.0, 200.0), (200.0, 310.0)]]


class DrawDigit(AbstractView):
    """Draw a digit with mouse, pen or finger: it is read, the movement appears over it, and the arm draws it.

    - `pipeline`: from an image (n, n) to a path in its pixels, with a plant or without; by default the shipped digit
      reader, a DMP and an arm over a sheet.
    - `duration`: of the movement, in s.

    Each drawing can be kept with its label, and all of them saved as training data (see `save`).

        digit = DrawDigit()
        digit.draw([[(100, 60), (100, 340)]]); digit.movement
    """

    def __init__(self, pipeline: Any = None, *, duration: float | int = 3.0, size: int = 400):
        if not duration > 0:
            raise ValueError(f"duration = {duration}; a movement takes a positive number of seconds.")
        self.pipeline, self.duration, self.size = pipeline, float(duration), size
        self.params: Any = None
        self.wanted: Any = None
        self.movement: Any = None
        self.image: Any = None
        self.recordings: list[Recording] = []
        self._own_files: set[Path] = set()
        self.canvas = Canvas(
            width=size, height=size, view=[0.0, size, 0.0, size], down=True, drawable=True, pen=14.0
        )
        self.canvas.label = "draw a digit here; Escape clears it"
        self.arm = Canvas(width=size, height=size, controls=True, label="the arm that draws")
        self._links = [
            ipywidgets.jslink((self.arm, name), (self.canvas, name))
            for name in ("playing", "position", "loop", "speed")
        ]
        self.seen = ipywidgets.Image(layout={"width": "104px", "height": "104px", "visibility": "hidden"})
        self.seen.add_class("ido-pixels")
        super().__init__()
        plots = row(self.canvas, self.arm)
        self.children = [plots, self._toolbar(), self.notice]
        self.say("Draw a digit from 0 to 9.")
        self.canvas.observe(lambda change: self._drawn(), "ink")

    def begin(self) -> None:
        """Load the network and compile, with a stroke that is not shown."""
        if self.pipeline is None:
            parts = {name: ideomotor.make(name) for name in ("refined", "dmp", "sheet")}
            self.pipeline = ideomotor.Pipeline(parts["refined"], parts["dmp"], plant=parts["sheet"])
        shape = np.shape(self._pipeline().default_observation())
        if len(shape) != 2 or shape[0] != shape[1]:
            raise AssemblyError(
                f"DrawDigit needs a pipeline that takes a square image, and this one takes {shape}."
            )
        self._read(strokes_of(ink_of(_ONE)))

    def draw(self, strokes: Any) -> None:
        """Draw strokes of shape (n, 2), or (n, 3) with times in s, in px of the canvas, in place of what is there."""
        self.canvas.ink = ink_of(strokes)

    def clear(self) -> None:
        """Take a new sheet."""
        self.canvas.ink = b""

    def keep(self, label: int) -> None:
        """Keep what is drawn as a demonstration of a digit, and take a new sheet."""
        strokes = self._strokes()
        demonstration(strokes)  # raises for a single point
        self.recordings.append(Recording(strokes, int(label)))
        self.clear()
        self.say(f"{len(self.recordings)} demonstrations kept; the last is a {label}.")

    def save(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Save the demonstrations that were kept as training data, an NPZ file.

        Its arrays: `images`, `paths`, `labels`, `ts` as digit training data have them, and `durations`, `strokes` (x, y,
        t), `offsets`.
        """
        size = 40 if self.pipeline is None else np.shape(self.pipeline.default_observation())[0]
        path = Path(path)
        mine = path.absolute() in self._own_files
        saved = save_recordings(
            self.recordings, path, size=size, box=_BOX * size, overwrite=overwrite or mine
        )
        self._own_files.add(path.absolute())
        self.say(f"{len(self.recordings)} demonstrations are in {saved}.")
        return saved

    def close(self) -> None:
        for link in getattr(self, "_links", ()):
            link.close()
        super().close()

    def snapshot(self) -> bytes:
        return still(self.canvas, self.arm)

    def _toolbar(self) -> ipywidgets.Widget:
        narrow = {"width": "auto"}
        clear = ipywidgets.Button(description="Clear", icon="eraser", layout=narrow)
        label = ipywidgets.Dropdown(
            options=[str(d) for d in range(10)], description="this is a", layout={"width": "150px"}
        )
        label.style.description_width = "60px"
        keep = ipywidgets.Button(
            description="Keep", icon="plus", tooltip="keep it as a demonstration", layout=narrow
        )
        name = ipywidgets.Text("demonstrations.npz", layout={"width": "190px"})
        save = ipywidgets.Button(
            description="Save", icon="save", tooltip="save as training data", layout=narrow
        )
        for button, call in (
            (clear, self.clear),
            (keep, lambda: self.keep(int(str(label.value)))),
            (save, lambda: self.save(name.value)),
        ):
            button.on_click(lambda _, call=call: self._pressed(call))
        bar = row(clear, label, keep, name, save, gap=6)
        caption = ipywidgets.Label("what the network sees")
        bar.layout.align_items = "center"
        return ipywidgets.HBox([self.seen, ipywidgets.VBox([bar, caption])], layout={"grid_gap": "10px"})

    def _pressed(self, call: Any) -> None:
        with self.guarded():
            call()

    def _strokes(self) -> list[np.ndarray]:
        strokes = strokes_of(self.canvas.ink)
        if not strokes:
            raise DataError("Nothing is drawn yet; draw a digit first.")
        return inside(strokes, self.canvas.view)[0]

    def _drawn(self) -> None:
        with self.guarded():
            if not self.canvas.ink:
                self._forget()
                return
            strokes, outside = inside(strokes_of(self.canvas.ink), self.canvas.view)
            demonstration(strokes)  # raises for a single point
            self.ready()
            self._read(strokes)
            self._show(strokes)
            note = (
                " Part of the line lay outside of the canvas and was brought to its edge." if outside else ""
            )
            self.say(f"Read, and drawn in {self.duration:g} s.{note}")

    def _forget(self) -> None:
        self.params = self.wanted = self.movement = self.image = None
        self.seen.layout.visibility = "hidden"
        with self.arm.hold_sync():
            self.arm.playing, self.arm.position = False, 0.0
            self.arm.show(Layers())
        self.canvas.show(Layers())

    def _pipeline(self) -> Any:
        if self.pipeline is None:
            raise AssemblyError("The pipeline is not there yet; call ready() first.")
        return self.pipeline

    def _read(self, strokes: list[np.ndarray]) -> None:
        """From strokes to image, parameters, path and movement."""
        from ._compute import Tree

        pipeline = self._pipeline()
        size = np.shape(pipeline.default_observation())[0]
        self._square = Square(strokes, size, _BOX * size)
        self.image = rasterise(strokes, self._square)
        tree = Tree(pipeline.params(self.image))
        if "tau" in tree.values:
            tree.values["tau"] = np.asarray(self.duration)
        self.params = tree.build()
        ts = np.linspace(0.0, self.duration, _SAMPLES, dtype=np.float32)
        self.wanted = np.asarray(ideomotor.rollout(pipeline.primitive, self.params, ts).ys)
        if not np.all(np.isfinite(self.wanted)):
            raise DataError("The network gave a movement that is not finite; draw the digit again.")
        if pipeline.plant is not None:
            begin = at_rest(pipeline.plant, self.wanted[0])
            self.movement = ideomotor.rollout(
                pipeline.primitive, self.params, ts, plant=pipeline.plant, x0=begin
            )
        else:
            self.movement = ideomotor.Trajectory(ts, self._square.to_canvas(self.wanted))

    def _show(self, strokes: list[np.ndarray]) -> None:
        pipeline = self._pipeline()
        path = self._square.to_canvas(self.wanted)
        ts = np.asarray(self.movement.ts)
        layers = (
            Layers(ts)
            .add(path, color="ghost", width=5, alpha=0.8)
            .add(path, color="accent", width=5, trail=True)
        )
        layers.add(path[:1], kind="dots", color="good", width=12)
        self.canvas.show(layers)
        found = drawn(self.movement, pipeline.plant)
        arm = isinstance(pipeline.plant, SupportsLinks)
        traits = {"view": found.view, "unit": found.unit, "down": not arm, "position": 0.0, "playing": True}
        self.arm.playing = False
        self.arm.show(found.layers, **traits)
        out = io.BytesIO()
        Image.fromarray((255 * (1 - np.clip(self.image, 0, 1))).astype(np.uint8)).save(out, format="PNG")
        self.seen.value, self.seen.layout.visibility = out.getvalue(), "visible"
