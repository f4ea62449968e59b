import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPerception

from ._cascade import _small
from ._encoder_decoder import EncoderDecoder
from ._encoders import dense_layers
from ._losses import as_grey, fixed_primitive


class Mixture(AbstractPerception):
    """Several plausible movements for one image, each with its probability (mixture density; Bishop 1994).

    Where strokes may be drawn in several orders and directions, a single answer is the mean of them all, which is none of
    them. Each head adds its own outputs to those of a shared network. Without a key the most probable movement is
    returned, with one a movement drawn by the probabilities.

    - `perception`: the shared network (by default a small untrained one); `count`: number of movements.
    - `spread`: standard deviation of a movement about the head's, in the unit of the movement, root mean square over time.

    Train with `Mixture.loss` and `where=lambda model: (model.perception.layers, model.heads)`.
    """

    perception: EncoderDecoder
    heads: eqx.nn.Linear
    count: int = eqx.field(static=True)
    spread: float = eqx.field(static=True)

    def __init__(
        self,
        perception: EncoderDecoder | None = None,
        count: int = 5,
        spread: float | int = 2.0,
        *,
        key: PRNGKeyArray | None = None,
    ):
        if count < 2:
            raise ValueError(
                f"count must be at least 2, not {count}; use an encoder-decoder for one movement."
            )
        if not spread > 0:
            raise ValueError(f"spread must be positive, not {spread}.")
        key = jax.random.key(0) if key is None else key
        self.perception = perception = _small() if perception is None else perception
        self.count, self.spread = int(count), float(spread)
        outputs = perception.width
        latent = jax.eval_shape(perception.encode, perception.default_observation()).size
        layers, _ = dense_layers(latent, (self.count * (outputs + 1),), key)
        self.heads = layers[0]

    @property
    def primitive(self):
        """The primitive whose parameters are predicted."""
        return self.perception.primitive

    def default_observation(self) -> Float[Array, "height width"]:
        return self.perception.default_observation()

    def __call__(
        self, observation: Float[Array, "height width"], *, key: PRNGKeyArray | None = None
    ) -> PyTree:
        scores, params = self.movements(observation)
        chosen = jnp.argmax(scores) if key is None else jax.random.categorical(key, scores)
        return jax.tree.map(lambda leaf: leaf[chosen], params)

    def movements(self, image: Float[Array, "height width"]) -> tuple[Float[Array, " count"], PyTree]:
        """The logarithms of the probabilities, and the parameters, whose leaves lead with the movement."""
        shared = self.perception
        latent = shared.encode(image)
        heads = self.heads(latent).reshape(self.count, -1)
        outputs = shared.outputs(latent) + heads[:, 1:]
        return jax.nn.log_softmax(heads[:, 0]), jax.vmap(shared.to_params)(outputs)

    def loss(
        self, batch: dict[str, PyTree], key: PRNGKeyArray | None = None
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The negative logarithm of the density at the movements, up to a constant, averaged over the batch; for `ideomotor.train`.

        The batch is that of `trajectory_loss`. The metrics are the mean distance of the `probable` movement and of the `nearest`.
        """
        primitive, ts = fixed_primitive(self.primitive), batch["ts"]

        def each(image, path):
            scores, params = self.movements(image)
            paths = jax.vmap(lambda p: primitive.trajectory(p, ts))(params)
            squared = jnp.sum((paths - path) ** 2, -1)
            density = jax.nn.logsumexp(scores - squared.mean(1) / (2 * self.spread**2))
            distances = jnp.sqrt(squared).mean(1)
            return -density, distances[jnp.argmax(scores)], distances.min()

        loss, probable, nearest = jax.vmap(each)(as_grey(batch["images"]), batch["paths"])
        return loss.mean(), {"probable": probable.mean(), "nearest": nearest.mean()}
