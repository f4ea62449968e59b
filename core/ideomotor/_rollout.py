from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ._host import class_name, is_host
from ._structure import any_traced, check_fits, numbers_to_arrays
from ._trajectory import Trajectory, check_times
from .errors import AssemblyError, SimulationError
from .interfaces import (
    AbstractFeedbackPrimitive,
    AbstractFeedforwardPrimitive,
    AbstractPlant,
    AbstractPrimitive,
)


def rollout(
    primitive: AbstractPrimitive,
    params: PyTree[Any],
    ts: Float[Array | np.ndarray, " time"],
    *,
    plant: AbstractPlant | None = None,
    x0: PyTree[Any] = None,
    key: PRNGKeyArray | None = None,
) -> Trajectory:
    """Play one movement: the only loop over time.

    At each time the plant is observed and the primitive asked for a command, which is held until the next
    time. The trajectory has one sample per time, so the plant makes one step less than there are times.

    - `params`: the parameters of the movement, of the structure of `primitive.default_params()`.
    - `ts`: increasing times in seconds, at least two. The movement starts at time zero, whatever `ts[0]` is,
      for a feedforward primitive; a feedback primitive starts at `ts[0]`.
    - `plant`: without one, the outputs `ys` are the commands.
    - `x0`: the plant's state at `ts[0]`, by default `plant.default_state()`.
    - `key`: for sampling (noise); `None` means deterministic.

    Raises a `DataError` for times that do not increase and an `AssemblyError` for parameters or a state of
    another structure; a `SimulationError` of a simulator holds in its `movement` what was recorded until
    then. Differentiable and `vmap`-able wherever primitive and plant are. With a plant that runs
    on the host (a simulator, a robot) the loop is an ordinary Python loop on NumPy arrays, unless JAX is
    tracing it.

        >>> import ideomotor, jax.numpy as jnp
        >>> dmp, arm = ideomotor.make("dmp", dof=2), ideomotor.make("sheet")
        >>> movement = rollout(dmp, dmp.default_params(), jnp.linspace(0.0, 1.0, 51), plant=arm)
        >>> movement.us.shape
        (51, 2)
    """
    ts, params, x0 = check_times(ts), numbers_to_arrays(params), numbers_to_arrays(x0)
    if (is_host(plant) or is_host(primitive)) and not any_traced((primitive, params, ts, plant, x0, key)):
        return _host_loop(primitive, params, np.asarray(ts), plant, x0, key)
    if plant is None and isinstance(primitive, AbstractFeedforwardPrimitive):
        return _feedforward(primitive, params, _floats(ts), x0, key)
    return _scan(primitive, params, _floats(ts), plant, x0, key)


# The structures are checked while JAX is tracing, so that the second call does not pay for it.
@eqx.filter_jit
def _feedforward(primitive, params, ts, x0, key) -> Trajectory:
    _checked(primitive, params, None, x0)
    return Trajectory(ts, primitive.trajectory(params, ts, key=key))


@eqx.filter_jit
def _scan(primitive, params, ts, plant, x0, key) -> Trajectory:
    x0 = _checked(primitive, params, plant, x0)
    key_plan, keys = _keys(key, ts.shape[0])
    # State and times agree on one precision before the loop, since the carry of a scan may not change its
    # type.
    if plant is not None:
        x0 = _promote(x0, jnp.result_type(ts, *_floating(params)))
    if isinstance(primitive, AbstractFeedforwardPrimitive):
        p0, given = None, primitive.trajectory(params, ts, key=key_plan)
    else:
        p0, given = _promote(primitive.init(params), jnp.result_type(ts, *_floating(params))), None

    def look_and_act(p, x, dt, keys, given):
        y = None if plant is None else plant.observe(x, key=keys[0])
        if isinstance(primitive, AbstractFeedforwardPrimitive):
            return p, y, given
        new, u = primitive.step(p, y, params, dt, key=keys[1])
        return _keep(p, new, primitive, "step"), y, u

    def body(carry, inputs):
        p, x = carry
        dt, keys, given = inputs
        keys = _NO_KEYS if keys is None else keys
        p, y, u = look_and_act(p, x, dt, keys, given)
        new = None if plant is None else _keep(x, plant.step(x, u, dt, key=keys[2]), plant, "step")
        return (p, new), (y, u, x)

    dts = jnp.diff(ts)
    moves, last = (
        jax.tree.map(lambda leaf: leaf[:-1], (keys, given)),
        jax.tree.map(lambda leaf: leaf[-1], (keys, given)),
    )
    (p, x), recorded = jax.lax.scan(body, (p0, x0), (dts, *moves))
    # What is seen and commanded at the last time; nothing is moved after it.
    _, y, u = look_and_act(p, x, dts[-1], _NO_KEYS if keys is None else last[0], last[1])
    ys, us, xs = jax.tree.map(lambda many, one: jnp.concatenate([many, one[None]]), recorded, (y, u, x))
    return Trajectory(ts, us) if plant is None else Trajectory(ts, ys, us, xs)


