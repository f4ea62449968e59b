"""Adapters that let plain NumPy classes (a simulator, a database, a real robot) stand in for components.

Outside of JAX transformations they are called directly, with NumPy arrays. Inside `jit` or `vmap` they are
called through `jax.pure_callback`. A gradient through them is refused with a sentence that says what to do.

A plain method may take a keyword `key` if it samples; it gets an integer seed, or `None`.
"""

import functools
import inspect
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from ._structure import any_traced
from ._trajectory import Trajectory
from .errors import AssemblyError
from .interfaces import (
    AbstractFeedbackPrimitive,
    AbstractFeedforwardPrimitive,
    AbstractPerception,
    AbstractPlanner,
    AbstractPlant,
    AbstractPrimitive,
)
from .kinds import KINDS, Kind, _find
from .spec import Component


class _ByIdentity:
    """Lets an object without a hash (a dataclass) be a static field: it is equal to itself only."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, _ByIdentity) and self.value is other.value

    def __hash__(self):
        return id(self.value)

    def __repr__(self):
        return repr(self.value)


class AbstractHost(eqx.Module):
    """What all adapters share: the plain object, and its public attributes as their own."""

    _component: eqx.AbstractVar[_ByIdentity]

    def __init__(self, component: Any):
        self._component = _ByIdentity(component)

    @property
    def component(self) -> Any:
        """The plain object."""
        return self._component.value

    def __getattr__(self, name: str) -> Any:
        # Only called for what the adapter lacks. Underscored names are asked for by JAX and Python themselves, also
        # while an adapter is being copied and holds nothing yet.
        if not name.startswith("_") and "_component" in vars(self):
            return getattr(self.component, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)


class HostPerception(AbstractHost, AbstractPerception):
    """A plain object with `default_observation()` and `__call__(observation, *, key=None)`."""

    _component: _ByIdentity = eqx.field(static=True)

    def default_observation(self) -> PyTree:
        return self.component.default_observation()

    def __call__(self, observation: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
        def out():
            return _direct(self.component, "__call__", self.default_observation(), key=_example(key))

        return _call(self.component, "__call__", out, observation, key=key)


class HostPlanner(AbstractHost, AbstractPlanner):
    """A plain object with `default_query()` and `__call__(start, goal, *, key=None)`.

    How many samples a planned movement has may depend on the query, so a host planner cannot run inside
    `jit`.
    """

    _component: _ByIdentity = eqx.field(static=True)

    def default_query(self) -> tuple[PyTree, PyTree]:
        return self.component.default_query()

    def __call__(self, start: PyTree, goal: PyTree, *, key: PRNGKeyArray | None = None) -> Trajectory:
        if any_traced((start, goal, key)):
            raise AssemblyError(
                f"Planner {type(self.component).__name__} runs on the host and cannot be called inside "
                f"jit, vmap or "
                f"grad; plan outside, then pass the trajectory in."
            )
        return _direct(self.component, "__call__", start, goal, key=_seed(key))


class HostPlant(AbstractHost, AbstractPlant):
    """A plain object with `default_state`, `default_command`, `step(state, command, dt)` and `observe`."""

    _component: _ByIdentity = eqx.field(static=True)

    def default_state(self) -> PyTree:
        return self.component.default_state()

    def default_command(self) -> PyTree:
        return self.component.default_command()

    def step(self, state: PyTree, command: PyTree, dt: Any, *, key: PRNGKeyArray | None = None) -> PyTree:
        return _call(self.component, "step", self.default_state, state, command, dt, key=key)

    def observe(self, state: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
        def out():
            return _direct(self.component, "observe", self.default_state(), key=_example(key))

        return _call(self.component, "observe", out, state, key=key)


class HostRobot(AbstractHost, AbstractPlant):
    """A robot (`SupportsRobot`): `default_state`, `default_command`, `connect`, `read`, `send` and `stop`.

    Its state is its reading. A step sends the command and reads after `dt` seconds; `ideomotor play` keeps deadlines.
    """

    _component: _ByIdentity = eqx.field(static=True)

    def default_state(self) -> PyTree:
        return self.component.default_state()

    def default_command(self) -> PyTree:
        return self.component.default_command()

    def step(self, state: PyTree, command: PyTree, dt: Any, *, key: PRNGKeyArray | None = None) -> PyTree:
        return _call(_Driven(self.component), "step", self.default_state, state, command, dt)

    def observe(self, state: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
        return state


class _Driven:
    def __init__(self, robot: Any):
        self.robot = robot

    def step(self, state, command, dt):
        self.robot.send(command)
        time.sleep(float(dt))
        return self.robot.read()


class HostFeedforwardPrimitive(AbstractHost, AbstractFeedforwardPrimitive):
    """A plain object with `default_params()`, `trajectory(params, ts)`; `fit(trajectory)` if it imitates."""

    _component: _ByIdentity = eqx.field(static=True)

    def default_params(self) -> PyTree:
        return self.component.default_params()

    def fit(self, trajectory: Trajectory) -> PyTree:
        return _fit(self, trajectory)

    def trajectory(self, params: PyTree, ts: Any, *, key: PRNGKeyArray | None = None) -> PyTree:
        example_ts = np.linspace(0.0, 1.0, ts.shape[0])

        def out():
            params = self.default_params()
            return _direct(self.component, "trajectory", params, example_ts, key=_example(key))

        return _call(self.component, "trajectory", out, params, ts, key=key)


class HostFeedbackPrimitive(AbstractHost, AbstractFeedbackPrimitive):
    """A plain object with `default_params`, `default_feedback`, `init` and `step(state, feedback, …)`."""

    _component: _ByIdentity = eqx.field(static=True)

    def default_params(self) -> PyTree:
        return self.component.default_params()

    def default_feedback(self) -> PyTree:
        return self.component.default_feedback()

    def fit(self, trajectory: Trajectory) -> PyTree:
        return _fit(self, trajectory)

    def init(self, params: PyTree) -> PyTree:
        def out():
            return self.component.init(self.default_params())

        return _call(self.component, "init", out, params)

    def step(self, state, feedback, params, dt, *, key: PRNGKeyArray | None = None):
        def out():
            params = self.default_params()
            state = self.component.init(params)
            return _direct(
                self.component, "step", state, self.default_feedback(), params, 0.01, key=_example(key)
            )

        return _call(self.component, "step", out, state, feedback, params, dt, key=key)


def is_host(component: Any) -> bool:
    """Whether the component, or one that it wraps, runs on the host."""
    if isinstance(component, AbstractHost):
        return True
    if isinstance(component, eqx.Module):
        return any(is_host(value) for value in vars(component).values())
    if isinstance(component, list | tuple):
        return any(is_host(value) for value in component)
    return isinstance(component, dict) and any(is_host(value) for value in component.values())


def plain_object(component: Any) -> Any:
    """The plain object in a component that `host` made; any other component as it is."""
    return component.component if isinstance(component, AbstractHost) else component


def class_name(component: Any) -> str:
    """The name of the component's own class, for messages."""
    return type(plain_object(component)).__name__


