import contextlib
from collections.abc import Iterator

from ..registry import Registry, reset
from ..spec import Component


@contextlib.contextmanager
def isolated_registry(*components: Component, empty: bool = False) -> Iterator[Registry]:
    """A registry of its own inside the `with` block; the usual one is restored afterwards.

    - `components`: records that are added to it; more are added with `ideomotor.register` inside the block.
    - `empty`: leave out the plug-ins that are installed.
    """
    new = Registry(entry_points=()) if empty else Registry()
    for component in components:
        new.register(component.kind, component.name, component.factory, component.summary)
    old = reset(new)
    try:
        yield new
    finally:
        reset(old)
