"""Parts for the tests of the arm: a drawing, a way to play it, and the arm's equations derived anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ideomotor import AbstractFeedforwardPrimitive, rollout


class Play(AbstractFeedforwardPrimitive):
    """Commands as they are given."""

    samples: int

    def default_params(self):
        return jnp.zeros((self.samples, 2))

    def trajectory(self, params, ts, *, key=None):
        return params


@pytest.fixture
def play():
    """`play(commands, ts, plant=..., ...)`: a rollout of given commands."""

    def play(commands, ts, **arguments):
        return rollout(Play(len(ts)), jnp.asarray(commands), ts, **arguments)

    return play


@pytest.fixture
def drawing():
    """`(ts, pixels)`: a wave of 15 × 8 cm on the default sheet, drawn in 3 s, at rest at both ends."""
    ts = np.linspace(0.0, 3.0, 301)
    s = ts / 3.0
    phase = 10 * s**3 - 15 * s**4 + 6 * s**5
    return ts, np.stack([20 + 8 * np.sin(4 * np.pi * phase), 20 - 15 * np.cos(np.pi * phase)], -1)


class Lagrange:
    """Two rigid links by Lagrange's equations from their kinetic energy, integrated with DOP853 at 1e-12."""

    def __init__(self, arm, force=None):
        l1, l2 = np.asarray(arm.lengths)
        m, s = np.asarray(arm.masses), np.asarray(arm.com)
        about_centre = np.asarray(arm.inertias) - m * s**2
        damping = np.asarray(arm.damping)

        def direction(angle):
            return jnp.stack([jnp.cos(angle), jnp.sin(angle)])

        def centres(q):
            elbow = l1 * direction(q[0])
            return s[0] * direction(q[0]), elbow + s[1] * direction(q[0] + q[1])

        def hand(q):
            return l1 * direction(q[0]) + l2 * direction(q[0] + q[1])

        def kinetic(q, w):
            moving = jax.jvp(centres, (q,), (w,))[1]
            turning = jnp.stack([w[0], w[0] + w[1]])
            parts = [m[i] * jnp.sum(moving[i] ** 2) + about_centre[i] * turning[i] ** 2 for i in range(2)]
            return 0.5 * sum(parts)

        def bias(q, w):
            return jax.jvp(lambda q: jax.grad(kinetic, 1)(q, w), (q,), (w,))[1] - jax.grad(kinetic)(q, w)

        def acceleration(q, w, torque):
            outer = torque - damping @ w - bias(q, w)
            if force is not None:
                outer = outer + jax.vjp(hand, q)[1](force(jax.jvp(hand, (q,), (w,))[1]))[0]
            return jnp.linalg.solve(jax.hessian(kinetic, 1)(q, w), outer)

        self.kinetic, self.hand = jax.jit(kinetic), hand
        self.inertia, self.bias = jax.jit(jax.hessian(kinetic, 1)), jax.jit(bias)
        self.acceleration = jax.jit(acceleration)

    def end(self, angle, velocity, torque, time):
        """Angles and velocities after a time of constant torque."""

        def slope(t, x):
            return np.concatenate([x[2:], self.acceleration(x[:2], x[2:], torque)])

        start = np.concatenate([angle, velocity])
        return solve_ivp(slope, (0.0, time), start, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]


@pytest.fixture
def lagrange():
    return Lagrange
