"""The loop over time, in one place: `Loop` makes one step, `rollout` all of them.

    observe the plant ──▶ ask the primitive for a command ──▶ record ──▶ move the plant for dt seconds

In JAX the steps are one `lax.scan`. With a part that runs on the host (a simulator, a robot) they are a Python loop on
NumPy arrays. Both take the parts through the same methods, of `_Traced` or of `_OnHost`.
"""

import contextlib
import re
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float, PRNGKeyArray, PyTree

from ._clock import Clock
from ._host import class_name
from ._loop_parts import (
    NO_KEYS,
    _OnHost,
    _Traced,
    check_parts,
    checked_state,
    floating_leaves,
    runs_on_host,
    step_keys,
)
from ._structure import any_traced, check_fits, numbers_to_arrays
from ._trajectory import Trajectory
from .common.trees import first_not_finite
from .errors import AssemblyError, SimulationError
from .interfaces import (
    AbstractFeedforwardPrimitive,
    AbstractPlant,
    AbstractPrimitive,
)


class Moment(eqx.Module):
    """One instant of a movement: all that its loop needs to continue. A pytree, which can be stored and saved.

    - `t`: the time (s), and `steps`: the number of steps made until then.
    - `x`, `p`: the states of plant and primitive; `p` is `None` for a feedforward primitive.
    - `params`: what the movement is made of; `Loop.change` changes them.
    - `commands`: of a feedforward primitive, `(their times since the start, the commands)`; otherwise `None`.
    - `key`: that of the start. Each step draws from it by its number.
    """

    t: Any
    steps: Any
    x: PyTree[Any]
    p: PyTree[Any]
    params: PyTree[Any]
    commands: PyTree[Any]
    key: PRNGKeyArray | None


class Loop(eqx.Module):
    """A primitive and its plant in a loop that advances step by step, at the pace of any clock.

    `rollout` advances through given times; a live view or a robot calls `advance` when its time has come.

        >>> import ideomotor
        >>> policy, arm = ideomotor.make("recurrent-policy"), ideomotor.make("muscle-arm")
        >>> loop = ideomotor.Loop(policy, arm)
        >>> moment = loop.start(policy.default_params())
        >>> for _ in range(3):
        ...     moment, sample = loop.advance(moment, 0.01)
        >>> f"{moment.t:.2f} s, {sample.ys['hand'].shape}"
        '0.03 s, (2,)'

    Raises an `AssemblyError` for parts that are not a primitive and a plant.
    """

    primitive: AbstractPrimitive
    plant: AbstractPlant | None = None

    def __check_init__(self):
        check_parts(self.primitive, self.plant)

    def start(
        self,
        params: PyTree[Any],
        *,
        ts: Any = None,
        x0: PyTree[Any] = None,
        p0: PyTree[Any] = None,
        key: PRNGKeyArray | None = None,
    ) -> Moment:
        """The first moment of a movement.

        - `ts`: increasing times (s) of the commands of a feedforward primitive, which requires them. Each step sends the
          next command; the last one is held. The movement starts at `ts[0]`, or at 0 s.
        - `x0`, `p0`: the states of plant and primitive, by default their own.
        - `key`: for sampling; `None` means deterministic.

        Raises an `AssemblyError` for parameters or states of another structure.
        """
        clock = None if ts is None else Clock.of(ts)
        if clock is None and isinstance(self.primitive, AbstractFeedforwardPrimitive):
            raise AssemblyError(
                f"{class_name(self.primitive)} computes all commands at the start; pass their times, ts=…"
            )
        since = None if clock is None else clock.since
        arguments = numbers_to_arrays((params, x0, p0, key))
        if runs_on_host(self.primitive, self.plant, (arguments, since)):
            x, p, commands = _begin(_OnHost(self.primitive, self.plant), since, *arguments)
        else:
            x, p, commands = _begin_jitted(self, since, *arguments)
        t = np.float64(0) if clock is None else clock.ts[0]
        if isinstance(self.primitive, AbstractFeedforwardPrimitive):
            commands = since, commands
        if key is not None and str(jax.random.key_impl(key)) == jax.config.jax_default_prng_impl:  # pyright: ignore
            key = jax.random.key_data(key)  # numbers, which can be saved
        return Moment(t, np.int32(0), x, p, arguments[0], commands, key)

    def advance(self, moment: Moment, dt: Float[ArrayLike, ""]) -> tuple[Moment, Trajectory]:
        """`(the moment dt seconds later, the sample recorded at this one)`; a sample is a `Trajectory` without time axis."""
        dt = dt if any_traced(dt) else np.asarray(dt, float)
        if runs_on_host(self.primitive, self.plant, (moment, dt)):
            (x, p), sample = _advance(_OnHost(self.primitive, self.plant), moment, dt)
        else:
            (x, p), sample = _advance_jitted(self, moment, dt)
        # The time is counted out here, where it has 64 bits.
        after = Moment(moment.t + dt, moment.steps + 1, x, p, moment.params, moment.commands, moment.key)
        return after, _sample(moment.t, self.plant, *sample)

    def change(self, moment: Moment, params: PyTree[Any]) -> Moment:
        """The same moment with other parameters: the movement continues with them.

        A feedforward primitive gives its commands again, at the times of its start.
        """
        times = None if moment.commands is None else moment.commands[0]
        begun = self.start(params, ts=times, x0=moment.x, p0=moment.p, key=moment.key)
        return Moment(moment.t, moment.steps, moment.x, moment.p, begun.params, begun.commands, moment.key)


