import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import yaml

from .._host import adapt, can_fit, class_name, is_host, plain_object
from .._trajectory import Trajectory, check_demonstration
from ..capabilities import SupportsRobot, SupportsStop
from ..config import dump_yaml, from_config, to_config
from ..errors import DataError
from ..interfaces import AbstractFeedforwardPrimitive
from ..kinds import KINDS, _find, _kind_of
from ..registry import registry
from ..spec import Component
from ._capabilities import check_capabilities
from ._compare import cast, fail, not_finite, one_line, other_structure, other_values
from ._laws import Case, check_laws, defaults_accepted, pure

_DT = 0.02  # s
_TIMES = 40  # of a movement


def check(
    component: Any,
    *,
    kind: str | None = None,
    precision: str = "both",
    differentiable: bool = True,
    hardware: bool = False,
) -> None:
    """Check a component, or what a registered name makes without arguments, by the rules of its kind.

    Every kind: the defaults it publishes are accepted; a call is pure and leaves its inputs alone; outputs
    are finite; jit = eager; vmap = loop; same key same result; the gradient is finite and equals finite
    differences (in float64), or is refused by a sentence that says it has no gradient; what is registered
    survives a round trip through its config and through disk; its `ideomotor.capabilities` do what they say.

    A plan is a trajectory with increasing times and outputs that lead with time (a planner on the host is not called inside
    `jit`). All leaves of a feedforward primitive's movement lead with time, for any number of times; state and command of a
    feedback primitive, and state and feedback of a plant, keep their structure and dtypes from step to step. If a primitive can
    imitate, `fit` gives finite parameters of the structure of `default_params`.

    - `kind`: `"perception"`, `"planner"`, `"primitive"` or `"plant"`; needed for a plain object, which has the interface of none.
    - `precision`: arrays of the component and its inputs are cast to this; `"both"` checks one after the
      other.
    - `differentiable`: `False` for a component that has no gradient and refuses it.
    - `hardware`: `True` lets a plant with a method `stop()` (`SupportsStop`: a robot) take one step with its command at
      rest, after which it is stopped; without it such a plant is not moved, and the check fails unless it is a
      `SupportsRobot`, which is then checked as far as that needs no connection.

    Raises a `ConformanceError` that names the component, the check, what was seen and what to do.
    """
    if kind is None:
        found = KINDS[registry().get(component).kind] if isinstance(component, str) else _kind_of(component)
    else:
        found = KINDS.get(kind)
    if found is None or not found.laws:
        known = ", ".join(name for name, one in KINDS.items() if one.laws)
        raise TypeError(
            f"check takes a component of one of the kinds {known}, or the registered name of one, not "
            f"{component!r}{'' if kind is None else f' of kind {kind!r}'}; for a plain object, name its kind: check(…, "
            f'kind="plant").'
        )
    options = {"hardware": True} if hardware else {}
    _find(found.laws)(component, precision=precision, differentiable=differentiable, **options)


def check_perception(perception: Any, *, precision: str = "both", differentiable: bool = True) -> None:
    for made, title, dtype in _made(perception, "perception", precision):
        inputs = _inputs(made, made.default_observation(), dtype)
        case = _case(
            title, "a call", made, lambda c, o, key: c(o, key=key), inputs, dtype, differentiable, precision
        )
        check_laws(case)
        _finish(case, perception)


def check_planner(planner: Any, *, precision: str = "both", differentiable: bool = True) -> None:
    for made, title, dtype in _made(planner, "planner", precision):
        inputs = _inputs(made, made.default_query(), dtype)
        case = _case(
            title, "a call", made, lambda c, q, key: c(*q, key=key), inputs, dtype, differentiable, precision
        )
        if case.host:
            plan, key = defaults_accepted(case)
            pure(case, plan, key)
        else:
            plan = check_laws(case)
        if not isinstance(plan, Trajectory):
            case.fail(
                "gives a trajectory", f"it gave a {type(plan).__name__}", "return an ideomotor.Trajectory"
            )
        try:
            check_demonstration(plan)
        except DataError as error:
            case.fail(
                "gives a trajectory", str(error).rstrip("."), "return what a primitive can imitate", error
            )
        _finish(case, planner)


