"""Optimal reaches by direct shooting: Gauss-Newton over all commands, each step one system of four equations.

The cost Φ/2 |h(x_N) - h_d|² + R/2 Σ u_k'u_k dt depends on the state through its four end values only. With
S_k = dh(x_N)/du_k (4 × 2, swept backwards along the rollout) and e = h(x_N) - h_d, the Gauss-Newton step minimises
Φ/2 |e + Σ S_k (u*_k - u_k)|² + R/2 Σ u*_k'u*_k dt. Its solution is u*_k = S_k'λ / (R dt) with

    (1/Φ + G) λ = Σ S_k u_k - e,    G = Σ S_k S_k' / (R dt),

so that 200 unknown commands cost one 4 × 4 Gramian G; a fixed point is a stationary point of the cost itself.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Float
from tqdm import tqdm

from ideomotor.errors import DataError

from ._problem import ReachProblem, check_reaches

STEPS = (1.0, 0.5, 0.2, 0.05)  # tried at once; the best is taken
CHUNK = 500  # reaches at once: more do not fit into the processor's cache
STRONG = 1.0  # N m s/rad; a field beyond it is switched on gradually, since its commands are far from those without


class OptimalReaches(NamedTuple):
    """Reaches that minimise the cost; every array leads with the reach.

    - `start`, `target`: hand positions in m; `field`: strength; `duration` in s.
    - `states`: hand position (m) and velocity (m/s) over time, `(reach, time, 4)`.
    - `commands`: joint torques (N m), `(reach, time, 2)`, each held until the next time. Nothing is moved by the
      last; it continues the two before it.
    - `cost`; `residual`: relative length of the last Gauss-Newton step; `converged`.
    - `costate`: derivative of the optimal cost by the state at the start.
    """

    start: np.ndarray
    target: np.ndarray
    field: np.ndarray
    duration: np.ndarray
    states: np.ndarray
    commands: np.ndarray
    cost: np.ndarray
    residual: np.ndarray
    converged: np.ndarray
    costate: np.ndarray

    def __getitem__(self, index) -> "OptimalReaches":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Some of the reaches; an integer gives a field, as in any tuple."""
        if isinstance(index, int):
            return tuple.__getitem__(self, index)
        return OptimalReaches(*(np.asarray(leaf)[index] for leaf in self))


def optimal_reaches(
    problem: ReachProblem,
    start: Any,
    target: Any,
    *,
    field: Any = 0.0,
    duration: Any = 1.0,
    tolerance: float = 1e-5,
    max_iterations: int = 60,
    progress: bool = True,
) -> OptimalReaches:
    """Solve many reaches, in double precision whatever JAX's default is.

    - `start`, `target`: hand positions in m, `(2,)` or `(reach, 2)`.
    - `field`, `duration` (s): one for all reaches or one each.
    - `tolerance`: of the relative length of a Gauss-Newton step. The error of the cost is about its square.

    Raises a `DataError` for a point out of reach, a duration that is not positive or a number that is not finite.
    """
    if not (tolerance > 0 and max_iterations >= 1):
        raise DataError(
            f"tolerance and max_iterations must be positive, not {tolerance:g} and {max_iterations}."
        )
    given = check_reaches(problem, start, target, field, duration)
    count = len(given[0])
    with jax.enable_x64(True):
        problem = _in_double(problem)
        size = min(CHUNK, count)
        levels = 20 if np.abs(given[2]).max(initial=0.0) > STRONG else 1
        parts = []
        for first in tqdm(
            range(0, count, size), unit_scale=size, unit="reach", delay=2, disable=None if progress else True
        ):
            # The last chunk is filled with copies of its last reach, so that one program serves all.
            rows = np.minimum(np.arange(first, first + size), count - 1)
            solved = _solve(
                problem, *(jnp.asarray(x[rows]) for x in given), tolerance, max_iterations, levels
            )
            parts.append(jax.tree.map(lambda x: np.asarray(x)[: count - first], solved))  # noqa: B023
        joined = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    states, commands, cost, residual, costate = joined
    return OptimalReaches(*given, states, commands, cost, residual, residual < tolerance, costate)


def _in_double(tree):
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x), float) if eqx.is_inexact_array(x) else x, tree)


@eqx.filter_jit
def _solve(problem, start, target, field, duration, tolerance, max_iterations, levels):
    def one(start, target, field, duration):
        return solve_reach(problem, start, target, field, duration, tolerance, max_iterations, levels)

    return jax.vmap(one)(start, target, field, duration)


