import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._decoder import TrajectoryDecoder
from ._layers import dense, run_layers


class StackedAutoencoder(eqx.Module):
    """Movements → features → movements (Berniker & Kording 2015, fig. 2A); the encoder mirrors the decoder.

    - `features`: activation of the innermost layer.
    """

    encoder: tuple[eqx.nn.Linear, ...]
    decoder: TrajectoryDecoder
    features: str = eqx.field(static=True)

    def __init__(
        self, decoder: TrajectoryDecoder, features: str = "sigmoid", *, key: PRNGKeyArray | None = None
    ):
        key = jax.random.key(0) if key is None else key
        self.decoder, self.features = decoder, features
        sizes = [layer.weight.shape[0] for layer in decoder.layers[::-1]] + [decoder.latent]
        self.encoder = dense(sizes, key)

    def encode(self, numbers: Float[Array, " numbers"]) -> Float[Array, " latent"]:
        """The features of a scaled movement."""
        return run_layers(self.encoder, numbers, self.decoder.activation, self.features)

    def __call__(self, numbers: Float[Array, " numbers"]) -> Float[Array, " numbers"]:
        """The movement again."""
        return self.decoder.outputs(self.encode(numbers))


def pair(autoencoder: StackedAutoencoder, depth: int) -> tuple[eqx.nn.Linear, eqx.nn.Linear]:
    """The `depth`-th layer from outside of the encoder, and its mirror image."""
    return autoencoder.encoder[depth], autoencoder.decoder.layers[-1 - depth]


def run_pair(
    layers: tuple[eqx.nn.Linear, eqx.nn.Linear], x: Float[Array, " wide"], inner: str, outer: str
) -> tuple[Float[Array, " narrow"], Float[Array, " wide"]]:
    """What a pair of layers makes of its input: features, and the input again."""
    features = run_layers(layers[:1], x, inner, inner)
    return features, run_layers(layers[1:], features, outer, outer)


def replaced(autoencoder: StackedAutoencoder, depth: int, layers) -> StackedAutoencoder:
    """The autoencoder with another pair of layers."""
    return eqx.tree_at(lambda a: pair(a, depth), autoencoder, layers)


def activations(autoencoder: StackedAutoencoder, depth: int) -> tuple[str, str]:
    """The names of the activations of a pair: of its features, and of its output."""
    decoder = autoencoder.decoder
    inner = autoencoder.features if depth == len(autoencoder.encoder) - 1 else decoder.activation
    return inner, decoder.output if depth == 0 else decoder.activation
