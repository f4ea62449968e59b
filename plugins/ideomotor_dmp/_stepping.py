"""One step of a critically damped spring, exact with what is held over it."""

import jax.numpy as jnp
import numpy as np


def held_push(rate: float, ds, push):
    """What a constant force does to `(y, z)` in `ds`, with the double eigenvalue `rate`."""
    e = jnp.exp(rate * ds)
    return push * (1 - (1 - rate * ds) * e) / rate**2, push * ds * e


def late_forcing(basis, rate: float, s, ds, speed, forcing):
    """What changes in `(y, z)` because the phase advances from `s` at `speed` and not at one.

    Gauss-Legendre quadrature of the difference in forcing against the impulse response of the spring.
    """
    nodes, weights = (np.asarray(a, s.dtype) for a in np.polynomial.legendre.leggauss(16))
    after = (nodes + 1) / 2 * ds
    missing = (basis(s + speed * after) - basis(s + after)) @ forcing.T
    rest = ds - after
    kernel = (weights / 2 * ds * jnp.exp(rate * rest))[:, None]
    rest = rest[:, None]
    return jnp.sum(kernel * rest * missing, axis=0), jnp.sum(kernel * (1 + rate * rest) * missing, axis=0)