def rollout(
    primitive: AbstractPrimitive,
    params: PyTree[Any],
    ts: Any,
    *,
    plant: AbstractPlant | None = None,
    x0: PyTree[Any] = None,
    p0: PyTree[Any] = None,
    key: PRNGKeyArray | None = None,
    start: Trajectory | Moment | None = None,
) -> Trajectory:
    """Play one movement: a `Loop` through all of the times.

    At each time the plant is observed and the primitive asked for a command, which is held until the next
    time. The trajectory has one sample per time, so the plant makes one step less than there are times.

    - `params`: the parameters of the movement, of the structure of `primitive.default_params()`.
    - `ts`: increasing times in seconds, at least two. The movement starts at `ts[0]`: only differences count, and they are
      computed on the host in 64 bits.
    - `plant`: without one, the outputs `ys` are the commands.
    - `x0`, `p0`: the states of plant and primitive at `ts[0]`, by default `plant.default_state()` and
      `primitive.init(params)`.
    - `key`: for sampling (noise); `None` means deterministic.
    - `start`: a sample of an earlier movement, such as `movement[40]`, or a moment of a `Loop`: the movement continues
      from there. All other arguments are those of the whole movement, `ts` included; the result is the rest of it, as if
      it had not been interrupted.

    Raises a `DataError` for times that do not increase, an `AssemblyError` for parameters or a state of another
    structure, and a `SimulationError` if the movement diverges (inside `jit` it holds NaN instead). The attribute
    `movement` of this error, and of any exception of a part that runs on the host, is what was recorded until then.

    Differentiable and `vmap`-able wherever primitive and plant are. With a part that runs on the host (a simulator, a
    robot) the loop is an ordinary Python loop on NumPy arrays, unless JAX is tracing it.

        >>> import ideomotor, jax.numpy as jnp
        >>> dmp, arm = ideomotor.make("dmp", dof=2), ideomotor.make("sheet")
        >>> ts = jnp.linspace(0.0, 1.0, 51)
        >>> movement = rollout(dmp, dmp.default_params(), ts, plant=arm)
        >>> movement.us.shape
        (51, 2)
        >>> rest = rollout(dmp, dmp.default_params(), ts, plant=arm, start=movement[40])
        >>> bool((rest.xs == movement[40:].xs).all())
        True
    """
    check_parts(primitive, plant)
    clock = Clock.of(ts)
    if start is not None:
        at = (start.t, int(start.steps)) if isinstance(start, Moment) else (start.ts, None)
        clock = clock.starting(clock.sample_at(*at))
        x0, p0 = (start.x, start.p) if isinstance(start, Moment) else (start.xs, start.ps)
        key = start.key if key is None and isinstance(start, Moment) else key
    arguments = numbers_to_arrays((params, x0, p0, key))
    if runs_on_host(primitive, plant, (arguments, clock.ts)):
        return _host_loop(primitive, plant, clock, *arguments)
    return finish(clock.ts, play_jitted(primitive, plant, clock[1:], *arguments))