def gauss_newton(
    problem: ReachProblem,
    start: Float[Array, "2"],
    target: Float[Array, "2"],
    duration: Float[ArrayLike, ""],
    us: Float[Array, "steps 2"],
) -> tuple[Float[Array, "steps 2"], Float[Array, "4"]]:
    """The commands a full Gauss-Newton step leads to, and the costate at the start that belongs to them.

    The way there is minus the exact gradient of the cost, preconditioned; it is zero at an optimum only.
    """
    dt = duration / us.shape[0]
    x0, unravel = ravel_pytree(problem.plant.at(start))
    wanted = jnp.concatenate([target, jnp.zeros_like(target)])

    def hand(x):
        return problem.hand_state(unravel(x))

    def forwards(x, u):
        both = jax.jacfwd(
            lambda x, u: (problem.advance(x, u, dt, unravel),) * 2, argnums=(0, 1), has_aux=True
        )
        slopes, new = both(x, u)
        return new, slopes

    def backwards(m, slopes):
        return m @ slopes[0], m @ slopes[1]

    x_end, slopes = jax.lax.scan(forwards, x0, us)
    m0, s = jax.lax.scan(backwards, jax.jacfwd(hand)(x_end), slopes, reverse=True)
    gramian = jnp.einsum("kiu,kju->ij", s, s) / (problem.effort * dt)
    right = jnp.einsum("kiu,ku->i", s, us) - (hand(x_end) - wanted)
    multiplier = jax.scipy.linalg.solve(jnp.eye(4) / problem.terminal + gramian, right, assume_a="pos")
    return jnp.einsum("kiu,i->ku", s, multiplier) / (problem.effort * dt), -m0.T @ multiplier


def solve_reach(
    problem: ReachProblem,
    start: Float[Array, "2"],
    target: Float[Array, "2"],
    field: Float[Array, ""],
    duration: Float[Array, ""],
    tolerance: float = 1e-5,
    max_iterations: int = 60,
    levels: int = 1,
) -> tuple[Array, Array, Array, Array, Array]:
    """`(states, commands, cost, residual, costate)` of one reach; may be jitted and vmapped.

    - `levels`: iterations over which the field grows to its strength.
    """
    steps = problem.samples - 1
    dt = duration / steps
    x0, unravel = ravel_pytree(problem.plant.at(start))
    wanted = jnp.concatenate([target, jnp.zeros_like(target)])

    def advance(now, x, u):
        return now.advance(x, u, dt, unravel)

    def hand(x):
        return problem.hand_state(unravel(x))

    def play(now, us):
        def body(x, u):
            new = advance(now, x, u)
            return new, new

        return jax.lax.scan(body, x0, us)

    def cost_of(us, x_end):
        miss = hand(x_end) - wanted
        return 0.5 * problem.terminal * miss @ miss + 0.5 * problem.effort * dt * jnp.sum(us**2)

    def iterate(carry):
        us, _, _, i = carry
        now = problem.in_field(field * jnp.minimum(1.0, (i + 1) / levels))
        better, costate = gauss_newton(now, start, target, duration, us)
        residual = jnp.linalg.norm(better - us) / jnp.maximum(jnp.linalg.norm(better), 1e-12)
        residual = jnp.where(i + 1 >= levels, residual, jnp.inf)
        tries = jnp.stack([us + step * (better - us) for step in (0.0, *STEPS)])
        costs = jax.vmap(lambda us: cost_of(us, play(now, us)[0]))(tries)
        best = jnp.argmin(jnp.where(jnp.isfinite(costs), costs, jnp.inf))
        # Where the step is as small as the rounding of the cost, the cost can no longer tell, and the step is right.
        best = jnp.where(residual < tolerance, 1, best)
        return tries[best], residual, costate, i + 1

    def going_on(carry):
        return (carry[1] >= tolerance) & (carry[3] < max_iterations)

    nothing = jnp.zeros((steps, *problem.plant.default_command().shape), x0.dtype)
    first = (nothing, jnp.asarray(jnp.inf, x0.dtype), jnp.zeros_like(x0), 0)
    us, residual, costate, _ = jax.lax.while_loop(going_on, iterate, first)
    now = problem.in_field(field)
    x_end, xs = play(now, us)
    states = jax.vmap(hand)(jnp.concatenate([x0[None], xs]))
    commands = jnp.concatenate([us, 2 * us[-1:] - us[-2:-1]])
    return states, commands, cost_of(us, x_end), residual, costate
