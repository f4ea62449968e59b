import math
from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, as_numbers, check_times
from ideomotor.common.trees import as_array

from ._fit import common_phase, forces, forcing_weights, phases
from ._methods import AbstractMethod, ClosedForm
from ._params import DMPParams, check_shapes, duration_of
from ._system import System

_SCALINGS = ("none", "goal", "amplitude", "smooth")


class DMP(AbstractFeedforwardPrimitive[DMPParams]):
    """Dynamic movement primitive (Ijspeert et al. 2013; Pahič et al. 2018, eqs. 3-7).

        tau dz/dt = alpha (beta (goal - y) - z) + scale * F(x),   tau dy/dt = z,   tau dx/dt = -alpha_x x,
        F(x) = x sum_k weights_k psi_k(x) / sum_k psi_k(x),       psi_k(x) = exp(-h_k (x - c_k)^2),

    with beta = alpha / 4, x(0) = 1, z(0) = 0 and c_k = exp(-alpha_x k / (basis - 1)). Before time zero the
    movement rests at its start; after tau it continues towards the goal.

    - `dof`, `basis`: degrees of freedom and basis functions.
    - `alpha`, `alpha_x`: rates of the spring and of the phase.
    - `scaling`: `"none"`: scale = 1. `"goal"`: scale = goal - start, as the paper prints it; a movement that
      ends where it begins then has no forcing at all. `"amplitude"`: scale = the size (largest minus smallest
      coordinate) of the demonstration, kept in the parameters. `"smooth"`: scale = 1 and the term
      -alpha beta (goal - start) x is added, so that another goal makes no jump in the first acceleration and
      the same weights draw the same shape (Pastor et al. 2009).
    - `duration`: a fixed tau in seconds, which is then no parameter.
    - `overlap`: the value of a Gaussian at the next centre, which fixes the widths h_k: exp(-2) as in Pahič's
      code, 0.8 in movement_primitives, exp(-factor / 2) in MP_PyTorch (`basis_bandwidth_factor`).
    - `last_width`: the last Gaussian has the width of its neighbour (`"repeat"`, the first two libraries) or
      that of a gap extrapolated beyond the last centre (`"extrapolate"`, MP_PyTorch).
    - `method`: `ideomotor.make("closed-form")` or `ideomotor.make("integrated", ...)`.

    All of these are static: a DMP has no trainable leaves.
    """

    dof: int = eqx.field(static=True)
    basis: int = eqx.field(static=True)
    alpha: float = eqx.field(static=True)
    alpha_x: float = eqx.field(static=True)
    scaling: Literal["none", "goal", "amplitude", "smooth"] = eqx.field(static=True)
    duration: float | None = eqx.field(static=True)
    overlap: float = eqx.field(static=True)
    last_width: Literal["repeat", "extrapolate"] = eqx.field(static=True)
    method: AbstractMethod

    def __init__(
        self,
        dof: int = 2,
        basis: int = 25,
        *,
        alpha: float = 48.0,
        alpha_x: float = 2.0,
        scaling: Literal["none", "goal", "amplitude", "smooth"] = "none",
        duration: float | None = None,
        overlap: float = math.exp(-2),
        last_width: Literal["repeat", "extrapolate"] = "repeat",
        method: AbstractMethod = ClosedForm(),
    ):
        if not (isinstance(dof, int) and dof >= 1):
            raise ValueError(f"dof = {dof!r}; it must be at least 1.")
        if scaling not in _SCALINGS:
            raise ValueError(f"scaling = {scaling!r}; choose one of {', '.join(_SCALINGS)}.")
        if duration is not None and not (math.isfinite(duration) and duration > 0):
            raise ValueError(f"duration = {duration!r}; it must be a positive number of seconds, or None.")
        if not isinstance(method, AbstractMethod):
            raise ValueError(
                f"method = {method!r}; it must be ideomotor.make('closed-form') or ('integrated', ...)."
            )
        self.dof, self.basis, self.alpha, self.alpha_x = dof, basis, float(alpha), float(alpha_x)
        self.scaling, self.duration = scaling, None if duration is None else float(duration)
        self.overlap, self.last_width, self.method = float(overlap), last_width, method
        self.system  # noqa: B018 - checks the remaining arguments

    @property
    def system(self) -> System:
        """The equation in the time s = t / tau."""
        return System(self.basis, self.alpha, self.alpha_x, self.overlap, self.last_width)

    @property
    def _untimed(self) -> "DMP":
        """The same family without a duration of its own, so that all durations share what is compiled."""
        if self.duration is None:
            return self
        return DMP(
            self.dof,
            self.basis,
            alpha=self.alpha,
            alpha_x=self.alpha_x,
            scaling=self.scaling,
            overlap=self.overlap,
            last_width=self.last_width,
            method=self.method,
        )

    def default_params(self) -> DMPParams:
        """From 0 to 1 in every coordinate without forcing, in one second (or in `duration`)."""
        ones = as_array(np.ones(self.dof))
        return DMPParams(
            weights=as_array(np.zeros((self.dof, self.basis))),
            goal=ones,
            start=as_array(np.zeros(self.dof)),
            tau=as_array(1.0) if self.duration is None else None,
            amplitude=ones if self.scaling == "amplitude" else None,
        )

    def trajectory(
        self, params: DMPParams, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time dof"]:
        """Positions at the increasing times `ts` (s); a non-positive `tau` raises, and gives NaN inside
        `jit`.
        """
        return self._solve(params, ts, _positions)[0]

    def velocity(self, params: DMPParams, ts: Float[Array, " time"]) -> Float[Array, "time dof"]:
        """dy/dt at the times `ts` (s)."""
        (_, z), tau = self._solve(params, ts, _play)
        return z / tau

    def acceleration(self, params: DMPParams, ts: Float[Array, " time"]) -> Float[Array, "time dof"]:
        """d²y/dt² at the times `ts` (s), from eq. (3); forcing makes it jump from zero at time zero."""
        (y, z), tau = self._solve(params, ts, _play)
        push = self.system.forcing_basis(jnp.maximum(ts / tau, 0)) @ self.forcing(params).T
        pull = self.alpha * (self.alpha / 4 * (params.goal - y) - z)
        return jnp.where(ts[:, None] >= 0, pull + push, 0) / tau**2

    def forcing(self, params: DMPParams) -> Float[Array | np.ndarray, "dof basis"]:
        """The weights times their scale: the forcing term is `forcing @ b(x)`."""
        if self.scaling == "goal":
            return params.weights * (params.goal - params.start)[:, None]
        if self.scaling == "amplitude":
            return params.weights * jnp.asarray(params.amplitude)[:, None]
        if self.scaling == "smooth":
            # The normalised Gaussians sum to one: a multiple of x is a constant added to all weights.
            return params.weights - self.alpha**2 / 4 * (params.goal - params.start)[:, None]
        return params.weights

    def tau(self, params: DMPParams) -> Float[Array, ""]:
        """The duration in seconds: of the movement, or of this DMP if it is fixed; NaN for a traced one below
        zero.
        """
        return duration_of(params, self.duration)

    def fit(
        self,
        trajectory: Trajectory,
        *,
        domain: Literal["trajectory", "force"] = "trajectory",
        ridge: float | Float[Array | np.ndarray, ""] = 1e-12,
        duration: float | Float[Array | np.ndarray, ""] | None = None,
    ) -> DMPParams:
        """Imitate a demonstration `ys` of shape `(time, dof)`; any number of samples, any increasing times.

        Start and goal are its first and last sample, tau is its duration or the one given.
        `domain="trajectory"` finds the weights whose movement is nearest to the demonstration (one
        least-squares problem on the closed form, no derivatives of data); `domain="force"` the classical ones
        whose forcing is nearest to that of the demonstration. `ridge` penalises the squared weights, relative
        to the mean squared column of the problem. Across gaps wider than a basis function the movement stays near the
        straight line. `jax.vmap` fits many demonstrations at once.
        """
        if domain not in ("trajectory", "force"):
            raise ValueError(f"domain = {domain!r}; choose 'trajectory' or 'force'.")
        if duration is not None and self.duration is not None:
            raise ValueError(f"This DMP's duration is fixed to {self.duration:g} s; fit cannot use another.")
        s, ys, tau = phases(trajectory, self.dof, self.duration if duration is None else duration)
        start, goal = ys[0], ys[-1]
        solve = forcing_weights if domain == "trajectory" else forces
        forcing = solve(self.system, s, ys, ridge)
        weights, amplitude = self.weights_of(forcing, goal, start, jnp.ptp(ys, axis=0))
        return DMPParams(weights, goal, start, tau if self.duration is None else None, amplitude)

    def weights_of(
        self,
        forcing: Float[Array, "dof basis"],
        goal: Float[Array, " dof"],
        start: Float[Array, " dof"],
        size: Float[Array, " dof"],
    ) -> tuple[Float[Array, "dof basis"], Float[Array, " dof"] | None]:
        """`(weights, amplitude)` that give this forcing (the reverse of `forcing`), for a movement of that
        size.
        """
        if self.scaling == "none":
            return forcing, None
        if self.scaling == "smooth":
            return forcing + self.alpha**2 / 4 * (goal - start)[:, None], None
        scale = goal - start if self.scaling == "goal" else size
        # A coordinate that ends where it began cannot be forced; its weights are zero and not infinite.
        tiny = 1e-6 * size + jnp.finfo(forcing.dtype).tiny ** 0.5
        weights = forcing * (scale / (scale**2 + tiny**2))[:, None]
        return weights, size if self.scaling == "amplitude" else None

    def fit_many(
        self,
        ts: ArrayLike | Sequence[Any],
        ys: ArrayLike | Sequence[Any],
        *,
        domain: Literal["trajectory", "force"] = "trajectory",
        ridge: float = 1e-12,
    ) -> DMPParams:
        """Imitate many demonstrations `ys` at once, at times `ts` (s) of their own or the same for all; the
        parameters lead with `demo`.

        Where all were sampled at the same fractions of their durations, as uniform sampling does, one
        factorisation serves all of them and the rest is a matrix product. For demonstrations of other
        lengths call `fit` on each.
        """
        ts, ys = (
            x if isinstance(x, jax.core.Tracer) else as_numbers(x, name)
            for x, name in ((ts, "ts"), (ys, "ys"))
        )
        common = common_phase(ts, ys, self.dof, self.duration)
        ys = jnp.asarray(ys)
        duration = None if self.duration is None else np.asarray(self.duration, common.dtype)
        params = _fit_batch(self._untimed, common, ys, domain, np.asarray(ridge, ys.dtype), duration)
        if self.duration is not None:
            return eqx.tree_at(lambda p: p.tau, params, None)
        if common.ndim == 1:
            given = jnp.asarray(ts[..., -1] - ts[..., 0], params.weights.dtype)
            return eqx.tree_at(lambda p: p.tau, params, jnp.broadcast_to(given, np.shape(ys)[:1]))
        return params

    def check(self, params: DMPParams) -> None:
        """Raise `DataError` where the parameters are not those of one movement of this DMP."""
        check_shapes(
            params,
            weights=(self.dof, self.basis),
            goal=(self.dof,),
            start=(self.dof,),
            tau=() if self.duration is None else None,
            amplitude=(self.dof,) if self.scaling == "amplitude" else None,
        )

    def _solve(self, params: DMPParams, ts, play):
        ts = check_times(ts, minimum=1)
        self.check(params)
        tau = self.tau(params)
        ts = as_array(ts, jnp.result_type(ts, params.weights))
        return play(self._untimed, params, tau, ts, self.duration is not None), tau


@eqx.filter_jit
def _play(dmp: DMP, params: DMPParams, tau, ts, fixed):
    return dmp.method.solve(dmp.system, dmp.forcing(params), params.goal, params.start, tau, ts, fixed)


@eqx.filter_jit
def _positions(dmp: DMP, params: DMPParams, tau, ts, fixed):
    return dmp.method.positions(dmp.system, dmp.forcing(params), params.goal, params.start, tau, ts, fixed)


@eqx.filter_jit
def _fit_batch(dmp: DMP, ts, ys, domain, ridge, duration) -> DMPParams:
    one = lambda t, y: dmp.fit(Trajectory(t, y), domain=domain, ridge=ridge, duration=duration)  # noqa: E731
    return jax.vmap(one, (0 if ts.ndim == 2 else None, 0))(ts, ys)
