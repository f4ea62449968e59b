import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

import ideomotor
from ideomotor import AbstractFeedforwardPrimitive, AbstractPerception, AbstractPrimitive, OutputScaling
from ideomotor.common.pretrained import load_pretrained
from ideomotor.common.trees import as_array

from ._encoders import AbstractEncoder, FullyConnected, Located, dense_layers, through_knots

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu, "gelu": jax.nn.gelu, "silu": jax.nn.silu}


class EncoderDecoder(AbstractPerception):
    """A network from an image to the parameters of a primitive (Pahič et al. 2018, section II).

    image ─encoder─▶ features ─▶ latent ─decoder─▶ outputs of order one ─scaling─▶ parameters

    - `primitive`: any primitive, by default a planar DMP; its `default_params()` fix the structure of the parameters.
      Those that `ideomotor.quantity` declares positive, such as τ, are predicted in their logarithm.
    - `image_shape`: rows and columns; the image is a float array with ink 1 and paper 0.
    - `encoder`: `FullyConnected`, `Convolutional` or `Located`.
    - `latent`: width of the bottleneck, `None` for none; `decoder`: widths of the layers after it.
    - `activation`: tanh (the paper's), relu, gelu or silu; the last layer is linear.
    - `components`: the outputs are coefficients of that many principal movements, learnt by
      `with_principal_movements`; by default one output for each of the primitive's numbers.
    - `brightness`: mean and standard deviation of the images' pixels, by which they are normalised.

    The defaults with a DMP of 25 basis functions and two degrees of freedom are the paper's network
    1600-1500-1300-1000-600-200-20-35-55. Weights start Xavier-uniform, biases at zero. Train with
    `where=lambda model: model.layers`.
    """

    layers: tuple[eqx.Module, ...]
    scaling: OutputScaling
    mixing: Float[Array, "params components"] | None
    primitive: AbstractPrimitive
    encoder: AbstractEncoder
    image_shape: tuple[int, int] = eqx.field(static=True)
    latent: int | None = eqx.field(static=True)
    decoder: tuple[int, ...] = eqx.field(static=True)
    activation: str = eqx.field(static=True)
    components: int | None = eqx.field(static=True)
    brightness: tuple[float, float] = eqx.field(static=True)
    _encoding: int = eqx.field(static=True)

    def __init__(
        self,
        primitive: AbstractPrimitive | None = None,
        image_shape: tuple[int, int] = (40, 40),
        encoder: AbstractEncoder | None = None,
        latent: int | None = 20,
        decoder: tuple[int, ...] = (35,),
        activation: str = "tanh",
        components: int | None = None,
        brightness: tuple[float | int, float | int] = (0.0, 1.0),
        *,
        key: PRNGKeyArray | None = None,
    ):
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {activation!r}.")
        if len(image_shape) != 2 or min(image_shape) < 1:
            raise ValueError(f"image_shape must be (rows, columns), not {image_shape!r}.")
        if latent is not None and latent < 1:
            raise ValueError(f"latent must be at least 1, or None for no such layer, not {latent}.")
        key = jax.random.key(0) if key is None else key
        key_encoder, key_latent, key_decoder = jax.random.split(key, 3)
        chosen: AbstractPrimitive = ideomotor.make("dmp") if primitive is None else primitive
        self.primitive = chosen
        self.image_shape = (int(image_shape[0]), int(image_shape[1]))
        self.encoder = FullyConnected() if encoder is None else encoder
        self.latent, self.decoder, self.activation = latent, tuple(int(n) for n in decoder), activation
        example = chosen.default_params()
        numbers = outputs = sum(np.size(leaf) for leaf in jax.tree.leaves(example))
        if components is not None and not 1 <= components <= outputs:
            raise ValueError(
                f"components must be from 1 to {outputs}, the primitive's numbers, not {components}."
            )
        if len(brightness) != 2 or not brightness[1] > 0:
            raise ValueError(f"brightness must be (mean, positive deviation), not {brightness!r}.")
        self.components, self.brightness = components, (float(brightness[0]), float(brightness[1]))
        outputs = outputs if components is None else components
        first, width = self.encoder.layers(self.image_shape, key_encoder)
        middle, width = dense_layers(width, () if latent is None else (latent,), key_latent)
        last, _ = dense_layers(width, (*self.decoder, outputs), key_decoder)
        self.layers = (*first, *middle, *last)
        self._encoding = len(first) + len(middle)
        self.scaling = OutputScaling.identity(example)
        self.mixing = None if components is None else as_array(np.eye(numbers, components))

    def default_observation(self) -> Float[Array, "height width"]:
        return as_array(np.zeros(self.image_shape))

    def __call__(
        self, observation: Float[Array, "*channels height width"], *, key: PRNGKeyArray | None = None
    ) -> PyTree:
        return self.decode(self.encode(observation))

    def encode(self, image: Float[Array, "*channels height width"]) -> Float[Array, " latent"]:
        """The latent of an image, or of one that the encoder's `preprocess` was applied to."""
        features = self.encoder.preprocess(image) if image.ndim == 2 else image
        if self.brightness != (0.0, 1.0):
            mean, deviation = self.brightness
            features = features.at[0].set((features[0] - mean) / deviation)
        for layer in self.layers[: self._encoding]:
            features = self._active(layer, features)
        return features

    def decode(self, latent: Float[Array, " latent"]) -> PyTree:
        """The parameters for a latent."""
        return self.to_params(self.outputs(latent))

    def to_params(self, outputs: Float[Array, " outputs"]) -> PyTree:
        """The parameters for an output of the last layer."""
        return self.scaling.to_params(self._mixed(outputs), self.primitive.default_params())

    def numbers(self, latent: Float[Array, " latent"]) -> Float[Array, " params"]:
        """The parameters before scaling: the output of the last layer, or the sum of its principal movements."""
        return self._mixed(self.outputs(latent))

    def _mixed(self, outputs):
        return outputs if self.mixing is None else jax.lax.stop_gradient(self.mixing) @ outputs

    def outputs(self, latent: Float[Array, " latent"]) -> Float[Array, " outputs"]:
        """The output of the last layer."""
        features = latent
        for layer in self.layers[self._encoding : -1]:
            features = self._active(layer, features)
        return self.last(features)

    @property
    def last(self) -> eqx.nn.Linear:
        """The last layer."""
        layer = self.layers[-1]
        assert isinstance(layer, eqx.nn.Linear)
        return layer

    @property
    def width(self) -> int:
        """The number of outputs."""
        return self.last.weight.shape[0]

    def _active(self, layer, features):
        """A layer and its activation; other layers than dense ones and convolutions have their own."""
        plain = isinstance(layer, eqx.nn.Linear | eqx.nn.Conv2d)
        return ACTIVATIONS[self.activation](_apply(layer, features)) if plain else layer(features)

    def with_scaling(self, params: PyTree, *, per: str = "leaf") -> "EncoderDecoder":
        """The network with its scaling learnt from a batch of parameters by `OutputScaling.learn`."""
        if self.components is not None:
            raise ValueError(
                "with_scaling is for networks without components; call with_principal_movements."
            )
        scaling = OutputScaling.learn(params, self.primitive.default_params(), per)
        return eqx.tree_at(lambda m: m.scaling, self, scaling)

    def with_principal_movements(
        self, params: PyTree, ts: Float[Array, " time"], *, per: str = "leaf"
    ) -> "EncoderDecoder":
        """The network with the coefficients of the principal movements of a batch of parameters as its outputs.

        - `ts`: (s), the times at which movements are compared; `per`: the scaling in which `parameter_loss`
          compares parameters.

        The outputs are then uncorrelated, of mean zero and deviation one, and ordered by how far they move;
        the movement is taken as linear in the parameters about their mean, which it is for a DMP. Where the last layer
        follows a `Located`, it becomes the most probable movement through the knots.
        """
        if self.components is None:
            raise ValueError(
                "with_principal_movements requires a network with components; pass components=N."
            )
        primitive = feedforward(self.primitive)
        example = primitive.default_params()
        scaling = OutputScaling.learn(params, example, per)
        numbers = np.asarray(jax.vmap(scaling.to_output)(params), float)
        mean = numbers.mean(0)
        scaling = eqx.tree_at(lambda s: s.offset, scaling, scaling.offset + scaling.scale * jnp.asarray(mean))

        def movement(numbers):
            return primitive.trajectory(scaling.to_params(numbers, example), ts).ravel()

        slope = np.asarray(jax.jacfwd(movement)(jnp.zeros(len(mean))), float)
        moved = (numbers - mean) @ slope.T
        values, vectors = np.linalg.eigh(moved.T @ moved / len(moved))
        first = slice(None, -self.components - 1, -1)
        deviation = np.sqrt(np.maximum(values[first], 1e-12 * values[-1]))
        # The directions in parameters are the regression of the parameters on the scores, which needs no inverse
        # of the slope: some directions hardly move anything.
        scores = moved @ vectors[:, first] / deviation
        mixing = jnp.asarray((numbers - mean).T @ scores / len(moved), scaling.offset.dtype)
        new = eqx.tree_at(lambda m: (m.scaling, m.mixing), self, (scaling, mixing))
        if not isinstance(self.encoder, Located) or len(self.layers) != 2:
            return new
        middle = np.asarray(movement(jnp.zeros(len(mean))), float).reshape(len(ts), -1)
        moves = (vectors[:, first] * deviation).reshape(*middle.shape, -1)
        last = through_knots(middle, moves, self.encoder.knots, self.image_shape)
        return eqx.tree_at(lambda m: (m.layers[-1].weight, m.layers[-1].bias), new, last)


def feedforward(primitive: AbstractPrimitive) -> AbstractFeedforwardPrimitive:
    """The primitive, if it is feedforward, as a path in an image must be; raises a TypeError otherwise."""
    if not isinstance(primitive, AbstractFeedforwardPrimitive):
        raise TypeError(
            f"{type(primitive).__name__} is a feedback primitive, but a path in an image requires a feedforward primitive, which "
            f"gives the whole movement at once."
        )
    return primitive


def _apply(layer, features):
    return layer(features.ravel() if isinstance(layer, eqx.nn.Linear) else features)


def digit_reader() -> EncoderDecoder:
    """The pretrained reader of handwritten digits: from `read_image(…).image` to a DMP's parameters."""
    return load_pretrained("ideomotor_encoder_decoder", "digits", kind="perception")
