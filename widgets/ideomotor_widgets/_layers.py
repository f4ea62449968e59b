"""What a canvas draws over time, packed into one float32 buffer and a short description of it."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ._elements import packed

# As in static/common.js: the colours of the light theme, for pictures made in Python.
COLOURS = {
    "ink": "#1f2328", "muted": "#b9bec5", "path": "#0072b2", "ghost": "#9fc8e3", "accent": "#d55e00", "good": "#009e73",
    "link": "#6b7280", "rest": "#d8b4b4", "active": "#c1121f",
}  # fmt: skip


class Packed:
    """Layers as one buffer of numbers and a description of what is where in it; times in s."""

    def __init__(self, ts: Any = ()):
        self.ts = np.asarray(ts, np.float32)
        self._size = 0
        self._arrays: list[np.ndarray] = []
        self._layers: list[dict[str, Any]] = []
        if len(self.ts):
            self._layers.append({"kind": "clock", "points": len(self.ts), "at": self._keep(self.ts)})

    def describe(self) -> list[dict[str, Any]]:
        """What the buffer holds, for the browser."""
        return [dict(layer) for layer in self._layers]

    def pack(self) -> bytes:
        """The buffer."""
        return packed(np.concatenate(self._arrays)) if self._arrays else b""

    def _keep(self, numbers: Any) -> int:
        flat = np.asarray(numbers, np.float32).ravel()
        at = self._size
        self._size += flat.size
        self._arrays.append(flat)
        return at


class Layers(Packed):
    """Lines and dots, drawn one over the other; a layer that moves has one set of points per time (s)."""

    def add(self, points: Any, *, kind: str = "line", value: Any = None, **style: Any) -> "Layers":
        """Add a layer; returns the layers.

        - `points`: `(n, 2)`, or `(time, n, 2)` for what moves.
        - `kind`: `"line"` or `"dots"`.
        - `value`: numbers from 0 to 1 over time that colour it and make it thick (a muscle's activation).
        - `style`: `color` (a name of the theme or `#rrggbb`), `width` in px, `alpha`, `dash`, and `trail=True` for a
          line with a point per time that is drawn up to the present.
        """
        points = np.asarray(points, np.float32)
        moving = points.ndim == 3
        if moving and len(points) != len(self.ts):
            raise ValueError(f"A layer has {len(points)} sets of points, and there are {len(self.ts)} times.")
        layer = {"kind": kind, "points": points.shape[-2], "frames": len(points) if moving else 0}
        layer |= {"at": self._keep(points), "value": -1 if value is None else self._keep(value), **style}
        self._layers.append(layer)
        return self


def frame_at(layers: list[dict[str, Any]], numbers: np.ndarray, position: float | int) -> int:
    """The number of the frame that is seen at a time."""
    for layer in layers:
        if layer["kind"] == "clock":
            ts = numbers[layer["at"] : layer["at"] + layer["points"]]
            return int(np.clip(np.searchsorted(ts, position, side="right") - 1, 0, len(ts) - 1))
    return 0


def draw_layers(axes: Axes, layers: list[dict[str, Any]], data: bytes, position: float | int) -> None:
    """Draw what a canvas shows at a time into Matplotlib axes: the picture where there is no browser."""
    numbers = np.frombuffer(data, np.float32)
    frame = frame_at(layers, numbers, position)
    for layer in layers:
        if layer["kind"] == "clock":
            continue
        n = layer["points"]
        at = layer["at"] + (frame * n * 2 if layer["frames"] else 0)
        x, y = numbers[at : at + 2 * n].reshape(n, 2).T
        if layer.get("trail"):
            x, y = x[: frame + 1], y[: frame + 1]
        name, width = layer.get("color", "path"), layer.get("width", 2)
        if layer["value"] >= 0:
            part = float(np.clip(numbers[layer["value"] + frame], 0, 1))
            name, width = ("active" if part > 0.5 else "rest"), width * (0.7 + 1.1 * part)
        style = {"color": COLOURS.get(name, name), "alpha": layer.get("alpha", 1.0), "clip_on": True}
        if layer["kind"] == "dots":
            axes.plot(x, y, "o", ms=0.75 * width, mew=0, **style)
        else:
            dash = (0, layer["dash"]) if layer.get("dash") else "-"
            axes.plot(x, y, lw=0.75 * width, ls=dash, solid_capstyle="round", **style)
