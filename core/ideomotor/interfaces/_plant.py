import abc
import dataclasses
from typing import Any, Generic, TypeVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import ArrayLike, Float, PRNGKeyArray, PyTree

State = TypeVar("State")
Command = TypeVar("Command")
Feedback = TypeVar("Feedback")


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
    `substeps` equal steps of `solver`. Integrating several steps in one solve would be wrong where the
    command switches.
    """

    solver: eqx.AbstractVar[diffrax.AbstractSolver]
    substeps: eqx.AbstractVar[int]

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
        h = jnp.asarray(dt, dtype) / self.substeps
        start = (state, solver.init(terms, jnp.zeros_like(h), h, state, command))

        # The solver's own step in a scan: all steps are equal, so the step-size control, the event handling
        # and the checkpointing loop of `diffeqsolve` would only cost compile time and a slower backward pass.
        def substep(carry, t0):
            y, solver_state = carry
            y, _, _, solver_state, result = solver.step(terms, t0, t0 + h, y, command, solver_state, False)
            if isinstance(solver, diffrax.AbstractImplicitSolver):
                failed = result != diffrax.RESULTS.successful
                y = jax.tree.map(lambda leaf: jnp.where(failed, jnp.nan, leaf), y)
            return (y, solver_state), None

        if self.substeps == 1:
            (new, _), _ = substep(start, jnp.zeros_like(h))
        else:
            (new, _), _ = jax.lax.scan(substep, start, h * jnp.arange(self.substeps))
        return new


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
