from typing import Any

import ipywidgets
import numpy as np

import ideomotor
from ideomotor.errors import AssemblyError, IdeomotorError

from ._asked import SupportsPhase
from ._canvas import Canvas, view_of
from ._drawn import own_duration
from ._elements import Bars, row
from ._layers import Layers
from ._parameters import ParameterBoxes
from ._picture import BLUE, GREEN, GREY, ORANGE, Picture
from ._still import still
from ._strokes import demonstration, even, strokes_of
from ._view import AbstractView

_COLOURS = (BLUE, GREEN, ORANGE, GREY)
_SAMPLES = 160


class PrimitiveEditor(AbstractView):
    """A movement primitive under the mouse: drag start and goal in the plot, the weights as bars, the duration.

    - `primitive`: a feedforward primitive, or its registered name; by default a planar DMP.
    - `params`: to begin with, by default `primitive.default_params()`.

    A line drawn in the plot is imitated (`primitive.fit`). Position, velocity and, where the primitive has an `alpha_x`,
    the phase are drawn live.

        editor = PrimitiveEditor("dmp")
        editor.set("goal", (1.0, 0.5)); editor.params
    """

    def __init__(self, primitive: Any = "dmp", params: Any = None, *, width: int = 380, height: int = 380):
        self.primitive = (
            ideomotor.make(primitive, kind="primitive") if isinstance(primitive, str) else primitive
        )
        if not isinstance(self.primitive, ideomotor.AbstractFeedforwardPrimitive):
            raise AssemblyError(
                f"PrimitiveEditor shows primitives that give a whole movement, and {type(self.primitive).__name__} acts "
                f"step by step; see it with its plant in a PipelineExplorer."
            )
        params = self.primitive.default_params() if params is None else params
        self.canvas = Canvas(width=width, height=height, controls=True, loop=True, drawable=True, pen=3.0)
        self.canvas.label = "the movement; drag start and goal, or draw a line to be imitated"
        self.picture = Picture(420, height)
        self._lines: list[Any] = []
        super().__init__()
        self.boxes = ParameterBoxes(params, self._changed, hidden=("start", "goal"), width=width + 420)
        hint = ipywidgets.HTML(
            "Drag <b>start</b> and <b>goal</b>, draw a line to be imitated, drag the bars."
        )
        hint.add_class("ido-hint")
        plots = row(self.canvas, self.picture.image, gap=10)
        self.children = [hint, plots, self.boxes, self.notice]
        self._look()
        self.canvas.observe(lambda change: self._dragged(), "handles")
        self.canvas.observe(lambda change: self._drawn(), "ink")

    @property
    def params(self) -> Any:
        """The parameters of the movement as it stands."""
        return self.boxes.tree()

    def set(self, name: str, value: Any) -> None:
        """Change a parameter (`"goal"`, `"tau"`, `"weights"`), as the mouse does; what makes no movement raises."""
        old = self.boxes.values.values.get(name)
        if name == "tau" and old is not None and not np.all(np.asarray(value) > 0):
            raise ValueError(f"tau = {value}; a movement takes a positive number of seconds.")
        self.ready()
        with self.quiet():
            self.boxes.set(name, value)
        self._refresh()

    def imitate(self, ts: Any, path: Any) -> None:
        """Let the primitive imitate a path of shape (time, dof)."""
        self.ready()
        shown = ideomotor.Trajectory(np.asarray(ts, np.float32), np.asarray(path, np.float32))
        with self.busy("Fitting the movement …"):
            fitted = self.primitive.fit(shown)
        with self.quiet():
            self.boxes.replace(fitted)
        self._refresh(look_again=True)

    def snapshot(self) -> bytes:
        self.ready()
        return still(self.canvas, self.picture.image.value)

    def begin(self) -> None:
        ts, path, velocity = self._play()
        self._limit_weights(ts)
        self._draw(ts, path, velocity, look_again=True)

    def _look(self) -> None:
        """What is seen before anything is computed."""
        for control in self.boxes.controls.get("tau", []):
            control.min, control.max, control.step = 0.1, max(5.0, control.max), 0.05
        self.picture.figure.subplots(3 if isinstance(self.primitive, SupportsPhase) else 2, 1, sharex=True)
        self._show_ends(
            view=view_of(*self._ends().values(), margin=0.3) if self._ends() else [0.0, 1.0, 0.0, 1.0]
        )

    def _limit_weights(self, ts: np.ndarray) -> None:
        """Bars reach as far as moves the path by about half its size."""
        from ._compute import pushes

        for name, controls in self.boxes.controls.items():
            for bars in controls:
                if isinstance(bars, Bars) and not np.any(self.boxes.values.values[name]):
                    push = pushes(self.primitive, self.params, ts, name)
                    bars.limit = float(f"{0.5 / push:.1g}") if push > 0 else 1.0

    def _play(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from ._compute import play_open

        tau = self.boxes.values.values.get("tau")
        last = float(np.max(tau)) if tau is not None else own_duration(self.primitive)
        ts = np.linspace(0.0, 1.15 * last, _SAMPLES, dtype=np.float32)
        path, velocity = (np.asarray(x) for x in play_open(self.primitive, self.params, ts))
        return ts, path.reshape(len(ts), -1), velocity.reshape(len(ts), -1)

    def _changed(self) -> None:
        if not self._quiet:
            with self.guarded():
                self._refresh()

    def _refresh(self, *, look_again: bool = False) -> None:
        self.ready()
        ts, path, velocity = self._play()
        if not (np.all(np.isfinite(path)) and np.all(np.isfinite(velocity))):
            raise ValueError(
                "The movement is not finite with these parameters; bring them back, tau above zero."
            )
        self._draw(ts, path, velocity, look_again=look_again)

    def _dragged(self) -> None:
        if self._quiet:
            return
        with self.guarded():
            with self.quiet():
                for name in ("start", "goal"):
                    if name in self.boxes.values.values:
                        value = self.boxes.values.values[name].copy()
                        x, y = self.canvas.handle(name)
                        value[: 2 if value.size > 1 else 1] = (x, y) if value.size > 1 else y
                        self.boxes.set(name, value)
            self._refresh()

    def _drawn(self) -> None:
        if not self.canvas.ink:
            return
        with self.guarded():
            try:
                ts, path = even(*demonstration(strokes_of(self.canvas.ink)), samples=_SAMPLES)
                dof = self._play()[1].shape[1]
                if dof > 2:
                    raise IdeomotorError(
                        f"A line in the plane cannot be imitated by a movement of {dof} degrees of freedom."
                    )
                self.imitate(ts, path[:, 1:] if dof == 1 else path)
            finally:
                self.canvas.ink = b""

    def _draw(
        self, ts: np.ndarray, path: np.ndarray, velocity: np.ndarray, *, look_again: bool = False
    ) -> None:
        plane = path[:, :2] if path.shape[1] > 1 else np.stack([ts, path[:, 0]], -1)
        layers = Layers(ts).add(plane, color="ghost", width=4).add(plane, color="path", width=3, trail=True)
        layers.add(plane[:, None], kind="dots", color="path", width=12)
        if look_again or not self._fits(plane):
            traits = {"view": view_of(plane, *self._ends().values(), margin=0.3)}
        else:
            traits = {}
        self._show_ends(layers, **traits)
        self._plot(ts, path, velocity)

    def _show_ends(self, layers: Layers | None = None, **traits: Any) -> None:
        handles = [
            {
                "name": name,
                "label": name,
                "x": float(x),
                "y": float(y),
                "color": "good" if name == "start" else "accent",
            }
            for name, (x, y) in self._ends().items()
        ]
        with self.quiet():
            self.canvas.show(layers or Layers(), handles=handles, **traits)

    def _ends(self) -> dict[str, tuple[float, float]]:
        values, found = self.boxes.values.values, {}
        for name in ("start", "goal"):
            if name in values and values[name].ndim == 1:
                v = values[name]
                at = float(values["tau"]) if name == "goal" and "tau" in values else 0.0
                found[name] = (float(v[0]), float(v[1])) if v.size > 1 else (at, float(v[0]))
        return found

    def _fits(self, plane: np.ndarray) -> bool:
        x0, x1, y0, y1 = self.canvas.view
        low, high = plane.min(0), plane.max(0)
        seen = low[0] >= x0 and high[0] <= x1 and low[1] >= y0 and high[1] <= y1
        return bool(seen and (high - low).max() > 0.15 * max(x1 - x0, y1 - y0))

    def _plot(self, ts: np.ndarray, path: np.ndarray, velocity: np.ndarray) -> None:
        curves = [path, velocity]
        axes = self.picture.figure.axes
        if len(axes) == 3:
            tau = float(self.boxes.values.values.get("tau", own_duration(self.primitive)))
            curves.append(np.exp(-self.primitive.alpha_x * ts / tau)[:, None])
        if not self._lines:
            for axis, name, curve in zip(axes, ("position", "velocity", "phase"), curves, strict=False):
                axis.set_ylabel(name)
                axis.grid(alpha=0.25)
                axis.spines[["top", "right"]].set_visible(False)
                axis.locator_params(axis="y", nbins=4)
                for i in range(curve.shape[1]):
                    (line,) = axis.plot(
                        ts, curve[:, i], color=_COLOURS[i % 4] if name != "phase" else GREY, lw=1.8
                    )
                    self._lines.append(line)
            axes[-1].set_xlabel("time (s)")
            self.picture.figure.align_ylabels()
            self.picture.animate(*self._lines)
        lines = iter(self._lines)
        grown = False
        for axis, curve in zip(axes, curves, strict=False):
            for i in range(curve.shape[1]):
                next(lines).set_data(ts, curve[:, i])
            grown |= _grow(axis, ts, curve)
        self.picture.redraw() if grown else self.picture.update()


def _grow(axis: Any, ts: np.ndarray, curve: np.ndarray) -> bool:
    """New limits where a curve has left them or become small in them; whether there are."""
    low, high = float(curve.min()), float(curve.max())
    room = 0.08 * max(high - low, 1e-6)
    (a, b), (begin, end) = axis.get_ylim(), axis.get_xlim()
    small = (high - low) < 0.3 * (b - a) and (high - low) > 1e-9
    if low >= a and high <= b and not small and begin == 0 and 0.5 < ts[-1] / end <= 1:
        return False
    axis.set(xlim=(0, float(ts[-1])), ylim=(low - 3 * room, high + 3 * room))
    return True
