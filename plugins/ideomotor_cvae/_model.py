import abc
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

import ideomotor
from ideomotor import AbstractPerception, AbstractPrimitive, OutputScaling
from ideomotor.errors import DataError

_LOG_TAU = 1.8378770664093453  # log 2π


class Gaussian(eqx.Module):
    """A normal distribution with diagonal covariance, by the logarithm of its standard deviations."""

    mean: Float[Array, "*batch dof"]
    log_sigma: Float[Array, "*batch dof"]

    def sample(self, key: PRNGKeyArray) -> Float[Array, "*batch dof"]:
        """One draw, differentiable in mean and deviation (Kingma & Welling 2014; Veres et al. 2017, eq. 2)."""
        noise = jax.random.normal(key, self.mean.shape, self.mean.dtype)
        return self.mean + jnp.exp(self.log_sigma) * noise

    def log_density(self, value: Float[Array, "... dof"]) -> Float[Array, "..."]:
        """The logarithm of the density (nats), summed over the last axis."""
        scaled = (value - self.mean) * jnp.exp(-self.log_sigma)
        return jnp.sum(-0.5 * (scaled**2 + _LOG_TAU) - self.log_sigma, axis=-1)

    def divergence(self, other: "Gaussian") -> Float[Array, "*batch"]:
        """The Kullback-Leibler divergence from `other` to this distribution (nats), in closed form."""
        ratio = jnp.exp(2 * (self.log_sigma - other.log_sigma))
        shift = (self.mean - other.mean) * jnp.exp(-other.log_sigma)
        return 0.5 * jnp.sum(ratio + shift**2 - 1 - jnp.log(ratio), axis=-1)

    def mode(self, steps: int = 50) -> Float[Array, " dof"]:
        """The highest point of the equally weighted mixture of a batch of distributions, `(component, dof)`.

        The fixed-point iteration of Carreira-Perpiñán 2000, which climbs at every step, from each component's mean; the
        best end point is returned.
        """
        precision = jnp.exp(-2 * self.log_sigma)

        def climb(y, _):
            share = jax.nn.softmax(self.log_density(y[None]))[:, None] * precision
            return jnp.sum(share * self.mean, 0) / jnp.sum(share, 0), None

        ends = jax.vmap(lambda y: jax.lax.scan(climb, y, None, steps)[0])(self.mean)
        density = jax.vmap(lambda y: jax.nn.logsumexp(self.log_density(y[None])))(ends)
        return ends[jnp.argmax(density)]


def bounded(raw: Float[Array, "*any"]) -> Float[Array, "*any"]:
    """A log deviation between −3 and 1, the authors' bounds, approached smoothly so that gradients never vanish."""
    return 2 * jnp.tanh((raw + 1) / 2) - 1


class NamedArrays(eqx.Module):
    """Parameters that are named arrays, such as a grasp: `NamedArrays({"contacts": (3, 3), "normals": (3, 3)})`.

    - `shapes`: the shape of each array, as a dictionary or as pairs.
    """

    shapes: tuple[tuple[str, tuple[int, ...]], ...] = eqx.field(static=True)

    def __init__(self, shapes: Any):
        pairs = shapes.items() if isinstance(shapes, Mapping) else shapes
        try:
            self.shapes = tuple((str(name), tuple(int(n) for n in shape)) for name, shape in pairs)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"shapes must name arrays, as in {{'contacts': (3, 3)}}, not {shapes!r}."
            ) from error
        if not self.shapes or any(n < 1 for _, shape in self.shapes for n in shape):
            raise ValueError(
                f"shapes must hold at least one array, with sizes of at least 1, not {shapes!r}."
            )

    def default_params(self) -> dict[str, PyTree]:
        """Zeros."""
        return {name: jnp.zeros(shape) for name, shape in self.shapes}


def checked_output(output: Any) -> AbstractPrimitive | NamedArrays:
    """What is predicted: the parameters of a primitive (by default a planar DMP) or named arrays."""
    if output is None:
        return ideomotor.make("dmp")
    if isinstance(output, AbstractPrimitive | NamedArrays):
        return output
    if isinstance(output, Mapping):
        return NamedArrays(output)
    raise ValueError(
        f"output must be a primitive or name arrays with their shapes, as in {{'contacts': (3, 3)}}, not "
        f"{output!r}."
    )


