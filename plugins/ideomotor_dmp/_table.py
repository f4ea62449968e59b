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
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from ._system import System

DEGREE = 5
_OVERSAMPLING = 4
_CHUNK = 10_000  # cells at a time
_MOST_NUMBERS = 6e6  # in a column's table: some seconds, some hundred MB
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
    position, velocity = np.zeros((2, len(s), system.basis + 1))
    for first in range(0, len(s) - 1, _CHUNK):
        here = slice(first, first + _CHUNK)
        ds = np.diff(s[first : first + _CHUNK + 1])[:, None]
        offset = (nodes + 1) / 2 * ds
        forcing = system.forcing_basis(s[:-1][here, None] + offset)
        rest = ds - offset
        kernel = node_weights / 2 * ds * np.exp(r * rest)
        position[1:][here, :-1] = np.einsum("cq,cqk->ck", kernel * rest, forcing)
        velocity[1:][here, :-1] = np.einsum("cq,cqk->ck", kernel * (1 + r * rest), forcing)
    # Every kick goes on as the unforced equation: sums over 1, 2, 4 ... cells, each from two of the half.
    cells = 1
    while cells < len(s):
        later = (s[cells:] - s[:-cells])[:, None]
        moved = system.propagate(position[:-cells, :-1], velocity[:-cells, :-1], later)
        position[cells:, :-1] += moved[0]
        velocity[cells:, :-1] += moved[1]
        cells *= 2
    position[:, -1] = -np.expm1(r * s) + r * s * np.exp(r * s)
    velocity[:, -1] = r * r * s * np.exp(r * s)
    return position, velocity


@lru_cache(maxsize=64)
def spline_table(system: System, dtype: np.dtype) -> tuple[Grid, np.ndarray, np.ndarray]:
    """The grid and the spline coefficients of the columns and of their derivatives, `(rows, basis + 1)`, in
    `dtype`.

    Raises a `ValueError` for a system that is so stiff, or has so many basis functions, that its table would be too large.
    Each of the two grids is refined until its splines meet the exact columns to `_TOLERANCES`.
    """
    tolerances = _TOLERANCES["float64" if dtype == np.float64 else "float32"]
    # What most systems need, or a little less.
    per_basis, per_alpha = (7.5, 3.2) if dtype == np.float64 else (5.5, 1.8)
    per_unit = math.ceil(max(per_basis * system.basis, per_alpha * system.alpha))
    scale = 2.5 / system.alpha_x
    far = max(24, math.ceil(scale * system.alpha / 4))
    _check_work(system, per_unit + far)
    while True:
        near = math.ceil(per_unit * (1 + 3 / (system.basis - 1)))
        split = near / per_unit
        u = np.linspace(0.0, near, _OVERSAMPLING * near + 1)
        exact = columns(system, u / per_unit)
        sizes = [np.abs(values).max(axis=0) for values in exact]
        near_splines, fits = _fit(exact, per_unit, sizes, tolerances)
        if fits:
            break
        per_unit = math.ceil(1.15 * per_unit)
        _check_work(system, per_unit)
    while True:
        v = np.linspace(0.0, 1.0, _OVERSAMPLING * far + 1)
        exact = _far_columns(system, split, split + scale * v[:-1] / (1 - v[:-1]))
        far_splines, fits = _fit(exact, (far * (1 - v) ** 2 / scale)[:, None], sizes, tolerances)
        if fits:
            break
        far = math.ceil(1.3 * far)
        _check_work(system, far)
    tables = [np.concatenate([a, b]).astype(dtype) for a, b in zip(near_splines, far_splines, strict=True)]
    for table in tables:
        table.flags.writeable = False
    return Grid(per_unit, near, far, scale), tables[0], tables[1]


def _check_work(system: System, cells: int) -> None:
    # Beyond the movement, the columns are computed up to where forcing and spring have decayed, in steps of 1 / alpha.
    points = max(_OVERSAMPLING * cells, 40 / system.alpha_x * system.alpha)
    if points * system.basis > _MOST_NUMBERS:
        raise ValueError(
            f"The closed form of a DMP with basis = {system.basis}, alpha = {system.alpha:g} and alpha_x = "
            f"{system.alpha_x:g} needs a table of {points:.1g} rows, which is too large; take a smaller alpha or basis, or a "
            f"larger alpha_x."
        )


