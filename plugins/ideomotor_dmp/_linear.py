"""What else is linear in the weights: other boundary conditions, moving goals, points to pass.

With the goal on the line G(s) = goal + drift (s - 1), drift = tau dgoal/dt, the distance Y - G obeys the
equation with the goal at zero. Its solutions are the forced response of rest, A(s) w, from the table, plus
any solution of the unforced equation, which `System.propagate` gives from one instant's position and velocity.
"""

from functools import lru_cache

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._dmp import DMP
from ._system import System
from ._table import columns


def solve_from(
    dmp: DMP,
    forcing: Float[Array | np.ndarray, "dof basis"],
    goal: Float[Array | np.ndarray, " dof"],
    drift: Float[Array | np.ndarray, " dof"] | float,
    first: tuple[Float[Array, ""], Float[Array | np.ndarray, " dof"], Float[Array | np.ndarray, " dof"]],
    tau: Float[Array, ""],
    ts: Float[Array, " time"],
) -> tuple[Float[Array, "time dof"], Float[Array, "time dof"]]:
    """Positions and scaled velocities z = tau dy/dt of the movement that passes `first` = (time, position, z).

    Before that time it rests there.
    """
    return _solve_from(dmp._untimed, forcing, goal, drift, first, tau, ts, dmp.duration is not None)


@eqx.filter_jit
def _solve_from(dmp: DMP, forcing, goal, drift, first, tau, ts, fixed):
    time, position, z = first
    rest = jnp.zeros_like(goal)
    time = jnp.asarray(time, ts.dtype)

    def respond(times, fixed):
        return dmp.method.solve(dmp.system, forcing, rest, rest, tau, times, fixed)

    here = respond(time[None], False)
    s, s_first = ts / tau, time / tau
    after = jnp.maximum(s - s_first, 0)[:, None]
    y, v = dmp.system.propagate(
        position - goal - drift * (s_first - 1) - here[0][0], z - drift - here[1][0], after
    )
    pushed = respond(ts, fixed)
    before = (s < s_first)[:, None]
    y = goal + drift * (s - 1)[:, None] + pushed[0] + y
    return jnp.where(before, position, y), jnp.where(before, 0, drift + pushed[1] + v)


@lru_cache(maxsize=256)
def table_at(system: System, at: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The columns `[A_1 .. A_N, h]` and their derivatives at the increasing phases `at`, exact, float64."""
    grid = np.unique(np.concatenate([np.arange(0.0, at[-1], 0.1 / system.basis), at]))
    rows = np.searchsorted(grid, at)
    position, velocity = columns(system, grid)
    return position[rows], velocity[rows]


@lru_cache(maxsize=256)
def least_change(system: System, at: tuple[float, ...], velocity_too: bool) -> np.ndarray:
    """The matrix that turns wanted changes at the phases `at` into the least change of weights, `(basis, k)`.

    The changes are those of the positions and, if `velocity_too`, then those of the scaled velocities.
    """
    position, velocity = table_at(system, at)
    rows = np.concatenate([position, velocity]) if velocity_too else position
    return np.linalg.pinv(rows[:, :-1], rcond=1e-13)
