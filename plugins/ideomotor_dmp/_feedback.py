import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractFeedbackPrimitive, Trajectory
from ideomotor.errors import DataError

from ._coupling import AbstractCoupling
from ._dmp import DMP
from ._methods import ClosedForm
from ._params import DMPParams


class DMPState(eqx.Module):
    """One instant of a `FeedbackDMP`.

    - `position`, `velocity`: y and z = tau dy/dt, shape `(dof,)`.
    - `progress`: how much of the movement is done, s = -ln(x) / alpha_x; 1 after tau seconds without phase
      stopping.
    """

    position: Float[Array, " dof"]
    velocity: Float[Array, " dof"]
    progress: Float[Array, ""]


class FeedbackDMP(AbstractFeedbackPrimitive[DMPParams]):
    """A DMP that is played step by step and may react: its command is the desired position.

        tau dz/dt = alpha (beta (goal - y) - z) + scale * F(x) + coupling,   tau dy/dt = z,
        tau dx/dt = -alpha_x x / (1 + phase_stopping |observed - y|^2)   (Ijspeert et al. 2013)

    Each step is exact for any `dt`, with the coupling and the tracking error held over the step: without them
    the rollout is `DMP.trajectory`, sample for sample.

    - `dmp`: which family of movements; also imitates.
    - `coupling`: a force on the desired position, or None.
    - `phase_stopping`: how strongly a tracking error slows the phase, in 1 / (unit of the movement)^2.
    - `position`: where the feedback holds the observed position, as keys of nested dictionaries joined by
      dots (`"hand"`, `"arm.hand"`). None: no feedback is looked at.
    """

    dmp: DMP
    coupling: AbstractCoupling | None
    phase_stopping: float = eqx.field(static=True)
    position: str | None = eqx.field(static=True)

    def __init__(
        self,
        dmp: DMP = DMP(),
        coupling: AbstractCoupling | None = None,
        *,
        phase_stopping: float = 0.0,
        position: str | None = None,
    ):
        if not isinstance(dmp, DMP):
            raise ValueError(f"dmp = {dmp!r}; a FeedbackDMP is made around a DMP.")
        if not (math.isfinite(phase_stopping) and phase_stopping >= 0):
            raise ValueError(
                f"phase_stopping = {phase_stopping!r}; it must be a number that is not negative."
            )
        if position is None and (phase_stopping > 0 or (coupling is not None and coupling.looks)):
            raise ValueError(
                "Phase stopping and this coupling need the observed position: say where the feedback "
                "holds it, such as position='hand'."
            )
        self.dmp, self.coupling = dmp, coupling
        self.phase_stopping, self.position = float(phase_stopping), position

    def default_params(self) -> DMPParams:
        """Those of the DMP."""
        return self.dmp.default_params()

    def fit(self, trajectory: Trajectory) -> DMPParams:
        """Imitate a demonstration; see `DMP.fit`, which has options."""
        return self.dmp.fit(trajectory)

    def default_feedback(self) -> PyTree:
        """None, or nested dictionaries with the observed position."""
        if self.position is None:
            return None
        feedback = jnp.zeros(self.dmp.dof)
        for name in reversed(self.position.split(".")):
            feedback = {name: feedback}
        return feedback

    def init(self, params: DMPParams) -> DMPState:
        """At rest at the start."""
        self.dmp.check(params)
        return DMPState(params.start, jnp.zeros_like(params.start), jnp.zeros((), params.start.dtype))

    def step(
        self,
        state: DMPState,
        feedback: PyTree,
        params: DMPParams,
        dt: Float[Array, ""],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[DMPState, Float[Array, " dof"]]:
        """`(state after dt seconds, the desired position now)`."""
        system, forcing, tau = self.dmp.system, self.dmp.forcing(params), self.dmp.tau(params)
        observed = self._observed(feedback)
        here, ds = state.progress, jnp.asarray(dt, state.progress.dtype) / tau
        # The closed form is one solution of the equation; the distance to it obeys the unforced equation.
        on_path = ClosedForm().solve(
            system, forcing, params.goal, params.start, jnp.ones_like(tau), jnp.stack([here, here + ds]), True
        )
        y, z = system.propagate(state.position - on_path[0][0], state.velocity - on_path[1][0], ds)
        y, z, rate = y + on_path[0][1], z + on_path[1][1], 1.0
        if self.phase_stopping > 0:
            rate = 1 / (1 + self.phase_stopping * jnp.sum((observed - state.position) ** 2))
            late = self._late_forcing(here, ds, rate, forcing)
            y, z = y + late[0], z + late[1]
        if self.coupling is not None:
            push = self.coupling(state.position, state.velocity / tau, observed)
            r = system.rate
            y = y + push * (1 - (1 - r * ds) * jnp.exp(r * ds)) / r**2
            z = z + push * ds * jnp.exp(r * ds)
        return DMPState(y, z, here + rate * ds), state.position

    def _late_forcing(self, s, ds, rate, forcing):
        """What changes in `(y, z)` because the phase advances at `rate` and not at one: Gauss-Legendre
        quadrature of the difference in forcing against the impulse response of the spring.
        """
        nodes, weights = (np.asarray(a, s.dtype) for a in np.polynomial.legendre.leggauss(16))
        after = (nodes + 1) / 2 * ds
        basis = self.dmp.system.forcing_basis
        missing = (basis(s + rate * after) - basis(s + after)) @ forcing.T
        r, rest = self.dmp.system.rate, ds - after
        kernel = (weights / 2 * ds * jnp.exp(r * rest))[:, None]
        rest = rest[:, None]
        return jnp.sum(kernel * rest * missing, axis=0), jnp.sum(kernel * (1 + r * rest) * missing, axis=0)

    def _observed(self, feedback):
        if self.position is None:
            return None
        for name in self.position.split("."):
            if not isinstance(feedback, dict) or name not in feedback:
                found = sorted(feedback) if isinstance(feedback, dict) else type(feedback).__name__
                raise DataError(
                    f"The feedback has no {self.position!r} (found: {found}); use a plant whose observation has it."
                )
            feedback = feedback[name]
        return feedback
