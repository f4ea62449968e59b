import abc
from collections.abc import Callable
from typing import Literal

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ._system import System
from ._table import sample, spline_table


class AbstractMethod(eqx.Module):
    """How the equations of a DMP are solved; a part of `DMP`."""

    @abc.abstractmethod
    def solve(
        self,
        system: System,
        forcing: Float[Array | np.ndarray, "dof basis"],
        goal: Float[Array | np.ndarray, " dof"],
        start: Float[Array | np.ndarray, " dof"],
        tau: Float[Array, ""],
        ts: Float[Array, " time"],
        fixed: bool,
    ) -> tuple[Float[Array, "time dof"], Float[Array, "time dof"]]:
        """Positions and scaled velocities z = tau dy/dt at the increasing times `ts >= 0`.

        `fixed` says that `tau` and `ts` are the same for all movements, so that work may be shared.
        """

    def positions(
        self,
        system: System,
        forcing: Float[Array | np.ndarray, "dof basis"],
        goal: Float[Array | np.ndarray, " dof"],
        start: Float[Array | np.ndarray, " dof"],
        tau: Float[Array, ""],
        ts: Float[Array, " time"],
        fixed: bool,
    ) -> Float[Array, "time dof"]:
        """The positions that `solve` gives; a method that needs no velocities for them overrides it."""
        return self.solve(system, forcing, goal, start, tau, ts, fixed)[0]


class ClosedForm(AbstractMethod):
    """The exact solution, read from a table: a matrix product and one look-up per sample.

    Valid for all times from zero to infinity; relative error about 1e-8 in float64 (see `_table`).
    """

    def solve(self, system, forcing, goal, start, tau, ts, fixed):
        y, z = (self._read(i, system, forcing, goal - start, tau, ts, fixed) for i in (0, 1))
        return jnp.add(start, y), z

    def positions(self, system, forcing, goal, start, tau, ts, fixed):
        return jnp.add(start, self._read(0, system, forcing, goal - start, tau, ts, fixed))

    def _read(self, which, system, forcing, change, tau, ts, fixed):
        s = jnp.maximum(ts / tau, 0)
        grid, *tables = spline_table(system, s.dtype)
        theta, table = jnp.concatenate([forcing, change[:, None]], axis=1), jnp.asarray(tables[which].T)
        if fixed:
            # One matrix for the whole batch: what is left per movement is a matrix product.
            return _product(theta, sample(grid, table, s)).T
        return sample(grid, _product(theta, table), s).T


def _product(a, b):
    """Without the reduced precision that accelerators take by default: weights of 1e4 cancel to a movement of
    20.
    """
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


class Integrated(AbstractMethod):
    """Numerical integration with Diffrax: for comparison, and for integrators of other libraries.

    - `solver`: any explicit solver of Diffrax.
    - `rtol`, `atol`: tolerances of the adaptive step size; `atol` in the unit of the movement.
    - `steps`: if given, that many equal steps up to the last time, without adaptation.
    - `derivatives`: `"reverse"` allows `jax.grad` at the least memory, `"both"` also `jax.jvp`.
    """

    solver: diffrax.AbstractSolver = diffrax.Tsit5()
    rtol: float = eqx.field(default=1e-6, static=True)
    atol: float = eqx.field(default=1e-6, static=True)
    steps: int | None = eqx.field(default=None, static=True)
    derivatives: Literal["reverse", "both"] = eqx.field(default="reverse", static=True)

    def __check_init__(self):
        if self.derivatives not in ("reverse", "both"):
            raise ValueError(f"derivatives = {self.derivatives!r}; choose 'reverse' or 'both'.")
        if self.steps is not None and self.steps < 1:
            raise ValueError(
                f"steps = {self.steps}; at least one step is needed, or None for adaptive steps."
            )

    def solve(self, system, forcing, goal, start, tau, ts, fixed):
        beta = system.alpha / 4

        def slope(t, state, args):
            forcing, goal, tau = args
            y, z = state
            push = system.forcing_basis(t / tau) @ forcing.T
            return z / tau, (system.alpha * (beta * (goal - y) - z) + push) / tau

        return self.integrate(slope, (start, jnp.zeros_like(start)), (forcing, goal, tau), ts)

    def integrate(self, slope: Callable, first: PyTree, args: PyTree, ts: Float[Array, " time"]) -> PyTree:
        """States at the increasing times `ts >= 0` of d(state)/dt = slope(t, state, args), from `first` at 0."""
        ts = jnp.maximum(ts, 0)
        # The unit of the steps must not be zero: a single sample at time zero is a movement too.
        end = jnp.where(ts[-1] > 0, ts[-1], jnp.ones_like(ts[-1]))
        controller = diffrax.ConstantStepSize() if self.steps else diffrax.PIDController(self.rtol, self.atol)
        adjoint = (
            diffrax.RecursiveCheckpointAdjoint() if self.derivatives == "reverse" else diffrax.DirectAdjoint()
        )
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(slope),
            self.solver,
            jnp.zeros_like(end),
            end,
            end / self.steps if self.steps else None,
            first,
            args,
            saveat=diffrax.SaveAt(ts=ts),
            stepsize_controller=controller,
            adjoint=adjoint,
            max_steps=self.steps + 1 if self.steps else 4096,
        )
        return solution.ys