Encoded = TypeVar("Encoded")


class AbstractConditionalModel(AbstractPerception, Generic[Encoded]):
    """A distribution over parameters, given one observation.

    `encode` does once what depends on the observation alone; samples and densities then need no more convolutions.
    Outputs are scaled parameters, as one vector (`scaling.to_output`).
    """

    output: eqx.AbstractVar[Any]
    shape: eqx.AbstractVar[tuple[int, ...]]
    scaling: eqx.AbstractVar[OutputScaling]
    eye: eqx.AbstractVar["ObservationScaling"]

    @abc.abstractmethod
    def encode(self, observation: Float[Array, "..."]) -> Encoded:
        """What the networks compute from an observation before a latent is drawn."""

    @abc.abstractmethod
    def bound(
        self,
        encoded: Encoded,
        output: Float[Array, " outputs"],
        key: PRNGKeyArray,
        *,
        recognised: Float[Array, " outputs"] | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """A lower bound of the log density of an output (nats) from one latent, and its terms for the log.

        `recognised` is the input of the recognition network where it differs from `output`, such as the output with noise.
        """

    @abc.abstractmethod
    def log_likelihood(
        self, encoded: Encoded, output: Float[Array, " outputs"], key: PRNGKeyArray, samples: int = 100
    ) -> Float[Array, ""]:
        """An estimate of the log density of an output (nats)."""

    @abc.abstractmethod
    def components(self, encoded: Encoded, key: PRNGKeyArray, count: int) -> Gaussian:
        """The normal distributions of outputs for `count` latents of the prior; leaves lead with `count`."""

    @abc.abstractmethod
    def point_estimate(self, encoded: Encoded) -> Float[Array, " outputs"]:
        """The mean output at the prior's mean latent, as evaluated in Table III of Veres et al. 2017."""

    def default_observation(self) -> Float[Array, "..."]:
        return jnp.zeros(self.shape)

    def __call__(self, observation: Float[Array, "..."], *, key: PRNGKeyArray | None = None) -> PyTree:
        """The point estimate without a key, one sample with a key."""
        encoded = self.encode(observation)
        if key is None:
            return self.to_params(self.point_estimate(encoded))
        return self.to_params(self.components(encoded, key, 1).mean[0])

    def most_likely(self, observation: Float[Array, "..."], key: PRNGKeyArray, samples: int = 50) -> PyTree:
        """The parameters of highest density, the prior represented by `samples` latents (Veres et al. 2017, note 4)."""
        return self.to_params(self.components(self.encode(observation), key, samples).mode())

    def to_params(self, output: Float[Array, " outputs"]) -> PyTree:
        """The parameters for a vector of scaled outputs."""
        return self.scaling.to_params(output, self.output.default_params())

    def with_scaling(self, params: PyTree, observations: Float[np.ndarray | Array, "batch ..."]):
        """The model with its inputs and outputs standardised by training data whose leaves lead with a batch axis.

        Parameters are scaled element by element, observations channel by channel (their last axis).
        """
        scaling = OutputScaling.learn(params, self.output.default_params(), per="number")
        eye = ObservationScaling.learn(observations)
        return eqx.tree_at(lambda m: (m.scaling, m.eye), self, (scaling, eye))


class ObservationScaling(eqx.Module):
    """Mean and standard deviation of each channel; never trained."""

    mean: Float[Array, " channels"]
    sigma: Float[Array, " channels"]

    @staticmethod
    def identity(shape: tuple[int, ...]) -> "ObservationScaling":
        """No scaling."""
        return ObservationScaling(jnp.zeros(shape[-1]), jnp.ones(shape[-1]))

    @staticmethod
    def learn(observations: Any) -> "ObservationScaling":
        """From observations that lead with a batch axis, without copying all of them."""
        if len(observations) < 2:
            raise DataError(
                f"learning the scaling requires at least two observations, not {len(observations)}."
            )
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
        mean, sigma = jax.lax.stop_gradient((self.mean, self.sigma))
        return (observation - mean) / sigma


def _parts(observations):
    for start in range(0, len(observations), 1024):
        yield np.asarray(observations[start : start + 1024], np.float64)
