"""Imitation: a demonstration in a primitive's own time, and linear least squares for the forcing of a DMP."""

import math
import warnings
from collections.abc import Callable

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor import Trajectory, check_demonstration, check_times
from ideomotor.errors import DataError

from ._system import System
from ._table import sample, spline_table


def phases(
    trajectory: Trajectory,
    dof: int,
    duration: float | Float[Array | np.ndarray, ""] | None = None,
    *,
    minimum: int = 2,
) -> tuple[Float[Array, " time"], Float[Array, "time dof"], Float[Array, ""]]:
    """`(s, ys, tau)` with s = (t - t_0) / tau and tau the duration given, or else that of the demonstration.

    Raises a `DataError` for what cannot be imitated.
    """
    trajectory = check_demonstration(trajectory, minimum=minimum)
    ts, ys = jnp.asarray(trajectory.ts), jnp.asarray(trajectory.ys)
    check_dof(ys, dof)
    warn_of_turns(ys)
    if isinstance(duration, int | float) and not (math.isfinite(duration) and duration > 0):
        raise DataError(f"duration is {duration:g}; the duration of a movement must be positive.")
    dtype = jnp.result_type(ts, ys, float) if jnp.issubdtype(ys.dtype, jnp.integer) else ys.dtype
    ts, ys = ts.astype(dtype), ys.astype(dtype)
    tau = jnp.asarray(ts[-1] if duration is None else duration, dtype)
    return ts / tau, ys, tau


def warn_of_turns(ys: Array) -> None:
    """Warn of coordinates that jump by a whole turn between two samples, as angles in (-pi, pi] do."""
    if isinstance(ys, jax.core.Tracer) or len(ys) < 3:
        return
    steps = np.diff(np.asarray(ys, float), axis=0)
    for turn, unit in ((2 * math.pi, "rad"), (360.0, "degrees")):
        whole = np.abs(np.abs(steps) - turn) < 0.1 * turn
        rest = np.where(whole, 0.0, np.abs(steps)).max(axis=0)
        for column in np.flatnonzero(whole.any(axis=0) & (rest < 0.25 * turn)):
            at = int(np.argmax(whole[:, column]))
            period = "" if unit == "rad" else ", period=360"
            warnings.warn(
                f"trajectory.ys[:, {column}] jumps by {abs(steps[at, column]):.4g} between samples {at} and {at + 1}, about a "
                f"whole turn in {unit}, and the imitation will turn back that far; if it is an angle, unwrap it first: "
                f"np.unwrap(ys, axis=0{period}).",
                stacklevel=4,
            )


def check_dof(ys, dof: int) -> None:
    """Raise a `DataError` unless `ys` has the shape `(time, dof)`."""
    if len(np.shape(ys)) != 2 or np.shape(ys)[1] != dof:
        raise DataError(f"trajectory.ys has shape {np.shape(ys)}; this primitive expects (time, {dof}).")


# Of a point on the line across a gap, beside a sample: the data decide wherever they say more than that.
_ANCHOR = 1e-2


def anchored(
    s: Float[Array, " time"], ys: Float[Array, "time dof"], basis: int
) -> tuple[Float[Array, " more"], Float[Array, "more dof"], Float[Array, " more"]]:
    """`(phases, positions, weights)` of points across the gaps of a demonstration, and then of its samples.

    Where samples are further apart than basis functions, some weights have hardly any effect on them, and the movement
    could go anywhere in between. It is held near the straight line there; elsewhere the points have no weight.
    """
    count = 4 * basis
    at = (jnp.arange(count, dtype=s.dtype) + 0.5) / count * s[-1]
    line, weight = _line(at, s, ys, basis - 1)
    return (
        jnp.concatenate([at, s]),
        jnp.concatenate([line, ys]),
        jnp.concatenate([weight, jnp.ones_like(s)]),
    )


def anchored_cycle(
    phi: Float[Array, " time"], ys: Float[Array, "time dof"], basis: int, settled: float = 0.0
) -> tuple[Float[Array, " more"], Float[Array, "more dof"], Float[Array, " more"]]:
    """`(phases, positions, weights)` of points across the gaps of a rhythm, of which `ys` are samples at `phi` (rad).

    As `anchored`, between neighbours in the cycle, whichever turn they were seen in; samples before the phase `settled`
    are not on the cycle yet and are left out.
    """
    turn = 2 * math.pi
    usable = (phi >= settled)[:, None] | (jnp.arange(len(phi)) == len(phi) - 1)[:, None]
    angle = jnp.where(usable[:, 0], phi, phi[-1]) % turn
    order = jnp.argsort(angle)
    angle, ys = angle[order], jnp.where(usable, ys, ys[-1])[order]
    angle = jnp.concatenate([angle[-1:] - turn, angle, angle[:1] + turn])
    ys = jnp.concatenate([ys[-1:], ys, ys[:1]])
    at = (jnp.arange(4 * basis, dtype=phi.dtype) + 0.5) * (turn / (4 * basis))
    return at, *_line(at, angle, ys, basis / turn)


def _line(at, s, ys, density):
    """Points at `at` on the lines between samples, and their weights: none where basis functions are further apart."""
    after = jnp.clip(jnp.searchsorted(s, at), 1, len(s) - 1)
    gap = s[after] - s[after - 1]
    share = ((at - s[after - 1]) / jnp.where(gap > 0, gap, 1))[:, None]
    return ys[after - 1] + share * (ys[after] - ys[after - 1]), _ANCHOR * jnp.clip(gap * density - 1, 0, 1)