def _begin(parts: _Traced | _OnHost, since, params, x0, p0, key):
    """`(state of the plant, state of the primitive, commands)` at the start, if everything fits."""
    x, p, commands = checked_state(parts.primitive, params, parts.plant, x0), None, None
    if parts.feedforward:
        commands = parts.plan(params, since, None if key is None else jax.random.fold_in(key, 0))
    else:
        p = parts.init(params)
    if p0 is not None:
        if p is None:
            raise AssemblyError(
                f"rollout got a state p0, but {class_name(parts.primitive)} is a feedforward primitive, which has no "
                f"state; leave p0 out."
            )
        check_fits("p0", p0, class_name(parts.primitive), p, what="a state")
        p = p0
    return *parts.settle((x, p), params, since), commands


def _respond(parts: _Traced | _OnHost, params, p, x, dt, keys, given):
    """What is observed and commanded: `(the primitive's next state, feedback, command)`."""
    y = None if parts.plant is None else parts.observe(x, keys[0])
    if parts.feedforward:
        return None, y, given
    p, u = parts.act(p, y, params, dt, keys[1])
    return p, y, u


def play(primitive, plant, inputs, params, x0, p0, key):
    """The steps as a scan; `finish` gives the movement its times.

    A movement that continues makes as many steps as the whole one, by the same program, and `finish` drops those after
    its end: that is quicker than another program, and one for fewer steps might round otherwise.
    """
    since, dts, first = inputs
    parts, n = _Traced(primitive, plant), dts.shape[0]
    # With barriers the steps are compiled alike whether they begin at a constant or at a sample: bits stay the same.
    begun = _begin(parts, since, params, x0, p0, key)
    x0, p0, commands = jax.tree.map(jax.lax.optimization_barrier, begun)
    now = jnp.minimum(first + jnp.arange(n), n - 1)
    commands = jax.tree.map(lambda leaf: leaf[now], commands)
    if parts.feedforward and parts.plant is None:
        return Trajectory(since, commands)

    def body(carry, inputs):
        p, x = carry
        dt, keys, given = inputs
        keys = NO_KEYS if keys is None else keys
        after, y, u = _respond(parts, params, p, x, dt, keys, given)
        moved = None if parts.plant is None else parts.move(x, u, dt, keys[2])
        return (after, moved), (y, u, x, p)

    rows = (dts, step_keys(key, first, n), commands)
    (p, x), (ys, us, xs, ps) = jax.lax.scan(body, (p0, x0), jax.tree.map(lambda leaf: leaf[:-1], rows))
    # What is observed and commanded at the last time; nothing is moved after it.
    end = n - 1 - first
    xs, ps = jax.tree.map(lambda many, one: jnp.concatenate([many, one[None]]), (xs, ps), (x, p))
    p, x, (dt, keys, given) = jax.tree.map(lambda leaf: leaf[end], (ps, xs, rows))
    last = _respond(parts, params, p, x, dt, NO_KEYS if keys is None else keys, given)[1:]
    ys, us = jax.tree.map(
        lambda many, one: jnp.concatenate([many, one[None]]).at[end].set(one), (ys, us), last
    )
    return _sample(dts, plant, ys, us, xs, ps)


def finish(ts, movement: Trajectory) -> Trajectory:
    """What `play` gave, with its times in 64 bits; raises a `SimulationError` if it diverged, unless JAX is tracing."""
    if len(ts) < movement.ts.shape[0]:
        leaves = movement if any_traced(movement) else jax.tree.map(np.asarray, movement)
        movement = leaves[: len(ts)]
    object.__setattr__(movement, "ts", ts)  # it is new and nobody else's; this is quicker than making another
    if any_traced(movement):
        return movement
    # Out here, since one more reduction inside costs several times as much where threads are scarce.
    with np.errstate(all="ignore"):
        if all(np.isfinite(np.sum(leaf)) for leaf in map(np.asarray, floating_leaves(movement))):
            return movement
    if found := first_not_finite(_by_name(movement), earliest=True):
        error = _diverged(found._replace(where=found.where[1:]), ts[found.where[0]], ts[0])
        error.movement = jax.tree.map(np.asarray, movement)[: found.where[0]]
        raise error
    return movement  # only the sum was too large


