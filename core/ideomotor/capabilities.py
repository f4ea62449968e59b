"""What a component can do beyond its interface, as protocols that are asked for by name.

A component has a capability if it has the methods and attributes of the protocol; nothing is declared or registered.
Wrappers and the adapters of plain objects pass on those of what they hold.

    from ideomotor.capabilities import SupportsReach, capabilities, require

    if isinstance(plant, SupportsReach):             # ask
        x0 = plant.at(point)
    x0 = require(plant, SupportsReach).at(point)     # or insist: an AssemblyError says what is missing
    capabilities(plant)                              # the names of all of them

`ideomotor describe NAME` lists them, and `ideomotor.testing.check` holds a component to what it offers. A plug-in may
define protocols of its own: a class that derives from `Capability` and `Protocol`.
"""

from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from .errors import AssemblyError
from .kinds import _find, _kind_of

_T = TypeVar("_T")


class _AskedByName(type(Protocol)):
    """`isinstance` asks for attributes as `hasattr` does.

    From Python 3.12 on `typing` looks past `__getattr__`, by which adapters and wrappers pass on what they hold.
    """

    def __instancecheck__(cls, instance: Any) -> bool:
        return not _missing(instance, cls)


@runtime_checkable
class Capability(Protocol, metaclass=_AskedByName):
    """Base of all capabilities: `isinstance` also finds what wrappers and adapters pass on."""


# ── plants ──


@runtime_checkable
class SupportsReach(Capability, Protocol):
    """A state of rest with the hand at a point."""

    def at(self, hand: Any, /) -> Any:
        """The state at rest with the hand at a point, shape `(axes,)`, in the units of the feedback's `hand`.

        Raises a `DataError` for a point that is out of reach.
        """
        ...


@runtime_checkable
class SupportsLinks(Capability, Protocol):
    """An arm that can be drawn as a chain of links."""

    @property
    def lengths(self) -> Any:
        """Lengths of the links, shape `(links,)`, in m."""
        ...

    def joint_positions(self, angle: Any, /) -> Any:
        """Where the joints and the hand are at joint angles (rad), shape `(*axes, links + 1, 2)`, in m."""
        ...


@runtime_checkable
class SupportsGeometry(Capability, Protocol):
    """Bodies that can be shown in space."""

    def shapes(self) -> list[dict[str, Any]]:
        """What there is to show: `kind`, `rgba`, `body` (-1: fixed in the world), `pose` in the body, `size` or a mesh."""
        ...

    def poses(self, states: Any, /) -> Any:
        """Position (m) and quaternion (w first) of each body, shape `(*time, bodies, 7)`."""
        ...


@runtime_checkable
class SupportsAnimation(Capability, Protocol):
    """A film of a movement; `ideomotor run PIPELINE.yaml` writes one."""

    def animate(self, movement: Any, path: Path | str, /) -> Any:
        """Write the film of a `Trajectory` to a file."""
        ...


@runtime_checkable
class SupportsSheet(Capability, Protocol):
    """Squared paper under the hand: positions of the hand are pixels of an image."""

    def to_pixels(self, metres: Any, /) -> Any:
        """Points `(column, row)` of places in m, shape `(*axes, 2)`."""
        ...

    def to_metres(self, pixels: Any, /) -> Any:
        """The inverse."""
        ...


@runtime_checkable
class SupportsSpace(Capability, Protocol):
    """A plant that follows a set point."""

    @property
    def space(self) -> str:
        """What the command is a position of: `"hand"` or `"joint"`."""
        ...


@runtime_checkable
class SupportsForce(Capability, Protocol):
    """A plant that an outer force can push at the hand."""

    def force_response(self, state: Any, force: Any, /) -> Any:
        """What a force on the hand (N) adds to the time derivative of the state."""
        ...


@runtime_checkable
class SupportsStop(Capability, Protocol):
    """A plant that moves something real, such as a robot: `ideomotor.testing.check` does not move it unasked."""

    def stop(self) -> Any:
        """Bring it to rest, whatever it does at the moment."""
        ...


@runtime_checkable
class SupportsRobot(SupportsStop, Protocol):
    """A robot: what `ideomotor play` moves in real time.

    Written as a plain class with `default_state`, `default_command` and these four methods; the registry makes a plant of it.
    A reading is a dictionary like `default_state()`, with `time` (s, of the robot's own clock, by which a reading that is
    no news is known) and `joint_position`. A command is a set point of the joints, shape `(joints,)`.
    """

    @property
    def joints(self) -> Any:
        """Names of the joints, in the order of the command."""
        ...

    @property
    def units(self) -> Any:
        """The unit of each joint's command and position, such as `"rad"` or `"m"`."""
        ...

    @property
    def limits(self) -> Any:
        """What is known of `lower`, `upper`, `velocity`, `acceleration`, `jerk`: name to one number for each joint."""
        ...

    @property
    def rate(self) -> Any:
        """How many commands it takes in a second, Hz."""
        ...

    def connect(self) -> Any:
        """Open the connection and wait for the first reading; nothing moves. Raises a `ConnectionError`."""
        ...

    def read(self) -> Any:
        """The newest reading, without waiting for one. Raises an `OSError` where the connection is lost."""
        ...

    def send(self, command: Any, /) -> Any:
        """Pass a set point on, without waiting for an answer. Raises an `OSError` where the connection is lost."""
        ...

    def stop(self, release: bool = False) -> Any:
        """Bring it to rest where it is and close the connection, at any time and also twice; with `release` it goes limp."""
        ...


# ── primitives ──


@runtime_checkable
class SupportsVelocity(Capability, Protocol):
    """A feedforward primitive that knows its velocity exactly."""

    def velocity(self, params: Any, ts: Any, /) -> Any:
        """The time derivative of `trajectory(params, ts)`."""
        ...


# ── perceptions ──


@runtime_checkable
class SupportsLatent(Capability, Protocol):
    """A perception with a latent space, such as a CVAE."""

    def encode(self, observation: Any, /) -> Any:
        """What is computed once of an observation; with a `prior` (`mean`, `sample(key)`) over latents, if there is one."""
        ...

    def generate(self, encoded: Any, latent: Any, /) -> Any:
        """The distribution of outputs for a latent; its `mean` goes to `to_params`."""
        ...

    def to_params(self, output: Any, /) -> Any:
        """Parameters of a movement from a vector of outputs."""
        ...


def require(component: Any, capability: type[_T]) -> _T:
    """The component, if it has a capability; an `AssemblyError` that names what is missing if it does not."""
    if missing := _missing(component, capability):
        from ._host import class_name  # imports JAX

        purpose = (capability.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        raise AssemblyError(
            f"{class_name(component)} has no {' and no '.join(missing)}, which {capability.__name__} requires "
            f"({purpose}); use a component that `ideomotor describe` lists with {capability.__name__}."
        )
    return component


def capabilities(component: Any) -> list[str]:
    """The names of the capabilities that a component has, of those of its kind."""
    kind = _kind_of(component)
    known = [
        _find(name if ":" in name else f"{__name__}:{name}") for name in (kind.capabilities if kind else ())
    ]
    return [capability.__name__ for capability in known if isinstance(component, capability)]


def _missing(component: Any, capability: type) -> list[str]:
    """The members of a capability that a component lacks; a method must be callable."""
    found = []
    for base in capability.__mro__:
        for name, member in vars(base).items() if getattr(base, "_is_protocol", False) else ():
            if name.startswith("_") or name in found:
                continue
            there = getattr(component, name, None if callable(member) else _ABSENT)
            if not callable(there) if callable(member) else there is _ABSENT:
                found.append(name)
    return found


_ABSENT = object()
