from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

import ideomotor
from ideomotor import AbstractPerception, AbstractPrimitive
from ideomotor.errors import DataError

_TIMES = 301  # at which a movement's speed is looked at


class Prediction(NamedTuple):
    """What `GaussianProcess.predict` gives.

    - `params`: of the primitive.
    - `deviation`: how uncertain they are, as a share of how much the examples differ: near 0 at an example, 1 where nothing is
      known, more where the linear trend is followed beyond them.
    - `route`: which of the routes they are taken from.
    - `trusted`: whether the deviation is within the gate.
    """

    params: PyTree
    deviation: Float[Array, ""]
    route: Int[Array, ""]
    trusted: Bool[Array, ""]


class GaussianProcess(AbstractPerception[PyTree]):
    """From a query point to the parameters of a movement (Deniša & Ude 2015, section 4; Forte et al. 2012).

    One Gaussian process for each number of the parameters and each route, all of a route with one kernel,

        k(q, q') = exp(-1/2 (q - q')^T W (q - q')) + noise * delta(q, q'),

    about a linear function of the query (Rasmussen & Williams 2006, section 2.7). Movements that take different ways round
    something have no meaningful mean, so each route has its own; the one that is surest of a query answers it. Made by
    `fit_gaussian_process`; without fitting it gives the neutral movement. Differentiable, within a route.

    - `primitive`: whose parameters they are.
    - `queries`: numbers of a query, such as 2 for a place on a table.
    - `points`, `routes`: most examples of a route, and how many routes there are.
    - `gate`: the deviation up to which a prediction is trusted.
    - `refuse`: raise `DataError` for a prediction that is not trusted (inside `jit`, give NaN).
    - `peak`: the highest speed of a movement; a faster one gets a longer `tau` (the primitive's parameters must have one).
    - `look`, `look_peak`: the same of what moves with it, `look(ys)` `(time, k)` of the movement `(time, dof)`, in JAX.
    """

    primitive: AbstractPrimitive
    queries: int = eqx.field(static=True)
    points: int = eqx.field(static=True)
    routes: int = eqx.field(static=True)
    gate: float = eqx.field(static=True)
    refuse: bool = eqx.field(static=True)
    peak: float | None = eqx.field(static=True)
    look: Callable[[Any], Any] | None = eqx.field(static=True)
    look_peak: float | None = eqx.field(static=True)
    examples: Float[Array | np.ndarray, "route point query"]
    present: Float[Array | np.ndarray, "route point"]
    scales: Float[Array | np.ndarray, "route query"]
    noise: Float[Array | np.ndarray, " route"]
    cholesky: Float[Array | np.ndarray, "route point point"]
    coefficients: Float[Array | np.ndarray, "route point output"]
    trend: Float[Array | np.ndarray, "route one_query output"]
    whitened: Float[Array | np.ndarray, "route point one_query"]
    information: Float[Array | np.ndarray, "route one_query one_query"]
    share: Float[Array | np.ndarray, " route"]

    def __init__(
        self,
        primitive: AbstractPrimitive | None = None,
        queries: int = 2,
        points: int = 1,
        routes: int = 1,
        *,
        gate: float = 0.9,
        refuse: bool = False,
        peak: float | None = None,
        look: Callable[[Any], Any] | None = None,
        look_peak: float | None = None,
    ):
        if min(queries, points, routes) < 1 or not gate > 0:
            raise DataError(
                f"queries = {queries}, points = {points}, routes = {routes} must be at least 1, and gate = {gate} "
                f"positive."
            )
        self.primitive = ideomotor.make("dmp", dof=3) if primitive is None else primitive
        self.queries, self.points, self.routes = queries, points, routes
        self.gate, self.refuse, self.look = float(gate), refuse, look
        self.peak = None if peak is None else float(peak)
        self.look_peak = None if look_peak is None else float(look_peak)
        if (look is None) != (look_peak is None):
            raise DataError(f"look = {look} and look_peak = {look_peak}; give both or neither.")
        for name, value in (("peak", peak), ("look_peak", look_peak)):
            timed = getattr(self.primitive.default_params(), "tau", None) is not None
            if value is not None and not (value > 0 and timed):
                raise DataError(
                    f"{name} = {value}; it must be a positive speed, and the primitive's parameters must have a tau."
                )
        neutral = ravel_pytree(self.primitive.default_params())[0]
        self.examples = jnp.zeros((routes, points, queries))
        self.present = jnp.zeros((routes, points))
        self.scales = jnp.ones((routes, queries))
        self.noise = jnp.zeros(routes)
        self.cholesky = jnp.tile(jnp.eye(points), (routes, 1, 1))
        self.coefficients = jnp.zeros((routes, points, len(neutral)))
        self.trend = jnp.zeros((routes, 1 + queries, len(neutral))).at[:, 0].set(neutral)
        self.whitened = jnp.zeros((routes, points, 1 + queries))
        self.information = jnp.tile(jnp.eye(1 + queries), (routes, 1, 1))
        self.share = jnp.ones(routes)

    def default_observation(self) -> Float[Array, " query"]:
        """The mean of the examples."""
        count = jnp.maximum(jnp.sum(self.present), 1)
        return jnp.sum(self.examples * self.present[..., None], axis=(0, 1)) / count

    def predict(self, query: Float[Array | np.ndarray, " query"]) -> Prediction:
        """The parameters for a query, and how far they are to be trusted."""
        query = jnp.asarray(query, self.examples.dtype)
        if query.shape != (self.queries,):
            raise DataError(f"A query is {self.queries} numbers, and its shape is {query.shape}.")
        difference = (self.examples - query) / self.scales[:, None]
        kernel = jnp.exp(-0.5 * jnp.sum(difference**2, axis=-1)) * self.present
        explained = jax.vmap(_forward)(self.cholesky, kernel)
        # Of the trend, what the examples leave open (Rasmussen & Williams 2006, eq. 2.42).
        basis = jnp.append(1.0, query)
        open_ = basis - jnp.einsum("rpb,rp->rb", self.whitened, explained)
        of_trend = jax.vmap(_forward)(self.information, open_)
        variance = jnp.maximum(1 - jnp.sum(explained**2, axis=-1), 0.0) + jnp.sum(of_trend**2, axis=-1)
        variance = variance * self.share
        route = jnp.argmin(jax.lax.stop_gradient(variance))
        flat = basis @ self.trend[route] + kernel[route] @ self.coefficients[route]
        template, back = ravel_pytree(self.primitive.default_params())
        params = self.paced(back(flat.astype(template.dtype)))
        deviation = jnp.sqrt(variance[route] + jnp.finfo(flat.dtype).tiny)
        return Prediction(params, deviation, route, deviation <= self.gate)

    def paced(self, params: PyTree) -> PyTree:
        """The same movement, slower where it is faster than `peak` or `look_peak`; for parameters that were changed since."""
        limits = [(lambda ys: ys, self.peak), (self.look, self.look_peak)]
        limits = [(look, peak) for look, peak in limits if look is not None and peak is not None]
        if not limits:
            return params
        ts = params.tau * jnp.linspace(0.0, 1.0, _TIMES)
        primitive: Any = self.primitive
        ys, slower = primitive.trajectory(params, ts), jnp.ones(())
        for look, peak in limits:
            squares = jnp.sum(jnp.diff(look(ys), axis=0) ** 2, axis=-1)
            speed = jnp.sqrt(jnp.max(squares)) * (_TIMES - 1) / params.tau
            slower = jnp.maximum(slower, speed / peak)
        return eqx.tree_at(lambda p: p.tau, params, params.tau * slower)

    def __call__(
        self, observation: Float[Array | np.ndarray, " query"], *, key: PRNGKeyArray | None = None
    ) -> PyTree:
        """See `AbstractPerception`."""
        found = self.predict(observation)
        if not self.refuse:
            return found.params
        if not isinstance(found.trusted, Tracer) and not found.trusted:
            raise DataError(
                f"The query {np.asarray(observation)} has deviation {float(found.deviation):.2f}, above the gate of "
                f"{self.gate:g}; add examples near it."
            )
        return jax.tree.map(lambda leaf: jnp.where(found.trusted, leaf, jnp.nan), found.params)


def _forward(
    low: Float[Array | np.ndarray, "n n"], right: Float[Array | np.ndarray, " n"]
) -> Float[Array, " n"]:
    return jax.scipy.linalg.solve_triangular(jnp.asarray(low), jnp.asarray(right), lower=True)


def with_arrays(process: GaussianProcess, **arrays: Any) -> GaussianProcess:
    """A copy with other numbers."""
    names = list(arrays)
    dtype = process.examples.dtype
    return eqx.tree_at(
        lambda p: [getattr(p, name) for name in names],
        process,
        [jnp.asarray(arrays[name], dtype) for name in names],
    )
