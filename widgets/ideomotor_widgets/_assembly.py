"""A pipeline that is being put together: what is chosen, what fits, as YAML and as Python."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import ideomotor
from ideomotor.errors import AssemblyError, ConfigError, IdeomotorError
from ideomotor.kinds import KINDS

SLOTS = tuple(name for name, kind in KINDS.items() if kind.slot)
NONE = "none"


class Option(NamedTuple):
    """One entry for a slot; `reason` says why it does not fit, and is empty where it does."""

    name: str
    summary: str
    reason: str


class Assembly:
    """The parts of a pipeline by their configs; immutable components, so that two assemblies never meet.

    - `pipeline`: to begin with: a `Pipeline`, a config (as of YAML), or nothing.
    """

    def __init__(self, pipeline: Any = None):
        self._made: dict[tuple[str, str], Any] = {}
        self._sketches: dict[tuple[str, str], Any] = {}
        self.given: dict[str, Any] = {}  # parts handed over as objects: they may be trained
        if pipeline is None:
            pipeline = {"primitive": {"use": "dmp"}}
        if isinstance(pipeline, dict):
            self.take(pipeline)
            return
        self.config = pipeline.to_config()
        self.given = {slot: getattr(pipeline, slot) for slot in SLOTS if getattr(pipeline, slot) is not None}
        self.pipeline = pipeline

    def take(self, config: Any, folder: Path | str = ".") -> None:
        """Replace all by a config; nothing changes where it cannot be built."""
        if not isinstance(config, dict):
            raise ConfigError(
                f"A pipeline is a mapping with the keys {', '.join(SLOTS)}, not {config!r:.80}."
            )
        pipeline = ideomotor.Pipeline.from_config(config, folder=folder)
        self.config = {
            slot: _absolute(config[slot], folder) for slot in SLOTS if config.get(slot) is not None
        }
        self.given, self.pipeline = {}, pipeline

    def options(self, slot: str) -> list[Option]:
        """What the registry has for a slot, and what of it fits the other parts as they are."""
        found = [] if slot == "primitive" else [Option(NONE, f"no {slot}", self._reason(slot, None))]
        for component in ideomotor.components(slot):
            reason = "" if component.name == self.name(slot) else self._reason(slot, component.name)
            found.append(Option(component.name, component.summary, reason))
        return found

    def listed(self, slot: str) -> list[Option]:
        """The same without finding out what fits, which takes a moment."""
        found = [] if slot == "primitive" else [Option(NONE, f"no {slot}", "")]
        return found + [Option(c.name, c.summary, "") for c in ideomotor.components(slot)]

    def name(self, slot: str) -> str:
        """What is chosen for a slot."""
        config = self.config.get(slot)
        if config is None:
            return NONE
        return config if isinstance(config, str) else config.get("use") or Path(str(config["load"])).name

    def choose(self, slot: str, name: str, *, adapt: bool = False) -> str:
        """Choose a component for a slot; returns what else had to change, or nothing.

        Raises an `AssemblyError` for one that does not fit, unless with `adapt` other parts can be exchanged so that it
        does: fewest first, perception and planner before the plant and the primitive.
        """
        wanted = None if name in (NONE, "") else {"use": name}
        if wanted is None and slot == "primitive":
            raise AssemblyError("A pipeline needs a primitive; choose one.")
        reason = ""
        for change in _changes(slot) if adapt else [{}]:
            config = {
                **self.config,
                slot: wanted,
                **{s: None if n is None else {"use": n} for s, n in change.items()},
            }
            trouble = self._trouble(config)
            reason = reason or trouble
            if not trouble:
                self._replace(config)
                return " and ".join(f"the {s} is now {n or 'left out'}" for s, n in change.items())
        self._replace({**self.config, slot: wanted})  # raises, and says all
        raise AssemblyError(reason)

    def set_argument(self, slot: str, argument: str, value: Any) -> None:
        """Change one argument of a part's constructor; `None` takes its default."""
        config = self.config.get(slot)
        if not isinstance(config, dict) or "use" not in config:
            raise ConfigError(f"The {slot} has no arguments to change; choose a component by name first.")
        new = {key: old for key, old in config.items() if key != argument}
        if value is not None:
            new[argument] = value
        self._replace({**self.config, slot: new})

    def yaml(self) -> str:
        """The pipeline as YAML."""
        return ideomotor.config.dump_yaml(
            {slot: self.config[slot] for slot in SLOTS if self.config.get(slot)}
        )

    def python(self, movement: str = "") -> str:
        """The pipeline as Python that makes it, followed by the lines of `movement`."""
        lines = ["import ideomotor"]
        names = {slot: _call(self.config[slot]) for slot in SLOTS if self.config.get(slot)}
        text = "\n".join(names.values())
        lines += ["import diffrax"] if "diffrax." in text else []
        lines += ["import numpy as np"] if "np." in movement else []
        lines += [""] + [f"{slot} = {call}" for slot, call in names.items()]
        given = [names.get("perception") and "perception" or "None", "primitive"]
        given += [f"{slot}={slot}" for slot in ("plant", "planner") if slot in names]
        return "\n".join(
            [*lines, f"pipeline = ideomotor.Pipeline({', '.join(given)})", *filter(None, [movement])]
        )

    def _replace(self, config: dict[str, Any]) -> None:
        config = {slot: part for slot, part in config.items() if part is not None}
        parts = {slot: self._component(slot, part) for slot, part in config.items()}
        pipeline = _assemble(parts)
        self.given = {
            slot: part for slot, part in self.given.items() if config.get(slot) == self.config.get(slot)
        }
        self.config, self.pipeline = config, pipeline

    def _component(self, slot: str, config: Any) -> Any:
        if slot in self.given and config == self.config.get(slot):
            return self.given[slot]
        key = slot, repr(config)
        if key not in self._made:
            if len(self._made) > 200:
                self._made.clear()
            self._made[key] = ideomotor.config.from_config(config, kind=slot)
        return self._made[key]

    def _reason(self, slot: str, name: str | None) -> str:
        """Why a component would not fit, or nothing."""
        wanted = None if name is None else {"use": name}
        return self._trouble({**self.config, slot: wanted})

    def _trouble(self, config: dict[str, Any]) -> str:
        """Why a pipeline cannot be assembled; found from shapes alone, without making large networks."""
        for find in (self._sketch, self._component):
            try:
                _assemble({slot: find(slot, part) for slot, part in config.items() if part is not None})
                return ""
            except Exception as error:  # a stranger's component may raise anything when it is made
                reason = (str(error) or type(error).__name__).partition("\n")[0]
                if isinstance(error, IdeomotorError):
                    break  # anything else may come from the abstract values of the sketch
        return reason

    def _sketch(self, slot: str, config: Any) -> Any:
        """The component with the shapes of its arrays in place of their numbers."""
        import equinox as eqx

        if slot in self.given and config == self.config.get(slot):
            return self.given[slot]
        key = slot, repr(config)
        if key not in self._sketches:
            self._sketches[key] = eqx.filter_eval_shape(
                lambda: ideomotor.config.from_config(config, kind=slot)
            )
        return self._sketches[key]


