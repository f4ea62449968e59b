"""The kinds of components, one record each; imports nothing heavy.

Whatever treats kinds differently reads these records: the registry, pipelines and their files, the adapters of plain
objects, `ideomotor describe` and `new-plugin`, the conformance checks, the widgets. A new kind is one more record:

    KINDS["reward"] = Kind("reward", "my_rewards:AbstractReward", default="default_movement", takes="movement")
"""

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Adapter:
    """What makes a component of a plain object: an adapter class, and the methods that the object must have.

    - `factory`: `"module:attribute"` of the class.
    - `methods`: their names.
    - `label`: tells two adapters of one kind apart in messages.
    """

    factory: str
    methods: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind of component; `"module:attribute"` strings are imported when they are needed.

    - `name`: as in `Component.kind` and in YAML files.
    - `interface`: the abstract class; empty for what has none (parts, commands).
    - `default`: the method that publishes an example of what it takes, and `takes`: what that is called.
    - `slot`: whether a pipeline has a place for one.
    - `adapters`: for plain objects, tried in this order.
    - `flows`: a function from a component to a dictionary of what it takes and gives, for `ideomotor describe`.
    - `capabilities`: what one may be able to do beyond its interface, as names of `ideomotor.capabilities` or
      `"module:attribute"`.
    - `laws`: the conformance check, called with a component, `precision` and `differentiable`.
    - `example`: what the example of `ideomotor new-plugin` does; empty without templates `KIND.py` and `test_KIND.py`.
    - `variants`: further examples of this kind, as `(name, what it does)`, with templates of that name.
    """

    name: str
    interface: str = ""
    default: str = ""
    takes: str = ""
    slot: bool = False
    adapters: tuple[Adapter, ...] = ()
    flows: str = ""
    capabilities: tuple[str, ...] = ()
    laws: str = ""
    example: str = ""
    variants: tuple[tuple[str, str], ...] = ()


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "perception",
            "ideomotor.interfaces:AbstractPerception",
            default="default_observation",
            takes="observation",
            slot=True,
            adapters=(Adapter("ideomotor._host:HostPerception", ("default_observation", "__call__")),),
            flows="ideomotor._flows:perception",
            capabilities=("SupportsLatent",),
            laws="ideomotor.testing._check:check_perception",
            example="where the light is in an image",
        ),
        Kind(
            "planner",
            "ideomotor.interfaces:AbstractPlanner",
            default="default_query",
            takes="query",
            slot=True,
            adapters=(Adapter("ideomotor._host:HostPlanner", ("default_query", "__call__")),),
            flows="ideomotor._flows:planner",
            laws="ideomotor.testing._check:check_planner",
            example="a straight path with minimum jerk",
        ),
        Kind(
            "primitive",
            "ideomotor.interfaces:AbstractPrimitive",
            default="default_params",
            takes="parameters",
            slot=True,
            adapters=(
                Adapter(
                    "ideomotor._host:HostFeedbackPrimitive",
                    ("default_params", "default_feedback", "init", "step"),
                    "feedback",
                ),
                Adapter(
                    "ideomotor._host:HostFeedforwardPrimitive",
                    ("default_params", "trajectory"),
                    "feedforward",
                ),
            ),
            flows="ideomotor._flows:primitive",
            capabilities=("SupportsVelocity",),
            laws="ideomotor.testing._check:check_primitive",
            example="a straight reach with minimum jerk",
        ),
        Kind(
            "plant",
            "ideomotor.interfaces:AbstractPlant",
            default="default_command",
            takes="command",
            slot=True,
            adapters=(
                Adapter("ideomotor._host:HostPlant", ("default_state", "default_command", "step", "observe")),
                Adapter(
                    "ideomotor._host:HostRobot",
                    ("default_state", "default_command", "connect", "read", "send", "stop"),
                    "robot",
                ),
            ),
            flows="ideomotor._flows:plant",
            capabilities=(
                "SupportsReach",
                "SupportsLinks",
                "SupportsGeometry",
                "SupportsAnimation",
                "SupportsSheet",
                "SupportsSpace",
                "SupportsForce",
                "SupportsStop",
                "SupportsRobot",
            ),
            laws="ideomotor.testing._check:check_plant",
            example="a body pushed over a table",
            variants=(("robot", "a robot of two joints"),),
        ),
        Kind("format"),
        Kind("part"),
        Kind("command"),
    )
}
"""The kinds by name, in the order in which they are listed."""

_SLOTS = tuple(kind.name for kind in KINDS.values() if kind.slot)
"""The parts of a pipeline, in the order in which data flow through it."""


def _find(reference: str) -> Any:
    """Import what `"module:attribute"` names; raises as the import does."""
    module, _, attributes = reference.partition(":")
    found = importlib.import_module(module)
    for attribute in attributes.split("."):
        found = getattr(found, attribute)
    return found


def _kind_of(component: Any) -> Kind | None:
    """The kind whose interface a component has, or None."""
    for kind in KINDS.values():
        if kind.interface and isinstance(component, _find(kind.interface)):
            return kind
    return None