def check_primitive(primitive: Any, *, precision: str = "both", differentiable: bool = True) -> None:
    for made, title, dtype in _made(primitive, "primitive", precision):
        feedforward = isinstance(made, AbstractFeedforwardPrimitive)
        function = _movement if feedforward else _two_steps
        inputs = made.default_params() if feedforward else (made.default_params(), made.default_feedback())
        call = "trajectory" if feedforward else "init and two steps"
        case = _case(
            title, call, made, function, _inputs(made, inputs, dtype), dtype, differentiable, precision
        )
        outputs = check_laws(case)
        command = None
        if feedforward:
            _leads_with_time(case, outputs)
        else:
            (first, second), (command, next_command) = outputs
            _same_structure(case, "state", first, second)
            _same_structure(case, "command", command, next_command)
        if can_fit(made):
            _fits(case, made, dtype, outputs if feedforward else command)
        _finish(case, primitive)


def check_plant(
    plant: Any, *, precision: str = "both", differentiable: bool = True, hardware: bool = False
) -> None:
    # What moves something real is only called as often as that needs; of a robot, what it says of itself is.
    for made, title, dtype in _made(plant, "plant", precision):
        if isinstance(made, SupportsStop):
            _check_robot(made, title, dtype, hardware)
            break
        inputs = _inputs(made, (made.default_state(), made.default_command()), dtype)
        case = _case(title, "a step and observe", made, _step, inputs, dtype, differentiable, precision)
        state, feedback_before, feedback = check_laws(case)
        _same_structure(case, "state", inputs[0], state)
        _same_structure(case, "feedback", feedback_before, feedback)
        _finish(case, plant)


def _check_robot(robot: Any, title: str, dtype: Any, hardware: bool) -> None:
    """One step with the command at rest; a robot is not pure, and a second connection to it is not made."""
    if isinstance(robot, SupportsRobot):
        _check_description(robot, title)
        if not hardware:
            return
    elif not hardware:
        what = "it has a method stop(), as robots have, and nothing was called that could move it"
        fail(title, "not moved unasked", what, "make room around it and check it with hardware=True")
    try:
        if isinstance(robot, SupportsRobot):
            robot.connect()
        inputs = (robot.default_state(), robot.default_command())
        case = _case(title, "a step and observe", robot, _step, inputs, dtype, False, "float64")
        state, before, after = _step(robot, inputs, None)
    finally:
        robot.stop()
    _same_structure(case, "state", inputs[0], state)
    _same_structure(case, "feedback", before, after)
    if problem := not_finite((state, after)):
        case.fail("finite at the defaults", problem, "read all sensors before the first answer")


def _check_description(robot: Any, title: str) -> None:
    """What a robot says of itself, without a connection."""
    n, reading = len(robot.joints), robot.default_state()
    fix = "keep to `ideomotor.capabilities.SupportsRobot`"
    for name, values in {"units": robot.units, **robot.limits}.items():
        if np.shape(values) != (n,):
            fail(title, "one for each joint", f"{name} has shape {np.shape(values)} for {n} joints", fix)
    if unknown := set(robot.limits) - {"lower", "upper", "velocity", "acceleration", "jerk"}:
        fail(title, "limits by name", f"it has {', '.join(sorted(map(repr, unknown)))}", fix)
    if np.shape(robot.default_command()) != (n,):
        what = f"it has shape {np.shape(robot.default_command())} for {n} joints"
        fail(title, "command of one set point for each joint", what, fix)
    if not (isinstance(reading, dict) and {"time", "joint_position"} <= set(reading)):
        fail(title, "readings with time and joint_position", f"default_state() gave {reading!r:.80}", fix)
    if not robot.rate > 0:
        fail(title, "a rate", f"rate is {robot.rate!r}", fix)


