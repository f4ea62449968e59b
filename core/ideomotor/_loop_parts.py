"""The two parts of a loop, inside JAX or on the host: their methods, their randomness, and what is checked of them."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._host import class_name, is_host
from ._structure import any_traced, check_fits, numbers_to_arrays
from .common.trees import is_floating
from .errors import AssemblyError
from .interfaces import (
    AbstractFeedbackPrimitive,
    AbstractFeedforwardPrimitive,
    AbstractPlant,
    AbstractPrimitive,
)


class _Traced:
    """The parts inside JAX: states keep their structure and precision, as the carry of a scan must."""

    smaller = staticmethod(jnp.minimum)

    def __init__(self, primitive, plant):
        self.primitive, self.plant = primitive, plant
        self.feedforward = isinstance(primitive, AbstractFeedforwardPrimitive)

    def plan(self, params, since, key):
        return self.primitive.trajectory(params, since, key=key)

    def init(self, params):
        return self.primitive.init(params)

    def observe(self, x, key):
        return self.plant.observe(x, key=key)

    def act(self, p, y, params, dt, key):
        after, u = self.primitive.step(p, y, params, dt, key=key)
        return _keep(p, after, self.primitive, "step"), u

    def move(self, x, u, dt, key):
        return _keep(x, self.plant.step(x, u, dt, key=key), self.plant, "step")

    def settle(self, states, params, since):
        """States and times agree on one precision before the loop."""
        return _promote(states, jnp.result_type(float if since is None else since, *floating_leaves(params)))


class _OnHost:
    """The parts called from Python: those on the host as they are, those in JAX compiled; commands are NumPy arrays."""

    smaller = staticmethod(min)

    def __init__(self, primitive, plant):
        self.primitive, self.plant = primitive, plant
        self.feedforward = isinstance(primitive, AbstractFeedforwardPrimitive)
        self._playing = _METHODS if is_host(primitive) else _COMPILED
        self._moving = _METHODS if is_host(plant) else _COMPILED

    def plan(self, params, since, key):
        return jax.tree.map(np.asarray, self._playing["plan"](self.primitive, params, since, key))

    def init(self, params):
        return self._playing["init"](self.primitive, params)

    def observe(self, x, key):
        return self._moving["observe"](self.plant, x, key)

    def act(self, p, y, params, dt, key):
        p, u = self._playing["act"](self.primitive, p, y, params, dt, key)
        return p, jax.tree.map(np.asarray, u)

    def move(self, x, u, dt, key):
        return self._moving["move"](self.plant, x, u, dt, key)

    def settle(self, states, params, since):
        return states


# The methods as functions of their component, so that those of one class are compiled once.
_METHODS: dict[str, Callable[..., Any]] = {
    "plan": lambda primitive, params, since, key: primitive.trajectory(params, since, key=key),
    "init": lambda primitive, params: primitive.init(params),
    "act": lambda primitive, p, y, params, dt, key: primitive.step(p, y, params, dt, key=key),
    "observe": lambda plant, x, key: plant.observe(x, key=key),
    "move": lambda plant, x, u, dt, key: plant.step(x, u, dt, key=key),
}
_COMPILED = {name: eqx.filter_jit(method) for name, method in _METHODS.items()}
NO_KEYS = (None, None, None)


def step_keys(key, first, n: int):
    """Three keys for each step from `first` on: to observe, to act, to move. They depend on the step's number only."""
    if key is None:
        return None
    numbers = 3 * first + jnp.arange(3 * n)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, 1), numbers)
    return keys.reshape(n, 3, *key.shape)


def runs_on_host(primitive, plant, arguments) -> bool:
    """Whether a part runs on the host, and JAX is not tracing."""
    return (is_host(plant) or is_host(primitive)) and not any_traced((primitive, plant, arguments))


def check_parts(primitive, plant) -> None:
    for part, interface, role in (
        (primitive, AbstractPrimitive, "primitive"),
        (plant, AbstractPlant, "plant"),
    ):
        if not isinstance(part, interface) and not (part is None and role == "plant"):
            made = f"; make it: {part.__name__}(…)" if isinstance(part, type) else ""
            raise AssemblyError(
                f"A {role} must be an {interface.__name__}, not {part!r:.60}"
                f"{made or '; wrap a plain object with ideomotor.host'}."
            )
    if not isinstance(primitive, AbstractFeedforwardPrimitive | AbstractFeedbackPrimitive):
        raise AssemblyError(
            f"{class_name(primitive)} is neither an AbstractFeedforwardPrimitive nor an "
            f"AbstractFeedbackPrimitive."
        )


def checked_state(primitive, params, plant, x0):
    """The plant's initial state, if everything fits."""
    check_fits("params", params, class_name(primitive), primitive.default_params(), what="parameters")
    if plant is not None:
        default = numbers_to_arrays(plant.default_state())
        if x0 is None:
            return default
        check_fits("x0", x0, class_name(plant), default, what="a state")
    elif x0 is not None:
        raise AssemblyError("rollout got a state x0 but no plant; pass the plant, or leave x0 out.")
    elif isinstance(primitive, AbstractFeedbackPrimitive) and primitive.default_feedback() is not None:
        raise AssemblyError(
            f"{class_name(primitive)} requires the feedback of a plant, but there is none; give rollout a "
            f"plant."
        )
    return x0


def floating_leaves(tree) -> list:
    return [leaf for leaf in jax.tree.leaves(tree) if is_floating(leaf)]


def _promote(tree, dtype):
    """Floating-point leaves in the wider of their own precision and `dtype`."""

    def widen(leaf):
        return leaf.astype(jnp.promote_types(leaf.dtype, dtype)) if is_floating(leaf) else leaf

    return jax.tree.map(lambda leaf: widen(jnp.asarray(leaf)), tree)


def _keep(old, new, component, method: str):
    """`new` in the precision of `old`; a different structure is the component's mistake, and the error says so."""
    check_fits(
        f"the state after {class_name(component)}.{method}",
        new,
        "the state before it",
        old,
        what="a state",
    )
    return jax.tree.map(lambda o, n: jnp.asarray(n).astype(o.dtype) if is_floating(o) else n, old, new)
