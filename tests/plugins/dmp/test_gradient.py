"""Gradients: the paper's sensitivity equations, finite differences, forward mode, second order, batches."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import ideomotor
from ideomotor import Trajectory
from ideomotor_dmp import (
    DMP,
    DMPParams,
    HittingDMP,
    JoinedDMP,
    OrientationDMP,
    PeriodicDMP,
    ProDMP,
    ProMP,
    ViaPointDMP,
)


def sensitivities(ts, weights, goal, start, tau, alpha=48.0, alpha_x=2.0):
    """y and its derivatives in w, g, y0 and tau: eqs. (3)-(5), (12)-(14), (17)-(26) of Pahič et al. 2018, as
    printed.

    All of them are kept as `(dof, 1 + basis + 3)` columns [y | dw | dg | dy0 | dtau]; a coordinate depends on
    its own weights, goal and start only.
    """
    d, n = weights.shape
    beta = alpha / 4
    c = np.exp(-alpha_x * np.linspace(0, 1, n))
    h = 2 / np.append(np.diff(c), np.diff(c)[-1]) ** 2
    span = (goal - start)[:, None]

    def slope(t, state):
        x, dx = state[:2]  # phase and its derivative in tau
        y, z = state[2:].reshape(2, d, n + 4)
        psi = np.exp(-h * (x - c) ** 2)
        dpsi = -2 * h * (x - c) * psi
        b = psi / psi.sum() * x
        f = weights @ b  # (d,)
        # the unnumbered equation between (25) and (26)
        w = weights
        df = (w @ (dpsi * x + psi) * psi.sum() - dpsi.sum() * (w @ psi) * x) / psi.sum() ** 2 * dx
        dy = z / tau
        dz = alpha * (-beta * y - z)
        dz[:, 0] += alpha * beta * goal + span[:, 0] * f
        dz[:, 1 : n + 1] += span * b
        dz[:, n + 1] += alpha * beta + f
        dz[:, n + 2] += -f
        dz /= tau
        dz[:, n + 3] += (-dz[:, 0] + span[:, 0] * df) / tau
        dy[:, n + 3] += -dy[:, 0] / tau
        xs = -alpha_x * x / tau, (-alpha_x * dx - (-alpha_x * x / tau)) / tau
        return np.concatenate([xs, dy.ravel(), dz.ravel()])

    y = np.zeros((d, n + 4))
    y[:, 0], y[:, n + 2] = start, 1.0
    first = np.concatenate([[1.0, 0.0], y.ravel(), np.zeros(y.size)])
    found = solve_ivp(slope, (0, ts[-1]), first, "DOP853", ts, rtol=1e-11, atol=1e-11, max_step=tau / 50)
    return found.y[2 : 2 + y.size].T.reshape(len(ts), d, n + 4)


def cost(dmp, params, ts, target):
    """E_t, eq. (10)."""
    return jnp.sum((dmp.trajectory(params, ts) - target) ** 2) / (2 * len(ts))


@pytest.mark.parametrize("tau", [2.9, 3.0])
def test_gradient_is_that_of_the_papers_sensitivity_equations(x64, three, tau):
    dmp, rng = DMP(scaling="goal"), np.random.default_rng(0)
    ts, target = three
    # Not quite the demonstration, so that no derivative is small by accident.
    params = jax.tree.map(
        lambda a: a * 1.02, dmp.fit(Trajectory(ts, target + np.array([[0.0, 1.0]]) * ts[:, None]))
    )
    params = eqx.tree_at(lambda p: p.tau, params, jnp.asarray(tau))
    target = target + rng.normal(size=target.shape)
    ours = jax.jit(jax.grad(lambda p: cost(dmp, p, jnp.asarray(ts), target)))(params)

    table = sensitivities(ts, *(np.asarray(a) for a in (params.weights, params.goal, params.start)), tau)
    error = (table[:, :, 0] - target) / len(ts)
    theirs = np.einsum("td,tdk->dk", error, table)[:, 1:]
    n = dmp.basis
    assert sum(leaf.size for leaf in jax.tree.leaves(ours)) == 55
    for mine, paper in [
        (ours.weights, theirs[:, :n]),
        (ours.goal, theirs[:, n]),
        (ours.start, theirs[:, n + 1]),
        (ours.tau, theirs[:, n + 2].sum()),
    ]:
        assert np.abs(mine - paper).max() <= 1e-6 * np.abs(paper).max()


def draw(seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    values = [1e3 * rng.normal(size=(2, 25)), *rng.normal(size=(2, 2)), rng.uniform(0.8, 1.2)]
    return DMPParams(*(jnp.asarray(v, **kwargs) for v in values))


@pytest.mark.parametrize("what", ["trajectory", "velocity", "acceleration"])
def test_finite_differences_and_forward_mode(x64, what):
    params, ts = draw(), jnp.linspace(0.01, 2.4, 37)
    play = jax.jit(lambda p: getattr(DMP(), what)(p, ts))
    tangent = jax.tree.map(lambda a: a * 0.3 + 0.1, params)
    along = jax.jvp(play, (params,), (tangent,))[1]
    h = 1e-6
    step = lambda sign: play(jax.tree.map(lambda a, t: a + sign * h * t, params, tangent))  # noqa: E731
    np.testing.assert_allclose(along, (step(1) - step(-1)) / (2 * h), atol=1e-6 * np.abs(along).max())
    pulled = jax.vjp(play, params)[1](along)[0]
    inner = sum(
        jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(pulled), jax.tree.leaves(tangent), strict=True)
    )
    np.testing.assert_allclose(inner, jnp.vdot(along, along), rtol=1e-12)


def test_second_derivative_in_tau(x64):
    params, ts = draw(), jnp.linspace(0.0, 2.0, 23)
    loss = lambda tau: jnp.sum(jnp.sin(DMP().trajectory(eqx.tree_at(lambda p: p.tau, params, tau), ts)))  # noqa: E731
    slope = jax.jit(jax.grad(loss))
    numeric = (slope(params.tau + 1e-5) - slope(params.tau - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.jit(jax.hessian(loss))(params.tau), numeric, rtol=1e-5)


def test_batches_are_loops_and_jit_is_eager():
    many = [draw(seed, dtype=jnp.float32) for seed in range(4)]
    batch = jax.tree.map(lambda *a: jnp.stack(a), *many)
    ts = jnp.linspace(0.0, 1.5, 40)
    gradient = jax.value_and_grad(lambda p: jnp.mean(DMP().trajectory(p, ts) ** 2))
    together = jax.jit(jax.vmap(gradient))(batch)
    for i, one in enumerate(many):
        alone = gradient(one)
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            assert a.dtype == jnp.float32
            # Sums of 80 terms that cancel, in float32.
            np.testing.assert_allclose(a[i], b, rtol=0, atol=2e-4 * (np.abs(b).max() + 1e-6))


def test_times_of_their_own_in_a_batch(x64):
    params = draw()
    ts = jnp.stack([jnp.linspace(0.0, 1.0, 20), jnp.linspace(0.0, 1.7, 20) ** 2])
    slope = jax.jit(lambda t: jax.grad(lambda p: jnp.sum(DMP().trajectory(p, t) ** 2))(params))
    together = jax.vmap(slope)(ts)
    for i in range(2):
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(slope(ts[i])), strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-9, atol=1e-12 * np.abs(b).max())


def test_a_fixed_duration_gives_the_same_movement_and_54_parameters(x64):
    params, ts = draw(), jnp.linspace(0.0, 2.0, 50)
    fixed = eqx.tree_at(lambda p: p.tau, params, None)
    dmp = DMP(duration=float(params.tau))
    assert sum(leaf.size for leaf in jax.tree.leaves(dmp.default_params())) == 54
    np.testing.assert_allclose(dmp.trajectory(fixed, ts), DMP().trajectory(params, ts), atol=1e-10)
    ours = jax.jit(jax.grad(lambda p: jnp.sum(dmp.trajectory(p, ts) ** 2)))(fixed)
    free = jax.jit(jax.grad(lambda p: jnp.sum(DMP().trajectory(p, ts) ** 2)))(params)
    for name in ("weights", "goal", "start"):
        np.testing.assert_allclose(getattr(ours, name), getattr(free, name), rtol=1e-9, atol=1e-9)


def test_a_traced_tau_that_is_not_positive_gives_nan():
    params = draw(dtype=jnp.float32)
    ts = jnp.linspace(0.0, 1.0, 5)
    play = jax.jit(lambda tau: DMP().trajectory(eqx.tree_at(lambda p: p.tau, params, tau), ts))
    for tau in (0.0, -1.0, np.nan):
        assert np.isnan(play(jnp.float32(tau))).all()


@pytest.mark.parametrize(
    "primitive",
    [
        DMP(2, 10, scaling="smooth"),
        ProDMP(DMP(2, 10)),
        HittingDMP(DMP(2, 10)),
        ViaPointDMP(DMP(2, 10), [0.3, 0.8]),
        JoinedDMP([DMP(2, 10), DMP(2, 8)]),
        PeriodicDMP(2, 10, transient=True),
        # Equal steps: adaptive ones differ between the two sides of the finite difference.
        OrientationDMP(4, method=ideomotor.make("integrated", diffrax.Heun(), steps=40)),
        ProMP(2, 8),
    ],
    ids=lambda primitive: type(primitive).__name__,
)
def test_variants_have_the_gradient_of_finite_differences(x64, primitive):
    """In all parameters at once, where forcing matters (the conformance checks have next to none)."""
    rng = np.random.default_rng(0)

    def draw_leaf(path, leaf):
        return leaf + (100 if path[-1].name == "weights" else 0.1) * rng.normal(size=leaf.shape)

    params = jax.tree_util.tree_map_with_path(draw_leaf, primitive.default_params())
    if isinstance(primitive, ProDMP):
        params = eqx.tree_at(lambda p: p.time, params, jnp.asarray(0.3))
    ts = jnp.linspace(0.01, 1.7, 20)

    def loss(params):
        if isinstance(primitive, ProMP):
            params = primitive.condition(params, 0.4, jnp.asarray([0.3, -0.1]), 0.01 * jnp.eye(2))
            return jnp.sum(jnp.sin(primitive.trajectory(params, ts))) + jnp.sum(
                primitive.covariance(params, ts)
            )
        return jnp.sum(jnp.sin(primitive.trajectory(params, ts)))

    tangent = jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(size=leaf.shape) * (0.1 + jnp.abs(leaf))), params
    )
    value, slope = jax.jit(loss), jax.jit(jax.grad(loss))(params)
    terms = [float(jnp.vdot(a, b)) for a, b in zip(*map(jax.tree.leaves, (slope, tangent)), strict=True)]
    # No parameter is without effect, but the start of a later part, which is where its predecessor arrives.
    assert sum(abs(term) < 1e-9 for term in terms) == isinstance(primitive, JoinedDMP), terms
    h = 1e-6
    step = lambda sign: float(value(jax.tree.map(lambda a, t: a + sign * h * t, params, tangent)))  # noqa: E731
    # Rounding in a loss of up to 40 makes 4e-9 of the difference, and h^2 is less.
    assert sum(terms) == pytest.approx(
        (step(1) - step(-1)) / (2 * h), abs=1e-6 * np.linalg.norm(terms) + 1e-7
    )
