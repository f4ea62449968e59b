"""The closed form against DOP853, far beyond the end of the movement, and against Diffrax."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor import Trajectory
from ideomotor_dmp import DMP, DMPParams


def random_params(rng, dof=2, basis=25, tau=1.3, size=1e3):
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape))  # noqa: E731
    return DMPParams(size * draw(dof, basis), 5 * draw(dof), 5 * draw(dof), jnp.asarray(tau))


@pytest.mark.parametrize("tau", [2.85, 3.15])
def test_digit_in_float64(x64, three, exact, tau):
    params = DMP().fit(Trajectory(*three))
    params = eqx.tree_at(lambda p: p.tau, params, jnp.asarray(tau))
    ts = np.linspace(0.0, 12.0, 1201)
    y, v = exact(ts, params.weights, params.goal, params.start, tau)
    np.testing.assert_allclose(DMP().trajectory(params, jnp.asarray(ts)), y, rtol=0, atol=1e-7)
    np.testing.assert_allclose(DMP().velocity(params, jnp.asarray(ts)), v, rtol=0, atol=1e-5)


def test_digit_in_float32(three, exact):
    with jax.enable_x64(True):
        params = DMP().fit(Trajectory(*three))
    params = jax.tree.map(lambda a: jnp.asarray(np.asarray(a), jnp.float32), params)
    ts = np.linspace(0.0, 6.0, 601)
    y, v = exact(ts, params.weights, params.goal, params.start, float(params.tau))
    ours = DMP().trajectory(params, jnp.asarray(ts, jnp.float32))
    assert ours.dtype == jnp.float32
    np.testing.assert_allclose(ours, y, rtol=0, atol=1e-4)
    np.testing.assert_allclose(DMP().velocity(params, jnp.asarray(ts, jnp.float32)), v, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"alpha": 25.0, "alpha_x": 4.6, "overlap": 0.8}, {}),
        ({"alpha": 25.0, "overlap": np.exp(-1), "last_width": "extrapolate"}, {"last": np.exp(2 / 24 * 2)}),
        ({"basis": 5, "alpha_x": 1.0}, {}),
        ({"basis": 40, "alpha": 150.0, "alpha_x": 6.0}, {}),
        ({"basis": 2, "alpha_x": 0.5}, {}),
    ],
)
def test_other_hyper_parameters(x64, exact, ours, theirs):
    dmp, rng = DMP(3, **{"basis": 25} | ours), np.random.default_rng(0)
    params = random_params(rng, 3, dmp.basis)
    ts = np.concatenate([[0.0], np.sort(rng.uniform(0, 5, 300))])
    theirs = {k: v for k, v in ours.items() if k in ("alpha", "alpha_x", "overlap")} | theirs
    y, v = exact(ts, params.weights, params.goal, params.start, float(params.tau), **theirs)
    scale = np.ptp(y)
    np.testing.assert_allclose(dmp.trajectory(params, jnp.asarray(ts)), y, rtol=0, atol=1e-8 * scale)
    np.testing.assert_allclose(dmp.velocity(params, jnp.asarray(ts)), v, rtol=0, atol=1e-6 * np.ptp(v))


def test_far_future_is_the_goal(x64):
    params = random_params(np.random.default_rng(1))
    late = DMP().trajectory(params, jnp.asarray([50.0, 1e3, 1e9, 1e300]))
    np.testing.assert_allclose(late, np.broadcast_to(params.goal, late.shape), rtol=0, atol=1e-9)


def test_rests_at_the_start_before_time_zero():
    params = random_params(np.random.default_rng(2))
    ts = jnp.asarray([-1.0, -0.1, 0.0])
    np.testing.assert_allclose(DMP().trajectory(params, ts), np.broadcast_to(params.start, (3, 2)), atol=1e-5)
    np.testing.assert_array_equal(DMP().acceleration(params, ts)[:2], np.zeros((2, 2)))


def test_acceleration_is_the_derivative_of_velocity(x64):
    params, ts = random_params(np.random.default_rng(3)), jnp.linspace(0.05, 2.0, 57)
    up, down = (DMP().velocity(params, ts + h) for h in (1e-5, -1e-5))
    acceleration = DMP().acceleration(params, ts)
    np.testing.assert_allclose((up - down) / 2e-5, acceleration, atol=1e-5 * np.abs(acceleration).max())


@pytest.mark.parametrize(
    ("scaling", "duration"),
    [("none", None), pytest.param("goal", None, marks=pytest.mark.thorough), ("amplitude", 1.3)],
)
def test_diffrax_agrees(x64, scaling, duration):
    closed = DMP(scaling=scaling, duration=duration)
    method = ideomotor.make("integrated", rtol=1e-9, atol=1e-9)
    solved = DMP(scaling=scaling, duration=duration, method=method)
    params = random_params(np.random.default_rng(4))
    if duration is not None:
        params = eqx.tree_at(lambda p: p.tau, params, None)
    if scaling == "amplitude":
        amplitude = jnp.asarray([2.0, 0.5])
        params = eqx.tree_at(lambda p: p.amplitude, params, amplitude, is_leaf=lambda x: x is None)
    ts = jnp.linspace(0.0, 2.6, 53)

    @eqx.filter_jit
    def slope(params, dmp):
        return jax.grad(lambda params: jnp.sum(jnp.sin(dmp.trajectory(params, ts))))(params)

    np.testing.assert_allclose(closed.trajectory(params, ts), solved.trajectory(params, ts), atol=1e-7)
    for ours, theirs in zip(
        jax.tree.leaves(slope(params, closed)),
        jax.tree.leaves(slope(params, solved)),
        strict=True,
    ):
        # The sum over samples cancels, so that this is looser than the errors of the movement; the sharp test
        # of gradients is the one against the sensitivity equations.
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * np.abs(theirs).max())


def test_fixed_steps_converge_with_the_order_of_the_solver(x64):
    params, ts = random_params(np.random.default_rng(5)), jnp.linspace(0.0, 1.3, 14)
    reference = DMP().trajectory(params, ts)

    def error(solver, steps):
        method = ideomotor.make("integrated", solver, steps=steps)
        return np.abs(DMP(method=method).trajectory(params, ts) - reference).max()

    assert 1.8 < error(diffrax.Euler(), 1300) / error(diffrax.Euler(), 2600) < 2.2
    assert 3.6 < error(diffrax.Heun(), 1300) / error(diffrax.Heun(), 2600) < 4.4


def test_forward_mode_of_the_integrated_method(x64):
    params, ts = random_params(np.random.default_rng(6), basis=5), jnp.linspace(0.0, 1.3, 5)
    both = DMP(basis=5, method=ideomotor.make("integrated", steps=300, derivatives="both"))
    tangent = jax.tree.map(jnp.ones_like, params)
    along = lambda dmp: jax.jvp(lambda p: dmp.trajectory(p, ts), (params,), (tangent,))[1]  # noqa: E731
    ours, theirs = (eqx.filter_jit(along)(dmp) for dmp in (DMP(basis=5), both))
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("options", [{"alpha": 1e5}, {"alpha": 1e4, "basis": 100}, {"alpha_x": 1e-4}])
def test_a_table_that_would_be_huge_is_refused_at_once(options):
    with pytest.raises(ValueError, match="needs a table of .* rows, which is too large"):
        DMP(**options).trajectory(DMP(**options).default_params(), jnp.linspace(0.0, 1.0, 5))
