from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import OutputScaling

from ._gaussian import Gaussian
from ._layers import GaussianHead, Perceptron
from ._model import AbstractConditionalModel, ObservationScaling
from ._output import checked_output
from ._towers import AbstractTower, NetworkInNetwork


class SeenOnce(NamedTuple):
    """All that a regression has to say."""

    distribution: Gaussian


class GaussianRegression(AbstractConditionalModel[SeenOnce]):
    """One guess for one observation, without a latent: the CNN that Veres et al. 2017 compare with.

    - `fit_spread`: the authors' CNN has deviation one in every scaled number (`False`), which costs it about as
      many nats as knowing nothing; with `True` the deviations are predicted too.

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

    def see(self, observation: Float[Array, "..."]) -> SeenOnce:
        """The distribution of outputs."""
        made = self.head(self.hidden(self.network(self.eye(observation))))
        return SeenOnce(made if self.fit_spread else Gaussian(made.mean, jnp.zeros_like(made.mean)))

    def bound(
        self,
        seen: SeenOnce,
        output: Float[Array, " outputs"],
        key: PRNGKeyArray,
        *,
        known: Float[Array, " outputs"] | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The log density itself."""
        return seen.distribution.log_density(output), {}

    def log_likelihood(
        self, seen: SeenOnce, output: Float[Array, " outputs"], key: PRNGKeyArray, samples: int = 1
    ) -> Float[Array, ""]:
        """The log density (nats); exact, so that key and samples do not matter."""
        return seen.distribution.log_density(output)

    def components(self, seen: SeenOnce, key: PRNGKeyArray, count: int) -> Gaussian:
        """The one distribution, `count` times: without a latent all samples have the same mean."""
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), seen.distribution)

    def central(self, seen: SeenOnce) -> Float[Array, " outputs"]:
        """The guess."""
        return seen.distribution.mean
