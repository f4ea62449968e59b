"""From queries to movements: Gaussian processes over a primitive's parameters, fitted route by route."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

import ideomotor
from ideomotor import AbstractPerception, AbstractPrimitive, Trajectory
from ideomotor.errors import DataError, PluginError

_DOUBT = 0.1  # of the examples' spread, at least, where the examples say nothing; so an exact line counts less and less
_TIMES = 301  # at which a movement's speed is measured


class Prediction(NamedTuple):
    """What `GaussianProcess.predict` gives.

    - `params`: of the primitive.
    - `deviation`: how uncertain they are, as a share of how much the examples differ: near 0 at an example, growing away from
      them, to 1 where nothing is known and beyond where a linear trend is followed far out.
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
    `GaussianProcess.fit`; without fitting it gives the neutral movement. Differentiable, within a route.

    - `primitive`: whose parameters they are.
    - `queries`: numbers of a query, such as 2 for a place on a table.
    - `points`, `routes`: most examples of a route, and how many routes there are.
    - `gate`: the deviation up to which a prediction is trusted.
    - `refuse`: raise `DataError` for a prediction that is not trusted (inside `jit`, give NaN).
    - `max_speed`: of a movement; a faster one gets a longer `tau` (the primitive's parameters must have one).
    - `kinematics`, `max_task_speed`: the same for what moves with it, `kinematics(ys)` `(time, k)` of the movement `(time, dof)`,
      in JAX.
    """

    primitive: AbstractPrimitive
    queries: int = eqx.field(static=True)
    points: int = eqx.field(static=True)
    routes: int = eqx.field(static=True)
    gate: float = eqx.field(static=True)
    refuse: bool = eqx.field(static=True)
    max_speed: float | None = eqx.field(static=True)
    kinematics: Callable[[Any], Any] | None = eqx.field(static=True)
    max_task_speed: float | None = eqx.field(static=True)
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
        max_speed: float | None = None,
        kinematics: Callable[[Any], Any] | None = None,
        max_task_speed: float | None = None,
    ):
        if min(queries, points, routes) < 1 or not gate > 0:
            raise DataError(
                f"queries = {queries}, points = {points}, routes = {routes} must be at least 1, and gate = {gate} "
                f"positive."
            )
        self.primitive = ideomotor.make("dmp", dof=3) if primitive is None else primitive
        self.queries, self.points, self.routes = queries, points, routes
        self.gate, self.refuse, self.kinematics = float(gate), refuse, kinematics
        self.max_speed = None if max_speed is None else float(max_speed)
        self.max_task_speed = None if max_task_speed is None else float(max_task_speed)
        if (kinematics is None) != (max_task_speed is None):
            raise DataError(
                f"kinematics = {kinematics} and max_task_speed = {max_task_speed}; give both or neither."
            )
        for name, value in (("max_speed", max_speed), ("max_task_speed", max_task_speed)):
            timed = getattr(self.primitive.default_params(), "tau", None) is not None
            if value is not None and not (value > 0 and timed):
                raise DataError(
                    f"{name} = {value}; it must be a positive speed, and the primitive's parameters must have a tau."
                )
        neutral = ravel_pytree(self.primitive.default_params())[0]
        trend = np.zeros((routes, 1 + queries, len(neutral)), neutral.dtype)
        trend[:, 0] = neutral
        shapes = {
            "examples": np.zeros((routes, points, queries)),
            "present": np.zeros((routes, points)),
            "scales": np.ones((routes, queries)),
            "noise": np.zeros(routes),
            "cholesky": np.tile(np.eye(points), (routes, 1, 1)),
            "coefficients": np.zeros((routes, points, len(neutral))),
            "trend": trend,
            "whitened": np.zeros((routes, points, 1 + queries)),
            "information": np.tile(np.eye(1 + queries), (routes, 1, 1)),
            "share": np.ones(routes),
        }
        for name, array in shapes.items():
            setattr(self, name, jnp.asarray(array.astype(jnp.result_type(float))))

    @staticmethod
    def fit(
        primitive: AbstractPrimitive,
        queries: Float[np.ndarray, "example query"],
        params: PyTree,
        *,
        routes: Int[np.ndarray, " example"] | None = None,
        gate: float = 0.9,
        refuse: bool = False,
        max_speed: float | None = None,
        kinematics: Callable[[Any], Any] | None = None,
        max_task_speed: float | None = None,
        restarts: int = 2,
        seed: int = 0,
    ) -> "GaussianProcess":
        """The process of examples: `params` are those of `primitive` for each query, stacked along the first axis.

        `routes`: of each example, which route it takes (see `routes`); one for all if None. The kernel of a route maximises the
        marginal likelihood of all outputs, by scikit-learn from 1 + `restarts` starts. Needs the extra `database`.
        """
        queries = np.asarray(queries, np.float64)
        if queries.ndim != 2 or not np.all(np.isfinite(queries)):
            raise DataError(
                f"queries must be finite numbers of shape (example, query), not of shape {queries.shape}."
            )
        wanted, given = jax.tree.structure(primitive.default_params()), jax.tree.structure(params)
        if wanted != given:
            raise DataError(f"params are {given}, and this primitive's are {wanted}.")
        for leaf in jax.tree.leaves(params):
            if np.shape(leaf)[:1] != (len(queries),) or not np.all(np.isfinite(np.asarray(leaf))):
                raise DataError(f"Every leaf of params must be finite and lead with {len(queries)} examples.")
        outputs = np.stack(
            [
                np.concatenate([np.ravel(leaf[i]) for leaf in jax.tree.leaves(params)])
                for i in range(len(queries))
            ]
        ).astype(np.float64)
        labels = np.zeros(len(queries), int) if routes is None else np.asarray(routes)
        if labels.shape != (len(queries),) or not np.array_equal(
            np.unique(labels), np.arange(labels.max() + 1)
        ):
            raise DataError(
                f"routes must be a number from 0 for each of the {len(queries)} examples, none left out."
            )
        count, most = int(labels.max()) + 1, int(np.bincount(labels).max())
        span = np.maximum(np.ptp(queries, axis=0), 1e-6)
        process = GaussianProcess(
            primitive, queries.shape[1], most, count,
            gate=gate, refuse=refuse, max_speed=max_speed, kinematics=kinematics, max_task_speed=max_task_speed,
        )  # fmt: skip
        fitted = [
            _fit_route(queries[labels == r], outputs[labels == r], span, most, restarts, seed)
            for r in range(count)
        ]
        return with_arrays(process, **{name: np.stack([f[name] for f in fitted]) for name in fitted[0]})

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
        params = self.slowed(back(flat.astype(template.dtype)))
        deviation = jnp.sqrt(variance[route] + jnp.finfo(flat.dtype).tiny)
        return Prediction(params, deviation, route, deviation <= self.gate)

    def slowed(self, params: PyTree) -> PyTree:
        """The same movement, slower where it exceeds `max_speed` or `max_task_speed`; for parameters that were changed since."""
        limits = [(lambda ys: ys, self.max_speed), (self.kinematics, self.max_task_speed)]
        limits = [(seen, most) for seen, most in limits if seen is not None and most is not None]
        if not limits:
            return params
        ts = params.tau * jnp.linspace(0.0, 1.0, _TIMES)
        primitive: Any = self.primitive
        ys, slower = primitive.trajectory(params, ts), jnp.ones(())
        for seen, most in limits:
            squares = jnp.sum(jnp.diff(seen(ys), axis=0) ** 2, axis=-1)
            speed = jnp.sqrt(jnp.max(squares)) * (_TIMES - 1) / params.tau
            slower = jnp.maximum(slower, speed / most)
        return eqx.tree_at(lambda p: p.tau, params, params.tau * slower)

    def __call__(
        self, observation: Float[Array | np.ndarray, " query"], *, key: PRNGKeyArray | None = None
    ) -> PyTree:
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
        [jnp.asarray(np.asarray(arrays[name], dtype)) for name in names],
    )


def routes(
    movements: Sequence[Trajectory], *, distance: float = 0.15, min_size: int = 5, samples: int = 50
) -> Int[np.ndarray, " movement"]:
    """Group movements that go the same way: of each two of a group no place differs by more than `distance`, on average.

    Places are compared at the same share of the way, after the line from start to goal is taken away, by complete linkage.
    Groups of fewer than `min_size` movements join the group that is nearest. Numbers count from 0, largest group first.
    """
    shapes = np.stack([_shape(movement, samples) for movement in movements])
    if len(shapes) <= min_size:
        return np.zeros(len(shapes), int)
    condensed = pdist(shapes)
    found, apart = fcluster(linkage(condensed, "complete"), distance, "distance"), squareform(condensed)
    while True:
        names, counts = np.unique(found, return_counts=True)
        if len(names) == 1 or counts.min() >= min_size:
            break
        small = found == names[np.argmin(counts)]
        nearest = min(
            (n for n in names if n != names[np.argmin(counts)]),
            key=lambda n: apart[small][:, found == n].mean(),
        )
        found[small] = nearest
    order = np.argsort(-counts, kind="stable")
    return np.argmax(found[:, None] == names[order], axis=1)


def _fit_route(
    q: np.ndarray, y: np.ndarray, every: np.ndarray, most: int, restarts: int, seed: int
) -> dict[str, np.ndarray]:
    """The arrays of one route, padded to `most` examples; `every` is the span of the queries of all routes."""
    try:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, WhiteKernel
    except ImportError as error:
        raise PluginError("Fitting needs scikit-learn: pip install ideomotor[database]") from error
    n, d = q.shape
    basis = np.column_stack([np.ones(n), q])
    # A plane through hardly more examples than it has coefficients is no trend; then the mean alone.
    used = 1 + d if n > 2 * (1 + d) else 1
    rest = y - basis[:, :used] @ np.linalg.lstsq(basis[:, :used], y, rcond=None)[0]
    total, size = y.std(axis=0), rest.std(axis=0)
    # What is linear already has only rounding left, which no kernel should try to explain.
    active = size > 1e-6 * (np.abs(y).max(axis=0) + 1e-300)
    span = np.maximum(np.ptp(q, axis=0), 1e-6)
    # Few or constant examples say nothing about how far they hold: half of what all of them span.
    scales, noise = 0.5 * every, 1e-6
    if n > 2 and active.any():
        kernel = RBF(span, [(s * 0.05, s * 20) for s in span]) + WhiteKernel(0.1, (1e-6, 1.0))
        model = GaussianProcessRegressor(kernel, n_restarts_optimizer=restarts, random_state=seed)
        with warnings.catch_warnings():
            # Scales at their bounds are an answer here: an output may not depend on a coordinate.
            warnings.simplefilter("ignore")
            model.fit(q, rest[:, active] / size[active])
        theta = np.exp(model.kernel_.theta)  # pyright: ignore[reportAttributeAccessIssue]
        scales, noise = theta[:d], float(theta[d])
    difference = (q[:, None] - q) / scales
    gram = np.exp(-0.5 * np.sum(difference**2, axis=-1)) + (noise + 1e-8) * np.eye(n)
    low = np.linalg.cholesky(gram)
    whitened = np.linalg.solve(low, basis)
    # Coefficients that are not used are certain to be zero.
    whitened[:, used:] = 0.0
    information = whitened.T @ whitened + np.diag(np.where(np.arange(1 + d) < used, 1e-12, 1e12))
    trend = np.zeros((1 + d, y.shape[1]))
    right = whitened.T @ np.linalg.solve(low, y)
    trend[:used] = np.linalg.solve(information[:used, :used], right[:used])
    weights = np.linalg.solve(low.T, np.linalg.solve(low, np.where(active, y - basis @ trend, 0.0)))
    varying = total > 1e-6 * (np.abs(y).max(axis=0) + 1e-300)
    # A perfect line through the examples is no proof that it goes on: some doubt grows with the distance.
    share = max(np.mean((size[varying] / total[varying]) ** 2), _DOUBT**2) if varying.any() and n > 2 else 1.0
    cholesky = np.eye(most)
    cholesky[:n, :n] = low
    return {
        "examples": np.pad(q, ((0, most - n), (0, 0))),
        "present": np.pad(np.ones(n), (0, most - n)),
        "scales": scales,
        "noise": np.array(noise),
        "cholesky": cholesky,
        "coefficients": np.pad(weights, ((0, most - n), (0, 0))),
        "trend": trend,
        "whitened": np.pad(whitened, ((0, most - n), (0, 0))),
        "information": np.linalg.cholesky(information),
        "share": np.array(share),
    }


def _shape(movement: Trajectory, samples: int) -> np.ndarray:
    """Places along the way, less the line between the ends; the norm of a difference is the root mean square distance."""
    ys = np.asarray(movement.ys, np.float64)
    way = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(ys, axis=0), axis=1)))
    share = np.linspace(0, 1, samples)
    if way[-1] == 0:
        return np.zeros(samples * ys.shape[1])
    places = np.stack([np.interp(share * way[-1], way, column) for column in ys.T], axis=1)
    places -= (1 - share)[:, None] * ys[0] + share[:, None] * ys[-1]
    return places.reshape(-1) / np.sqrt(samples)
