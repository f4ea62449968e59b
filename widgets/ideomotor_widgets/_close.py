"""Closing of widgets with all that they opened: children, layouts and styles stay in a global table otherwise."""

from collections.abc import Iterator
from typing import Any

import ipywidgets


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
