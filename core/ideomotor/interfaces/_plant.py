import abc
import dataclasses
import math
from typing import Any, Generic, TypeVar

import diffrax
import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from equinox.internal import unvmap_any
from jaxtyping import ArrayLike, Float, PRNGKeyArray, PyTree

State = TypeVar("State")
Command = TypeVar("Command")
Feedback = TypeVar("Feedback")

_MOST_PIECES = 64  # of a substep that is too long


class AbstractPlant(eqx.Module, Generic[State, Command, Feedback]):
    """What is moved: an arm, a hand, a simulator.

    Change a plant by wrapping it, never by subclassing a concrete one.
    """

    @abc.abstractmethod
    def default_state(self) -> State:
        """The state at rest."""

    @abc.abstractmethod
    def default_command(self) -> Command:
        """The command at rest: its structure, shapes and dtypes are the command type."""

    @abc.abstractmethod
    def step(
        self, state: State, command: Command, dt: Float[ArrayLike, ""], *, key: PRNGKeyArray | None = None
    ) -> State:
        """The state after `dt` seconds of a constant command."""

    @abc.abstractmethod
    def observe(self, state: State, *, key: PRNGKeyArray | None = None) -> Feedback:
        """What a primitive may see of the state."""


class AbstractODEPlant(AbstractPlant[State, Command, Feedback]):
    """A plant given by an ordinary differential equation; `step` is written once, here.

    The command is constant during a step, so every step is one smooth initial value problem, solved with
    `substeps` equal steps of `solver`, or more where these would be longer than `longest_step`. Integrating several
    steps in one solve would be wrong where the command switches.
    """

    solver: eqx.AbstractVar[diffrax.AbstractSolver]
    substeps: eqx.AbstractVar[int]

    @property
    def longest_step(self) -> float | None:
        """The longest step (s) that the solver may take; by default any.

        A time step that needs more than `substeps` of these is divided further, by up to 64, so that a plant whose
        equations are stiff stays stable for any time step.
        """
        return None

    def limited(self, state: State, before: State, command: Command) -> State:
        """The state after a solver step that began at `before`, brought back to where a solution can be.

        By default unchanged. An explicit step may overshoot what the equation approaches, such as an activation.
        """
        return state

    @abc.abstractmethod
    def vector_field(self, t: Any, state: State, command: Command) -> PyTree:
        """The time derivative of the state."""

    def step(
        self, state: State, command: Command, dt: Float[ArrayLike, ""], *, key: PRNGKeyArray | None = None
    ) -> State:
        """The state after `dt` seconds of a constant command; NaN where an implicit solver fails."""
        dtype = jnp.result_type(float, *jax.tree.leaves(state))
        solver = _with_root_finder(self.solver, dtype)
        terms = _as_term_structure(diffrax.ODETerm(self.vector_field), solver)
        span = jnp.asarray(dt, dtype)
        longest, most = self.longest_step, _MOST_PIECES * self.substeps

        # The solver's own step in a scan: all steps are equal, so the step-size control, the event handling
        # and the checkpointing loop of `diffeqsolve` would only cost compile time and a slower backward pass.
        def evenly(count):
            h = span / count
            begin = (state, solver.init(terms, jnp.zeros_like(h), h, state, command))

            def substep(carry, t0):
                before, solver_state = carry
                y, _, _, solver_state, result = solver.step(
                    terms, t0, t0 + h, before, command, solver_state, False
                )
                if isinstance(solver, diffrax.AbstractImplicitSolver):
                    failed = result != diffrax.RESULTS.successful
                    y = jax.tree.map(lambda leaf: jnp.where(failed, jnp.nan, leaf), y)
                return (self.limited(y, before, command), solver_state), None

            if isinstance(count, int):
                return (
                    substep(begin, jnp.zeros_like(h))
                    if count == 1
                    else jax.lax.scan(substep, begin, h * jnp.arange(count))
                )[0][0]

            # Without a memory for the backward pass, which would make room for it at every time step, divided or not.
            @jax.checkpoint
            def piece(carry, i):
                def advance():
                    return _where(i < count, substep(carry, i * h)[0], carry)

                return _if_any(i < count, advance, lambda: carry), None

            return jax.lax.scan(piece, begin, jnp.arange(most, dtype=dtype))[0][0]

        if longest is None:
            return evenly(self.substeps)
        # Rounding must not divide a step that is just as long as it may be.
        if not isinstance(dt, jax.core.Tracer):
            needed = math.ceil(float(np.asarray(dt)) / longest * (1 - 1e-5))
            return evenly(min(max(needed, self.substeps), most))
        needed = jnp.clip(jnp.ceil(span / longest * (1 - 1e-5)), self.substeps, most)
        # The usual step outside of the condition, where XLA can fuse it and the backward pass needs no copies.
        usual = evenly(self.substeps)
        divided = jax.checkpoint(lambda: _where(needed > self.substeps, evenly(needed), usual))
        return _if_any(needed > self.substeps, divided, lambda: usual)


def _if_any(wanted, then, otherwise):
    """`lax.cond` that `vmap` keeps: a batch of which no element wants `then` does not compute it.

    `then` is computed for all elements otherwise, and must leave those alone that do not want it.
    """
    return jax.lax.cond(unvmap_any(wanted), then, otherwise)


def _where(chosen, ones, others):
    return jax.tree.map(lambda one, other: jnp.where(chosen, one, other), ones, others)


def _with_root_finder(solver, dtype):
    """Implicit solvers take their root finder's tolerances from a step-size controller: here is none.

    Where they are left open, Newton's method is used. (Diffrax's quasi-Newton default relies on a controller
    that rejects the steps it fails at.) Newton doubles the digits with each iteration, so that a last change
    below the square root of the rounding error leaves an error near the rounding error itself.
    """
    finder = getattr(solver, "root_finder", None)
    if finder is None or isinstance(finder.rtol, float | jax.Array):
        return solver
    tolerance = float(jnp.finfo(dtype).eps) ** 0.5
    return dataclasses.replace(solver, root_finder=optx.Newton(tolerance, tolerance, norm=optx.max_norm))


def _as_term_structure(term, solver):
    """Symplectic solvers want a pair of terms; say so instead of failing inside Diffrax."""
    if isinstance(solver.term_structure, type) and issubclass(diffrax.ODETerm, solver.term_structure):
        return term
    raise TypeError(
        f"solver {type(solver).__name__} does not solve a plain ODE; use an explicit solver such as "
        f"diffrax.Heun(), diffrax.Tsit5(), or an implicit one such as diffrax.Kvaerno3()."
    )