def forcing_weights(
    system: System,
    s: Float[Array, " time"],
    ys: Float[Array, "time dof"],
    ridge: float | Float[Array | np.ndarray, ""],
    unforced: Callable[[Float[Array, " time"]], Float[Array, "time dof"]] | None = None,
) -> Float[Array, "dof basis"]:
    """The forcing whose movement is nearest to `ys`, by the closed form: `ys - unforced(s) = A(s) w`.

    Without `unforced` it is the movement from rest at the first sample to the last.
    """
    if unforced is None:
        return _forcing_weights(system, s, ys, _number(ridge, ys))
    s, ys, weight = anchored(s, ys, system.basis)
    return _forcing_weights(system, s, ys, _number(ridge, ys), unforced(s), weight)


@eqx.filter_jit
def _forcing_weights(system, s, ys, ridge, unforced=None, weight=None):
    grid, table, _ = spline_table(system, s.dtype)
    start, goal = ys[0], ys[-1]
    if weight is None:
        s, ys, weight = anchored(s, ys, system.basis)
    design = sample(grid, jnp.asarray(table.T), s).T
    if unforced is None:
        unforced = start + design[:, -1:] * (goal - start)
    return least_squares(design[:, :-1], ys - unforced, ridge, weight)


def forces(
    system: System,
    s: Float[Array, " time"],
    ys: Float[Array, "time dof"],
    ridge: float | Float[Array | np.ndarray, ""],
) -> Float[Array, "dof basis"]:
    """The forcing nearest to the demonstration's own, Y'' - alpha (beta (g - Y) - Y'), by finite
    differences.
    """
    return _forces(system, s, ys, _number(ridge, ys))


@eqx.filter_jit
def _forces(system, s, ys, ridge):
    velocity = gradient(ys, s)
    acceleration = gradient(velocity, s)
    wanted = acceleration - system.alpha * (system.alpha / 4 * (ys[-1] - ys) - velocity)
    s, wanted, weight = anchored(s, wanted, system.basis)
    return least_squares(system.forcing_basis(s), wanted, ridge, weight)


def least_squares(
    design: Float[Array | np.ndarray, "time basis"],
    target: Float[Array, "time dof"],
    ridge: float | Float[Array | np.ndarray, ""],
    weight: Float[Array, " time"] | None = None,
) -> Float[Array, "dof basis"]:
    """Least squares with a penalty by QR, whose error grows with the condition number and not with its
    square.

    - `ridge`: relative to the mean squared column. `weight`: of the rows.
    """
    return _least_squares(design, target, _number(ridge, target), weight)


@eqx.filter_jit
def _least_squares(design, target, ridge, weight):
    n = design.shape[1]
    if weight is not None:
        design, target = weight[:, None] * design, weight[:, None] * target
    penalty = jnp.sqrt(ridge * jnp.sum(design**2) / n)
    q, r = jnp.linalg.qr(jnp.concatenate([design, penalty * jnp.eye(n, dtype=design.dtype)]))
    projected = jnp.matmul(q[: len(design)].T, target, precision=jax.lax.Precision.HIGHEST)
    return jax.scipy.linalg.solve_triangular(r, projected).T


def _number(value, like):
    """A Python number as an array, so that each of its values does not compile anew."""
    return value if isinstance(value, jax.Array) else np.asarray(value, like.dtype)


def gradient(ys: Float[Array, "time dof"], s: Float[Array, " time"]) -> Float[Array, "time dof"]:
    """Second-order differences on any increasing times, first-order at the ends (two samples have nothing
    more).
    """
    slopes = jnp.diff(ys, axis=0) / jnp.diff(s)[:, None]
    before, after = jnp.diff(s)[:-1, None], jnp.diff(s)[1:, None]
    inner = (after * slopes[:-1] + before * slopes[1:]) / (before + after)
    return jnp.concatenate([slopes[:1], inner, slopes[-1:]])


def common_phase(ts, ys, dof: int, duration: float | None):
    """The times of demonstrations that lead with `demo`: of one dimension where all agree on s = t / tau.

    Raises a `DataError` for arrays of other shapes, and for times that do not increase.
    """
    shape = np.shape(ys)
    if len(shape) != 3 or shape[2] != dof or shape[0] < 1:
        raise DataError(f"ys has shape {shape}; expected (demo, time, {dof}).")
    if np.shape(ts) not in ((shape[1],), shape[:2]):
        raise DataError(f"ts has shape {np.shape(ts)} and ys has {shape[:2]} demos and times.")
    if not isinstance(ts, jax.core.Tracer):
        times = np.asarray(ts, float)
        if not np.all(np.diff(times) > 0):
            for i, one in enumerate(np.atleast_2d(times)):
                check_times(one, name=f"ts[{i}]" if times.ndim == 2 else "ts")
        check_demonstration(Trajectory(np.atleast_2d(times)[0], np.atleast_2d(times)[0]))  # the unit of time
        # The difference first: clock times need the precision that NumPy's times have.
        ts = times - times[..., :1]
        s = ts / (ts[..., -1:] if duration is None else duration)
        if ts.ndim == 2 and np.ptp(s, axis=0).max() < 1e-5 / shape[1]:
            ts = ts[0]
    if not isinstance(ys, jax.core.Tracer) and not np.isfinite(np.asarray(ys)).all():
        where = np.argwhere(~np.isfinite(np.asarray(ys)))[0]
        raise DataError(
            f"ys[{', '.join(map(str, where))}] is not finite; repair or drop that sample before fitting."
        )
    return jnp.asarray(ts)
