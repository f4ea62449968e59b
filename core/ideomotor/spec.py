"""What a plug-in needs to announce itself; imports pluggy and nothing heavier.

A plug-in is a light module, named by an entry point of the group ``ideomotor.plugins``, with one function:

```python
# ideomotor_cpg/plugin.py
from ideomotor.spec import Component, hookimpl


@hookimpl
def ideomotor_components():
    return [Component("primitive", "cpg", "ideomotor_cpg:CPG", "a central pattern generator")]
```

The string ``"ideomotor_cpg:CPG"`` is imported when the component is first made, so listing plug-ins stays
quick however heavy they are.
"""

import re
from dataclasses import dataclass

import pluggy

from . import kinds as _kinds

_PROJECT = "ideomotor"
_ENTRY_POINT_GROUP = "ideomotor.plugins"

_hookspec = pluggy.HookspecMarker(_PROJECT)
hookimpl = pluggy.HookimplMarker(_PROJECT)

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Component:
    """One thing a plug-in offers, as a record that is cheap to make and to list.

    - `kind`: one of the four interfaces (`"perception"`, `"planner"`, `"primitive"`, `"plant"`), or `"part"`
      (something other components are built from: a coupling term, a muscle), or `"command"` (a click command
      that is added to the command line).
    - `name`: lower case words joined by hyphens, unique over all kinds. A command's name may be several words
      separated by spaces: `"run digits"` becomes `ideomotor run digits`.
    - `factory`: `"module:attribute"`, a class or function that makes the component; imported on first use.
    - `summary`: one line for `ideomotor plugins`.
    - `extra`: the extra of the plug-in's distribution that must be installed to use it, such as `"mujoco"`.
    """

    kind: str
    name: str
    factory: str
    summary: str
    extra: str | None = None

    def __post_init__(self):
        if self.kind not in _kinds.KINDS:
            raise ValueError(
                f"Component {self.name!r}: kind {self.kind!r} is not one of {', '.join(_kinds.KINDS)}."
            )
        words = self.name.split(" ") if self.kind == "command" else [self.name]
        if not all(_NAME.fullmatch(word) for word in words):
            raise ValueError(
                f"Component name {self.name!r} must be lower case letters and digits joined by single hyphens, "
                f"such as 'two-link-arm'."
            )
        if not _FACTORY.fullmatch(self.factory):
            raise ValueError(
                f"Component {self.name!r}: factory {self.factory!r} must look like 'module:attribute'."
            )


class _Hooks:
    """The hooks of Ideomotor. There is one."""

    @_hookspec
    def ideomotor_components(self) -> "list[Component]":  # pyright: ignore[reportReturnType]
        """Return the components this plug-in offers.

        **Example:**

        ```python
        @hookimpl
        def ideomotor_components():
            return [Component("plant", "cart-pole", "ideomotor_cart:CartPole", "a pole on a cart")]
        ```
        """
