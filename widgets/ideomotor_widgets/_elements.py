"""Small own widgets: what a view says, a drop-down that gives reasons, bars to drag, text to copy; and closing of widgets."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets

_FOLDER = Path(__file__).parent / "static"


@functools.cache
def script(*names: str) -> str:
    """The ES module of a widget: these files after what all widgets share."""
    return "\n".join(_text(name) for name in ("common", *names))


@functools.cache
def style() -> str:
    """The style sheet of all widgets."""
    return (_FOLDER / "widgets.css").read_text(encoding="utf-8")


def _text(name: str) -> str:
    text = (_FOLDER / f"{name}.js").read_text(encoding="utf-8")
    if name != "three":
        return text
    # One copy in a page, however many widgets use it.
    return f"const THREE = (globalThis.ideomotorThree ??= (() => {{ {text}; return THREE; }})());"


def buffer(default: bytes = b"") -> Any:
    """A synced trait of raw bytes; those of a browser arrive as a memoryview."""
    return traitlets.Bytes(default).tag(sync=True, from_json=lambda value, widget: bytes(value))


def packed(values: Any) -> bytes:
    """Numbers as float32 bytes, as the browser reads them."""
    return np.ascontiguousarray(values, np.float32).tobytes()


def row(*children: ipywidgets.Widget, gap: int = 12, align: str | None = None) -> ipywidgets.HBox:
    """Widgets side by side, in several lines where the page is narrow."""
    layout = {"flex_flow": "row wrap", "grid_gap": f"{gap}px", "align_items": align}
    return ipywidgets.HBox(children, layout=layout)


class Notice(anywidget.AnyWidget):
    """A line of status, and a red panel for what went wrong."""

    _esm = script("notice")
    _css = style()
    status = traitlets.Unicode("").tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)
    details = traitlets.Unicode("").tag(sync=True)
    shown = traitlets.Bool(False, help="whether a browser has shown it").tag(sync=True)


class Choice(anywidget.AnyWidget):
    """A drop-down; entries `{"name", "label", "summary", "reason"}`, greyed where there is a reason.

    `chosen` is `[name, when]` as picked by the user; `value` is what holds. `opened` counts how often the list was
    opened, so that reasons can be found then.
    """

    _esm = script("choice")
    _css = style()
    label = traitlets.Unicode("").tag(sync=True)
    options = traitlets.List(traitlets.Dict()).tag(sync=True)
    value = traitlets.Unicode("").tag(sync=True)
    chosen = traitlets.List().tag(sync=True)
    opened = traitlets.Int(0).tag(sync=True)


class Code(anywidget.AnyWidget):
    """Text with a button that copies it; where it is `editable`, `edited` is `[text, when]` as applied by the user."""

    _esm = script("code")
    _css = style()
    label = traitlets.Unicode("").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    editable = traitlets.Bool(False).tag(sync=True)
    edited = traitlets.List().tag(sync=True)


class Bars(anywidget.AnyWidget):
    """Many numbers as bars to drag: `values` are float32, row after row; bars reach from -limit to limit."""

    _esm = script("bars")
    _css = style()
    label = traitlets.Unicode("numbers").tag(sync=True)
    rows = traitlets.List(traitlets.Unicode()).tag(sync=True)
    values = buffer()
    limit = traitlets.Float(1.0).tag(sync=True)
    width = traitlets.Int(560).tag(sync=True)
    height = traitlets.Int(160).tag(sync=True)

    def numbers(self) -> np.ndarray:
        """The values, shape (rows, columns)."""
        return np.frombuffer(self.values, np.float32).reshape(max(len(self.rows), 1), -1)


def family(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """A widget and all widgets it holds in its traits, itself last."""
    found: dict[int, ipywidgets.Widget] = {}
    _collect(widget, found)
    return list(reversed(found.values()))


def close_all(*roots: ipywidgets.Widget) -> None:
    """Close widgets and all they hold; closing again does nothing."""
    for root in roots:
        for member in family(root):
            member.unobserve_all()
            if member.comm is not None:
                ipywidgets.Widget.close(member)


def _collect(widget: ipywidgets.Widget, found: dict[int, ipywidgets.Widget]) -> None:
    if id(widget) in found:
        return
    found[id(widget)] = widget
    for name in widget.keys:
        # Only what is there: asking for a style would make one.
        for member in _widgets(widget._trait_values.get(name)):
            _collect(member, found)


def _widgets(value: Any) -> Iterator[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _widgets(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _widgets(item)
