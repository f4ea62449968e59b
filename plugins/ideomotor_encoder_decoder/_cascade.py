import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractFeedforwardPrimitive, AbstractPerception, OutputScaling

from ._encoder_decoder import ACTIVATIONS, EncoderDecoder, feedforward
from ._encoders import FullyConnected, dense_layers
from .digits._pairs import brightness_at

_ENDS = (1.0, 2.0, 3.0)  # px beyond either end of the path
_UNIT = 10.0  # px; the size of what coordinates are divided by


class Cascade(AbstractPerception):
    """Corrects a predicted path several times by the image around it: cascaded regression.

    Each stage samples the encoder's input across the path predicted so far (at `points` places of equal distance along it
    and a little beyond its ends, at `offsets` to either side), and a small dense network gives the change of the outputs.
    In the path's own frame the image is nearly the same for all digits, so that there is little to learn. After Dollár
    et al. 2010 (cascaded pose regression) and Xiong and De la Torre 2013 (supervised descent), here for the outputs of an
    `EncoderDecoder` whose primitive is a path in the image, (column, row) in px.

    - `perception`: the network that predicts first (by default a small untrained one); `stages`: number of corrections.
    - `points`, `offsets` (px): where the image is sampled; `widths`: of each stage's hidden layers.
    - `duration`: of the movement in the image, in s.

    Train with `distance_loss` or `parameter_loss` and `where=lambda model: model.layers`; the last layer of each stage
    starts at zero, so that an untrained cascade returns the first prediction.
    """

    perception: EncoderDecoder
    layers: tuple[tuple[eqx.nn.Linear, ...], ...]
    stages: int = eqx.field(static=True)
    points: int = eqx.field(static=True)
    offsets: tuple[float, ...] = eqx.field(static=True)
    widths: tuple[int, ...] = eqx.field(static=True)
    duration: float = eqx.field(static=True)

    def __init__(
        self,
        perception: EncoderDecoder | None = None,
        stages: int = 2,
        points: int = 36,
        offsets: tuple[float | int, ...] = (-3.0, -2.0, -1.25, -0.5, 0.0, 0.5, 1.25, 2.0, 3.0),
        widths: tuple[int, ...] = (256, 128),
        duration: float | int = 3.0,
        *,
        key: PRNGKeyArray | None = None,
    ):
        if stages < 0:
            raise ValueError(f"stages must be at least 0, not {stages}.")
        if points < 3:
            raise ValueError(f"points must be at least 3, not {points}.")
        key = jax.random.key(0) if key is None else key
        self.perception = perception = _small() if perception is None else perception
        self.stages, self.points = int(stages), int(points)
        self.offsets, self.widths = tuple(float(x) for x in offsets), tuple(int(n) for n in widths)
        self.duration = float(duration)
        outputs = perception.width
        places = self.points + 2 * len(_ENDS)
        channels = jax.eval_shape(perception.encoder.preprocess, perception.default_observation())
        inputs = places * len(self.offsets) * len(channels) + 2 * self.points + outputs
        made = []
        for sub in jax.random.split(key, max(self.stages, 1))[: self.stages]:
            layers, _ = dense_layers(inputs, (*self.widths, outputs), sub)
            layers[-1] = eqx.tree_at(lambda m: m.weight, layers[-1], replace_fn=jnp.zeros_like)
            made.append(tuple(layers))
        self.layers = tuple(made)

    @property
    def primitive(self) -> AbstractFeedforwardPrimitive:
        """The primitive whose parameters are predicted."""
        return feedforward(self.perception.primitive)

    @property
    def scaling(self) -> OutputScaling:
        """That of the first network."""
        return self.perception.scaling

    def default_observation(self) -> Float[Array, "height width"]:
        return self.perception.default_observation()

    def __call__(
        self, observation: Float[Array, "*channels height width"], *, key: PRNGKeyArray | None = None
    ) -> PyTree:
        return self._predictions(observation, lambda x: x)[-1]

    def corrections(self, image: Float[Array, "*channels height width"]) -> list[PyTree]:
        """The parameters after each correction, without gradients from one to the one before, for training."""
        return self._predictions(image, jax.lax.stop_gradient)[1:]

    def _predictions(self, image, hold):
        first = self.perception
        image = first.encoder.preprocess(image) if image.ndim == 2 else image
        outputs = first.outputs(first.encode(image))
        found = [first.to_params(outputs)]
        for layers in self.layers:
            features = hold(self._features(image, outputs, found[-1]))
            for layer in layers[:-1]:
                features = ACTIVATIONS["gelu"](layer(features))
            outputs = hold(outputs) + layers[-1](features)
            found.append(first.to_params(outputs))
        return found

    def _features(self, image, outputs, params):
        """The image around the path, the path and the outputs, all of order one."""
        path = self.primitive.trajectory(params, jnp.linspace(0.0, self.duration, 3 * self.points))
        steps = _length(jnp.diff(path, axis=0))
        length = jnp.concatenate([jnp.zeros(1, path.dtype), jnp.cumsum(steps)])
        where = jnp.linspace(0.0, 1.0, self.points) * length[-1]
        path = jnp.stack([jnp.interp(where, length, path[:, i]) for i in (0, 1)], axis=-1)
        along = jnp.asarray(jnp.gradient(path, axis=0))
        along = along / _length(along)[:, None]
        beyond = jnp.asarray(_ENDS)[:, None]
        places = jnp.concatenate([path[0] - beyond[::-1] * along[0], path, path[-1] + beyond * along[-1]])
        ends = len(_ENDS)
        tangents = jnp.concatenate(
            [jnp.tile(along[:1], (ends, 1)), along, jnp.tile(along[-1:], (ends, 1))], axis=0
        )
        across = jnp.stack([-tangents[:, 1], tangents[:, 0]], axis=-1)
        grid = places[:, None] + jnp.asarray(self.offsets)[None, :, None] * across[:, None]
        ink = brightness_at(image, grid)
        middle = (jnp.asarray(image.shape[:-3:-1]) - 1) / 2
        return jnp.concatenate([2 * ink.ravel(), ((path - middle) / _UNIT).ravel(), outputs])


def _length(vectors):
    """Never exactly zero, so that a path at rest has a gradient."""
    return jnp.sqrt(jnp.sum(vectors**2, axis=-1) + 1e-6)


def _small() -> EncoderDecoder:
    return EncoderDecoder(encoder=FullyConnected((100,)), activation="gelu")
