import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractFeedbackPrimitive, Trajectory

from ._coupling import AbstractCoupling, Observed
from ._dmp import DMP
from ._look import default_feedback, look
from ._methods import ClosedForm
from ._params import DMPParams
from ._stepping import held_push, late_forcing


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
      dots (`"hand"`, `"arm.hand"`). `force`: where it holds the contact force. `goal`: where it holds a goal
      that moves and is taken in place of the parameters' (which still scales the weights). None: not looked at.
    """

    dmp: DMP
    coupling: AbstractCoupling | None
    phase_stopping: float = eqx.field(static=True)
    position: str | None = eqx.field(static=True)
    force: str | None = eqx.field(static=True)
    goal: str | None = eqx.field(static=True)

    def __init__(
        self,
        dmp: DMP = DMP(),
        coupling: AbstractCoupling | None = None,
        *,
        phase_stopping: float = 0.0,
        position: str | None = None,
        force: str | None = None,
        goal: str | None = None,
    ):
        if not isinstance(dmp, DMP):
            raise ValueError(f"dmp = {dmp!r}; a FeedbackDMP is made around a DMP.")
        if not (math.isfinite(phase_stopping) and phase_stopping >= 0):
            raise ValueError(
                f"phase_stopping = {phase_stopping!r}; it must be a number that is not negative."
            )
        needs = frozenset() if coupling is None else coupling.needs
        if position is None and (phase_stopping > 0 or "position" in needs):
            raise ValueError(
                "Phase stopping and this coupling need the observed position: say where the feedback "
                "holds it, such as position='hand'."
            )
        if force is None and "force" in needs:
            raise ValueError(
                "This coupling needs the contact force: say where the feedback holds it, such as force='contact'."
            )
        self.dmp, self.coupling = dmp, coupling
        self.phase_stopping, self.position = float(phase_stopping), position
        self.force, self.goal = force, goal
        default_feedback(self._places())

    def default_params(self) -> DMPParams:
        """Those of the DMP."""
        return self.dmp.default_params()

    def fit(self, trajectory: Trajectory) -> DMPParams:
        """Imitate a demonstration; see `DMP.fit`, which has options."""
        return self.dmp.fit(trajectory)

    def default_feedback(self) -> PyTree:
        """None, or nested dictionaries with what is looked at."""
        return default_feedback(self._places())

    def init(self, params: DMPParams) -> DMPState:
        """At rest at the start."""
        self.dmp.check(params)
        start = jnp.asarray(params.start)
        return DMPState(start, jnp.zeros_like(start), jnp.zeros((), start.dtype))

    def step(
        self,
        state: DMPState,
        feedback: PyTree,
        params: DMPParams,
        dt: Float[ArrayLike, ""],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[DMPState, Float[Array, " dof"]]:
        """`(state after dt seconds, the desired position now)`."""
        system, forcing, tau = self.dmp.system, self.dmp.forcing(params), self.dmp.tau(params)
        seen: dict[str, Any] = {name: self._look(feedback, name) for name in ("position", "force", "goal")}
        goal = params.goal if seen["goal"] is None else seen["goal"]
        here, ds = state.progress, jnp.asarray(dt, state.progress.dtype) / tau
        # The closed form is one solution of the equation; the distance to it obeys the unforced equation.
        on_path = ClosedForm().solve(
            system, forcing, goal, params.start, jnp.ones_like(tau), jnp.stack([here, here + ds]), True
        )
        y, z = system.propagate(state.position - on_path[0][0], state.velocity - on_path[1][0], ds)
        y, z, rate = y + on_path[0][1], z + on_path[1][1], 1.0
        if self.phase_stopping > 0:
            rate = 1 / (1 + self.phase_stopping * jnp.sum((seen["position"] - state.position) ** 2))
            late = late_forcing(system.forcing_basis, system.rate, here, ds, rate, forcing)
            y, z = y + late[0], z + late[1]
        if self.coupling is not None:
            observed = Observed(seen["position"], seen["force"])
            pushed = held_push(system.rate, ds, self.coupling(state.position, state.velocity / tau, observed))
            y, z = y + pushed[0], z + pushed[1]
        return DMPState(y, z, here + rate * ds), state.position

    def _places(self):
        places = (self.position, self.force, self.goal)
        return [(place, (self.dmp.dof,)) for place in places if place is not None]

    def _look(self, feedback, name):
        place = getattr(self, name)
        return None if place is None else look(feedback, place, (self.dmp.dof,))