def _step(plant, inputs, key):
    state, command = inputs
    see, move, again = (None,) * 3 if key is None else jax.random.split(key, 3)
    before = plant.observe(state, key=see)
    state = plant.step(state, command, _dt(state), key=move)
    return state, before, plant.observe(state, key=again)


def _two_steps(primitive, inputs, key):
    params, feedback = inputs
    keys = (None, None) if key is None else jax.random.split(key)
    start = primitive.init(params)
    first, command = primitive.step(start, feedback, params, _dt(inputs), key=keys[0])
    second, next_command = primitive.step(first, feedback, params, _dt(inputs), key=keys[1])
    # The state before the first step is part of what must not change its structure.
    return (start, second), (command, next_command)


def _movement(primitive, params, key, n: int = _TIMES):
    return primitive.trajectory(params, jnp.asarray(np.linspace(0.0, 1.0, n), _dtype(params)), key=key)


def _dt(tree):
    return jnp.asarray(_DT, _dtype(tree))


def _dtype(tree):
    """The widest precision in a tree that JAX has now; NumPy's own is too wide for it outside of x64."""
    kinds = [leaf.dtype for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return max(
        (jax.dtypes.canonicalize_dtype(kind) for kind in kinds or [np.float64]), key=lambda k: k.itemsize
    )


def _made(thing: Any, kind: str, precision: str) -> Iterator[tuple[Any, str, Any]]:
    """The component in each precision, inside of which the body of the loop runs."""
    chosen = {"both": ("float64", "float32")}.get(precision, (precision,))
    for name in chosen:
        if name not in ("float32", "float64"):
            raise ValueError(f"precision must be 'float32', 'float64' or 'both', not {name!r}.")
        with _x64(name == "float64"):
            component = _component(thing, kind)
            title = (
                f"{kind} {thing!r} ({class_name(component)})"
                if isinstance(thing, str)
                else f"{kind} {class_name(component)}"
            )
            yield cast(component, name), f"{title} in {name}", np.dtype(name)


@contextlib.contextmanager
def _x64(on: bool) -> Iterator[None]:
    """Everywhere, because JAX may call what is on the host from a thread of its own, where a `with` has no effect."""
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", on)
    try:
        with jax.enable_x64(on):
            yield
    finally:
        jax.config.update("jax_enable_x64", before)


def _component(thing: Any, kind: str) -> Any:
    if not isinstance(thing, str):
        return adapt(thing, Component(kind, "checked", "checked:checked", ""))
    record = registry().get(thing, kind)
    try:
        return registry().make(record.name)
    except (TypeError, ValueError) as error:
        fix = "give every argument of the constructor a default, so that it can be shown and checked as it is"
        fail(f"{kind} {thing!r}", "made without arguments", f"it raised {one_line(error)}", fix, error)


def _inputs(component, inputs, dtype):
    """Inputs in the precision of the check; what is on the host gets NumPy arrays in its own."""
    return jax.tree.map(np.asarray, inputs) if is_host(component) else cast(inputs, dtype)


def _case(title, call, component, function, inputs, dtype, differentiable, precision) -> Case:
    host = is_host(component)
    again = precision == "both" and dtype == np.float32
    # A few hundred roundings in a row, relative to the largest number of the array.
    tolerance = 1e-4 if host or dtype == np.float32 else 1e-10
    return Case(title, call, component, function, inputs, host, tolerance, differentiable, again)


def _same_structure(case: Case, what: str, before, after) -> None:
    if problem := other_structure(before, after, dtypes=not case.host):
        fix = f"return a {what} with the same structure, shapes and dtypes; the loop over time requires that"
        case.fail(f"{what} keeps its structure", problem, fix)


def _leads_with_time(case: Case, outputs) -> None:
    inputs = case.component, case.inputs, jax.random.key(0), 3
    # Without running it, where JAX can tell the shapes.
    three = case.function(*inputs) if case.host else eqx.filter_eval_shape(case.function, *inputs)
    for n, movement in ((_TIMES, outputs), (3, three)):
        for leaf in jax.tree.leaves(movement):
            if np.ndim(leaf) < 1 or np.shape(leaf)[0] != n:
                what = f"for {n} times a leaf has shape {np.shape(leaf)}"
                case.fail("leads with time", what, "put the axis of time first in every leaf")


def _fits(case: Case, primitive, dtype, ys) -> None:
    """Imitates `ys`: a feedforward primitive's own movement, a wave about a feedback primitive's command."""
    ts = jnp.asarray(np.linspace(0.0, 1.0, _TIMES), dtype)
    if not isinstance(primitive, AbstractFeedforwardPrimitive):
        # What a policy does depends on the plant; without one, the outputs are its commands.
        # One whole cycle, so that rhythms can be imitated too.
        wave = jnp.sin(2 * np.pi * ts)
        ys = jax.tree.map(lambda leaf: wave.reshape(-1, *[1] * np.ndim(leaf)) + leaf, ys)
    try:
        params = primitive.fit(Trajectory(ts, ys))
    except Exception as error:
        fix = "let it imitate what the primitive itself does with its default parameters"
        case.fail("fit", f"it raised {one_line(error)}", fix, error)
    if problem := other_structure(primitive.default_params(), params, dtypes=False):
        case.fail(
            "fit",
            f"the parameters are not like default_params: {problem}",
            "return parameters of that structure",
        )
    if problem := not_finite(params):
        case.fail(
            "fit", f"of the parameters, {problem}", "return finite parameters for a movement that is its own"
        )


def _finish(case: Case, thing: Any) -> None:
    """What does not depend on the kind: capabilities, and config and disk for what is registered."""
    component = case.component
    if case.again:
        return
    check_capabilities(case.title, component, max(case.tolerance, 1e-6))
    if not isinstance(thing, str) and registry().name_of(type(plain_object(component))) is None:
        return
    try:
        config = to_config(component)
        again = from_config(yaml.safe_load(dump_yaml(config)))
    except Exception as error:
        fix = (
            "keep each argument of the constructor in an attribute of the same name, as numbers, text "
            "or components"
        )
        case.fail("config round trip", f"it raised {one_line(error)}", fix, error)
    if problem := _other_component(component, again):
        fix = "let the constructor's arguments decide the structure, and keep them as they were given"
        case.fail("config round trip", f"made again from {config}, {problem}", fix)

    from .._save import load, save

    with tempfile.TemporaryDirectory() as folder:
        try:
            loaded = load(save(component, Path(folder) / "component"))
        except Exception as error:
            fix = (
                "hold what was trained in array fields, and let the arguments of the constructor give "
                "their shapes"
            )
            case.fail("save and load", f"it raised {one_line(error)}", fix, error)
    fix = "hold what was trained in array fields, and derive everything else from the constructor's arguments"
    if problem := _other_component(component, loaded) or other_values(*map(_arrays, (component, loaded))):
        case.fail("save and load", f"saved and loaded, {problem}", fix)
    key = jax.random.key(0)
    before, after = (case.function(c, case.inputs, key) for c in (component, loaded))
    if problem := other_values(before, after, tolerance=case.tolerance):
        case.fail("save and load", f"the output before and after, {problem}", fix)


def _arrays(component):
    return eqx.filter(component, eqx.is_array_like)


def _other_component(one, other) -> str:
    if is_host(one):
        return "" if class_name(one) == class_name(other) else f"{class_name(one)} became {class_name(other)}"
    if jax.tree.structure(_arrays(one)) != jax.tree.structure(_arrays(other)):
        return f"{one} became {other}"
    return other_structure(_arrays(one), _arrays(other), dtypes=False)
