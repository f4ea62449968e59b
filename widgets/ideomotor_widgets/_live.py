"""A closed loop that goes on from where it is: what `ideomotor.rollout` does, keeping the policy's own state.

`rollout` plays whole movements and forgets how the policy felt at each time; a target that the mouse moves needs it.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


@eqx.filter_jit
def go_on(
    policy: Any, params: Any, plant: Any, state: tuple[Any, Any], key: Any, dt: float, steps: int
) -> tuple[Any, Any]:
    """So many steps from a state `(policy's, plant's)`: the states before each step, and the feedback.

    Only the plant draws noise. Leaves of the result lead with time.
    """

    def body(carry, key):
        own, body_ = carry
        key_see, key_move = jax.random.split(key)
        seen = plant.observe(body_, key=key_see)
        new, command = policy.step(own, seen, params, dt)
        moved = plant.step(body_, command, dt, key=key_move)
        same = jax.tree.map(lambda old, x: jnp.asarray(x, jnp.result_type(old)), (own, body_), (new, moved))
        return same, (carry, seen)

    start = jax.tree.map(jnp.asarray, state)
    return jax.lax.scan(body, start, jax.random.split(key, steps))[1]


def at(states: Any, index: int) -> Any:
    """One of the states."""
    return jax.tree.map(lambda leaf: leaf[index], states)


def finite(tree: Any) -> bool:
    """Whether all numbers are finite."""
    return all(
        bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)
    )
