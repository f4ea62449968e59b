"""The equation of a DMP in its own time s = t / tau, in which the duration has dropped out.

    Y'' = alpha (beta (g - Y) - Y') + f(s),   f(s) = sum_k w_k b_k(x(s)),   x(s) = exp(-alpha_x s)

with beta = alpha / 4 (critical damping, double eigenvalue -alpha / 2) and Y' = tau dy/dt = z.
"""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np

_LAST = ("repeat", "extrapolate")


@dataclasses.dataclass(frozen=True)
class System:
    """What fixes the equation of a DMP: hashable, so that everything derived from it can be cached."""

    basis: int
    alpha: float
    alpha_x: float
    overlap: float
    last_width: str

    def __post_init__(self):
        if not (isinstance(self.basis, int) and self.basis >= 2):
            raise ValueError(
                f"basis = {self.basis!r}; a DMP needs a whole number of at least 2 basis functions."
            )
        for name in ("alpha", "alpha_x"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} = {value!r}; it must be a positive number.")
        if not 0 < self.overlap < 1:
            raise ValueError(
                f"overlap = {self.overlap!r}; it is a Gaussian's value at the next centre and must lie in (0, 1)."
            )
        if self.last_width not in _LAST:
            raise ValueError(f"last_width = {self.last_width!r}; choose one of {', '.join(_LAST)}.")

    @property
    def rate(self) -> float:
        """The double eigenvalue -alpha / 2 of the unforced equation."""
        return -self.alpha / 2

    def gaussians(self) -> tuple[np.ndarray, np.ndarray]:
        """Centres c_k, equally spaced in time, and widths h_k of eq. (7), float64."""
        centres = np.exp(-self.alpha_x * np.linspace(0.0, 1.0, self.basis))
        gaps = np.diff(centres)
        after = gaps[-1] if self.last_width == "repeat" else gaps[-1] ** 2 / gaps[-2 % len(gaps)]
        return centres, -math.log(self.overlap) / np.append(gaps, after) ** 2

    def forcing_basis(self, s):
        """b_k(s) = x psi_k(x) / sum psi(x) (eqs. 6, 7), shape `(*s.shape, basis)`; for NumPy and JAX
        alike.
        """
        xp = np if isinstance(s, np.ndarray) else jnp
        centres, widths = (xp.asarray(a, s.dtype) for a in self.gaussians())
        x = xp.exp(-self.alpha_x * s)[..., None]
        exponent = -widths * (x - centres) ** 2
        # Far from every centre all Gaussians underflow, and their ratio does not: shift the largest to one.
        psi = xp.exp(exponent - exponent.max(axis=-1, keepdims=True))
        return x * psi / psi.sum(axis=-1, keepdims=True)

    def propagate(self, position, velocity, s):
        """The unforced equation about its rest point: `(Y, Y')` after `s`; for NumPy and JAX alike."""
        xp = np if isinstance(s, float | np.ndarray) else jnp
        r, e = self.rate, xp.exp(self.rate * s)
        return e * ((1 - r * s) * position + s * velocity), e * (
            (1 + r * s) * velocity - r * r * s * position
        )


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