def _host_loop(primitive, params, ts, plant, x0, key) -> Trajectory:
    """The same loop in Python: nothing on the host is traced, and its arrays keep their precision."""
    x0 = _checked(primitive, params, plant, x0)
    key_plan, keys = _keys(key, len(ts))
    feedforward = isinstance(primitive, AbstractFeedforwardPrimitive)
    if feedforward and plant is None:
        return Trajectory(ts, jax.tree.map(np.asarray, primitive.trajectory(params, ts, key=key)))
    trajectory, init, act = _compiled(primitive, _trajectory, _init, _act)
    observe, move = _compiled(plant, _observe, _move)
    commands = trajectory(primitive, params, ts, key_plan) if feedforward else None
    commands = jax.tree.map(np.asarray, commands)
    p = None if feedforward else init(primitive, params)
    dts, x, recorded = np.diff(ts), x0, []
    for i in range(len(ts)):
        k_see, k_act, k_move = _NO_KEYS if keys is None else keys[i]
        y = None if plant is None else observe(plant, x, k_see)
        if feedforward:
            u = jax.tree.map(lambda leaf: leaf[i], commands)  # noqa: B023
        else:
            p, u = act(primitive, p, y, params, dts[min(i, len(dts) - 1)], k_act)
            u = jax.tree.map(np.asarray, u)
        # Copies, because a simulator may hand out a view of a buffer that it goes on writing to.
        recorded.append(jax.tree.map(np.array, (y, u, x)))
        if plant is not None and i < len(dts):
            try:
                x = move(plant, x, u, dts[i], k_move)
            except SimulationError as error:
                error.movement = _recorded(ts, recorded, plant)
                raise
    return _recorded(ts, recorded, plant)


def _recorded(ts, recorded, plant) -> Trajectory:
    ys, us, xs = jax.tree.map(lambda *leaves: np.stack(leaves), *recorded)
    ts = ts[: len(recorded)]
    return Trajectory(ts, us) if plant is None else Trajectory(ts, ys, us, xs)


# The methods as functions of their component, so that the parts of a host loop that are written in JAX are
# compiled once.
def _trajectory(primitive, params, ts, key):
    return primitive.trajectory(params, ts, key=key)


def _init(primitive, params):
    return primitive.init(params)


def _act(primitive, state, feedback, params, dt, key):
    return primitive.step(state, feedback, params, dt, key=key)


def _observe(plant, state, key):
    return plant.observe(state, key=key)


def _move(plant, state, command, dt, key):
    return plant.step(state, command, dt, key=key)


_METHODS: list[Callable[..., Any]] = [_trajectory, _init, _act, _observe, _move]
_JITTED = dict(zip(_METHODS, map(eqx.filter_jit, _METHODS), strict=True))
_NO_KEYS = (None, None, None)


def _compiled(component, *functions: Callable) -> list[Callable]:
    return [function if is_host(component) else _JITTED[function] for function in functions]


def _keys(key, n: int):
    """A key for the whole movement, and three for each time: to see, to act, to move."""
    if key is None:
        return None, None
    return jax.random.fold_in(key, 0), jax.random.split(jax.random.fold_in(key, 1), (n, 3))


def _checked(primitive, params, plant, x0):
    """The plant's initial state, if everything fits."""
    if not isinstance(primitive, AbstractFeedforwardPrimitive | AbstractFeedbackPrimitive):
        raise AssemblyError(
            f"{class_name(primitive)} is neither an AbstractFeedforwardPrimitive nor an "
            f"AbstractFeedbackPrimitive."
        )
    check_fits("params", params, class_name(primitive), primitive.default_params(), what="parameters")
    if plant is not None:
        default = numbers_to_arrays(plant.default_state())
        if x0 is None:
            return default
        check_fits("x0", x0, class_name(plant), default, what="a state")
    elif x0 is not None:
        raise AssemblyError("rollout got a state x0 and no plant; give the plant, or leave x0 out.")
    elif isinstance(primitive, AbstractFeedbackPrimitive) and primitive.default_feedback() is not None:
        raise AssemblyError(
            f"{class_name(primitive)} reacts to the feedback of a plant, and there is none; give rollout a "
            f"plant."
        )
    return x0


def _floats(ts):
    ts = jnp.asarray(ts)
    return ts if jnp.issubdtype(ts.dtype, jnp.floating) else ts.astype(float)


def _is_floating(leaf) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)


def _floating(tree) -> list:
    return [leaf for leaf in jax.tree.leaves(tree) if _is_floating(leaf)]


def _promote(tree, dtype):
    """Floating-point leaves in the wider of their own precision and `dtype`."""

    def widen(leaf):
        return leaf.astype(jnp.promote_types(leaf.dtype, dtype)) if _is_floating(leaf) else leaf

    return jax.tree.map(lambda leaf: widen(jnp.asarray(leaf)), tree)


def _keep(old, new, component, method: str):
    """`new` in the precision of `old`; another structure is the component's mistake, and is said to be."""
    check_fits(
        f"the state after {class_name(component)}.{method}",
        new,
        "the state before it",
        old,
        what="a state",
    )
    return jax.tree.map(lambda o, n: jnp.asarray(n).astype(o.dtype) if _is_floating(o) else n, old, new)
