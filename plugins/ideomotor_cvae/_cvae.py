from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import OutputScaling

from ._gaussian import Gaussian
from ._layers import Generator, LatentEncoder
from ._model import AbstractConditionalModel, ObservationScaling
from ._output import checked_output
from ._priors import AbstractPrior, ImagePrior
from ._towers import AbstractTower, NetworkInNetwork


class Seen(NamedTuple):
    """What follows from an observation alone."""

    recognition: Array  # features for the recognition network
    prior: Gaussian  # of the latent
    generation: Array  # features for the generator
    guess: Array  # the prediction network's output


class CVAE(AbstractConditionalModel[Seen]):
    """A conditional variational autoencoder (Sohn et al. 2015; Veres et al. 2017, section III).

        observation ─▶ guess ─────────────────────────┐
        observation ─▶ prior p(z|x) ─▶ z ─▶ generator ─▶ p(y|x, z)
        observation, y ─▶ recognition q(z|x, y)   (training and densities only)

    - `output`: what is predicted: a primitive, whose parameters are then conditioned on the observation (a
      planar DMP by default), or the shapes of named arrays; a grasp of three fingers is
      `{"contacts": (3, 3), "normals": (3, 3)}`.
    - `shape`: of an observation; the last axis is its channels. Pictures are (height, width, channels).
    - `prior`: `ImagePrior` (CVAE), `RecurrentPrior` (R-CVAE) or `SharedPrior` (GSNN).
    - `tower`: recipe of the image networks; `share_tower=True` uses one for all three purposes, a third of the cost.
    - `latent`: numbers in the latent (the authors' 5); `width`: of the hidden layers (64).
    - `generator`: widths of layers in which features and latent meet; `()` is the authors' generator, in which
      guess and latent meet only after both have become outputs.

    Train with `ideomotor.train(model, negative_bound, …)`, after `with_scaling`.
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
        made = [self.tower.make(self.shape, k) for k in keys[: 1 if share_tower else 3]]
        self.towers, features = tuple(m for m, _ in made), made[0][1]
        self.scaling = OutputScaling.identity(self.output.default_params())
        outputs = self.scaling.offset.size
        self.prior_network = self.prior.make(features, outputs, self.width, self.latent, keys[4])
        known = 0 if self.prior_network is None else outputs
        self.recognition = LatentEncoder(features, known, self.width, self.latent, key=keys[3])
        self.generating = Generator(features, self.latent, outputs, self.width, self.generator, key=keys[5])
        self.eye = ObservationScaling.identity(self.shape)

    def see(self, observation: Float[Array, "..."]) -> Seen:
        """Features, prior and first guess."""
        x = self.eye(observation)
        if self.share_tower:
            features = (self.towers[0](x),) * 3
        else:
            features = tuple(tower(x) for tower in self.towers)
        guess = self.generating.guess(features[2])
        if self.prior_network is None:
            prior = self.prior.see(self.recognition, features[0], guess)
        else:
            prior = self.prior.see(self.prior_network, features[1], guess)
        return Seen(features[0], prior, features[2], guess)

    def bound(
        self,
        seen: Seen,
        output: Float[Array, " outputs"],
        key: PRNGKeyArray,
        *,
        known: Float[Array, " outputs"] | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The variational bound of eq. (4) with one latent; for the GSNN, whose divergence is zero, its objective."""
        found = self.recognised(seen, output if known is None else known)
        divergence = found.divergence(seen.prior)
        density = self.generate(seen, found.sample(key)).log_density(output)
        return density - divergence, {"divergence": divergence, "density": density}

    def log_likelihood(
        self, seen: Seen, output: Float[Array, " outputs"], key: PRNGKeyArray, samples: int = 100
    ) -> Float[Array, ""]:
        """The conditional log-likelihood (nats) by importance sampling, eq. (6).

        For the GSNN, whose recognition network is its prior, this is the plain Monte Carlo estimate of eq. (5).
        """
        return self._estimate(seen, output, self.recognised(seen, output), key, samples)

    def log_likelihood_monte_carlo(
        self, seen: Seen, output: Float[Array, " outputs"], key: PRNGKeyArray, samples: int = 1000
    ) -> Float[Array, ""]:
        """The conditional log-likelihood (nats) by latents of the prior, eq. (5)."""
        return self._estimate(seen, output, seen.prior, key, samples)

    def _estimate(self, seen, output, proposal, key, samples):
        def weight(key):
            z = proposal.sample(key)
            density = self.generate(seen, z).log_density(output)
            return density + seen.prior.log_density(z) - proposal.log_density(z)

        weights = jax.vmap(weight)(jax.random.split(key, samples))
        return jax.nn.logsumexp(weights) - jnp.log(samples)

    def components(self, seen: Seen, key: PRNGKeyArray, count: int) -> Gaussian:
        """The distributions of outputs for latents of the prior; leaves lead with `count`."""
        latents = jax.vmap(seen.prior.sample)(jax.random.split(key, count))
        return jax.vmap(lambda z: self.generate(seen, z))(latents)

    def central(self, seen: Seen) -> Float[Array, " outputs"]:
        """The mean output at the prior's mean."""
        return self.generate(seen, seen.prior.mean).mean

    def recognised(self, seen: Seen, output: Float[Array, " outputs"]) -> Gaussian:
        """The latents that an output may have come from: q(z|x, y)."""
        if self.prior_network is None:
            return self.recognition(seen.recognition)
        return self.recognition(seen.recognition, output)

    def generate(self, seen: Seen, latent: Float[Array, " latent"]) -> Gaussian:
        """The distribution of outputs for one latent: p(y|x, z)."""
        return self.generating(seen.generation, seen.guess, latent)
