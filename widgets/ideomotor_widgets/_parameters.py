"""Boxes for parameters, built from default values and what `ideomotor.quantity` says of them."""

from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets
import numpy as np

from ._elements import Bars, close_all, packed

_FEW, _MANY = 6, 400  # numbers shown as sliders at most, as bars at most
_WIDE = {"description_width": "110px"}


def span(value: float, bounds: tuple[float | None, float | None]) -> tuple[float, float]:
    """The range of a slider: the bounds where there are any, or room around the value."""
    low, high = bounds
    size = max(abs(value), 0.5)
    if low is None:
        low = min(-2 * size, value if high is None else 2 * value - high)
    if high is None:
        high = max(4 * size, low + 4 * size)
    return min(low, value), max(high, value)


class ParameterBoxes(ipywidgets.VBox):
    """A control for each parameter of a tree: sliders for few numbers, bars for many.

    - `tree`: the values to begin with; `hidden`: names for which there is no control.
    - `changed()` is called after each change by hand.

    `tree()` gives the parameters; `set(name, value)` changes one as the mouse does.
    """

    def __init__(
        self, tree: Any, changed: Callable[[], None], *, hidden: Iterable[str] = (), width: int = 310
    ):
        from ._compute import Tree

        super().__init__()
        self.width, self.changed, self._quiet = width, changed, False
        self.values = Tree(tree)
        self.controls: dict[str, list[Any]] = {}
        rows = []
        for name in self.values.names:
            if name not in hidden:
                self.controls[name] = self._make(name)
                rows += self.controls[name]
        self.children = rows

    def tree(self) -> Any:
        """The parameters as they stand."""
        return self.values.build()

    def set(self, name: str, value: Any) -> None:
        """Change one parameter by name, as the mouse does; raises a `ValueError` for another shape."""
        old = self.values.values.get(name)
        if old is None:
            raise ValueError(f"There is no parameter {name!r}; there are {', '.join(self.values.names)}.")
        value = np.asarray(value, old.dtype)
        if value.shape != old.shape:
            raise ValueError(f"{name} must be of shape {old.shape}, not {value.shape}.")
        if not np.all(np.isfinite(value)):
            raise ValueError(f"{name} holds a number that is not finite.")
        self.values.values[name] = value.copy()
        self._show(name)
        self.changed()

    def replace(self, tree: Any) -> None:
        """Take over all values of a tree of the same structure."""
        from ._compute import Tree

        self.values = Tree(tree)
        for name in self.controls:
            self._show(name)
        self.changed()

    def close(self) -> None:
        """Close all controls."""
        close_all(self)

    def _make(self, name: str) -> list[Any]:
        value, meaning = self.values.values[name], self.values.quantities[name]
        label = (meaning.label or name) + (f" ({meaning.unit})" if meaning.unit else "")
        if value.size > _MANY or value.dtype.kind not in "fiub" or value.size == 0:
            size = " × ".join(map(str, value.shape))
            text = ipywidgets.Label(
                f"{label}: {size} numbers, as they are", layout={"width": f"{self.width}px"}
            )
            return [text]
        if value.dtype.kind == "b":
            made = [ipywidgets.Checkbox(bool(v), description=label) for v in value.ravel()]
        elif value.size <= _FEW:
            made = [self._slider(value, i, label, meaning.bounds) for i in range(value.size)]
        else:
            rows = value.shape[0] if value.ndim > 1 and value.shape[0] <= 8 else 1
            names = [f"{i + 1}" for i in range(rows)] if rows > 1 else [label[:6]]
            limit = max(1.5 * float(np.abs(value).max()), 1.0)
            bars = Bars(label=label, rows=names, values=packed(value.ravel()), limit=limit, width=self.width)
            bars.height = 70 * rows
            bars.observe(lambda change: self._barred(name, bars), "values")
            return [ipywidgets.Label(label), bars]
        for i, control in enumerate(made):
            control.observe(lambda change, i=i: self._slid(name, i, change["new"]), "value")
        return made

    def _slider(self, value: np.ndarray, i: int, label: str, bounds: Any) -> Any:
        number = value.ravel()[i].item()
        text = label if value.size == 1 else f"{label} {i + 1}"
        layout = ipywidgets.Layout(width=f"{self.width}px")
        if value.dtype.kind in "iu":
            return ipywidgets.IntText(number, description=text, style=_WIDE, layout=layout)
        low, high = span(number, bounds)
        step = 10 ** np.floor(np.log10((high - low) / 90))
        return ipywidgets.FloatSlider(
            number, min=low, max=high, step=float(step), description=text, tooltip=text,
            style=_WIDE, layout=layout, readout_format=f".{max(0, round(-float(np.log10(step))))}f",
        )  # fmt: skip

    def _slid(self, name: str, i: int, number: Any) -> None:
        if not self._quiet:
            self.values.values[name].reshape(-1)[i] = number
            self.changed()

    def _barred(self, name: str, bars: Bars) -> None:
        if not self._quiet:
            old = self.values.values[name]
            self.values.values[name] = (
                np.frombuffer(bars.values, np.float32).reshape(old.shape).astype(old.dtype)
            )
            self.changed()

    def _show(self, name: str) -> None:
        """Let the controls show a value that they did not change themselves."""
        value, self._quiet = self.values.values[name], True
        try:
            for i, control in enumerate(self.controls.get(name, [])):
                if isinstance(control, Bars):
                    control.limit = max(control.limit, float(np.abs(value).max()))
                    control.values = packed(value.ravel())
                elif not isinstance(control, ipywidgets.Label):
                    number = value.ravel()[i].item()
                    if hasattr(control, "max"):
                        control.min, control.max = min(control.min, number), max(control.max, number)
                    control.value = number
        finally:
            self._quiet = False
