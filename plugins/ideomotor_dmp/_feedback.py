import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractFeedbackPrimitive, Trajectory

from ._coupling import AbstractCoupling, Observed, default_feedback, look_up
from ._dmp import DMP
from ._methods import ClosedForm
from ._params import DMPParams, positive
from ._periodic import PeriodicDMP, PeriodicDMPParams
from ._system import held_push, late_forcing


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
            raise ValueError(f"phase_stopping = {phase_stopping!r}; it must be a non-negative number.")
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
        return None if place is None else look_up(feedback, place, (self.dmp.dof,))


class PeriodicDMPState(eqx.Module):
    """One instant of a `FeedbackPeriodicDMP`: y and z = tau dy/dt, shape `(dof,)`, and the phase in rad,
    from 0 to 2 pi.
    """

    position: Float[Array, " dof"]
    velocity: Float[Array, " dof"]
    phase: Float[Array, ""]


class FeedbackPeriodicDMP(AbstractFeedbackPrimitive[PeriodicDMPParams]):
    """A rhythmic DMP that is played step by step and may react; its command is the desired position.

        tau dphi/dt = 1 + phase_coupling sin(observed phase - phi)   (Ijspeert et al. 2013)

    and couplings push as in `FeedbackDMP`. Each step is exact for any `dt`, with coupling and rate of the phase
    held over it.

    - `dmp`: which family of rhythms; also imitates.
    - `coupling`: a force on the desired position, or None.
    - `phase_coupling`: how strongly the phase is drawn to the observed one, as a share of the own frequency.
      Above |1 - own period / other period| it locks.
    - `phase`, `position`, `force`: where the feedback holds these (rad, unit of the movement, N), as keys of
      nested dictionaries joined by dots; None: not looked at.
    """

    dmp: PeriodicDMP
    coupling: AbstractCoupling | None
    phase_coupling: float = eqx.field(static=True)
    phase: str | None = eqx.field(static=True)
    position: str | None = eqx.field(static=True)
    force: str | None = eqx.field(static=True)

    def __init__(
        self,
        dmp: PeriodicDMP = PeriodicDMP(),
        coupling: AbstractCoupling | None = None,
        *,
        phase_coupling: float = 0.0,
        phase: str | None = None,
        position: str | None = None,
        force: str | None = None,
    ):
        if not isinstance(dmp, PeriodicDMP):
            raise ValueError(f"dmp = {dmp!r}; a FeedbackPeriodicDMP is made around a PeriodicDMP.")
        if not (math.isfinite(phase_coupling) and phase_coupling >= 0):
            raise ValueError(f"phase_coupling = {phase_coupling!r}; it must be a non-negative number.")
        if phase is None and phase_coupling > 0:
            raise ValueError(
                "Phase coupling needs the observed phase: say where it is, such as phase='phase'."
            )
        for name in sorted(frozenset() if coupling is None else coupling.needs):
            if {"position": position, "force": force}[name] is None:
                raise ValueError(
                    f"This coupling needs the observed {name}: say where, such as {name}='hand'."
                )
        self.dmp, self.coupling, self.phase_coupling = dmp, coupling, float(phase_coupling)
        self.phase, self.position, self.force = phase, position, force
        self.default_feedback()

    def default_params(self) -> PeriodicDMPParams:
        """Those of the DMP."""
        return self.dmp.default_params()

    def fit(self, trajectory: Trajectory, *, period: float | None = None) -> PeriodicDMPParams:
        """Imitate one or several cycles, with that period (s) or the one that is found: see `PeriodicDMP.fit`."""
        return self.dmp.fit(trajectory, period=period)

    def default_feedback(self) -> PyTree:
        """None, or nested dictionaries with what is looked at."""
        return default_feedback([(place, shape) for place, shape in self._places().values() if place])

    def init(self, params: PeriodicDMPParams) -> PeriodicDMPState:
        """On the cycle, or at rest at the start where the DMP has a transient."""
        self.dmp.check(params)
        phase = jnp.asarray(params.phase, params.weights.dtype)
        if self.dmp.transient:
            start = jnp.asarray(params.start)
            return PeriodicDMPState(start, jnp.zeros_like(start), phase)
        y, z = self.dmp.on_cycle(params, phase[None])
        return PeriodicDMPState(y[0], z[0], phase)

    def step(
        self,
        state: PeriodicDMPState,
        feedback: PyTree,
        params: PeriodicDMPParams,
        dt: Float[ArrayLike, ""],
        *,
        key: PRNGKeyArray | None = None,
    ) -> tuple[PeriodicDMPState, Float[Array, " dof"]]:
        """`(state after dt seconds, the desired position now)`."""
        seen: dict[str, Any] = {
            name: None if place is None else look_up(feedback, place, shape)
            for name, (place, shape) in self._places().items()
        }
        system, here = self.dmp.system, state.phase
        tau = positive(params.period, "period", "the period of a rhythm") / (2 * math.pi)
        ds = jnp.asarray(dt, here.dtype) / tau
        # The cycle is one solution of the equation; the distance to it obeys the unforced equation.
        cycle = self.dmp.on_cycle(params, jnp.stack([here, here + ds]))
        y, z = system.propagate(state.position - cycle[0][0], state.velocity - cycle[1][0], ds)
        y, z, speed = y + cycle[0][1], z + cycle[1][1], 1.0
        if self.phase_coupling > 0:
            speed = 1 + self.phase_coupling * jnp.sin(seen["phase"] - here)
            forcing = params.weights * params.amplitude[:, None]
            late = late_forcing(system.forcing_basis, system.rate, here, ds, speed, forcing)
            y, z = y + late[0], z + late[1]
        if self.coupling is not None:
            observed = Observed(seen["position"], seen["force"])
            pushed = held_push(system.rate, ds, self.coupling(state.position, state.velocity / tau, observed))
            y, z = y + pushed[0], z + pushed[1]
        # In one turn, or rounding would add up over a long rhythm.
        return PeriodicDMPState(y, z, jnp.mod(here + speed * ds, 2 * math.pi)), state.position

    def _places(self):
        dof = (self.dmp.dof,)
        return {"phase": (self.phase, ()), "position": (self.position, dof), "force": (self.force, dof)}