def _far_columns(system: System, split: float, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns at increasing `s` from `split`, and at infinity."""
    # Beyond `end` forcing and spring have decayed to 1e-17: every column is what it is at infinity.
    end = split + max(40 / system.alpha_x, 80 / system.alpha)
    reached = np.count_nonzero(s <= end)
    before, _ = _subdivide(np.array([0.0, split]), 0.2 / system.basis)
    # Where all but the last Gaussian have died out, forcing is as smooth as the phase.
    smooth = s[: reached - 1] > split + 10 / system.basis
    after, picks = _subdivide(
        s[:reached], np.where(smooth, 1 / system.alpha, min(0.2 / system.basis, 1 / system.alpha))
    )
    values = columns(system, np.concatenate([before[:-1], after]))
    position, velocity = np.zeros((2, len(s) + 1, system.basis + 1))
    position[:, -1] = 1.0
    for limit, value in zip((position, velocity), values, strict=True):
        limit[:reached] = value[len(before) - 1 + picks]
    return position, velocity


def _fit(exact, dx_ds, sizes, tolerances) -> tuple[list[np.ndarray], bool]:
    """Splines of the columns and of their derivatives on cells of width one, and whether they are good enough.

    - `exact`: both at `_OVERSAMPLING` equal steps in each cell, and at the end of the last one.
    """
    found = np.split(_least_squares(np.concatenate(exact, axis=1)), 2, axis=1)
    slope = _read_evenly(np.diff(found[0], axis=0), DEGREE - 1) * dx_ds
    errors = [
        np.abs(a - b) / size.clip(size[:-1].max())
        for a, b, size in zip((_read_evenly(found[0], DEGREE), slope), exact, sizes, strict=True)
    ]
    return found, all(error.max() <= tolerance for error, tolerance in zip(errors, tolerances, strict=True))


def _least_squares(values: np.ndarray) -> np.ndarray:
    """The coefficients of the splines nearest to values at `_OVERSAMPLING` equal steps in each cell.

    Normal equations, whose matrix has DEGREE diagonals on each side, solved without square roots. (SciPy does the same, and
    takes a quarter of the time of a short command to import.)
    """
    cells, width = len(values) // _OVERSAMPLING, DEGREE + 1
    pieces = spline_pieces(np.arange(_OVERSAMPLING) / _OVERSAMPLING)
    end = spline_pieces(np.ones(1))
    inner = values[:-1].reshape(cells, _OVERSAMPLING, -1)
    rest, matrix = np.zeros((cells + 2 * DEGREE, values.shape[1])), np.zeros((cells + 2 * DEGREE, width))
    for m in range(width):
        rest[m : m + cells] += np.einsum("q,cqk->ck", pieces[m], inner)
        rest[cells - 1 + m] += end[m] * values[-1]
        for n in range(m, width):
            matrix[m : m + cells, n - m] += pieces[m] @ pieces[n]
            matrix[cells - 1 + m, n - m] += (end[m] * end[n]).item()
    count = cells + DEGREE
    for i in range(count):
        share = matrix[i, 1:] / matrix[i, 0]
        rest[i + 1 : i + width] -= share[:, None] * rest[i]
        for n in range(1, width):
            matrix[i + n, : width - n] -= share[n - 1] * matrix[i, n:]
    for i in reversed(range(count)):
        rest[i] = (rest[i] - matrix[i, 1:] @ rest[i + 1 : i + width]) / matrix[i, 0]
    return rest[:count]


def _read_evenly(coefficients: np.ndarray, degree: int) -> np.ndarray:
    """Splines at `_OVERSAMPLING` equal steps in each cell, and at the end of the last one."""
    cells = len(coefficients) - degree
    shifted = np.stack([coefficients[m : m + cells] for m in range(degree + 1)])
    pieces = spline_pieces(np.arange(_OVERSAMPLING) / _OVERSAMPLING, degree)
    inner = np.einsum("mq,mck->cqk", pieces, shifted).reshape(cells * _OVERSAMPLING, -1)
    return np.concatenate([inner, spline_pieces(np.ones(1), degree).T @ shifted[:, -1]])


def spline_pieces(x: np.ndarray, degree: int = DEGREE) -> np.ndarray:
    """The B-splines of uniform knots that are not zero on a cell, at `x` in [0, 1] of it, `(degree + 1, *x.shape)`."""
    pieces = np.ones((1, *x.shape))
    for p in range(1, degree + 1):
        i = np.arange(p + 1.0).reshape(-1, *[1] * x.ndim)
        none = np.zeros((1, *x.shape))
        before, after = np.concatenate([none, pieces]), np.concatenate([pieces, none])
        pieces = ((x - i + p) * before + (1 - x + i) * after) / p
    return pieces


def _subdivide(s: np.ndarray, step: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`s` with points put in between so that no gap exceeds `step`, and where the old points went."""
    counts = np.maximum(1, np.ceil(np.diff(s) / step - 1e-9)).astype(int)
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(s[:-1], s[1:], counts, strict=True)]
    return np.append(np.concatenate(parts), s[-1]), np.concatenate([[0], np.cumsum(counts)])


