"""Optimal reaches as the paper finds them: the two-point boundary value problem of Euler and Lagrange.

With the Hamiltonian H = R/2 u'u + λ'f(x, u), an optimal reach obeys x' = f, λ' = -∂H/∂x, 0 = ∂H/∂u, x(0) given and
λ(T) = Φ (∂h/∂x)'(h - h_d). The unknown λ(0), four numbers, is found by Newton's method on the last equation.
"""

from typing import NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ._problem import ReachProblem, check_reaches
from ._shooting import OptimalReaches, _in_double


class BoundaryValues(NamedTuple):
    """Solutions of the boundary value problem; every array leads with the reach.

    - `states`, `commands` at the problem's samples; `cost` in continuous time.
    - `costate` at the start; `residual`: the boundary condition's, relative to the costate at the end.
    """

    states: np.ndarray
    commands: np.ndarray
    cost: np.ndarray
    costate: np.ndarray
    residual: np.ndarray


def euler_lagrange(
    problem: ReachProblem,
    reaches: OptimalReaches,
    *,
    iterations: int = 6,
    rtol: float = 1e-9,
    atol: float = 1e-11,
) -> BoundaryValues:
    """Solve in continuous time, in double precision, what `optimal_reaches` has solved with joined samples.

    An oracle rather than a generator: Newton's method starts from the costates of `reaches`, and may not converge from
    reaches that have not. Raises a `DataError` for reaches that cannot be made.
    """
    given = check_reaches(problem, reaches.start, reaches.target, reaches.field, reaches.duration)
    with jax.enable_x64(True):
        arrays = [jnp.asarray(x, float) for x in (*given, reaches.costate)]
        return jax.tree.map(
            np.asarray, _solve(_in_double(problem), *arrays, iterations=iterations, rtol=rtol, atol=atol)
        )


@eqx.filter_jit
def _solve(problem, start, target, field, duration, costate, *, iterations, rtol, atol):
    def one(start, target, field, duration, costate):
        return solve_one(problem.in_field(field), start, target, duration, costate, iterations, rtol, atol)

    return jax.vmap(one)(start, target, field, duration, costate)


def solve_one(
    problem: ReachProblem,
    start: Float[Array, "2"],
    target: Float[Array, "2"],
    duration: Float[Array, ""],
    costate: Float[Array, "4"],
    iterations: int,
    rtol: float,
    atol: float,
) -> BoundaryValues:
    """One reach in the problem's own field."""
    x0, unravel = ravel_pytree(problem.plant.at(start))
    wanted = jnp.concatenate([target, jnp.zeros_like(target)])
    rest = problem.plant.default_command()

    def command(x, costate):
        # f is affine in the command, so that ∂H/∂u = R u + (∂f/∂u)'λ with the second term the same for all u.
        _, pull = jax.vjp(lambda u: problem.slope(x, u, unravel), jnp.zeros_like(rest, x.dtype))
        return -pull(costate)[0] / problem.effort

    def equations(t, y, args):
        x, costate, _ = y
        u = command(x, costate)
        slope, pull = jax.vjp(lambda x: problem.slope(x, u, unravel), x)
        return slope, -pull(costate)[0], 0.5 * problem.effort * u @ u

    def integrate(costate):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(equations),
            diffrax.Tsit5(scan_kind="lax"),
            0.0,
            duration,
            0.01 * duration,
            (x0, costate, jnp.zeros((), x0.dtype)),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
            saveat=diffrax.SaveAt(ts=jnp.linspace(0.0, 1.0, problem.samples) * duration),
            adjoint=diffrax.ForwardMode(),
            max_steps=4096,
            throw=False,
        )
        assert solution.ys is not None
        return solution.ys

    def terminal(x):
        miss = problem.hand_state(unravel(x)) - wanted
        return 0.5 * problem.terminal * miss @ miss

    def boundary(costate):
        xs, costates, _ = integrate(costate)
        wrong = costates[-1] - jax.grad(terminal)(xs[-1])
        # Divided by Φ, as the condition on the end of the movement that it is.
        return wrong / problem.terminal, jnp.linalg.norm(wrong) / jnp.linalg.norm(costates[-1])

    def newton(costate, _):
        slope, _ = jax.jacfwd(boundary, has_aux=True)(costate)
        return costate - jnp.linalg.solve(slope, boundary(costate)[0]), None

    costate, _ = jax.lax.scan(newton, costate, None, length=iterations)
    xs, costates, efforts = integrate(costate)
    states = jax.vmap(lambda x: problem.hand_state(unravel(x)))(xs)
    cost = efforts[-1] + terminal(xs[-1])
    return BoundaryValues(states, jax.vmap(command)(xs, costates), cost, costate, boundary(costate)[1])  # pyright: ignore[reportArgumentType]
