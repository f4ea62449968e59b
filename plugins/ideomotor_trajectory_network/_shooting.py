"""Optimal reaches by direct shooting: Gauss-Newton over all commands, each step one system of four equations.

The cost Φ/2 |h(x_N) - h_d|² + R/2 ∫ u'u dt depends on the state through its four end values only. The command goes
straight from sample to sample, so that ∫ u'u dt = Σ_kl M_kl u_k'u_l with the tridiagonal mass matrix M of linear
elements, and cost and states are those of continuous time to the fourth order in dt. With S_k = dh(x_N)/du_k (4 × 2, swept
backwards along the rollout) and e = h(x_N) - h_d, the Gauss-Newton step minimises
Φ/2 |e + Σ S_k (u*_k - u_k)|² + R/2 Σ M_kl u*_k'u*_l. Its solution is u*_k = Σ_l (M⁻¹)_kl S_l'λ / R with

    (1/Φ + G) λ = Σ S_k u_k - e,    G = Σ_kl (M⁻¹)_kl S_k S_l' / R,

so that 202 unknown commands cost one 4 × 4 Gramian G; a fixed point is a stationary point of the cost itself.
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

from ._problem import ReachProblem, check_reaches, mass

SHORTER = (0.5, 0.2, 0.05)  # of a step that raises the cost, tried at once; the best is taken
FIRST, MORE = 6, 6  # Gauss-Newton steps in the first pass over all reaches, and in each pass over those left
LEVELS = 20  # steps in which a strong field grows
CHUNK = 500  # reaches at once: more do not fit into the processor's cache
STRONG = 1.0  # N m s/rad; a field beyond it is switched on gradually, since its commands are far from those without


class OptimalReaches(NamedTuple):
    """Reaches that minimise the cost; every array leads with the reach.

    - `start`, `target`: hand positions in m; `field`: strength; `duration` in s.
    - `states`: hand position (m) and velocity (m/s) over time, `(reach, time, 4)`.
    - `commands`: joint torques (N m), `(reach, time, 2)`, joined by straight lines.
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
    with jax.enable_x64(True):
        problem = _in_double(problem)
        solved = _solve_all(problem, given, tolerance, max_iterations, progress)
    states, commands, cost, residual, costate = solved
    return OptimalReaches(
        *given[:4],
        states=states,
        commands=commands,
        cost=cost,
        residual=residual,
        converged=residual < tolerance,
        costate=costate,
    )


def _in_double(tree):
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x), float) if eqx.is_inexact_array(x) else x, tree)


def _solve_all(problem, given, tolerance, max_iterations, progress):
    """In passes: what a pass has not finished is packed together, so that no reach waits for the slowest of its chunk."""
    count, size = len(given[0]), min(CHUNK, len(given[0]))
    levels = LEVELS if np.abs(given[2]).max(initial=0.0) > STRONG else 1
    us = np.zeros((count, problem.samples, *np.shape(problem.plant.default_command())))
    residual, costate = np.full(count, np.inf), np.zeros((count, 4))
    todo, done = np.arange(count), 0
    bar = tqdm(total=count, unit="reach", delay=2, disable=None if progress else True)
    while todo.size and done < max_iterations:
        # The first pass is for most reaches the only one; the rest goes on until hardly any is left.
        until = min(max_iterations, levels + FIRST if done == 0 else done + MORE)
        for rows, real in _chunks(todo, size):
            arrays = (jnp.asarray(x[rows]) for x in (*given, us))
            # As arrays, since a number in Python would be compiled anew for each value.
            found = _iterate(problem, *arrays, *map(jnp.asarray, (done, until, levels, tolerance)))
            for old, new in zip((us, residual, costate), found, strict=True):
                old[rows[:real]] = np.asarray(new)[:real]
            bar.update(int((residual[rows[:real]] < tolerance).sum()))
        todo, done = todo[~(residual[todo] < tolerance)], until
    bar.close()
    parts = [
        [np.asarray(x)[:real] for x in _played(problem, *(jnp.asarray(x[rows]) for x in (*given, us)))]
        for rows, real in _chunks(np.arange(count), size)
    ]
    states, cost = (np.concatenate(leaves) for leaves in zip(*parts, strict=True))
    return states, us, cost, residual, costate


def _chunks(rows, size):
    """Chunks of one size, so that one program serves all; the last is filled with copies of its last reach."""
    for first in range(0, len(rows), size):
        part = rows[first : first + size]
        yield np.pad(part, (0, size - len(part)), mode="edge"), len(part)


def gauss_newton(
    problem: ReachProblem,
    start: Float[Array, "2"],
    target: Float[Array, "2"],
    duration: Float[ArrayLike, ""],
    us: Float[Array, "time 2"],
) -> tuple[Float[Array, "time 2"], Float[Array, "4"]]:
    """The commands a full Gauss-Newton step leads to, and the costate at the start that belongs to them.

    The way there is minus the exact gradient of the cost, preconditioned; it is zero at an optimum only.
    """
    return _step(problem, start, target, duration, us)[:2]


