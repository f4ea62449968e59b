import abc
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPerception, OutputScaling
from ideomotor.errors import DataError

from ._gaussian import Gaussian

Seen = TypeVar("Seen")


class AbstractConditionalModel(AbstractPerception, Generic[Seen]):
    """A distribution over parameters, given one observation.

    `see` does what depends on the observation alone, once; whatever is asked afterwards (samples, densities)
    costs no more convolutions. Outputs are scaled parameters, as one vector (`scaling.to_output`).
    """

    output: eqx.AbstractVar[Any]
    shape: eqx.AbstractVar[tuple[int, ...]]
    scaling: eqx.AbstractVar[OutputScaling]
    eye: eqx.AbstractVar["ObservationScaling"]

    @abc.abstractmethod
    def see(self, observation: Float[Array, "..."]) -> Seen:
        """What the networks say of an observation before a latent is drawn."""

    @abc.abstractmethod
    def bound(
        self,
        seen: Seen,
        output: Float[Array, " outputs"],
        key: PRNGKeyArray,
        *,
        known: Float[Array, " outputs"] | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """A lower bound of the log density of an output (nats), by one latent, and parts of it to log.

        `known` is what the recognition network is shown in its place, such as the output with noise.
        """

    @abc.abstractmethod
    def log_likelihood(
        self, seen: Seen, output: Float[Array, " outputs"], key: PRNGKeyArray, samples: int = 100
    ) -> Float[Array, ""]:
        """An estimate of the log density of an output (nats)."""

    @abc.abstractmethod
    def components(self, seen: Seen, key: PRNGKeyArray, count: int) -> Gaussian:
        """The normal distributions of outputs for `count` latents of the prior; leaves lead with `count`."""

    @abc.abstractmethod
    def central(self, seen: Seen) -> Float[Array, " outputs"]:
        """The mean output at the mean latent: the single prediction that the paper's Table III judges."""

    def default_observation(self) -> Float[Array, "..."]:
        """An observation of zeros."""
        return jnp.zeros(self.shape)

    def __call__(self, observation: Float[Array, "..."], *, key: PRNGKeyArray | None = None) -> PyTree:
        """Parameters of the movement: the central prediction without a key, one sample with a key."""
        seen = self.see(observation)
        if key is None:
            return self.to_params(self.central(seen))
        return self.to_params(self.components(seen, key, 1).mean[0])

    def most_likely(self, observation: Float[Array, "..."], key: PRNGKeyArray, samples: int = 50) -> PyTree:
        """The parameters of the highest density, the prior being `samples` latents (Veres et al. 2017, note 4)."""
        from ._mode import mode

        return self.to_params(mode(self.components(self.see(observation), key, samples)))

    def to_params(self, output: Float[Array, " outputs"]) -> PyTree:
        """The parameters that a vector of scaled outputs stands for."""
        return self.scaling.to_params(output, self.output.default_params())

    def with_scaling(self, params: PyTree, observations: Float[np.ndarray | Array, "batch ..."]):
        """The same model, scaled to training data whose leaves lead with a batch axis: mean zero, deviation one.

        Parameters are scaled number by number; observations channel by channel (their last axis).
        """
        scaling = OutputScaling.learn(params, self.output.default_params(), per="number")
        eye = ObservationScaling.learn(observations)
        return eqx.tree_at(lambda m: (m.scaling, m.eye), self, (scaling, eye))


class ObservationScaling(eqx.Module):
    """Mean and deviation of each channel; never trained."""

    mean: Float[Array, " channels"]
    sigma: Float[Array, " channels"]

    @staticmethod
    def identity(shape: tuple[int, ...]) -> "ObservationScaling":
        """Observations as they are."""
        return ObservationScaling(jnp.zeros(shape[-1]), jnp.ones(shape[-1]))

    @staticmethod
    def learn(observations: Any) -> "ObservationScaling":
        """Of observations that lead with a batch axis; no copy of them all is made."""
        if len(observations) < 2:
            raise DataError(f"the scaling is learnt from at least two observations, not {len(observations)}.")
        axes = tuple(range(np.ndim(observations) - 1))
        mean = np.mean(observations, axes, dtype=np.float64)
        power = sum(np.sum(np.square(part, dtype=np.float64), axes) for part in _parts(observations))
        variance = power / (np.size(observations) / np.shape(observations)[-1]) - mean**2
        if not np.all(np.isfinite(variance)):
            raise DataError("an observation is not finite; repair or drop it before learning the scaling.")
        sigma = np.sqrt(np.maximum(variance, 0))
        sigma = np.where(sigma < 1e-6 * (1 + np.abs(mean)), 1.0, sigma)
        dtype = jnp.result_type(float)
        return ObservationScaling(jnp.asarray(mean, dtype), jnp.asarray(sigma, dtype))

    def __call__(self, observation: Float[Array, "..."]) -> Float[Array, "..."]:
        """The observation in deviations from the mean."""
        mean, sigma = jax.lax.stop_gradient((self.mean, self.sigma))
        return (observation - mean) / sigma


def _parts(observations):
    for start in range(0, len(observations), 1024):
        yield np.asarray(observations[start : start + 1024], np.float64)
