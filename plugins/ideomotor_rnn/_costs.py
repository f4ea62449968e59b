"""The costs of Huh & Todorov 2009, one number for each instant, and their sum over a movement."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ideomotor import Trajectory

from ._commands import CircleCommand, ReachCommand

Vectors = Float[Array | np.ndarray, "*axes 2"]
NOWHERE = 1e-4  # m; at the very center of a circle no direction is tangential


def reach_cost(
    hand: Vectors,
    hand_velocity: Vectors,
    excitation: Float[Array | np.ndarray, "*axes muscles"],
    command: ReachCommand,
    *,
    d0: Float[ArrayLike, ""] = 0.04,
    v0: float = 0.3,
    alpha: float = 1.0,
    gamma: float = 0.003,
) -> Float[Array, "*axes"]:
    """Eq. (6): 1 - exp(-d²/2d0²) + α/2 |v|²/v0² exp(-d²/2d0²) + γ/2 |u|², with d the distance to the target.

    - `d0`: size of the target, m; `v0`: typical speed, m/s. The paper gives neither `alpha` nor `gamma`.
    """
    off = hand - command.target
    near = jnp.exp(-jnp.sum(off * off, -1) / (2 * jnp.square(d0)))
    moving = alpha / 2 * jnp.sum(jnp.square(hand_velocity), -1) / v0**2
    return 1.0 - near + moving * near + gamma / 2 * jnp.sum(jnp.square(excitation), -1)


def circle_cost(
    hand: Vectors,
    hand_velocity: Vectors,
    excitation: Float[Array | np.ndarray, "*axes muscles"],
    command: CircleCommand,
    *,
    d0: Float[ArrayLike, ""] = 0.04,
    v0: float = 0.3,
    alpha: float = 2.0,
    gamma: float = 0.003,
) -> Float[Array, "*axes"]:
    """Eq. (7): (1 - g)(1 + α/2 v_d²/v0²) + α/2 |v - v_d n|²/v0² g + γ/2 |u|² with g = exp(-d²/2d0²).

    d is the distance to the circle and n the clockwise tangent. With radius and speed zero this is eq. (6).
    """
    off = hand - command.center
    distance = jnp.sqrt(jnp.sum(off * off, -1) + NOWHERE**2)
    tangent = jnp.stack([off[..., 1], -off[..., 0]], -1) / distance[..., None]
    near = jnp.exp(-jnp.square(distance - command.radius) / (2 * jnp.square(d0)))
    speed = jnp.asarray(command.speed)
    wrong = jnp.sum(jnp.square(hand_velocity - speed[..., None] * tangent), -1)
    effort = gamma / 2 * jnp.sum(jnp.square(excitation), -1)
    return (
        (1.0 - near) * (1.0 + alpha / 2 * jnp.square(speed / v0)) + alpha / 2 * wrong / v0**2 * near + effort
    )


def movement_cost(trajectory: Trajectory, command: Any, cost: Callable[..., Array]) -> Float[Array, ""]:
    """Eq. (4): the cost of a movement, summed over its time steps, in s.

    - `trajectory`: with the `hand` and `hand_velocity` of the plant's feedback and its excitations.
    - `command`: one for the whole movement, or one for each time.
    - `cost`: `reach_cost` or `circle_cost`, with their constants filled in by `functools.partial`.

    The last sample is left out: the movement ends there.
    """
    seen = trajectory.ys
    steps = cost(seen["hand"], seen["hand_velocity"], trajectory.us, command)[..., :-1]
    return jnp.sum(steps * jnp.diff(trajectory.ts), -1)
