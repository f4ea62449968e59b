import dataclasses
import html
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from . import _flows
from ._clock import Clock
from ._host import can_fit, class_name, is_host, plain_object
from ._rollout import finish, play, rollout
from ._structure import check_fits, describe, numbers_to_arrays, shapes_of
from ._trajectory import Trajectory
from .config import _arguments, from_config, to_config
from .errors import AssemblyError, ConfigError, did_you_mean
from .interfaces import (
    AbstractFeedbackPrimitive,
    AbstractPerception,
    AbstractPlanner,
    AbstractPlant,
    AbstractPrimitive,
)
from .kinds import _SLOTS, KINDS, _find


class Pipeline(eqx.Module):
    """Perception, planner, primitive and plant in a row: an observation becomes a movement.

        observation ──perception──▶ parameters ──primitive──▶ commands ⇄ plant ──▶ movement

    With a planner the perception gives a `(start, goal)` query, the planner a trajectory, and the primitive
    imitates it. Without a perception the observation itself is the parameters (or the query). What does not
    fit is an `AssemblyError` when the pipeline is made, not a shape error when it runs.
    """

    perception: AbstractPerception | None
    primitive: AbstractPrimitive
    plant: AbstractPlant | None = None
    planner: AbstractPlanner | None = None

    def __check_init__(self):
        check_pipeline(self)

    def default_observation(self) -> PyTree:
        """An observation the pipeline accepts."""
        first = next(slot for slot in _SLOTS if getattr(self, slot) is not None)
        return _published(first, getattr(self, first))

    def params(self, observation: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
        """The parameters of the movement for an observation: everything before the movement is played."""
        run = _params if is_host(self) else _params_jitted
        return run(self, numbers_to_arrays(observation), key)

    def __call__(
        self,
        observation: PyTree,
        ts: Float[Array | np.ndarray, " time"],
        *,
        x0: PyTree = None,
        key: PRNGKeyArray | None = None,
    ) -> Trajectory:
        """The movement for one observation, at the times `ts` (s). Batches are made with `jax.vmap`."""
        observation, x0 = numbers_to_arrays(observation), numbers_to_arrays(x0)
        if is_host(self):
            return _run(self, observation, x0, key, ts)
        clock = Clock.of(ts)
        return finish(clock.ts, _run_jitted(self, observation, x0, key, clock[1:]))

    def to_config(self) -> dict[str, Any]:
        """The pipeline as a dictionary of registered names and arguments, as it stands in a YAML file.

        Trained weights are not arguments: `save_pipeline` keeps both.
        """
        parts = {slot: getattr(self, slot) for slot in _SLOTS}
        return {slot: to_config(part) for slot, part in parts.items() if part is not None}

    @staticmethod
    def from_config(config: Any, *, folder: Path | str = ".", key: PRNGKeyArray | None = None) -> "Pipeline":
        """Make the pipeline that a dictionary describes.

        - `folder`: where relative paths in it start.
        - `key`: for parts that draw their weights; without it they take the one of their own.

        Raises a `ConfigError` for anything that does not describe a pipeline, and an `AssemblyError` for parts that do not
        fit.
        """
        if not isinstance(config, dict):
            raise ConfigError(
                f"A pipeline is a mapping with the keys {', '.join(_SLOTS)}, not {config!r:.80}."
            )
        for slot in config:
            if slot not in _SLOTS:
                raise ConfigError(f"A pipeline has no part {slot!r}.{did_you_mean(str(slot), _SLOTS)}")
        if "primitive" not in config:
            raise ConfigError("A pipeline needs a primitive, such as `primitive: {use: dmp}`.")
        parts = {
            slot: from_config(part, kind=slot, folder=folder, key=key)
            for slot, part in config.items()
            if part is not None
        }
        return Pipeline(
            parts.get("perception"),
            parts["primitive"],
            plant=parts.get("plant"),
            planner=parts.get("planner"),
        )

    def __repr__(self) -> str:
        lines = ["Pipeline"]
        for slot, name, passes in _flow(self):
            lines.append(f"  {slot:<12}{name}")
            if passes:
                lines.append(f"  {'':<12}  ──▶ {passes}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        box = "border:1px solid #8886;border-radius:8px;padding:6px 10px;margin:2px 0;display:inline-block"
        note = "font-size:85%;opacity:.7;margin:0 0 2px 14px"
        parts = []
        for slot, name, passes in _flow(self):
            parts.append(
                f"<div style='{box}'><b>{html.escape(slot)}</b> <code>{html.escape(name)}</code></div>"
            )
            parts.append(f"<div style='{note}'>↓ {html.escape(passes)}</div>")
        return "<div style='line-height:1.4'>" + "".join(parts[:-1]) + "</div>"


def _params(pipeline: Pipeline, observation, key):
    taker = next(p for p in (pipeline.perception, pipeline.planner, pipeline.primitive) if p is not None)
    check_fits("the observation", observation, class_name(taker), pipeline.default_observation())
    key_perceive, key_plan = (None, None) if key is None else jax.random.split(key)
    params = observation
    if pipeline.perception is not None:
        params = pipeline.perception(observation, key=key_perceive)
    if pipeline.planner is not None:
        start, goal = params
        params = pipeline.primitive.fit(pipeline.planner(start, goal, key=key_plan))
    return params


def _run(pipeline: Pipeline, observation, x0, key, ts) -> Trajectory:
    params, key = _playing(pipeline, observation, key)
    return rollout(pipeline.primitive, params, ts, plant=pipeline.plant, x0=x0, key=key)


@eqx.filter_jit
def _run_jitted(pipeline: Pipeline, observation, x0, key, times) -> Trajectory:
    params, key = _playing(pipeline, observation, key)
    return play(pipeline.primitive, pipeline.plant, times, params, numbers_to_arrays(x0), None, key)


def _playing(pipeline: Pipeline, observation, key):
    key_params, key_play = (None, None) if key is None else jax.random.split(key)
    return numbers_to_arrays(_params(pipeline, observation, key_params)), key_play


_params_jitted = eqx.filter_jit(_params)


def check_pipeline(pipeline: Pipeline) -> None:
    """Raise an `AssemblyError` that shows both structures where two neighbours do not fit."""
    check_kinds({slot: getattr(pipeline, slot) for slot in _SLOTS})
    _check_parameters(pipeline)
    _check_feedback(pipeline.primitive, pipeline.plant)
    if pipeline.plant is not None:
        _check_plant(pipeline.primitive, pipeline.plant)


def check_kinds(parts: dict[str, Any]) -> None:
    """Raise an `AssemblyError` for a part without the interface of its slot."""
    for slot in _SLOTS:
        part, interface = parts[slot], _find(KINDS[slot].interface)
        if isinstance(part, interface) or (part is None and slot != "primitive"):
            continue
        if isinstance(part, type):
            got = f"the class {part.__name__}; make it: {part.__name__}(…)"
        elif isinstance(part, eqx.Module) or part is None:
            got = type(part).__name__
        else:
            got = f"{type(part).__name__}; wrap a plain object with ideomotor.host"
        raise AssemblyError(f"The {slot} of a pipeline must be an {interface.__name__}, not {got}.")


def _check_parameters(pipeline: Pipeline) -> None:
    perception, planner, primitive = pipeline.perception, pipeline.planner, pipeline.primitive
    if planner is not None and not can_fit(primitive):
        raise AssemblyError(
            f"{class_name(planner)} gives a trajectory, but {class_name(primitive)} cannot imitate one: "
            f"it has "
            f"no `fit`."
        )
    if perception is None:
        return
    slot, taker = ("primitive", primitive) if planner is None else ("planner", planner)
    given, wanted = _flows.perception(perception)["parameters"], _shapes_published(slot, taker)
    check_fits(class_name(perception), given, class_name(taker), wanted, what=KINDS[slot].takes)


def _check_feedback(primitive: AbstractPrimitive, plant: AbstractPlant | None) -> None:
    if (
        plant is None
        and isinstance(primitive, AbstractFeedbackPrimitive)
        and primitive.default_feedback() is not None
    ):
        raise AssemblyError(
            f"{class_name(primitive)} requires the feedback of a plant, but the pipeline has none; give "
            f"it a plant."
        )


def _check_plant(primitive: Any, plant: AbstractPlant) -> None:
    seen = _flows.feedback_of(plant)
    if (
        isinstance(primitive, AbstractFeedbackPrimitive)
        and (wanted := primitive.default_feedback()) is not None
    ):
        check_fits(class_name(plant), seen, class_name(primitive), wanted, what="feedback", more=True)
    given = _flows.command_of(primitive, seen)
    check_fits(
        class_name(primitive), given, class_name(plant), _shapes_published("plant", plant), what="command"
    )


def _brief(component: Any) -> str:
    """A component on one line: its class and the arguments that differ from their defaults, as far as they are short."""
    plain = plain_object(component)
    if not dataclasses.is_dataclass(plain):
        return type(plain).__name__
    shown = {name: _short(value) for name, value in _arguments(plain).items()}
    return f"{type(plain).__name__}({', '.join(f'{name}={text}' for name, text in shown.items() if text)})"


def _short(value: Any) -> str:
    if isinstance(value, eqx.Module):
        return _brief(value)
    if hasattr(value, "shape"):
        return np.array2string(np.asarray(value), precision=4, separator=", ") if np.size(value) <= 4 else "…"
    text = repr(value)
    return text if len(text) <= 40 else "…"


def _flow(pipeline: Pipeline) -> list[tuple[str, str, str]]:
    """`(slot, component, what it passes on)` in the order in which data flow."""
    parts = {slot: part for slot in _SLOTS if (part := getattr(pipeline, slot)) is not None}
    passes = [describe(_published(slot, part)) for slot, part in parts.items()]
    last = list(parts.values())[-1]
    seen = "" if pipeline.plant is None or is_host(last) else describe(_flows.feedback_of(last))
    steps = zip(parts.items(), [*passes[1:], seen], strict=True)
    first = describe(pipeline.default_observation())
    return [("observation", first, ""), *((slot, _brief(part), onward) for (slot, part), onward in steps)]


def _published(slot: str, part: Any) -> PyTree:
    """The example of what a part takes."""
    return getattr(part, KINDS[slot].default)()


def _shapes_published(slot: str, part: Any) -> PyTree:
    """The shapes of that, without computing what depends on the part's own numbers."""
    if is_host(part):
        return _published(slot, part)

    def example(part):
        with jax.ensure_compile_time_eval():
            return _published(slot, part)

    return shapes_of(example, part)
