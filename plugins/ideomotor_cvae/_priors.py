"""Where the latent comes from when the parameters are not known."""

import abc
from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ._gaussian import Gaussian
from ._layers import LatentEncoder


class AbstractPrior(eqx.Module):
    """A recipe for the prior network; it holds no weights."""

    @abc.abstractmethod
    def make(
        self, features: int, outputs: int, width: int, latent: int, key: PRNGKeyArray
    ) -> LatentEncoder | None:
        """The network, or None where the recognition network takes its place."""

    @abc.abstractmethod
    def see(
        self,
        network: Callable[..., Gaussian],
        features: Float[Array, " features"],
        guess: Float[Array, " outputs"],
    ) -> Gaussian:
        """The distribution over the latent."""


class ImagePrior(AbstractPrior):
    """From the observation alone: the CVAE of Sohn et al. 2015 and Veres et al. 2017."""

    def make(
        self, features: int, outputs: int, width: int, latent: int, key: PRNGKeyArray
    ) -> LatentEncoder | None:
        """A network of its own, without parameters among its inputs."""
        return LatentEncoder(features, 0, width, latent, key=key)

    def see(
        self,
        network: Callable[..., Gaussian],
        features: Float[Array, " features"],
        guess: Float[Array, " outputs"],
    ) -> Gaussian:
        """The distribution over the latent."""
        return network(features)


class RecurrentPrior(AbstractPrior):
    """From the observation and a first guess of the parameters: the R-CVAE of Veres et al. 2017."""

    def make(
        self, features: int, outputs: int, width: int, latent: int, key: PRNGKeyArray
    ) -> LatentEncoder | None:
        """A network like the recognition network."""
        return LatentEncoder(features, outputs, width, latent, key=key)

    def see(
        self,
        network: Callable[..., Gaussian],
        features: Float[Array, " features"],
        guess: Float[Array, " outputs"],
    ) -> Gaussian:
        """The distribution over the latent; gradients flow into the guess."""
        return network(features, guess)


class SharedPrior(AbstractPrior):
    """Recognition and prior are one network, which never sees parameters: the GSNN of Sohn et al. 2015."""

    def make(
        self, features: int, outputs: int, width: int, latent: int, key: PRNGKeyArray
    ) -> LatentEncoder | None:
        """No network: the recognition network takes its place."""
        return None

    def see(
        self,
        network: Callable[..., Gaussian],
        features: Float[Array, " features"],
        guess: Float[Array, " outputs"],
    ) -> Gaussian:
        """The distribution over the latent."""
        return network(features)
