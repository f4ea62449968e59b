from typing import Any, Protocol, runtime_checkable

from ideomotor.capabilities import Capability


@runtime_checkable
class SupportsTip(Capability, Protocol):
    """A robot that knows where its tip is with the joints at a set point: a box of the workspace is then kept beforehand."""

    def tip(self, command: Any, /) -> Any:
        """The position of the tip, shape `(3,)`, in m."""
        ...


@runtime_checkable
class SupportsDuration(Capability, Protocol):
    """A primitive whose movements take a time of their own."""

    @property
    def duration(self) -> Any:
        """Seconds; None where the parameters decide."""
        ...


@runtime_checkable
class SupportsModel(Capability, Protocol):
    """A plant that is a model of a robot."""

    @property
    def robot(self) -> Any:
        """Its `joints` by name, and the `lower` and `upper` ends of their range."""
        ...
