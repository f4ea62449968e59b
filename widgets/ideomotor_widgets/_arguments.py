"""Boxes for the arguments of a component's constructor."""

import inspect
from collections.abc import Callable
from typing import Any

import ipywidgets
import yaml

import ideomotor
from ideomotor.errors import ConfigError

from ._elements import close_all

_LAYOUT = {"width": "97%"}
_STYLE = {"description_width": "84px"}


class ArgumentBoxes(ipywidgets.VBox):
    """A box for each argument of a registered component's constructor; `changed(name, value)` is called with what was
    written (`None`: the default; an exception: not YAML) and returns whether it was taken.

    Numbers and switches have boxes of their own, all else is written as YAML.
    """

    def __init__(self, config: Any, changed: Callable[[str, Any], bool]):
        super().__init__()
        self.changed, self.controls, self._quiet = changed, {}, False
        if not isinstance(config, dict) or "use" not in config:
            return
        for parameter in arguments_of(config["use"]):
            control = self._make(parameter, config.get(parameter.name, parameter.default))
            control.observe(lambda change, p=parameter: self._edited(p, change), "value")
            self.controls[parameter.name] = control
        self.children = tuple(self.controls.values())

    def close(self) -> None:
        """Close all boxes."""
        close_all(self)

    def _make(self, parameter: inspect.Parameter, value: Any) -> Any:
        common = {
            "description": parameter.name,
            "tooltip": parameter.name,
            "style": _STYLE,
            "layout": _LAYOUT,
        }
        default = parameter.default
        if isinstance(default, bool):
            return ipywidgets.Checkbox(bool(value), indent=False, description=parameter.name)
        if isinstance(default, int):
            return ipywidgets.IntText(value, **common)
        if isinstance(default, float) and isinstance(value, int | float):
            return ipywidgets.FloatText(value, **common)
        return ipywidgets.Text(_text(value), placeholder="default", continuous_update=False, **common)

    def _edited(self, parameter: inspect.Parameter, change: Any) -> None:
        if self._quiet:
            return
        value = change["new"]
        if isinstance(change["owner"], ipywidgets.Text):
            try:
                value = yaml.safe_load(value) if value.strip() else None
            except yaml.YAMLError as error:
                value = ConfigError(
                    f"{parameter.name}: {value!r} is not YAML: {getattr(error, 'problem', error)}."
                )
        if not self.changed(parameter.name, value):
            # Back to what holds: a box must not show what was refused.
            self._quiet = True
            try:
                change["owner"].value = change["old"]
            finally:
                self._quiet = False


def arguments_of(name: str) -> list[inspect.Parameter]:
    """What a registered component's constructor can be given."""
    found = inspect.signature(ideomotor.registry().factory(name)).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in found if p.name not in ("key", "self") and p.kind not in variable]


def _text(value: Any) -> str:
    if value is None or value is inspect.Parameter.empty:
        return ""
    if not isinstance(value, bool | int | float | str | list | tuple | dict):
        return ""
    try:
        text = yaml.safe_dump(_plain(value), default_flow_style=True, width=1000)
    except yaml.YAMLError:
        return ""
    return text.removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
