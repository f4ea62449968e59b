"""The errors Ideomotor raises on its own account; each message names the value, the location and the fix."""

import difflib
from collections.abc import Iterable
from typing import Any


class IdeomotorError(Exception):
    """Base of all errors below: bad input, not a defect of the program."""


class PluginError(IdeomotorError):
    """A plug-in is broken, clashes with another or misses an extra."""


class UnknownNameError(IdeomotorError, LookupError):
    """A name is not registered."""


class ConfigError(IdeomotorError, ValueError):
    """A YAML file or a config dictionary cannot be understood."""


class AssemblyError(IdeomotorError, TypeError):
    """The parts of a pipeline do not fit together."""


class CheckpointError(IdeomotorError, ValueError):
    """A saved component or checkpoint cannot be loaded."""


class DataError(IdeomotorError, ValueError):
    """Data (an image, a demonstration) cannot be used."""


class SimulationError(IdeomotorError, RuntimeError):
    """A simulation cannot continue; `movement` is the `Trajectory` recorded so far, if any."""

    movement: Any = None


class TrainingError(IdeomotorError, RuntimeError):
    """Training cannot continue."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """A hint such as ``" Did you mean 'dmp'?"``, or the choices, or nothing."""
    choices = sorted(choices)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Known: {', '.join(choices)}." if 0 < len(choices) <= 12 else ""