# Reading the table at given times: the only part of the closed form that is not a matrix product.


def sample(
    grid: Grid, coefficients: Float[Array, "columns rows"], s: Float[Array, " time"]
) -> Float[Array, "columns time"]:
    """The splines with these coefficients at `s >= 0`."""
    return read_spline(coefficients, *locate(grid, s), 0)


def locate(grid: Grid, s: Float[Array, " time"]) -> tuple[Int[Array, " time"], Float[Array, " time"]]:
    """The first coefficient of each sample's cell and the place from the middle of the cell, in [-1/2,
    1/2].
    """
    near = s * grid.per_unit
    far = (1 - grid.far_scale / (jnp.maximum(s, grid.split) - grid.split + grid.far_scale)) * grid.far
    is_near = s < grid.split
    u = jnp.where(is_near, near, far)
    cell = jnp.clip(jnp.floor(u).astype(jnp.int32), 0, jnp.where(is_near, grid.near, grid.far) - 1)
    return jnp.where(is_near, cell, cell + grid.near + DEGREE), u - cell - 0.5


# The derivative in the place is another spline on the same coefficients. Left to itself, reverse mode would
# keep every gathered value; with the rule below it keeps one slope per output, and forward mode and higher
# orders work as well.
@partial(jax.custom_jvp, nondiff_argnums=(3,))
def read_spline(coefficients, first, place, order):
    """The `order`-th derivative in `place`: `sum_m piece_m(place) * coefficients[:, first + m]`."""
    total = None
    for m, piece in enumerate(_piece_values(place, order)):
        term = lax.mul(*jnp.broadcast_arrays(piece, _columns_at(coefficients, first + m)))
        total = term if total is None else lax.add(total, term)
    return lax.optimization_barrier(total)


def _columns_at(coefficients, where):
    """`coefficients[:, where]`, which takes ten times as long to trace."""
    numbers = lax.GatherDimensionNumbers((0,), (1,), (1,))
    sizes, mode = (coefficients.shape[0], 1), lax.GatherScatterMode.PROMISE_IN_BOUNDS
    return lax.gather(coefficients, where[:, None], numbers, sizes, mode=mode)


@read_spline.defjvp
def _read_jvp(order, primals, tangents):
    coefficients, first, place = primals
    d_coefficients, _, d_place = tangents
    slope = read_spline(coefficients, first, place, order + 1)
    return read_spline(*primals, order), read_spline(d_coefficients, first, place, order) + slope * d_place


def _piece_values(place, order):
    """The pieces of the B-spline, or their derivatives, on one cell. Piece m is the mirror of piece DEGREE - m,
    so that the even and odd powers of one half give both.
    """
    even, odd = _halves(order)
    square = place * place
    even, odd = _polynomials(even, square), _polynomials(odd, square) * place
    left, right = even + odd, (even - odd) * (-1) ** order
    halves = [(half, m) for half, ms in ((left, (0, 1, 2)), (right, (2, 1, 0))) for m in ms]
    return [lax.index_in_dim(half, m, keepdims=False) for half, m in halves]


def _polynomials(coefficients, x):
    """Polynomials in `x` with coefficients `(powers, polynomials)`, shape `(polynomials, time)`."""
    columns = coefficients.astype(x.dtype)[..., None]
    total = jnp.broadcast_to(columns[-1], (columns.shape[1], *x.shape))
    for column in columns[-2::-1]:
        total = total * x + column
    return total


@lru_cache(maxsize=8)
def _halves(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Even and odd monomial coefficients about the cell's middle, of the first half of the pieces."""
    place = np.linspace(-0.5, 0.5, DEGREE + 1)
    pieces = np.linalg.solve(np.vander(place, increasing=True), spline_pieces(place + 0.5).T).T
    for _ in range(order):
        pieces = (pieces * np.arange(pieces.shape[1]))[:, 1:]
    if pieces.shape[1] == 0:
        pieces = np.zeros((len(pieces), 1))
    pieces = pieces[: len(pieces) // 2].T
    return pieces[0::2], pieces[1::2] if len(pieces) > 1 else np.zeros_like(pieces)
