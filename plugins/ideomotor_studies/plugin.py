"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_DIGITS = "ideomotor_studies.digits._commands"


@hookimpl
def ideomotor_components():
    """See `ideomotor.spec.Hooks`."""
    return [
        Component("command", "demo", f"{_DIGITS}:demo", "draw bundled pictures of digits with the arm"),
        Component("command", "run digits", f"{_DIGITS}:run", "draw a picture of a digit with the arm"),
    ]
