"""Objectives over a batch of costs, and their minimisation on a frozen sample."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Float, PyTree

from ideomotor.errors import TrainingError

Costs = Float[Array, " trials"]


def risk(costs: Costs, beta: Float[ArrayLike, ""] = 1.0) -> Float[Array, ""]:
    """The risk-sensitive objective 1/β log mean exp(β V) of `costs` V with β = `beta`, Huh & Todorov 2009, eq. (5').

    Finite for any β from zero (the mean) to infinity (the maximum), traced or not. Raises a ValueError for a negative β or
    NaN, unless it is traced.
    """
    if not isinstance(beta, Tracer) and not np.asarray(beta) >= 0:
        raise ValueError(f"risk: beta must be at least 0, not {beta}.")
    # Exponents are relative to the greatest cost; at these ends mean and maximum are exact to rounding.
    least = float(jnp.finfo(costs.dtype).tiny / jnp.finfo(costs.dtype).eps)
    beta = jnp.clip(jnp.asarray(beta), least, 1 / least).astype(costs.dtype)
    most = jax.lax.stop_gradient(jnp.max(costs))
    return most + jnp.log1p(jnp.mean(jnp.expm1(beta * (costs - most)))) / beta


def cvar(costs: Costs, level: float) -> Float[Array, ""]:
    """The mean of the highest costs (conditional value at risk): `level` 0.9 takes the highest tenth, at least one.

    Raises a ValueError for a level outside [0, 1).
    """
    if not 0.0 <= level < 1.0:
        raise ValueError(f"cvar: level must be at least 0 and below 1, not {level}.")
    count = max(1, math.ceil(round((1.0 - level) * costs.shape[0], 9)))
    return jnp.mean(jax.lax.top_k(costs, count)[0])


METHODS = {"cg": "CG", "l-bfgs": "L-BFGS-B"}


def minimise_frozen(
    model: PyTree,
    loss: Callable[[Any], Array],
    *,
    steps: int = 100,
    method: str = "cg",
    where: Callable[[Any], Any] | None = None,
    callback: Callable[[int, float], Any] | None = None,
) -> tuple[PyTree, list[float]]:
    """Minimise a loss on one frozen sample of starts, commands and noise, as the paper does.

    - `loss(model)`: deterministic; it holds the sample.
    - `method`: `"cg"`, conjugate gradients with line search (the paper's), or `"l-bfgs"`; SciPy's.
    - `where`: the part to train, as for `ideomotor.train`; by default all floating-point arrays.
    - `callback(step, loss)`: after each iteration.

    Returns the model and the loss after each iteration. Raises a `TrainingError` for a loss or a gradient that is not
    finite at the start; on the way, such steps are refused by the line search.
    """
    if method not in METHODS:
        raise ValueError(f"minimise_frozen: method must be one of {', '.join(METHODS)}, not {method!r}.")
    if steps < 1:
        raise ValueError(f"minimise_frozen: steps must be at least 1, not {steps}.")
    chosen = jax.tree.map(eqx.is_inexact_array, model)
    if where is not None:
        nothing = jax.tree.map(lambda _: False, model)
        chosen = eqx.tree_at(
            where, nothing, replace=jax.tree.map(eqx.is_inexact_array, where(model)), is_leaf=_is_none
        )
    trained, kept = eqx.partition(model, chosen)
    flat, unravel = ravel_pytree(trained)

    @jax.jit
    def value_and_gradient(flat):
        return jax.value_and_grad(lambda flat: loss(eqx.combine(unravel(flat), kept)))(flat)

    value, gradient = value_and_gradient(flat)
    if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
        raise TrainingError(
            f"The loss is {float(value)} at the start, or its gradient is not finite; start from smaller weights."
        )
    history: list[float] = []

    def function(numbers):
        value, gradient = value_and_gradient(jnp.asarray(numbers, flat.dtype))
        value, gradient = float(value), np.asarray(gradient, float)
        # A rollout that diverged is worse than any: the line search steps back.
        if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
            return 1e10, np.zeros_like(gradient)
        return value, gradient

    def note(intermediate_result):
        history.append(float(intermediate_result.fun))
        if callback is not None:
            callback(len(history), history[-1])

    import scipy.optimize  # takes a quarter of a second, which playing a network need not wait for

    result = scipy.optimize.minimize(
        function,
        np.asarray(flat, float),
        jac=True,
        method=METHODS[method],
        callback=note,
        options={"maxiter": steps},
    )
    best = result.x if function(result.x)[0] <= float(value) else np.asarray(flat)
    return eqx.combine(unravel(jnp.asarray(best, flat.dtype)), kept), history


def _is_none(leaf):
    return leaf is None
