import math
import warnings
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, check_demonstration, check_times, quantity
from ideomotor.errors import DataError

from ._dmp import DMP
from ._fit import anchored, check_dof, least_squares, phases
from ._params import check_shapes, positive
from ._table import sample, spline_table

_FAR = 20.0  # standard deviations, beyond which a condition is reported


class ProMPParams(eqx.Module):
    """A distribution of movements: weights ~ N(mean, factor factor^T).

    - `mean`: of the weights, shape `(dof, features)`.
    - `factor`: a square root of their covariance, shape `(dof * features, dof * features)`, degrees of freedom
      outermost; a root and not the covariance itself, so that no rounding or gradient step makes it invalid.
    - `tau`: duration in seconds.
    """

    mean: Float[Array | np.ndarray, "*batch dof features"] = quantity(label="mean weights")
    factor: Float[Array | np.ndarray, "*batch weights weights"] = quantity(label="covariance factor")
    tau: Float[Array | np.ndarray, "*batch"] = quantity(unit="s", positive=True, label="duration")

    @property
    def covariance(self) -> Float[Array, "*batch weights weights"]:
        """Of the weights."""
        return jnp.matmul(self.factor, jnp.swapaxes(self.factor, -1, -2))


class ProMP(AbstractFeedforwardPrimitive[ProMPParams]):
    """Probabilistic movement primitive (Paraschos et al. 2013): y(t) = features(t / tau) weights.

    Without a key `trajectory` gives the mean, with one a sample.

    - `dof`, `basis`: degrees of freedom and basis functions.
    - `overlap`: the value of a normalised Gaussian at the next centre (of movement_primitives: its
      `overlap` of 0.7 at half the distance).
    - `dmp`: None: Gaussians of s = t / tau with centres from 0 to 1. A DMP: the columns of its closed form,
      `[forcing weights .. , goal - start, start]`, as in ProDMP (Li et al. 2023); then `basis` and `dof` are the DMP's.
    """

    dof: int = eqx.field(static=True)
    basis: int = eqx.field(static=True)
    overlap: float = eqx.field(static=True)
    dmp: DMP | None

    def __init__(
        self, dof: int = 2, basis: int = 15, *, overlap: float = math.exp(-1), dmp: DMP | None = None
    ):
        if dmp is not None:
            if not isinstance(dmp, DMP) or dmp.scaling != "none":
                raise ValueError(f"dmp = {dmp!r}; a ProMP takes its features from a DMP with scaling='none'.")
            dof, basis = dmp.dof, dmp.basis
        if not (isinstance(dof, int) and dof >= 1):
            raise ValueError(f"dof = {dof!r}; it must be at least 1.")
        if not (isinstance(basis, int) and basis >= 2):
            raise ValueError(f"basis = {basis!r}; a ProMP needs at least 2 basis functions.")
        if not 0 < overlap < 1:
            raise ValueError(
                f"overlap = {overlap!r}; it is a Gaussian's value at the next centre and must lie in (0, 1)."
            )
        self.dof, self.basis, self.overlap, self.dmp = dof, basis, float(overlap), dmp

    @property
    def width(self) -> int:
        """The number of features."""
        return self.basis if self.dmp is None else self.basis + 2

    def default_params(self) -> ProMPParams:
        """From about zero to one in one second, with a tenth of standard deviation in every weight."""
        if self.dmp is None:
            mean = jnp.linspace(0.0, 1.0, self.basis)
        else:
            mean = jnp.zeros(self.width).at[-2].set(1.0)
        size = self.dof * self.width
        return ProMPParams(jnp.tile(mean, (self.dof, 1)), 0.1 * jnp.eye(size), jnp.ones(()))

    def features(self, s: Float[Array, " time"]) -> Float[Array, "time features"]:
        """The features at phases `s = t / tau`."""
        if self.dmp is not None:
            grid, table, _ = spline_table(self.dmp.system, s.dtype)
            columns = sample(grid, jnp.asarray(table.T), jnp.maximum(s, 0)).T
            return jnp.concatenate([columns, jnp.ones_like(columns[:, :1])], axis=1)
        gap = 1 / (self.basis - 1)
        exponent = math.log(self.overlap) * ((s[:, None] - gap * np.arange(self.basis)) / gap) ** 2
        psi = jnp.exp(exponent - exponent.max(axis=1, keepdims=True))
        return (psi / psi.sum(axis=1, keepdims=True)).astype(s.dtype)

    def trajectory(
        self, params: ProMPParams, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time dof"]:
        """Positions at the times `ts` (s): the mean, or with a key a sample."""
        features = self._features(params, ts)
        weights = params.mean
        if key is not None:
            noise = jax.random.normal(key, (params.factor.shape[0],), params.factor.dtype)
            weights = weights + (params.factor @ noise).reshape(weights.shape)
        return jnp.matmul(features, weights.T, precision=jax.lax.Precision.HIGHEST)

    def covariance(self, params: ProMPParams, ts: Float[Array, " time"]) -> Float[Array, "time dof dof"]:
        """The covariance of the position at each of the times `ts` (s)."""
        features = self._features(params, ts)
        factor = params.factor.reshape(self.dof, self.width, -1)
        spread = jnp.einsum("tf,dfw->tdw", features, factor, precision=jax.lax.Precision.HIGHEST)
        return jnp.einsum("tdw,tew->tde", spread, spread, precision=jax.lax.Precision.HIGHEST)

    def condition(
        self,
        params: ProMPParams,
        time: float | Float[Array | np.ndarray, ""],
        position: Float[Array | np.ndarray, " dof"],
        covariance: Float[Array | np.ndarray, "dof dof"] | None = None,
    ) -> ProMPParams:
        """The distribution of the movements that are at `position` at `time` (s), known to within
        `covariance`; None: exactly (Paraschos et al. 2013, in the square-root form of Andrews 1968).

        Raises a `DataError` for a time outside [0, tau], for a covariance that is not positive definite, and for a
        position that no movement of the distribution has at that time; inside `jit` the distribution stays as it is in
        directions in which it has no spread there. Warns of a position that the distribution makes all but impossible.
        """
        position = jnp.asarray(position, params.mean.dtype)
        if position.shape != (self.dof,):
            raise DataError(f"position has shape {position.shape}; expected ({self.dof},).")
        concrete = not any(isinstance(x, jax.core.Tracer) for x in (time, params.tau))
        if concrete and not 0 <= float(time) <= float(params.tau):
            raise DataError(
                f"time is {float(time):g} s; a via-point lies within the movement, from 0 to tau = "
                f"{float(params.tau):g} s."
            )
        features = self._features(params, jnp.asarray(time, params.mean.dtype)[None])[0]
        factor = params.factor.reshape(self.dof, self.width, -1)
        seen = jnp.einsum("f,dfw->dw", features, factor, precision=jax.lax.Precision.HIGHEST)
        total = seen @ seen.T
        error = position - params.mean @ features
        solve = jax.scipy.linalg.solve_triangular
        if covariance is None:
            # Only along directions with spread: what rounding leaves after an earlier condition is no spread.
            values, axes = jnp.linalg.eigh(total)
            whole = jnp.sum(features**2) * jnp.sum(factor**2) / self.width
            spread = values > (100 * jnp.finfo(total.dtype).eps) ** 2 * whole
            self._check_reach(time, position, error, axes, spread, jnp.abs(params.mean) @ features)
            scale = jnp.where(spread, 1 / jnp.sqrt(jnp.where(spread, values, 1.0)), 0.0)
            whitened = (axes * scale).T @ seen
            away = scale * (axes.T @ error)
            change, shrink = whitened.T @ away, whitened.T @ whitened
        else:
            covariance = jnp.asarray(covariance, params.mean.dtype)
            self._check_covariance(covariance)
            root = jnp.linalg.cholesky(covariance)
            lower = jnp.linalg.cholesky(total + covariance)
            whitened = solve(lower, seen, lower=True)
            away = solve(lower, error, lower=True)
            change = whitened.T @ away
            shrink = whitened.T @ solve(lower + root, seen, lower=True)
        if not isinstance(away, jax.core.Tracer) and (far := float(jnp.linalg.norm(away))) > _FAR:
            warnings.warn(
                f"The position {np.asarray(position).tolist()} at {float(time):g} s is {far:.3g} standard deviations from "
                f"what the distribution has there, {np.asarray(position - error).tolist()}: the movement may swing far "
                f"beside it. Give a (larger) covariance, or move points that are close in time apart.",
                stacklevel=2,
            )
        change = (params.factor @ change).reshape(params.mean.shape)
        return ProMPParams(params.mean + change, params.factor - params.factor @ shrink, params.tau)

    def fit(self, trajectory: Trajectory, *, ridge: float = 1e-9) -> ProMPParams:
        """Imitate one demonstration; the distribution then has no spread. Several: see `learn`."""
        s, ys, tau = phases(trajectory, self.dof)
        scale = self._scale(s.dtype)
        at, line, weight = anchored(s, ys, self.basis)
        mean = least_squares(self.features(at) / scale, line, ridge, weight) / scale
        size = self.dof * self.width
        return ProMPParams(mean, jnp.zeros((size, size), mean.dtype), tau)

    def learn(
        self, trajectories: Sequence[Trajectory], *, iterations: int = 0, ridge: float = 1e-6
    ) -> ProMPParams:
        """The distribution of several demonstrations, each at its own times; tau is their mean duration.

        The weights of each are found by least squares with a `ridge` on their size, relative to the movement's,
        and their mean and covariance taken; across gaps of a demonstration they hold it near the straight line.
        `iterations` of expectation-maximisation then weigh demonstrations by how much they say about each weight
        (Lazaric & Ghavamzadeh 2010), which matters where samples are few, noisy or missing.

        Not inside `jit`. Raises a `DataError` for fewer than two demonstrations.
        """
        trajectories = list(trajectories)
        if len(trajectories) < 2:
            raise DataError(
                f"There are {len(trajectories)} demonstrations; a distribution needs at least 2 (fit takes one)."
            )
        read = []
        for i, trajectory in enumerate(trajectories):
            try:
                trajectory = check_demonstration(trajectory)
                check_dof(trajectory.ys, self.dof)
            except DataError as error:
                raise DataError(f"Demonstration {i}: {error}") from error
            read.append((np.asarray(trajectory.ts, float), np.asarray(trajectory.ys)))
        dtypes = [jax.dtypes.canonicalize_dtype(ys.dtype) for _, ys in read if ys.dtype.kind == "f"]
        dtype = jnp.result_type(*dtypes or [float])
        # Of one length, so that everything is compiled once: a row of zeros says nothing about the weights.
        shape = (len(read), max(len(ts) for ts, _ in read))
        s, ys, known = np.ones(shape), np.zeros((*shape, self.dof)), np.zeros(shape, bool)
        for i, (ts, y) in enumerate(read):
            s[i, : len(ts)], ys[i, : len(ts)], known[i, : len(ts)] = ts / ts[-1], y, True
        tau = jnp.asarray(np.mean([ts[-1] for ts, _ in read]), dtype)
        s, ys = jnp.asarray(s, dtype), jnp.asarray(ys, dtype)
        designs, mean, factor = _moments(self, s, ys, jnp.asarray(known), np.asarray(ridge, dtype))
        if iterations > 0:
            mean, factor = _maximise(
                designs, ys, known.sum() * self.dof, mean, factor, jnp.asarray(iterations)
            )
        scale = self._scale(dtype)
        mean, factor = mean.reshape(self.dof, self.width) / scale, factor / jnp.tile(scale, self.dof)[:, None]
        return ProMPParams(mean, factor, tau)

    def check(self, params: ProMPParams) -> None:
        """Raise `DataError` where the parameters are not those of one distribution."""
        size = self.dof * self.width
        check_shapes(params, mean=(self.dof, self.width), factor=(size, size), tau=())

    def _scale(self, dtype):
        """The size of each feature over the movement. A DMP's differ a thousandfold, and so would their penalty."""
        columns = self.features(jnp.linspace(0, 1, 10 * self.basis, dtype=dtype))
        return jnp.sqrt(jnp.mean(columns**2, axis=0))

    def _features(self, params, ts):
        ts = check_times(ts, minimum=1)
        self.check(params)
        tau = positive(params.tau, "tau", "the duration of a movement")
        return self.features(jnp.asarray(ts, jnp.result_type(ts, params.mean)) / tau)

    def _check_reach(self, time, position, error, axes, spread, terms):
        """Raise a `DataError` for a position off the mean where the distribution has no spread."""
        if any(isinstance(x, jax.core.Tracer) for x in (time, error, spread)):
            return
        missed = np.asarray(axes) @ np.where(spread, 0.0, np.asarray(axes).T @ np.asarray(error))
        size = np.asarray(terms).max() + np.abs(np.asarray(position)).max()
        if np.abs(missed).max() > 1e3 * np.finfo(missed.dtype).eps * size:
            raise DataError(
                f"At {float(time):g} s the distribution has no spread in the direction of {np.asarray(position).tolist()}: "
                f"its movements pass {np.asarray(position - error).tolist()} there. Give a covariance, or learn from "
                f"demonstrations that differ at that time."
            )

    def _check_covariance(self, covariance):
        if covariance.shape != (self.dof, self.dof):
            raise DataError(f"covariance has shape {covariance.shape}; expected ({self.dof}, {self.dof}).")
        if isinstance(covariance, jax.core.Tracer):
            return
        values = np.linalg.eigvalsh(np.asarray(covariance))
        if not (np.allclose(covariance, covariance.T) and values.min() > 0):
            raise DataError(
                f"covariance has the eigenvalue {values.min():g}; it must be symmetric and positive definite, or "
                f"None for a point that is passed exactly."
            )


def _root(columns):
    """A square matrix with the same `R R^T` as these columns, of any number."""
    size, count = columns.shape
    if count <= size:
        return jnp.concatenate([columns, jnp.zeros((size, size - count), columns.dtype)], axis=1)
    return jnp.linalg.qr(columns.T, mode="r").T


@eqx.filter_jit
def _moments(promp: ProMP, s, ys, known, ridge):
    """The scaled features at the samples, and mean and a root of the covariance of their weights."""
    scale = promp._scale(s.dtype)

    def weights(s, ys, known):
        at, line, weight = anchored(s, ys, promp.basis)
        weight = weight.at[-len(s) :].multiply(known)
        return least_squares(promp.features(at) / scale, line, ridge, weight).ravel()

    designs = jax.vmap(promp.features)(s) / scale * known[..., None]
    found = jax.vmap(weights)(s, ys, known)
    mean = jnp.mean(found, axis=0)
    return designs, mean, _root((found - mean).T / math.sqrt(len(found) - 1))


@eqx.filter_jit
def _maximise(designs, ys, samples, mean, factor, iterations):
    """Expectation-maximisation with white noise on the samples, whose variance is estimated too."""
    dof, width = ys.shape[-1], designs.shape[-1]
    eye = jnp.eye(dof, dtype=mean.dtype)
    grams = jax.vmap(lambda design: jnp.kron(eye, _product(design.T, design)))(designs)
    seen = jax.vmap(lambda design, y: _product(y.T, design).ravel())(designs, ys)
    squares = jnp.sum(ys**2)
    covariance = _product(factor, factor.T)
    covariance = covariance + 1e-6 * jnp.trace(covariance) / len(mean) * jnp.eye(len(mean), dtype=mean.dtype)
    left = ys - jax.vmap(lambda design: _product(design, mean.reshape(dof, width).T))(designs)
    variance = jnp.maximum(jnp.sum(left**2) / samples * 1e-2, 1e-12)

    def expect(gram, seen, mean, covariance, variance):
        # Posterior of the weights of one demonstration; in the form that needs no inverse of the prior.
        inner = jnp.eye(len(mean), dtype=mean.dtype) + _product(covariance, gram) / variance
        posterior = jnp.linalg.solve(inner, covariance)
        return mean + _product(posterior, seen - _product(gram, mean)) / variance, posterior

    def step(_, carry):
        means, posteriors = jax.vmap(expect, (0, 0, None, None, None))(grams, seen, *carry)
        new = jnp.mean(means, axis=0)
        away = means - new
        covariance = (_product(away.T, away) + posteriors.sum(axis=0)) / len(designs)
        explained = jax.vmap(lambda m, p, g, b: m @ g @ m - 2 * m @ b + jnp.sum(p * g))(
            means, posteriors, grams, seen
        )
        variance = jnp.maximum((squares + explained.sum()) / samples, 1e-12)
        return new, (covariance + covariance.T) / 2, variance

    mean, covariance, _ = jax.lax.fori_loop(0, iterations, step, (mean, covariance, variance))
    values, vectors = jnp.linalg.eigh(covariance)
    return mean, vectors * jnp.sqrt(jnp.maximum(values, 0))


def _product(a, b):
    """Without the reduced precision that accelerators take by default."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
