"""What holds for every DMP."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ideomotor_dmp import DMP, DMPParams

numbers = st.floats(-10, 10, allow_subnormal=False)
seeds = st.integers(0, 2**31 - 1)
laws = settings(max_examples=20, deadline=None)
ts = np.linspace(0.0, 2.0, 41)


def movement(seed, scaling="none", tau=1.0):
    rng = np.random.default_rng(seed)
    amplitude = jnp.asarray(rng.uniform(0, 3, 2)) if scaling == "amplitude" else None
    values = [300 * rng.normal(size=(2, 25)), *(4 * rng.normal(size=(2, 2))), tau]
    return DMPParams(*(jnp.asarray(v) for v in values), amplitude)


@laws
@given(seed=seeds, scaling=st.sampled_from(["none", "goal", "amplitude"]))
def test_reaches_any_goal(seed, scaling):
    with jax.enable_x64(True):
        params = movement(seed, scaling)
        end = DMP(scaling=scaling).trajectory(params, jnp.asarray([30.0, 1e6]))
        np.testing.assert_allclose(end, np.broadcast_to(params.goal, (2, 2)), atol=1e-9)


@laws
@given(seed=seeds, shift=numbers, scaling=st.sampled_from(["none", "goal", "amplitude"]))
def test_is_invariant_to_translation(seed, shift, scaling):
    with jax.enable_x64(True):
        params, dmp = movement(seed, scaling), DMP(scaling=scaling)
        moved = eqx.tree_at(lambda p: (p.start, p.goal), params, (params.start + shift, params.goal + shift))
        np.testing.assert_allclose(
            dmp.trajectory(moved, jnp.asarray(ts)),
            dmp.trajectory(params, jnp.asarray(ts)) + shift,
            atol=1e-11,
        )


@laws
@given(seed=seeds, tau=st.floats(0.01, 100))
def test_duration_only_stretches_time(seed, tau):
    with jax.enable_x64(True):
        one, other = movement(seed), movement(seed, tau=tau)
        np.testing.assert_allclose(
            DMP().trajectory(other, jnp.asarray(ts * tau)), DMP().trajectory(one, jnp.asarray(ts)), atol=1e-10
        )


@laws
@given(seed=seeds, a=numbers, b=numbers)
def test_is_linear_in_weights_goal_and_start(seed, a, b):
    with jax.enable_x64(True):
        one, other = movement(seed), movement(seed + 1)
        mixed = jax.tree.map(lambda p, q: a * p + b * q, one, other)
        mixed = eqx.tree_at(lambda p: p.tau, mixed, one.tau)
        play = lambda p: DMP().trajectory(p, jnp.asarray(ts))  # noqa: E731
        np.testing.assert_allclose(play(mixed), a * play(one) + b * play(other), atol=1e-9)


@laws
@given(seed=seeds, factor=numbers)
def test_goal_scaling_makes_the_shape_follow_the_goal(seed, factor):
    """Pahič et al. eq. (3): stretching goal - start stretches the whole movement."""
    with jax.enable_x64(True):
        params, dmp = movement(seed, "goal"), DMP(scaling="goal")
        far = eqx.tree_at(lambda p: p.goal, params, params.start + factor * (params.goal - params.start))
        play = lambda p: dmp.trajectory(p, jnp.asarray(ts)) - params.start  # noqa: E731
        np.testing.assert_allclose(play(far), factor * play(params), atol=1e-9)


@pytest.mark.parametrize("scaling", ["none", "goal", "amplitude"])
def test_a_movement_may_end_where_it_began(scaling):
    params, dmp = movement(0, scaling), DMP(scaling=scaling)
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), params)
    closed = eqx.tree_at(lambda p: p.goal, params, params.start)
    ys, gradient = jax.value_and_grad(lambda p: jnp.sum(dmp.trajectory(p, jnp.asarray(ts)) ** 2))(closed)
    assert np.isfinite(ys) and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    moves = np.ptp(dmp.trajectory(closed, jnp.asarray(ts)), axis=0)
    assert np.all(moves == 0) if scaling == "goal" else np.all(moves > 0.01)
