import math

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, check_times, quantity
from ideomotor.errors import DataError

from ._fit import anchored_cycle, least_squares, phases
from ._params import check_shapes, positive
from ._period import find_period
from ._periodic_table import PeriodicSystem, periodic_table, sample_periodic


class PeriodicDMPParams(eqx.Module):
    """One rhythm of a `PeriodicDMP`.

    - `weights`: of the forcing term, shape `(dof, basis)`.
    - `baseline`: what the movement goes around, shape `(dof,)`; `amplitude`: stretches it, shape `(dof,)`.
    - `period`: in seconds; `phase`: of the cycle at time zero, in rad.
    - `start`: where it begins at rest, shape `(dof,)`; `None` where it is on the cycle from the first.
    """

    weights: Float[Array | np.ndarray, "*batch dof basis"] = quantity(label="weights")
    baseline: Float[Array | np.ndarray, "*batch dof"] = quantity(label="baseline")
    amplitude: Float[Array | np.ndarray, "*batch dof"] = quantity(label="amplitude")
    period: Float[Array | np.ndarray, "*batch"] = quantity(unit="s", positive=True, label="period")
    phase: Float[Array | np.ndarray, "*batch"] = quantity(unit="rad", label="phase")
    start: Float[Array | np.ndarray, "*batch dof"] | None = quantity(label="start", default=None)


