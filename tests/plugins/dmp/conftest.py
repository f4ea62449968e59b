"""A drawn digit and the exact movement of a DMP, from an integrator that shares no code with the plug-in."""

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def three():
    """Times (s) and positions (px) of a 3 of 20 px: two arcs, each drawn with a minimum-jerk time law, in 3 s."""
    ts = np.linspace(0.0, 3.0, 301)
    first = ts < 1.5
    s = np.where(first, ts, ts - 1.5) / 1.5
    s = 10 * s**3 - 15 * s**4 + 6 * s**5
    angle = np.pi * np.where(first, 0.8 - 1.3 * s, 0.5 - 1.2 * s)
    centre = np.where(first, 25.0, 15.0)
    return ts, np.stack([14 + 5 * np.cos(angle), centre + 5 * np.sin(angle)], axis=1)


def gaussians(basis=25, alpha_x=2.0, overlap=np.exp(-2), last=1.0):
    """Centres and widths of eq. (7), written out once more."""
    centres = np.array([np.exp(-alpha_x * k / (basis - 1)) for k in range(basis)])
    widths = [-np.log(overlap) / (centres[k + 1] - centres[k]) ** 2 for k in range(basis - 1)]
    return centres, np.array([*widths, widths[-1] * last])


def forcing(x, weights, centres, widths):
    """Eq. (6), shape `(dof,)`."""
    psi = np.exp(-widths * (x - centres) ** 2)
    return weights @ psi / psi.sum() * x


@pytest.fixture(scope="session")
def exact():
    """`exact(ts, weights, goal, start, tau, ...)`: positions and velocities by DOP853 at 1e-11."""

    def solve(ts, weights, goal, start, tau, *, alpha=48.0, alpha_x=2.0, overlap=np.exp(-2), last=1.0):
        weights, goal, start = (np.asarray(a, float) for a in (weights, goal, start))
        d, table = len(goal), gaussians(weights.shape[1], alpha_x, overlap, last)

        def slope(t, state):
            y, z = state[:d], state[d:]
            push = forcing(np.exp(-alpha_x * t / tau), weights, *table)
            return np.concatenate([z, alpha * (alpha / 4 * (goal - y) - z) + push]) / tau

        first = np.concatenate([start, np.zeros(d)])
        found = solve_ivp(slope, (0, ts[-1]), first, "DOP853", ts, rtol=1e-11, atol=1e-11, max_step=tau / 50)
        return found.y[:d].T, found.y[d:].T / tau

    return solve