def can_fit(primitive: AbstractPrimitive) -> bool:
    """Whether the primitive can imitate a trajectory."""
    if isinstance(primitive, AbstractHost):
        return hasattr(plain_object(primitive), "fit")
    return type(primitive).fit is not AbstractPrimitive.fit


def host(component: Any, kind: str | None = None) -> Any:
    """A plain object (a simulator, a database, a robot) as a component that runs on the host.

        plant = ideomotor.host(MySimulator())
        ideomotor.rollout(primitive, params, ts, plant=plant)

    Outside of `jit` and `vmap` its methods are called with NumPy arrays, inside through a callback; a gradient through it is refused.
    A method may take a keyword `key` if it samples: it gets an integer seed, or `None`. `make` and YAML files wrap by themselves.

    - `kind`: `"perception"`, `"planner"`, `"primitive"` or `"plant"`; by default the one whose methods the object has.

    Raises an `AssemblyError` that names what is missing if it has those of none.
    """
    for one in [KINDS[kind]] if kind else KINDS.values():
        if (adapter := _adapter(component, one)) is not None:
            return adapter(component)
    needed = "; ".join(
        f"{one.name}: {_methods(one)}" for one in KINDS.values() if one.adapters and kind in (None, one.name)
    )
    raise AssemblyError(f"{type(component).__name__} matches no kind of component (needed for a {needed}).")