def _host_loop(primitive, plant, clock: Clock, params, x0, p0, key) -> Trajectory:
    """The steps in Python: nothing on the host is traced, and its arrays keep their precision."""
    parts, n, recorded = _OnHost(primitive, plant), len(clock.ts), []
    x, p, commands = _begin(parts, clock.since, params, x0, p0, key)
    commands = jax.tree.map(lambda leaf: leaf[clock.first :], commands)
    if parts.feedforward and parts.plant is None:
        return Trajectory(clock.ts, commands)
    keys = step_keys(key, clock.first, n)

    def movement():
        return _sample(
            clock.ts[: len(recorded)], plant, *jax.tree.map(lambda *rows: np.stack(rows), *recorded)
        )

    try:
        for i in range(n):
            k = NO_KEYS if keys is None else keys[i]
            given = jax.tree.map(lambda leaf: leaf[i], commands)  # noqa: B023
            after, y, u = _respond(parts, params, p, x, clock.dts[i], k, given)
            # Copies, because a simulator may hand out a view of a buffer that it goes on writing to.
            recorded.append(jax.tree.map(np.array, (y, u, x, p)))
            if found := first_not_finite(_by_name(_sample(clock.ts[i], plant, *recorded[-1]))):
                recorded.pop()
                raise _diverged(found, clock.ts[i], clock.ts[0])
            if parts.plant is not None and i + 1 < n:
                x = parts.move(x, u, clock.dts[i], k[2])
            p = after
    except BaseException as error:  # Ctrl-C as well
        if recorded:
            with contextlib.suppress(AttributeError):
                error.movement = movement()  # pyright: ignore[reportAttributeAccessIssue]
        raise
    return movement()


def _advance(parts: _Traced | _OnHost, moment: Moment, dt):
    """One step: `((the plant's state, the primitive's) after it, (feedback, command, both states) before it)`."""
    many, given = step_keys(moment.key, moment.steps, 1), None
    keys = NO_KEYS if many is None else many[0]
    if moment.commands is not None:
        times, commands = moment.commands
        now = parts.smaller(moment.steps, times.shape[0] - 1)
        given = jax.tree.map(lambda leaf: leaf[now], commands)
    p, y, u = _respond(parts, moment.params, moment.p, moment.x, dt, keys, given)
    x = None if parts.plant is None else parts.move(moment.x, u, dt, keys[2])
    return (x, p), (y, u, moment.x, moment.p)


def _sample(ts, plant, y, u, x, p) -> Trajectory:
    return Trajectory(ts, u, ps=p) if plant is None else Trajectory(ts, y, u, x, p)


# Structures are checked while JAX is tracing, so that the second call does not pay for it.
play_jitted = eqx.filter_jit(play)
_begin_jitted = eqx.filter_jit(lambda loop, *args: _begin(_Traced(loop.primitive, loop.plant), *args))
_advance_jitted = eqx.filter_jit(lambda loop, *args: _advance(_Traced(loop.primitive, loop.plant), *args))


def _by_name(movement: Trajectory) -> dict[str, Any]:
    return {name: getattr(movement, name) for name in ("xs", "us", "ys", "ps")}


def _diverged(found: Any, t, start) -> SimulationError:
    name = re.sub(r"^\['(\w+)'\]", r"\1", found.place)
    if t == start:
        return SimulationError(
            f"{name} is {found.value} at the start of the movement; check its parameters and the plant's state."
        )
    return SimulationError(
        f"The simulation diverged: {name} is {found.value} at {t:g} s; give times that are closer together, the plant "
        f"more substeps, or the primitive smaller gains."
    )
