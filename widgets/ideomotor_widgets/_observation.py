from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np

from ideomotor.errors import DataError

from ._canvas import Canvas
from ._parameters import ParameterBoxes
from ._strokes import Square, demonstration, ink_of, inside, rasterise, strokes_of

_SIDE, _BOX, _LEAST = 280, 0.7, 16


class Observation(ipywidgets.VBox):
    """What goes into a pipeline: a pad to draw on where it is an image, boxes for all else."""

    def __init__(self, pipeline: Any, changed: Callable[[], None], value: Any = None):
        super().__init__()
        self.default = pipeline.default_observation()
        self.changed = changed
        self.pad: Canvas | None = None
        self.boxes: ParameterBoxes | None = None
        self._image: Any = None
        shape = np.shape(self.default) if hasattr(self.default, "shape") else ()
        what = (
            "observation"
            if pipeline.perception is not None
            else "query"
            if pipeline.planner is not None
            else "parameters"
        )
        title = ipywidgets.HTML(f"<div class='ido-kind'>{what}</div>")
        title.add_class("ido-card-title")
        if len(shape) == 2 and shape[0] == shape[1] >= _LEAST:
            self.pad = Canvas(
                width=_SIDE, height=_SIDE, view=[0.0, _SIDE, 0.0, _SIDE], down=True, drawable=True
            )
            self.pad.label = "draw here; Escape clears it"
            hint = ipywidgets.HTML("Draw here; Escape clears it.")
            hint.add_class("ido-hint")
            clear = ipywidgets.Button(description="Clear", layout={"width": "auto"})
            clear.on_click(lambda _: setattr(self.pad, "ink", b""))
            self.children = [title, self.pad, ipywidgets.HBox([clear, hint])]
            self._image = np.zeros(shape, np.float32) if value is None else np.asarray(value, np.float32)
            if value is None:
                self.pad.ink = ink_of([_EXAMPLE])
                self._draw()
            self.pad.observe(lambda change: self._drawn(), "ink")
        else:
            self.boxes = ParameterBoxes(self.default if value is None else value, changed)
            self.children = [title, self.boxes]

    def tree(self) -> Any:
        """The observation as it stands."""
        return self._image if self.boxes is None else self.boxes.tree()

    def set(self, name: str, value: Any) -> None:
        """Change a part by name; an image has the name `image`."""
        if self.boxes is not None:
            self.boxes.set(name, value)
            return
        value = np.asarray(value, np.float32)
        if name != "image" or value.shape != np.shape(self._image):
            raise ValueError(
                f"Set 'image' to an array of shape {np.shape(self._image)}, not {name!r} of {value.shape}."
            )
        self._image = value
        self.changed()

    def suits(self, other: Any) -> bool:
        """Whether another pipeline takes what this one does."""
        import jax

        mine, theirs = jax.tree.flatten(self.default), jax.tree.flatten(other)
        return mine[1] == theirs[1] and [np.shape(x) for x in mine[0]] == [np.shape(x) for x in theirs[0]]

    def python(self) -> str:
        """The lines of Python that make it; numbers that were changed are written out."""
        if self.boxes is None:
            return "\nobservation = pipeline.default_observation()  # put the image (ink 1, paper 0) here"
        from ._compute import Tree

        default, values = Tree(self.default).values, self.boxes.values.values
        changed = {name: v for name, v in values.items() if not np.array_equal(v, default[name])}
        lines = ["\nobservation = pipeline.default_observation()"]
        if list(values) == ["value"]:
            return lines[0] if not changed else f"\nobservation = {_array(values['value'])}"
        for name, value in changed.items():
            if isinstance(self.default, dict) and name in self.default:
                lines.append(f"observation[{name!r}] = {_array(value)}")
            elif "." not in name and hasattr(self.default, name):
                lines.append(f"observation = dataclasses.replace(observation, {name}={_array(value)})")
            else:
                lines.append(f"# {name} = {_array(value)}")
        if any("dataclasses." in line for line in lines):
            lines.insert(0, "\nimport dataclasses")
        return "\n".join(lines)

    def _drawn(self) -> None:
        self._draw()
        self.changed()

    def _draw(self) -> None:
        assert self.pad is not None and self._image is not None
        strokes, _ = inside(strokes_of(self.pad.ink), self.pad.view)
        self._image = np.zeros_like(self._image)
        if strokes:
            try:
                demonstration(strokes)
            except DataError:
                self.pad.ink = b""
                return
            size = self._image.shape[0]
            self._image = rasterise(strokes, Square(strokes, size, _BOX * size))


_EXAMPLE = _SIDE * np.array([[0.35, 0.28], [0.5, 0.2], [0.65, 0.3], [0.55, 0.5], [0.34, 0.78], [0.68, 0.76]])


def _array(value: np.ndarray) -> str:
    text = np.array2string(value, separator=", ", threshold=10_000, max_line_width=100, floatmode="unique")
    return f"np.array({text}, np.{value.dtype})"
