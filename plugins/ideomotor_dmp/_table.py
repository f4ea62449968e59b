"""The closed form. The equation is linear, so that with zero initial velocity

    Y(s) = y0 + (g - y0) h(s) + sum_k w_k A_k(s),
    h(s) = 1 - (1 - r s) exp(r s),   A_k(s) = int_0^s (s - u) exp(r (s - u)) b_k(u) du,   r = -alpha / 2.

The columns A_k and h are computed once, to better than 1e-10 of their size (8-point Gauss-Legendre quadrature
in every cell, exact propagator between cells), and kept as splines of degree 5 on a grid that is as fine as
the number format of the caller deserves; see `spline_table`.

Two grids cover all times. The near one is uniform in s and ends at s1, soon after the movement (s = 1),
where forcing still acts. The far one is uniform in v = (s - s1) / (s - s1 + far_scale): it reaches infinity.
"""

import dataclasses
import math
from functools import lru_cache

import numpy as np
from scipy.interpolate import BSpline, make_lsq_spline

from ._system import System

DEGREE = 5
_OVERSAMPLING = 4
# Largest errors of the columns and of their derivatives, relative to the largest values. Weights of 5e4 make
# a movement of 20 px, so that 1e-8 of the columns is about 1e-7 px; see
# tests/plugins/dmp/test_closed_form.py.
_TOLERANCES = {"float64": (1e-8, 5e-7), "float32": (1.5e-7, 6e-6)}


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where the spline coefficients sit: `near` cells of width `1 / per_unit`, then `far` cells in v."""

    per_unit: int
    near: int
    far: int
    far_scale: float

    @property
    def split(self) -> float:
        """The s at which the far grid begins."""
        return self.near / self.per_unit

    @property
    def rows(self) -> int:
        """The number of spline coefficients per column."""
        return self.near + self.far + 2 * DEGREE


def columns(system: System, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns [A_1 .. A_N, h] and their derivatives at increasing `s` from 0, shape `(len(s), basis +
    1)`.
    """
    r = system.rate
    nodes, node_weights = np.polynomial.legendre.leggauss(8)
    ds = np.diff(s)[:, None]
    offset = (nodes + 1) / 2 * ds
    forcing = system.forcing_basis(s[:-1, None] + offset)
    rest = ds - offset
    kernel = node_weights / 2 * ds * np.exp(r * rest)
    kicks = (
        np.einsum("cq,cqk->ck", kernel * rest, forcing),
        np.einsum("cq,cqk->ck", kernel * (1 + r * rest), forcing),
    )
    position, velocity = np.zeros((2, len(s), system.basis + 1))
    for i in range(len(ds)):
        here = system.propagate(position[i, :-1], velocity[i, :-1], float(ds[i, 0]))
        position[i + 1, :-1], velocity[i + 1, :-1] = here[0] + kicks[0][i], here[1] + kicks[1][i]
    position[:, -1] = -np.expm1(r * s) + r * s * np.exp(r * s)
    velocity[:, -1] = r * r * s * np.exp(r * s)
    return position, velocity


@lru_cache(maxsize=64)
def spline_table(system: System, dtype: np.dtype) -> tuple[Grid, np.ndarray, np.ndarray]:
    """The grid and the spline coefficients of the columns and of their derivatives, `(rows, basis + 1)`, in
    `dtype`.

    Each of the two grids is refined until its splines meet the exact columns to `_TOLERANCES`.
    """
    tolerances = _TOLERANCES["float64" if dtype == np.float64 else "float32"]
    per_unit = 4 * system.basis
    scale = 2.5 / system.alpha_x
    far = max(24, math.ceil(scale * system.alpha / 4))
    while True:
        near = math.ceil(per_unit * (1 + 3 / (system.basis - 1)))
        split = near / per_unit
        u = np.linspace(0.0, near, _OVERSAMPLING * near + 1)
        exact = columns(system, u / per_unit)
        sizes = [np.abs(values).max(axis=0) for values in exact]
        near_splines, fits = _fit(u, exact, per_unit, sizes, tolerances)
        if fits:
            break
        per_unit = math.ceil(1.15 * per_unit)
    while True:
        v = np.linspace(0.0, 1.0, _OVERSAMPLING * far + 1)
        exact = _far_columns(system, split, split + scale * v[:-1] / (1 - v[:-1]))
        far_splines, fits = _fit(v * far, exact, (far * (1 - v) ** 2 / scale)[:, None], sizes, tolerances)
        if fits:
            break
        far = math.ceil(1.3 * far)
    tables = [
        np.concatenate([a.c, b.c]).astype(dtype) for a, b in zip(near_splines, far_splines, strict=True)
    ]
    for table in tables:
        table.flags.writeable = False
    return Grid(per_unit, near, far, scale), tables[0], tables[1]


def _far_columns(system: System, split: float, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns at increasing `s` from `split`, and at infinity."""
    # Beyond `end` forcing and spring have decayed to 1e-17: every column is what it is at infinity.
    end = split + max(40 / system.alpha_x, 80 / system.alpha)
    reached = np.count_nonzero(s <= end)
    before, _ = _subdivide(np.array([0.0, split]), 0.2 / system.basis)
    after, picks = _subdivide(s[:reached], min(0.2 / system.basis, 1 / system.alpha))
    values = columns(system, np.concatenate([before[:-1], after]))
    position, velocity = np.zeros((2, len(s) + 1, system.basis + 1))
    position[:, -1] = 1.0
    for limit, value in zip((position, velocity), values, strict=True):
        limit[:reached] = value[len(before) - 1 + picks]
    return position, velocity


def _fit(x, exact, dx_ds, sizes, tolerances) -> tuple[list[BSpline], bool]:
    """Splines of the columns and of their derivatives on cells of width one, and whether they are good
    enough.
    """
    knots = np.arange(-DEGREE, round(x[-1]) + DEGREE + 1.0)
    splines = [make_lsq_spline(x, values, knots, k=DEGREE) for values in exact]
    position, slope = splines[0](x), splines[0].derivative()(x) * dx_ds
    errors = [
        np.abs(a - b) / size.clip(size[:-1].max())
        for a, b, size in zip((position, slope), exact, sizes, strict=True)
    ]
    return splines, all(error.max() <= tolerance for error, tolerance in zip(errors, tolerances, strict=True))


def _subdivide(s: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """`s` with points put in between so that no gap exceeds `step`, and where the old points went."""
    counts = np.maximum(1, np.ceil(np.diff(s) / step - 1e-9)).astype(int)
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(s[:-1], s[1:], counts, strict=True)]
    return np.append(np.concatenate(parts), s[-1]), np.concatenate([[0], np.cumsum(counts)])
