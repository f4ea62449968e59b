"""The closed form of the rhythmic DMP.

In its own time phi = 2 pi t / period the equation has forcing of period 2 pi. Each harmonic of the forcing
goes through the spring by itself,

    b_k(phi) = sum_n c_kn exp(i n phi)   =>   P_k(phi) = sum_n c_kn / (alpha / 2 + i n)^2 exp(i n phi),

which gives the response P_k on the cycle; the way onto the cycle obeys the unforced equation. The P_k are kept
as periodic splines of degree 5 on a uniform grid.
"""

import dataclasses
import math
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._table import DEGREE, read_spline, spline_pieces

_NODE = np.array([1.0, 26.0, 66.0, 26.0, 1.0]) / 120  # a quintic B-spline at the nodes within its support
_TOLERANCES = {"float64": (1e-8, 5e-7), "float32": (1.5e-7, 6e-6)}


@dataclasses.dataclass(frozen=True)
class PeriodicSystem:
    """What fixes the equation of a rhythmic DMP: hashable, so that everything derived from it can be cached."""

    basis: int
    alpha: float
    overlap: float

    def __post_init__(self):
        if not (isinstance(self.basis, int) and self.basis >= 3):
            raise ValueError(
                f"basis = {self.basis!r}; a cycle needs a whole number of at least 3 basis functions."
            )
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ValueError(f"alpha = {self.alpha!r}; it must be a positive number.")
        if not 0 < self.overlap < 1:
            raise ValueError(
                f"overlap = {self.overlap!r}; it is a bump's value at the next centre and must lie in (0, 1)."
            )

    @property
    def rate(self) -> float:
        """The double eigenvalue -alpha / 2 of the unforced equation."""
        return -self.alpha / 2

    def forcing_basis(self, phi):
        """b_k(phi) = psi_k / sum psi, psi_k = exp(h (cos(phi - c_k) - 1)); for NumPy and JAX alike."""
        xp = np if isinstance(phi, np.ndarray) else jnp
        gap = 2 * math.pi / self.basis
        width = math.log(self.overlap) / (math.cos(gap) - 1)
        centres = xp.asarray(gap * np.arange(self.basis), phi.dtype)
        exponent = width * (xp.cos(phi[..., None] - centres) - 1)
        psi = xp.exp(exponent - exponent.max(axis=-1, keepdims=True))
        return psi / psi.sum(axis=-1, keepdims=True)

    def propagate(self, position, velocity, phi):
        """The unforced equation about its rest point: `(Y, Y')` after `phi`."""
        r, e = self.rate, jnp.exp(self.rate * phi)
        return e * ((1 - r * phi) * position + phi * velocity), e * (
            (1 + r * phi) * velocity - r * r * phi * position
        )


@lru_cache(maxsize=64)
def periodic_table(system: PeriodicSystem, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Spline coefficients of the P_k and of their derivatives, `(basis, cells + DEGREE)`, in `dtype`."""
    tolerances = _TOLERANCES["float64" if dtype == np.float64 else "float32"]
    # 64 samples per bump: the harmonics that are left out are below rounding.
    samples = 1 << math.ceil(math.log2(64 * system.basis))
    spectrum = np.fft.rfft(system.forcing_basis(2 * np.pi * np.arange(samples) / samples), axis=0)
    n = np.arange(len(spectrum))[:, None]
    response = spectrum / (system.alpha / 2 + 1j * n) ** 2
    spectra = (response, 1j * n * response)
    exact = [np.fft.irfft(a, samples, axis=0) for a in spectra]
    cells = 1 << math.ceil(math.log2(4 * system.basis))
    while True:
        step = samples // cells
        tables = [_coefficients(values[::step]) for values in exact]
        errors = [
            np.abs(_halfway(table) - values[step // 2 :: step]).max() / np.abs(values).max()
            for table, values in zip(tables, exact, strict=True)
        ]
        good = all(error <= tolerance for error, tolerance in zip(errors, tolerances, strict=True))
        if good or 2 * cells >= samples:
            break
        cells *= 2
    tables = [np.ascontiguousarray(table.T.astype(dtype)) for table in tables]
    for table in tables:
        table.flags.writeable = False
    return tables[0], tables[1]


def sample_periodic(
    coefficients: Float[Array, "columns rows"], phi: Float[Array, " time"]
) -> Float[Array, "columns time"]:
    """The periodic splines with these coefficients at any `phi`."""
    cells = coefficients.shape[1] - DEGREE
    u = phi * (cells / (2 * math.pi))
    u = u - cells * jnp.floor(u / cells)
    cell = jnp.clip(jnp.floor(u).astype(jnp.int32), 0, cells - 1)
    return read_spline(coefficients, cell, u - cell - 0.5, 0)


def _coefficients(values: np.ndarray) -> np.ndarray:
    """Of the periodic spline through values at the nodes: coefficient j of node i is `_NODE[j - i]`."""
    circulant = np.zeros(len(values))
    circulant[: len(_NODE)] = _NODE
    # values_i = sum_d _NODE[d] c_{i + d} is a correlation.
    spectrum = np.fft.fft(values, axis=0) / np.conj(np.fft.fft(circulant))[:, None]
    found = np.fft.ifft(spectrum, axis=0).real
    return np.concatenate([found, found[:DEGREE]])


def _halfway(coefficients: np.ndarray) -> np.ndarray:
    """The spline in the middle of each cell."""
    pieces = spline_pieces(np.array(0.5))
    cells = len(coefficients) - DEGREE
    shifted = np.stack([coefficients[m : m + cells] for m in range(DEGREE + 1)])
    return np.tensordot(pieces, shifted, 1)