class PeriodicDMP(AbstractFeedforwardPrimitive[PeriodicDMPParams]):
    """Rhythmic dynamic movement primitive (Ijspeert et al. 2013), solved in closed form.

        tau dz/dt = alpha (beta (baseline - y) - z) + amplitude * F(phi),   tau dy/dt = z,   tau dphi/dt = 1,
        F(phi) = sum_k weights_k psi_k / sum_k psi_k,   psi_k = exp(h (cos(phi - c_k) - 1)),

    with tau = period / (2 pi), beta = alpha / 4 and c_k = 2 pi k / basis.

    - `dof`, `basis`: degrees of freedom and basis functions.
    - `alpha`: rate of the spring, in 1 / rad.
    - `overlap`: the value of a bump at the next centre, which fixes h.
    - `transient`: True: the movement begins at rest at `start` at time zero and swings in. False: it is on the
      cycle at all times.
    """

    dof: int = eqx.field(static=True)
    basis: int = eqx.field(static=True)
    alpha: float = eqx.field(static=True)
    overlap: float = eqx.field(static=True)
    transient: bool = eqx.field(static=True)

    def __init__(
        self,
        dof: int = 2,
        basis: int = 25,
        *,
        alpha: float = 8.0,
        overlap: float = math.exp(-1),
        transient: bool = False,
    ):
        if not (isinstance(dof, int) and dof >= 1):
            raise ValueError(f"dof = {dof!r}; it must be at least 1.")
        self.dof, self.basis, self.alpha = dof, basis, float(alpha)
        self.overlap, self.transient = float(overlap), bool(transient)
        _ = self.system

    @property
    def system(self) -> PeriodicSystem:
        """The equation."""
        return PeriodicSystem(self.basis, self.alpha, self.overlap)

    def default_params(self) -> PeriodicDMPParams:
        """The unit circle (in two dimensions), once per second."""
        phi = 2 * np.pi * np.arange(4 * self.basis) / (4 * self.basis)
        # A wave through the spring is a wave: (alpha / 2)^2 y + alpha y' + y'' for y = cos, sin.
        half = self.alpha / 2
        shift = np.arange(self.dof) * np.pi / 2
        wave = np.cos(phi[:, None] - shift)
        quarter = -np.sin(phi[:, None] - shift)
        wanted = (half**2 - 1) * wave + self.alpha * quarter
        weights = np.linalg.lstsq(self.system.forcing_basis(phi), wanted, rcond=None)[0].T
        zeros = jnp.zeros(self.dof)
        return PeriodicDMPParams(
            jnp.asarray(weights, zeros.dtype),
            zeros,
            jnp.ones(self.dof),
            jnp.ones(()),
            jnp.zeros(()),
            zeros if self.transient else None,
        )

    def trajectory(
        self, params: PeriodicDMPParams, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time dof"]:
        """Positions at the increasing times `ts` (s); a non-positive `period` raises, and gives NaN inside
        `jit`.
        """
        return self._solve(params, ts)[0]

    def velocity(self, params: PeriodicDMPParams, ts: Float[Array, " time"]) -> Float[Array, "time dof"]:
        """dy/dt at the times `ts` (s)."""
        _, z, period = self._solve(params, ts)
        return z * 2 * math.pi / period

    def on_cycle(
        self, params: PeriodicDMPParams, phi: Float[Array, " time"]
    ) -> tuple[Float[Array, "time dof"], Float[Array, "time dof"]]:
        """Positions and scaled velocities dY/dphi of the cycle at the phases `phi` (rad)."""
        forcing = params.weights * params.amplitude[:, None]
        read = [
            sample_periodic(_product(forcing, jnp.asarray(table)), phi).T
            for table in periodic_table(self.system, phi.dtype)
        ]
        return read[0] + params.baseline, read[1]

    def fit(
        self, trajectory: Trajectory, *, period: float | None = None, ridge: float = 1e-9
    ) -> PeriodicDMPParams:
        """Imitate one or several cycles by least squares on the closed form.

        - `period`: in seconds; by default it is found in the demonstration, which then must not be traced.
        - `ridge`: penalty on the squared weights, relative to the mean squared column.

        Across parts of the cycle that were never shown the movement stays near the straight line. The phase is zero at
        the first sample, the amplitude one, and `start` the first sample: with `transient` the demonstration swings in
        from rest.

        Raises a `DataError` where no period can be found, or where the demonstration has less than one cycle.
        """
        s, ys, length = phases(trajectory, self.dof)
        if period is None:
            if isinstance(ys, jax.core.Tracer) or isinstance(s, jax.core.Tracer):
                raise DataError("Inside jit or vmap the period cannot be found; give period=... in seconds.")
            period = find_period(
                np.asarray(s, float) * float(length), np.asarray(ys, float), max(3, self.basis // 4)
            )
        elif isinstance(period, int | float):
            if not (math.isfinite(period) and period > 0):
                raise DataError(f"period is {period:g}; a period must be a positive number of seconds.")
            samples = np.shape(s)[0]
            if (
                not isinstance(length, jax.core.Tracer)
                and period > float(length) * samples / (samples - 1) * 1.01
            ):
                raise DataError(
                    f"period is {period:g} s and the demonstration lasts {float(length):g} s; show at least one "
                    f"whole cycle."
                )
        found = jnp.asarray(period, ys.dtype)
        phi = s * (length * 2 * math.pi / found)
        baseline = jnp.mean(ys, axis=0)
        tables = [jnp.asarray(table) for table in periodic_table(self.system, phi.dtype)]
        design, unforced = sample_periodic(tables[0], phi).T, baseline
        if self.transient:
            here = jnp.zeros(1, phi.dtype)
            position, velocity = (sample_periodic(table, here).T for table in tables)
            design = design - self.system.propagate(position, velocity, phi[:, None])[0]
            rest = jnp.zeros_like(baseline)
            unforced = baseline + self.system.propagate(ys[0] - baseline, rest, phi[:, None])[0]
        # The way onto the cycle has faded to a tenth at (1 + x) exp(-x) = 0.1.
        settled = 3.9 / -self.system.rate if self.transient else 0.0
        at, line, weight = anchored_cycle(phi, ys, self.basis, settled)
        design = jnp.concatenate([sample_periodic(tables[0], at).T, design])
        wanted = jnp.concatenate([line - baseline, ys - unforced])
        weights = least_squares(design, wanted, ridge, jnp.concatenate([weight, jnp.ones_like(phi)]))
        return PeriodicDMPParams(
            weights,
            baseline,
            jnp.ones_like(baseline),
            found,
            jnp.zeros_like(found),
            ys[0] if self.transient else None,
        )

    def check(self, params: PeriodicDMPParams) -> None:
        """Raise `DataError` where the parameters are not those of one rhythm."""
        dof = (self.dof,)
        check_shapes(
            params,
            weights=(self.dof, self.basis),
            baseline=dof,
            amplitude=dof,
            period=(),
            phase=(),
            start=dof if self.transient else None,
        )

    def _solve(self, params, ts):
        ts = check_times(ts, minimum=1)
        self.check(params)
        period = positive(params.period, "period", "the period of a rhythm")
        ts = jnp.asarray(ts, jnp.result_type(ts, params.weights))
        since = 2 * math.pi * ts / period
        y, z = self.on_cycle(params, params.phase + since)
        if self.transient:
            first = self.on_cycle(params, params.phase[None].astype(ts.dtype))
            away = self.system.propagate(
                params.start - first[0][0], -first[1][0], jnp.maximum(since, 0)[:, None]
            )
            before = (since < 0)[:, None]
            y, z = jnp.where(before, params.start, y + away[0]), jnp.where(before, 0, z + away[1])
        return y, z, period


def _product(a, b):
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