def _assemble(parts: dict[str, Any]) -> Any:
    return ideomotor.Pipeline(
        parts.get("perception"), parts["primitive"], plant=parts.get("plant"), planner=parts.get("planner")
    )


def _changes(slot: str) -> Iterator[dict[str, str | None]]:
    """Changes to the other parts, small ones first."""
    yield {}
    drops: list[dict[str, str | None]] = [
        {s: None for s in group if s != slot}
        for group in (("perception",), ("planner",), ("perception", "planner"))
    ]
    yield from (drop for drop in drops if drop)
    for other in ("plant", "primitive"):
        if other == slot:
            continue
        names: list[str | None] = [] if other == "primitive" else [None]
        names += [c.name for c in ideomotor.components(other)]
        for drop in [{}, *drops[-1:]]:
            yield from ({other: name, **drop} for name in names)
    if slot in ("perception", "planner"):
        yield from ({"primitive": c.name, "plant": None} for c in ideomotor.components("primitive"))


def _absolute(config: Any, folder: Path | str) -> Any:
    """A part's config with paths that do not depend on where the file was."""
    if isinstance(config, str):
        return {"use": config}
    if isinstance(config, dict):
        if "load" in config and ":" not in str(config["load"]):
            return {"load": str((Path(folder) / str(config["load"])).absolute())}
        return {key: _absolute(v, folder) if isinstance(v, dict) else v for key, v in config.items()}
    return config


def _call(config: Any) -> str:
    """A part's config as a Python expression."""
    if isinstance(config, dict) and "load" in config:
        return f"ideomotor.config.from_config({config!r})"
    if isinstance(config, dict) and "use" in config:
        arguments = [f"{key}={_value(value)}" for key, value in config.items() if key != "use"]
        return f"ideomotor.make({', '.join([repr(config['use']), *arguments])})"
    return _value(config)


def _value(value: Any) -> str:
    if isinstance(value, dict) and ("use" in value or "load" in value):
        return _call(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        inside = ", ".join(_value(item) for item in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, str) and value.startswith("diffrax."):
        return f"{value}()"
    return repr(value)
