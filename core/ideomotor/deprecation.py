"""Old names that keep working for one minor version, with a warning that names the new one.

    __getattr__ = renamed_names(__name__, {"load_pipeline": "ideomotor:load_pipeline"}, removed="0.2")   # in a module

    @renamed_arguments(removed="0.2", ways="placements")                                                  # old="new"
    def __init__(self, placements: int = 4): ...

`make`, YAML files and saved components accept renamed arguments, too. Warnings are `FutureWarning`s, which Python shows to
users and not to developers only.
"""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .kinds import _find

_F = TypeVar("_F", bound=Callable[..., Any])


def renamed_names(module: str, names: Mapping[str, str], *, removed: str) -> Callable[[str], Any]:
    """A `__getattr__` for a module whose names have moved; `removed` is the version that will drop the old ones.

    - `names`: for each old name, `"module:attribute"` of what it is now.
    """

    def __getattr__(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        _warn(f"{module}.{name}", names[name].replace(":", "."), removed)
        return _find(names[name])

    return __getattr__


def renamed_arguments(*, removed: str, **names: str) -> Callable[[_F], _F]:
    """Let a function or an `__init__` accept keyword arguments by their old names, written `old="new"`.

    The decorated function raises a `TypeError` where an argument is given by both names.
    """

    def decorate(function: _F) -> _F:
        what = function.__qualname__.removesuffix(".__init__")

        @functools.wraps(function)
        def accept(*args: Any, **kwargs: Any) -> Any:
            for old in [name for name in kwargs if name in names]:
                if names[old] in kwargs:
                    raise TypeError(f"{what}: {old} is now {names[old]}; give one of them.")
                _warn(f"{what}({old}=…)", f"{names[old]}=…", removed)
                kwargs[names[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        accept.__dict__["_renamed"] = names
        return accept  # pyright: ignore[reportReturnType]

    return decorate


def _old_arguments(factory: Callable[..., Any]) -> Mapping[str, str]:
    """The renamed arguments that a class or function still accepts, old to new."""
    made_by = factory.__init__ if isinstance(factory, type) else factory
    return getattr(made_by, "_renamed", {})


def _warn(old: str, new: str, removed: str) -> None:
    warnings.warn(
        f"{old} is now {new}; the old name works until ideomotor {removed}.", FutureWarning, stacklevel=3
    )