def adapt(made: Any, record: Component) -> Any:
    """Return a component as it is if it has its interface, or a plain object wrapped in an adapter of its kind."""
    kind = KINDS[record.kind]
    interface = _find(kind.interface)
    if isinstance(made, interface):
        return made
    if isinstance(made, eqx.Module):
        raise AssemblyError(
            f"{kind.name} {record.name!r} is an Equinox module and not an {interface.__name__}; derive it from that."
        )
    if (adapter := _adapter(made, kind)) is not None:
        return adapter(made)
    there = [name for name in dir(type(made)) if not name.startswith("_")]
    raise AssemblyError(
        f"{kind.name} {record.name!r} ({type(made).__name__}) lacks methods of its interface: needed {_methods(kind)}; "
        f"found {', '.join(there) or 'none'}."
    )


def _adapter(plain: Any, kind: Kind) -> Any:
    """The class that adapts a plain object as this kind, or None if a method is missing."""
    for adapter in kind.adapters:
        if all(callable(getattr(plain, method, None)) for method in adapter.methods):
            return _find(adapter.factory)
    return None


def _methods(kind: Kind) -> str:
    labels = [f" ({adapter.label})" if adapter.label else "" for adapter in kind.adapters]
    return " or ".join(
        ", ".join(adapter.methods) + label for adapter, label in zip(kind.adapters, labels, strict=True)
    )


def _fit(adapter, trajectory: Trajectory) -> PyTree:
    fit = getattr(adapter.component, "fit", None)
    if fit is None:
        raise NotImplementedError(
            f"{type(adapter.component).__name__} cannot imitate a trajectory; it has no `fit`."
        )
    return fit(jax.tree.map(np.asarray, trajectory))


def _direct(component: Any, method: str, *args, key: int | None) -> PyTree:
    """Call the plain method with NumPy arrays, and with a seed if it takes one.

    JAX may be tracing what is around it, as when a pipeline is assembled; what the method itself does with JAX is computed.
    """
    kwargs = {"key": key} if _takes_key(type(component), method) else {}
    with jax.ensure_compile_time_eval():
        return getattr(component, method)(*jax.tree.map(np.asarray, args), **kwargs)


@functools.cache
def _takes_key(cls: type, method: str) -> bool:
    parameters = inspect.signature(getattr(cls, method)).parameters
    return "key" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _call(component: Any, method: str, example: Callable[[], PyTree], *args, key=None) -> PyTree:
    """Call a method on the host; `example()` gives a value of the result's structure when JAX is tracing."""
    if not any_traced((args, key)):
        return _direct(component, method, *args, key=_seed(key))
    with jax.ensure_compile_time_eval():
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), _dtype(leaf)), example())
    name = f"{type(component).__name__}.{method}"

    def on_host(args, seed):
        result = _direct(component, method, *args, key=None if seed is None else int(seed))
        return jax.tree.map(functools.partial(_as, name), shapes, result)

    @jax.custom_jvp
    def call(args, seed):
        return jax.pure_callback(on_host, shapes, args, seed, vmap_method="sequential")

    @call.defjvp
    def refuse(primals, tangents):
        raise TypeError(
            f"{name} runs on the host and has no gradient. Put `jax.lax.stop_gradient` around its inputs, "
            f"train the "
            f"parts before it with a loss on their own output, or use a component written in JAX."
        )

    seed = None if key is None else jax.random.bits(key, dtype=jnp.uint32)
    return call(args, seed)


def _as(name: str, struct: jax.ShapeDtypeStruct, leaf: Any) -> np.ndarray:
    leaf = np.asarray(leaf, struct.dtype)
    if leaf.shape != struct.shape:
        raise ValueError(f"{name} returned an array of shape {leaf.shape} where {struct.shape} was expected.")
    return leaf


def _seed(key) -> int | None:
    """Host components get an integer seed in place of a JAX key."""
    if key is None or isinstance(key, int):
        return key
    return int(jax.random.bits(key, dtype=jnp.uint32))


def _example(key) -> int | None:
    return None if key is None else 0


def _dtype(leaf) -> np.dtype:
    return jax.dtypes.canonicalize_dtype(np.asarray(leaf).dtype)
