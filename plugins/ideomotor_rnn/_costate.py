from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractFeedbackPrimitive, AbstractPlant


def costate_gradient(
    policy: AbstractFeedbackPrimitive,
    params: PyTree,
    ts: Float[Array, " time"],
    cost: Callable[..., Array],
    *,
    plant: AbstractPlant,
    x0: PyTree = None,
    p0: PyTree = None,
    key: PRNGKeyArray | None = None,
) -> tuple[Float[Array, ""], PyTree]:
    """The cost of a movement and its gradient by the policy's arrays, by sweeping costates backwards.

    Body and network are one system q' = F(q, k, ω; W) with the cost c(q; k, W). Its states are recorded, and then

        p(i) = c_q + F_qᵀ p(i+1),   dV/dW = Σ c_W + F_Wᵀ p(i+1),   p(end) = 0

    is run from the end: Pontryagin's principle in discrete time (Huh & Todorov 2009, section III A), which is the same
    number as `jax.grad` of the cost through `rollout`, with each matrix in sight.

    - `x0`, `p0`: the states of body and network at the start, by default their own.
    - `cost(feedback, excitation, params)`: the cost rate of an instant, 1/s.
    - `key`: draws the noise that `ideomotor.rollout` draws with it.
    """
    x0 = plant.default_state() if x0 is None else x0
    arrays, static = eqx.partition(policy, eqx.is_inexact_array)
    dts = jnp.diff(ts)
    # As `rollout` draws its keys: to observe, to act and to move, in each step.
    keys = None
    if key is not None:
        draw = jax.vmap(jax.random.fold_in, (None, 0))
        keys = draw(jax.random.fold_in(key, 1), jnp.arange(3 * len(dts))).reshape(len(dts), 3)

    def advance(weights, q, dt, keys):
        policy = eqx.combine(weights, static)
        see, act, move = (None,) * 3 if keys is None else keys
        y, x = q
        feedback = plant.observe(x, key=see)
        y, excitation = policy.step(y, feedback, params, dt, key=act)
        paid = dt * cost(feedback, excitation, params)
        return (y, plant.step(x, excitation, dt, key=move)), paid

    start = (policy.init(params) if p0 is None else p0, jax.tree.map(jnp.asarray, x0))

    def forward(q, inputs):
        new, paid = advance(arrays, q, *inputs)
        return new, (q, paid)

    end, (qs, paid) = jax.lax.scan(forward, start, (dts, keys))

    def backward(carry, inputs):
        costate, gradient = carry
        q, dt, keys = inputs
        _, pull = jax.vjp(lambda weights, q: advance(weights, q, dt, keys), arrays, q)
        by_weights, costate = pull((costate, jnp.ones_like(paid[0])))
        return (costate, jax.tree.map(jnp.add, gradient, by_weights)), costate

    nothing = jax.tree.map(jnp.zeros_like, (end, arrays))
    (first, gradient), _ = jax.lax.scan(backward, nothing, (qs, dts, keys), reverse=True)
    if p0 is not None:
        return jnp.sum(paid), gradient
    # A policy's own state at the start may depend on its weights.
    _, pull = jax.vjp(lambda weights: eqx.combine(weights, static).init(params), arrays)
    return jnp.sum(paid), jax.tree.map(jnp.add, gradient, pull(first[0])[0])
