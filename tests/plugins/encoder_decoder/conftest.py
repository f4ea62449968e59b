"""A small primitive of another kind than the DMP, to show that nothing depends on the DMP."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

import ideomotor
from ideomotor import AbstractFeedforwardPrimitive, quantity


class SwingParams(eqx.Module):
    centre: Float[Array, "*batch 2"]
    reach: Float[Array, "*batch 2"]
    period: Float[Array, "*batch"] = quantity(unit="s", positive=True)


class Swing(AbstractFeedforwardPrimitive[SwingParams]):
    """Swings around its centre."""

    def default_params(self):
        return SwingParams(jnp.zeros(2), jnp.ones(2), jnp.ones(()))

    def trajectory(self, params, ts, *, key=None):
        return params.centre + params.reach * jnp.sin(2 * jnp.pi * ts[:, None] / params.period)


@pytest.fixture
def swing():
    return Swing()


@pytest.fixture
def swings():
    """Forty sets of parameters of a swing."""
    keys = jax.random.split(jax.random.key(4), 3)
    return SwingParams(
        3 + 2 * jax.random.normal(keys[0], (40, 2)),
        100 * jax.random.normal(keys[1], (40, 2)),
        jnp.exp(0.3 * jax.random.normal(keys[2], (40,))),
    )


@pytest.fixture(scope="session")
def dmp():
    return ideomotor.make("dmp", dof=2, basis=25)
