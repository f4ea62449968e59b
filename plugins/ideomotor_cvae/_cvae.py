from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import OutputScaling

from ._model import AbstractConditionalModel, Gaussian, ObservationScaling, checked_output
from ._networks import (
    AbstractPrior,
    AbstractTower,
    GaussianHead,
    Generator,
    ImagePrior,
    LatentEncoder,
    NetworkInNetwork,
    Perceptron,
)


class Encoded(NamedTuple):
    """What follows from an observation alone."""

    recognition: Array  # features for the recognition network
    prior: Gaussian  # of the latent
    generation: Array  # features for the generator
    prediction: Array  # the prediction network's output


class CVAE(AbstractConditionalModel[Encoded]):
    """A conditional variational autoencoder (Sohn et al. 2015; Veres et al. 2017, section III).

        observation ─▶ prediction ────────────────────┐
        observation ─▶ prior p(z|x) ─▶ z ─▶ generator ─▶ p(y|x, z)
        observation, y ─▶ recognition q(z|x, y)   (training and densities only)

    - `output`: what is predicted: a primitive, whose parameters are conditioned on the observation (by default a planar
      DMP), or the shapes of named arrays; a grasp with three fingers is `{"contacts": (3, 3), "normals": (3, 3)}`.
    - `shape`: of an observation; the last axis is its channels. Images are (height, width, channels).
    - `prior`: `ImagePrior` (CVAE), `RecurrentPrior` (R-CVAE) or `SharedPrior` (GSNN).
    - `tower`: the image network, `NetworkInNetwork`, `DenseTower` or a module of your own with
      `make(shape, key) -> (network, features)`; `share_tower=True` uses one network for all three purposes, at a third of
      the cost.
    - `latent`: dimension of the latent (the authors use 5); `width`: of the hidden layers (64).
    - `generator`: widths of layers that see features and latent together; `()` is the authors' generator, in which
      prediction and latent are joined only after both have the size of the output.

    Train with `ideomotor.train(model, negative_bound, …)` after `with_scaling`.
    """

    towers: tuple[Any, ...]
    recognition: LatentEncoder
    prior_network: LatentEncoder | None
    generating: Generator
    scaling: OutputScaling
    eye: ObservationScaling
    output: Any
    prior: AbstractPrior
    tower: AbstractTower
    shape: tuple[int, ...] = eqx.field(static=True)
    latent: int = eqx.field(static=True)
    width: int = eqx.field(static=True)
    generator: tuple[int, ...] = eqx.field(static=True)
    share_tower: bool = eqx.field(static=True)

    def __init__(
        self,
        output: Any = None,
        shape: tuple[int, ...] = (32, 32, 1),
        prior: AbstractPrior | None = None,
        tower: AbstractTower | None = None,
        latent: int = 5,
        width: int = 64,
        generator: tuple[int, ...] = (),
        share_tower: bool = False,
        *,
        key: PRNGKeyArray | None = None,
    ):
        if latent < 1 or width < 1:
            raise ValueError(f"latent and width must be at least 1, not {latent} and {width}.")
        self.output = checked_output(output)
        self.shape = tuple(int(n) for n in shape)
        self.prior = ImagePrior() if prior is None else prior
        self.tower = NetworkInNetwork() if tower is None else tower
        self.latent, self.width, self.share_tower = int(latent), int(width), bool(share_tower)
        self.generator = tuple(int(n) for n in generator)
        keys = jax.random.split(jax.random.key(0) if key is None else key, 6)
        towers = [self.tower.make(self.shape, k) for k in keys[: 1 if share_tower else 3]]
        self.towers, features = tuple(network for network, _ in towers), towers[0][1]
        self.scaling = OutputScaling.identity(self.output.default_params())
        outputs = self.scaling.offset.size
        self.prior_network = self.prior.make(features, outputs, self.width, self.latent, keys[4])
        given = 0 if self.prior_network is None else outputs
        self.recognition = LatentEncoder(features, given, self.width, self.latent, key=keys[3])
        self.generating = Generator(features, self.latent, outputs, self.width, self.generator, key=keys[5])
        self.eye = ObservationScaling.identity(self.shape)

    def encode(self, observation: Float[Array, "..."]) -> Encoded:
        x = self.eye(observation)
        features = [tower(x) for tower in self.towers] * (3 if self.share_tower else 1)
        prediction = self.generating.predict(features[2])
        if self.prior_network is None:
            prior = self.recognition(features[0])
        else:
            prior = self.prior_network(features[1], prediction)
        return Encoded(features[0], prior, features[2], prediction)

    def bound(
        self,
        encoded: Encoded,
        output: Float[Array, " outputs"],
        key: PRNGKeyArray,
        *,
        recognised: Float[Array, " outputs"] | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The variational bound of eq. (4) with one latent; the objective of the GSNN, whose divergence is zero."""
        posterior = self.recognition(encoded.recognition, output if recognised is None else recognised)
        divergence = posterior.divergence(encoded.prior)
        density = self.generate(encoded, posterior.sample(key)).log_density(output)
        return density - divergence, {"divergence": divergence, "density": density}

    def log_likelihood(
        self, encoded: Encoded, output: Float[Array, " outputs"], key: PRNGKeyArray, samples: int = 100
    ) -> Float[Array, ""]:
        """The conditional log-likelihood (nats) by importance sampling, eq. (6).

        For the GSNN, whose recognition network is its prior, this is the Monte Carlo estimate of eq. (5).
        """
        proposal = self.recognition(encoded.recognition, output)

        def weight(key):
            z = proposal.sample(key)
            density = self.generate(encoded, z).log_density(output)
            return density + encoded.prior.log_density(z) - proposal.log_density(z)

        weights = jax.vmap(weight)(jax.random.split(key, samples))
        return jax.nn.logsumexp(weights) - jnp.log(samples)

    def components(self, encoded: Encoded, key: PRNGKeyArray, count: int) -> Gaussian:
        latents = jax.vmap(encoded.prior.sample)(jax.random.split(key, count))
        return jax.vmap(lambda z: self.generate(encoded, z))(latents)

    def point_estimate(self, encoded: Encoded) -> Float[Array, " outputs"]:
        return self.generate(encoded, encoded.prior.mean).mean

    def generate(self, encoded: Encoded, latent: Float[Array, " latent"]) -> Gaussian:
        """The distribution of outputs for one latent, p(y|x, z)."""
        return self.generating(encoded.generation, encoded.prediction, latent)


class GaussianRegression(AbstractConditionalModel[Gaussian]):
    """One prediction for one observation, without a latent: the CNN that Veres et al. 2017 compare with.

    - `fit_spread`: with `False`, as in the paper, the standard deviation of every scaled number is one, which costs about
      as many nats as knowing nothing; with `True` the standard deviations are predicted too.

    The other arguments are those of `CVAE`.
    """

    network: Any
    hidden: Perceptron
    head: GaussianHead
    scaling: OutputScaling
    eye: ObservationScaling
    output: Any
    tower: AbstractTower
    shape: tuple[int, ...] = eqx.field(static=True)
    width: int = eqx.field(static=True)
    fit_spread: bool = eqx.field(static=True)

    def __init__(
        self,
        output: Any = None,
        shape: tuple[int, ...] = (32, 32, 1),
        tower: AbstractTower | None = None,
        width: int = 64,
        fit_spread: bool = False,
        *,
        key: PRNGKeyArray | None = None,
    ):
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}.")
        self.output = checked_output(output)
        self.shape = tuple(int(n) for n in shape)
        self.tower = NetworkInNetwork() if tower is None else tower
        self.width, self.fit_spread = int(width), bool(fit_spread)
        one, two, three = jax.random.split(jax.random.key(0) if key is None else key, 3)
        self.network, features = self.tower.make(self.shape, one)
        self.hidden = Perceptron(features, (self.width,), key=two)
        self.scaling = OutputScaling.identity(self.output.default_params())
        self.head = GaussianHead(self.width, self.scaling.offset.size, key=three)
        self.eye = ObservationScaling.identity(self.shape)

    def encode(self, observation: Float[Array, "..."]) -> Gaussian:
        """The distribution of outputs."""
        predicted = self.head(self.hidden(self.network(self.eye(observation))))
        return predicted if self.fit_spread else Gaussian(predicted.mean, jnp.zeros_like(predicted.mean))

    def bound(
        self,
        encoded: Gaussian,
        output: Float[Array, " outputs"],
        key: PRNGKeyArray,
        *,
        recognised: Float[Array, " outputs"] | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The log density itself."""
        return encoded.log_density(output), {}

    def log_likelihood(
        self, encoded: Gaussian, output: Float[Array, " outputs"], key: PRNGKeyArray, samples: int = 1
    ) -> Float[Array, ""]:
        """The exact log density (nats), independent of `key` and `samples`."""
        return encoded.log_density(output)

    def components(self, encoded: Gaussian, key: PRNGKeyArray, count: int) -> Gaussian:
        """The distribution `count` times: without a latent all samples have the same mean."""
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), encoded)

    def point_estimate(self, encoded: Gaussian) -> Float[Array, " outputs"]:
        return encoded.mean
