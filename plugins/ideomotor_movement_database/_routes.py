"""Fitting Gaussian processes to discovered movements, route by route."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, PyTree
from scipy.cluster.hierarchy import fcluster, linkage

from ideomotor import AbstractPrimitive, Trajectory
from ideomotor.errors import DataError, PluginError

from ._generalise import GaussianProcess, with_arrays


def routes(
    movements: Sequence[Trajectory], *, distance: float = 0.15, least: int = 5, samples: int = 50
) -> Int[np.ndarray, " movement"]:
    """Group movements that go the same way: of each two of a group no place differs by more than `distance`, on average.

    Places are compared at the same share of the way, after the line from start to goal is taken away, by complete linkage.
    Groups of fewer than `least` movements join the group that is nearest. Numbers count from 0, largest group first.
    """
    shapes = np.stack([_shape(movement, samples) for movement in movements])
    if len(shapes) <= least:
        return np.zeros(len(shapes), int)
    found = fcluster(linkage(shapes, "complete"), distance, "distance")
    apart = np.linalg.norm(shapes[:, None] - shapes, axis=-1)
    while True:
        names, counts = np.unique(found, return_counts=True)
        if len(names) == 1 or counts.min() >= least:
            break
        small = found == names[np.argmin(counts)]
        nearest = min(
            (n for n in names if n != names[np.argmin(counts)]),
            key=lambda n: apart[small][:, found == n].mean(),
        )
        found[small] = nearest
    order = np.argsort(-counts, kind="stable")
    return np.argmax(found[:, None] == names[order], axis=1)


def fit_gaussian_process(
    primitive: AbstractPrimitive,
    queries: Float[np.ndarray, "example query"],
    params: PyTree,
    *,
    routes: Int[np.ndarray, " example"] | None = None,
    gate: float = 0.9,
    refuse: bool = False,
    peak: float | None = None,
    look: Callable[[Any], Any] | None = None,
    look_peak: float | None = None,
    restarts: int = 2,
    seed: int = 0,
) -> GaussianProcess:
    """The `GaussianProcess` of examples: `params` are those of `primitive` for each query, stacked along the first axis.

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
        [np.concatenate([np.ravel(leaf[i]) for leaf in jax.tree.leaves(params)]) for i in range(len(queries))]
    ).astype(np.float64)
    labels = np.zeros(len(queries), int) if routes is None else np.asarray(routes)
    if labels.shape != (len(queries),) or not np.array_equal(np.unique(labels), np.arange(labels.max() + 1)):
        raise DataError(
            f"routes must be a number from 0 for each of the {len(queries)} examples, none left out."
        )
    count, most = int(labels.max()) + 1, int(np.bincount(labels).max())
    process = GaussianProcess(
        primitive, queries.shape[1], most, count,
        gate=gate, refuse=refuse, peak=peak, look=look, look_peak=look_peak,
    )  # fmt: skip
    fitted = [
        _fit_route(queries[labels == r], outputs[labels == r], most, restarts, seed) for r in range(count)
    ]
    return with_arrays(process, **{name: np.stack([f[name] for f in fitted]) for name in fitted[0]})


def _fit_route(q: np.ndarray, y: np.ndarray, most: int, restarts: int, seed: int) -> dict[str, np.ndarray]:
    """The arrays of one route, padded to `most` examples."""
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
    scales, noise = span.copy(), 1e-6
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
    share = np.mean((size[varying] / total[varying]) ** 2) if varying.any() else 0.0
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
