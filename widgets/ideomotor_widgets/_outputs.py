from typing import Any

import numpy as np

from ._picture import BLUE, GREEN, GREY, ORANGE, Picture

_COLOURS = (BLUE, ORANGE, GREEN, "#cc79a7", GREY, "#e69f00")
_LINES = 6
_FIRST = ("hand", "angle", "velocity")


class OutputPlot:
    """The outputs of a movement over time, at most two groups of them."""

    def __init__(self, width: int, height: int):
        self.picture = Picture(width, height)
        self._names: list[str] = []
        self._lines: list[Any] = []

    def png(self) -> bytes:
        """What is shown."""
        return bytes(self.picture.image.value)

    def show(self, movement: Any) -> None:
        """Draw a movement; the axes are made anew only where its outputs have other names."""
        groups = groups_of(movement.ys)
        ts = np.asarray(movement.ts)
        if [f"{n}{v.shape[1]}" for n, v in groups] != self._names:
            self._build(groups)
        lines, grown = iter(self._lines), False
        for axis, (_, values) in zip(self.picture.figure.axes, groups, strict=True):
            for column in values.T:
                next(lines).set_data(ts, column)
            low, high = float(values.min()), float(values.max())
            room = 0.1 * max(high - low, 1e-6)
            a, b = axis.get_ylim()
            if low < a or high > b or high - low < 0.25 * (b - a) or axis.get_xlim() != (ts[0], ts[-1]):
                axis.set(xlim=(ts[0], ts[-1]), ylim=(low - room, high + room))
                grown = True
        self.picture.redraw() if grown else self.picture.update()

    def _build(self, groups: list[tuple[str, np.ndarray]]) -> None:
        self.picture.clear()
        axes = np.atleast_1d(self.picture.figure.subplots(len(groups), 1, sharex=True))
        self._names = [f"{n}{v.shape[1]}" for n, v in groups]
        self._lines = []
        for axis, (name, values) in zip(axes, groups, strict=True):
            axis.set_ylabel(name)
            axis.grid(alpha=0.25)
            axis.spines[["top", "right"]].set_visible(False)
            for i in range(values.shape[1]):
                (line,) = axis.plot([], [], color=_COLOURS[i % len(_COLOURS)], lw=1.8)
                self._lines.append(line)
        axes[-1].set_xlabel("time (s)")
        self.picture.animate(*self._lines)


def groups_of(ys: Any) -> list[tuple[str, np.ndarray]]:
    """Up to two outputs by name, each of shape (time, n), n at most six."""
    found = ys if isinstance(ys, dict) else {"output": ys}
    if not isinstance(ys, dict) and not hasattr(ys, "shape"):
        from ._compute import Tree

        found = Tree(ys).values
    names = [n for n in _FIRST if n in found] + [n for n in found if n not in _FIRST]
    groups = []
    for name in names:
        if hasattr(found[name], "shape") and np.ndim(found[name]) >= 1:
            value = np.asarray(found[name])
            groups.append((str(name), value.reshape(len(value), -1)[:, :_LINES]))
    return groups[:2]