def _step(problem, start, target, duration, us):
    dt = duration / (us.shape[0] - 1)
    x0, unravel = ravel_pytree(problem.plant.at(start))
    wanted = jnp.concatenate([target, jnp.zeros_like(target)])

    def hand(x):
        return problem.hand_state(unravel(x))

    def forwards(x, us):
        both = jax.jacfwd(
            lambda x, *us: (problem.advance(x, *us, dt, unravel),) * 2, argnums=(0, 1, 2), has_aux=True
        )
        slopes, new = both(x, *us)
        return new, slopes

    def backwards(m, slopes):
        by_state, by_first, by_second = slopes
        return m @ by_state, (m @ by_first, m @ by_second)

    x_end, slopes = jax.lax.scan(forwards, x0, (us[:-1], us[1:]))
    m0, (first, second) = jax.lax.scan(backwards, jax.jacfwd(hand)(x_end), slopes, reverse=True)
    # Each command but the outermost is the end of one step and the beginning of the next.
    s = jnp.pad(first, ((0, 1), (0, 0), (0, 0))) + jnp.pad(second, ((1, 0), (0, 0), (0, 0)))
    inverse_mass = jnp.asarray(np.linalg.inv(mass(us.shape[0])), us.dtype)
    spread = jnp.einsum("kl,liu->kiu", inverse_mass, s)
    spread = spread / (problem.effort * dt)
    gramian = jnp.einsum("kiu,kju->ij", spread, s)
    right = jnp.einsum("kiu,ku->i", s, us) - (hand(x_end) - wanted)
    multiplier = jax.scipy.linalg.solve(jnp.eye(4) / problem.terminal + gramian, right, assume_a="pos")
    return jnp.einsum("kiu,i->ku", spread, multiplier), -m0.T @ multiplier, hand(x_end)


@eqx.filter_jit
def _iterate(problem, start, target, field, duration, us, done, until, levels, tolerance):
    """Gauss-Newton steps number `done` to `until`, or until all converge: commands, residual, costate."""

    def in_field(field, i):
        return problem.in_field(field * jnp.minimum(1.0, (i + 1) / levels))

    def full_step(start, target, field, duration, us, i):
        now = in_field(field, i)
        better, costate, end = _step(now, start, target, duration, us)
        residual = jnp.linalg.norm(better - us) / jnp.maximum(jnp.linalg.norm(better), 1e-12)
        costs = [now.cost(end, target, us, duration)]
        costs.append(now.cost(now.play(start, better, duration)[-1], target, better, duration))
        return better, jnp.where(i + 1 >= levels, residual, jnp.inf), costate, *costs

    def shorter_step(start, target, field, duration, us, better, before, i):
        now = in_field(field, i)
        tries = us + jnp.array(SHORTER)[:, None, None] * (better - us)
        costs = jax.vmap(lambda us: now.cost(now.play(start, us, duration)[-1], target, us, duration))(tries)
        costs = jnp.where(jnp.isfinite(costs), costs, jnp.inf)
        return jnp.where(costs.min() < before, tries[jnp.argmin(costs)], us)

    def body(carry):
        us, residual, costate, i = carry
        given = (start, target, field, duration, us)
        better, *new, before, after = jax.vmap(full_step, in_axes=(0,) * 5 + (None,))(*given, i)
        # Where the step is as small as the rounding of the cost, the cost can no longer tell, and the step is right.
        worse = ~(after <= before) & (new[0] >= tolerance)
        shorter = jax.vmap(shorter_step, in_axes=(0,) * 7 + (None,))
        # Rarely needed by any reach of a chunk, and as much work as all the rest.
        better = jax.lax.cond(
            worse.any(),
            lambda: jnp.where(_like(worse, us), shorter(*given, better, before, i), better),
            lambda: better,
        )
        kept, old = residual < tolerance, (us, residual, costate)
        return *jax.tree.map(lambda a, b: jnp.where(_like(kept, a), a, b), old, (better, *new)), i + 1

    def going_on(carry):
        return (carry[1] >= tolerance).any() & (carry[3] < until)

    count = us.shape[0]
    first = (us, jnp.full((count,), jnp.inf, us.dtype), jnp.zeros((count, 4), us.dtype), done)
    return jax.lax.while_loop(going_on, body, first)[:3]


def _like(mask, leaf):
    return mask.reshape(mask.shape + (1,) * (leaf.ndim - 1))


@eqx.filter_jit
def _played(problem, start, target, field, duration, us):
    def one(start, target, field, duration, us):
        now = problem.in_field(field)
        states = now.play(start, us, duration)
        return states, now.cost(states[-1], target, us, duration)

    return jax.vmap(one)(start, target, field, duration, us)
