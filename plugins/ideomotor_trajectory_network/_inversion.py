from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ideomotor import AbstractPerception, Pipeline
from ideomotor.errors import DataError

from ._decoder import CHANNELS, TrajectoryCode, TrajectoryDecoder


class TrajectoryInversion(AbstractPerception[TrajectoryCode]):
    """A trajectory function that runs backwards: parts of a movement → a distribution over whole movements.

    The paper's discussion asks for a probabilistic network that is "both a forward and inverse model". Here a movement
    is decoder(z) plus noise, with z normally distributed. What is known of a movement (all states, a start and an end, a
    point on the way, the torques) gives a normal posterior of z around its most probable value, found by
    Gauss-Newton; the decoder then fills in all that is not known.

    - `observation`: `{"values", "known", "duration"}`: hand position (m), velocity (m/s) and torques (N m) `(time, 6)`
      at `samples` even times; `known` is 1 where a value is known and 0 elsewhere; the duration in s.
    - With a key, a movement drawn from the posterior; without one, the most probable.
    - `noise`: standard deviation of each channel in its unit. Learn it and the prior with `learned_from`.
    """

    decoder: TrajectoryDecoder
    mean: Float[Array, " latent"]
    spread: Float[Array, "latent latent"]
    noise: Float[Array, "6"]
    samples: int = eqx.field(static=True)
    iterations: int = eqx.field(static=True)

    def __init__(
        self,
        decoder: TrajectoryDecoder,
        mean: Any = None,
        spread: Any = None,
        noise: Any = (0.002, 0.002, 0.005, 0.005, 0.005, 0.005),
        samples: int = 101,
        iterations: int = 20,
    ):
        if samples < 2 or iterations < 1:
            raise ValueError(
                f"TrajectoryInversion: samples must be at least 2 and iterations at least 1, not {samples}, {iterations}."
            )
        k = decoder.latent
        self.decoder, self.samples, self.iterations = decoder, int(samples), int(iterations)
        self.mean = jnp.full((k,), 0.5) if mean is None else jnp.asarray(mean, float)
        self.spread = 0.3 * jnp.eye(k) if spread is None else jnp.asarray(spread, float)
        self.noise = jnp.asarray(noise, float)
        if self.mean.shape != (k,) or self.spread.shape != (k, k) or self.noise.shape != (CHANNELS,):
            raise ValueError(
                f"TrajectoryInversion: mean, spread and noise must have shapes ({k},), ({k}, {k}) and ({CHANNELS},), not "
                f"{self.mean.shape}, {self.spread.shape} and {self.noise.shape}."
            )

    @staticmethod
    def learned_from(
        function: Pipeline,
        observed: dict[str, Float[Array, "..."]],
        states: Float[ArrayLike, "reach time 4"],
        commands: Float[ArrayLike, "reach time 2"],
    ) -> "TrajectoryInversion":
        """Prior of the features, and noise, from a trained function and movements with their conditions."""
        both = jnp.concatenate([jnp.asarray(states, jnp.float32), jnp.asarray(commands, jnp.float32)], -1)
        if both.shape[0] <= function.primitive.latent:
            raise DataError(
                f"{both.shape[0]} movements are too few for {function.primitive.latent} features."
            )
        codes = jax.vmap(function.perception)(observed)
        latent = np.asarray(codes.latent, np.float64)
        covariance = np.cov(latent, rowvar=False) + 1e-8 * np.eye(latent.shape[1])
        inverse = TrajectoryInversion(function.primitive, samples=both.shape[1])
        misses = jax.vmap(inverse.decoded)(codes.latent) - both
        noise = jnp.maximum(jnp.sqrt(jnp.mean(misses**2, (0, 1))), 1e-6)
        return TrajectoryInversion(
            function.primitive, latent.mean(0), np.linalg.cholesky(covariance), noise, both.shape[1]
        )

    def decoded(self, latent: Float[Array, " latent"]) -> Float[Array, "time 6"]:
        """The movement without noise."""
        phase = jnp.linspace(0.0, 1.0, self.samples)
        return self.decoder.basis(phase) @ self.decoder.unscaled(self.decoder.outputs(latent))

    def default_observation(self) -> dict[str, Array]:
        """A straight line of the hand, nothing else known."""
        phase = jnp.linspace(0.0, 1.0, self.samples)
        bell = phase**3 * (10 - 15 * phase + 6 * phase**2)
        middle = (self.decoder.low + self.decoder.high)[:2] / 2
        path = middle + (bell[:, None] - 0.5) * jnp.array([0.1, 0.0])
        values = jnp.concatenate([path, jnp.zeros((self.samples, CHANNELS - 2))], -1)
        known = jnp.zeros((self.samples, CHANNELS)).at[:, :2].set(1.0)
        return {"values": values, "known": known, "duration": jnp.asarray(1.0)}

    def posterior(
        self, observation: dict[str, Array]
    ) -> tuple[Float[Array, " latent"], Float[Array, "latent latent"]]:
        """Most probable features, and a square root L of their covariance L L' (Laplace's approximation)."""
        known, values = jnp.asarray(observation["known"]), jnp.asarray(observation["values"])
        # In units of the prior's spread: z = mean + spread · w with w standard normal.
        weight = known / self.noise

        def misses(w):
            return (
                (self.decoded(self.mean + self.spread @ w) - jnp.where(known > 0, values, 0.0)) * weight
            ).ravel()

        def objective(w):
            return 0.5 * jnp.sum(misses(w) ** 2) + 0.5 * w @ w

        def curvature(w):
            slope = jax.jacfwd(misses)(w)
            return slope, jnp.eye(w.size) + slope.T @ slope

        def step(w, _):
            slope, hessian = curvature(w)
            full = -jax.scipy.linalg.solve(hessian, slope.T @ misses(w) + w, assume_a="pos")
            tries = w + jnp.array([1.0, 0.5, 0.1, 0.01, 0.0])[:, None] * full
            return tries[jnp.argmin(jax.vmap(objective)(tries))], None

        w, _ = jax.lax.scan(step, jnp.zeros_like(self.mean), None, length=self.iterations)
        root = jnp.linalg.cholesky(curvature(w)[1])
        # H = C C', so that C'⁻¹ is a square root of the covariance H⁻¹.
        spread = jax.scipy.linalg.solve_triangular(root, jnp.eye(w.size), lower=True, trans=1)
        return self.mean + self.spread @ w, self.spread @ spread

    def __call__(self, observation: dict[str, Array], *, key: PRNGKeyArray | None = None) -> TrajectoryCode:
        """The most probable movement, or with a key one drawn from the posterior."""
        latent, spread = self.posterior(observation)
        if key is not None:
            latent = latent + spread @ jax.random.normal(key, latent.shape, latent.dtype)
        return TrajectoryCode(latent, jnp.asarray(observation["duration"]))
