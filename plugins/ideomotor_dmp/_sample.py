"""Reading the table at given times: the only part of the closed form that is not a matrix product."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.interpolate import BSpline

from ._table import DEGREE, Grid


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
    total = 0.0
    for m, piece in enumerate(_piece_values(place, order)):
        total = total + piece * coefficients.at[:, first + m].get(mode="promise_in_bounds")
    return jax.lax.optimization_barrier(total)


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
    halves = _halves(order)
    square, left, right = place * place, [], []
    for even, odd in halves:
        even, odd = _polynomial(even, square), _polynomial(odd, square) * place
        left.append(even + odd)
        right.append((even - odd) * (-1) ** order)
    return left + right[::-1]


def _polynomial(coefficients, x):
    total = jnp.zeros_like(x)
    for c in coefficients[::-1]:
        total = total * x + x.dtype.type(c)
    return total


@lru_cache(maxsize=8)
def _halves(order: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Even and odd monomial coefficients about the cell's middle, of the first half of the pieces."""
    knots = np.arange(-DEGREE, DEGREE + 2.0)
    place = np.linspace(-0.5, 0.5, DEGREE + 1)
    values = BSpline(knots, np.eye(DEGREE + 1), DEGREE)(place + 0.5)
    pieces = np.linalg.solve(np.vander(place, increasing=True), values).T
    for _ in range(order):
        pieces = (pieces * np.arange(pieces.shape[1]))[:, 1:]
    if pieces.shape[1] == 0:
        pieces = np.zeros((len(pieces), 1))
    return [(piece[0::2], piece[1::2]) for piece in pieces[: len(pieces) // 2]]
