"""What a batch of costs is worth: from one cost for each trial to one number to minimise."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

Costs = Float[Array, " trials"]


def mean(costs: Costs) -> Float[Array, ""]:
    """The average: the limit of `risk` for β → 0."""
    return jnp.mean(costs)


def worst(costs: Costs) -> Float[Array, ""]:
    """The greatest: the limit of `risk` for β → ∞."""
    return jnp.max(costs)


def risk(costs: Costs, beta: float) -> Float[Array, ""]:
    """The risk-sensitive objective 1/β log mean exp(β V), Huh & Todorov 2009, eq. (5').

    Finite for any β from zero (the mean) to infinity (the maximum): exponents are taken relative to the greatest cost,
    and a small β does not lose digits. Raises a ValueError for a negative β or NaN.
    """
    if not isinstance(beta, Tracer):
        if not np.asarray(beta) >= 0:
            raise ValueError(f"risk: beta must be at least 0, not {beta}.")
        if np.isinf(beta) or float(beta) > float(jnp.finfo(jnp.result_type(costs)).max):
            return worst(costs)
        if beta == 0:
            return mean(costs)
    most = jax.lax.stop_gradient(jnp.max(costs))
    return most + jnp.log1p(jnp.mean(jnp.expm1(beta * (costs - most)))) / beta


def cvar(costs: Costs, level: float) -> Float[Array, ""]:
    """The mean of the worst part of the trials (conditional value at risk): `level` 0.9 takes the worst tenth.

    At least one trial is taken. Raises a ValueError for a level outside [0, 1).
    """
    if not 0.0 <= level < 1.0:
        raise ValueError(f"cvar: level must be at least 0 and below 1, not {level}.")
    count = max(1, math.ceil(round((1.0 - level) * costs.shape[0], 9)))
    return jnp.mean(jax.lax.top_k(costs, count)[0])
