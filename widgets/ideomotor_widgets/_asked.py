"""What single widgets ask of a component beyond its interface and the capabilities of `ideomotor.capabilities`."""

from typing import Any, Protocol, runtime_checkable

from ideomotor.capabilities import Capability


@runtime_checkable
class SupportsMuscles(Capability, Protocol):
    """An arm that is moved by muscles."""

    @property
    def paths(self) -> Any:
        """The muscles' paths; `paths.moment_arms(angle)` has shape `(*axes, muscles, joints)`, in m."""
        ...


@runtime_checkable
class SupportsDuration(Capability, Protocol):
    """A primitive whose movements take a time of their own."""

    @property
    def duration(self) -> Any:
        """Seconds; None where the parameters decide."""
        ...


@runtime_checkable
class SupportsPhase(Capability, Protocol):
    """A primitive with a canonical system, x(t) = exp(-alpha_x t / tau)."""

    @property
    def alpha_x(self) -> Any:
        """The rate at which the phase decays."""
        ...


@runtime_checkable
class SupportsOutput(Capability, Protocol):
    """A perception that knows the primitive whose parameters it gives."""

    @property
    def output(self) -> Any:
        """The primitive."""
        ...


@runtime_checkable
class SupportsGraph(Capability, Protocol):
    """A planner over a transition graph, which can be shown."""

    @property
    def graph(self) -> Any:
        """The graph."""
        ...

    def find(self, start: Any, goal: Any, /) -> Any:
        """The path through the graph."""
        ...

    def movement(self, path: Any, start: Any, goal: Any, /) -> Any:
        """The `Trajectory` along a path, between the ends that were asked for."""
        ...


@runtime_checkable
class SupportsPlanner(Capability, Protocol):
    """A store of movements that can be planned in."""

    def planner(self) -> Any:
        """A planner over what is stored."""
        ...


@runtime_checkable
class SupportsTrial(Capability, Protocol):
    """A stage on which parameters are tried in a simulation."""

    def simulate(self, params: Any, /) -> Any:
        """What came of it: a `Trajectory`, or a dictionary with `text`, `ts` and `poses`."""
        ...

    def marks(self, params: Any, /) -> Any:
        """What is drawn of the parameters: `contacts` and `normals`, each `(points, 3)`, in m."""
        ...


@runtime_checkable
class SupportsView(Capability, Protocol):
    """A stage that shows itself as a perception sees it."""

    def observation(self, pixels: int, /) -> Any:
        """The picture, with `pixels` a side."""
        ...
