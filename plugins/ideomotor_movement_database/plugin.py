"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl


@hookimpl
def ideomotor_components() -> list[Component]:
    """See `ideomotor.spec.Hooks`."""
    return []
