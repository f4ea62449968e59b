"""Training of trajectory functions, pipelines of a `ConditionsNetwork` and a `TrajectoryDecoder`, as in the paper: greedy
layers, unrolled autoencoder, conditions, joined function.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import Pipeline, train
from ideomotor.common.pretrained import load_pretrained
from ideomotor.errors import DataError

from ._conditions import ConditionsNetwork
from ._decoder import CHANNELS, TrajectoryDecoder
from ._layers import dense, fitted_last, linear, principal_pair, run_layers, spread_layers


def split_function(function: Pipeline) -> tuple[ConditionsNetwork, TrajectoryDecoder]:
    """The two networks of a trajectory function; raises a `DataError` for any other pipeline."""
    conditions, decoder = function.perception, function.primitive
    if not (isinstance(conditions, ConditionsNetwork) and isinstance(decoder, TrajectoryDecoder)):
        raise DataError(
            f"A trajectory function is a pipeline of a ConditionsNetwork and a TrajectoryDecoder, not of "
            f"{type(conditions).__name__} and {type(decoder).__name__}."
        )
    return conditions, decoder


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
        """The reconstructed movement."""
        return self.decoder.outputs(self.encode(numbers))


def pair(autoencoder: StackedAutoencoder, depth: int) -> tuple[eqx.nn.Linear, eqx.nn.Linear]:
    """The `depth`-th layer from outside of the encoder, and its mirror image."""
    return autoencoder.encoder[depth], autoencoder.decoder.layers[-1 - depth]


def run_pair(
    layers: tuple[eqx.nn.Linear, eqx.nn.Linear], x: Float[Array, " wide"], inner: str, outer: str
) -> tuple[Float[Array, " narrow"], Float[Array, " wide"]]:
    """Features of an input, and its reconstruction, by a pair of layers."""
    features = run_layers(layers[:1], x, inner, inner)
    return features, run_layers(layers[1:], features, outer, outer)


def replaced(autoencoder: StackedAutoencoder, depth: int, layers) -> StackedAutoencoder:
    """The autoencoder with one pair of layers replaced."""
    return eqx.tree_at(lambda a: pair(a, depth), autoencoder, layers)


def activations(autoencoder: StackedAutoencoder, depth: int) -> tuple[str, str]:
    """The names of the activations of a pair: of its features, and of its output."""
    decoder = autoencoder.decoder
    inner = autoencoder.features if depth == len(autoencoder.encoder) - 1 else decoder.activation
    return inner, decoder.output if depth == 0 else decoder.activation


SCALE = 1e4  # so that the loss of a good function is of order 0.01, and a progress bar shows digits


def where_function(function: Any) -> Any:
    """What is trained of a trajectory function."""
    return function.perception.layers, function.primitive.layers


def joined_outputs(function: Pipeline, inputs: Float[Array, " inputs"]) -> Float[Array, " numbers"]:
    """The output of the joined network for scaled conditions: scaled movements."""
    conditions, decoder = split_function(function)
    latent = run_layers(conditions.layers, inputs, conditions.activation, conditions.output)
    return decoder.outputs(latent)


def autoencoder_loss(model, batch, key):
    """Mean squared error of the autoencoder, times `SCALE`."""
    (numbers,) = batch
    return SCALE * jnp.mean((jax.vmap(model)(numbers) - numbers) ** 2)


def function_loss(model, batch, key):
    """Mean squared error of the joined function, times `SCALE`."""
    inputs, numbers = batch
    return SCALE * jnp.mean((jax.vmap(lambda x: joined_outputs(model, x))(inputs) - numbers) ** 2)


def conditions_loss(model, batch, key):
    """Mean squared error of the features, times `SCALE`."""
    inputs, features = batch
    found = jax.vmap(lambda x: run_layers(model.layers, x, model.activation, model.output))(inputs)
    return SCALE * jnp.mean((found - features) ** 2)


class Compressed(NamedTuple):
    """Movements as scores of principal components; mean squares are those of the movements."""

    mean: Array
    axes: Array  # numbers × components, orthogonal, of equal length

    @staticmethod
    def learn(numbers: Float[Array, "reach numbers"], components: int) -> "Compressed":
        """The components of largest variance."""
        mean, axes = _principal_axes(numbers, components)
        # A mean over k scores is to be what a mean over all numbers was.
        return Compressed(
            jnp.asarray(mean, jnp.float32),
            jnp.asarray(axes * np.sqrt(len(axes) / axes.shape[1]), jnp.float32),
        )

    @property
    def length(self) -> float:
        """The squared length of each axis."""
        return self.axes.shape[0] / self.axes.shape[1]

    def compress(self, numbers):
        """Scores of movements."""
        return (numbers - self.mean) @ self.axes / self.length

    def inner(self, decoder: TrajectoryDecoder) -> TrajectoryDecoder:
        """A decoder of scores instead of movements."""
        last = decoder.layers[-1]
        assert last.bias is not None
        new = (self.axes.T @ last.weight / self.length, self.axes.T @ (last.bias - self.mean) / self.length)
        return _with_last(decoder, *new)

    def outer(self, decoder: TrajectoryDecoder) -> TrajectoryDecoder:
        """A decoder of movements from one of scores."""
        last = decoder.layers[-1]
        assert last.bias is not None
        return _with_last(decoder, self.axes @ last.weight, self.axes @ last.bias + self.mean)


def _principal_axes(numbers, components):
    """Mean and principal axes of rows; by their covariance, because there are more rows than columns."""
    x = np.asarray(numbers, np.float64)
    mean = x.mean(0)
    _, axes = np.linalg.eigh((x - mean).T @ (x - mean))
    return mean, axes[:, ::-1][:, :components]


def _with_last(network, weight, bias):
    return eqx.tree_at(lambda n: n.layers[-1], network, linear(weight, bias))


class Trainer:
    """Trains by `ideomotor.train`; the same settings for each phase.

    - `steps`: of descent in each phase before the last, and `final` in the last (the joined function). Each phase starts
      from its closed form, so that zero is a good choice with wide layers and "linear" or "tanh" activations.
    - `rate`: of Adam, decaying to zero along a cosine; or `optimiser`, which makes another from the number of steps.
    - `components`: for a decoder with linear output, the outermost pair of layers has a closed form: principal
      components. All else is trained on that many of their scores, which costs a tenth, and the last two linear
      maps are multiplied at the end. 0 to train on all numbers.
    - `batch_size`: `None` for the whole set, which line searches require.
    """

    def __init__(
        self,
        steps: int = 0,
        final: int = 2000,
        *,
        rate: float = 2e-5,
        optimiser: Callable[[int], optax.GradientTransformation] | None = None,
        batch_size: int | None = 250,
        components: int = 40,
        seed: int = 0,
        callback: Callable[[str, int, dict[str, float]], Any] | None = None,
        progress: bool = True,
    ):
        self.steps, self.final, self.batch_size = steps, final, batch_size
        self.components = components
        self.optimiser = optimiser or (lambda steps: optax.adam(optax.cosine_decay_schedule(rate, steps)))
        self.seed, self.callback, self.progress = seed, callback, progress

    def phase(self, name, model, loss, data, where, steps) -> Any:
        """One phase of training; none at all if `steps` is zero."""
        if steps == 0:
            return model

        def report(step, metrics, model):
            if self.callback is not None:
                self.callback(name, step, metrics)

        return train(
            model,
            loss,
            data,
            self.optimiser(steps),
            steps=steps,
            batch_size=self.batch_size,
            where=where,
            seed=self.seed,
            callback=report,
            log_every=max(1, min(100, steps)),
            progress=self.progress,
        )

    def autoencoder(
        self, decoder: TrajectoryDecoder, numbers: Float[Array, "reach numbers"], features: str = "sigmoid"
    ) -> StackedAutoencoder:
        """Greedy training of pairs of layers from outside inwards, each from its principal components; then of all.

        - `features`: activation of the innermost layer.
        """
        key = jax.random.key(self.seed)
        model = StackedAutoencoder(decoder, features, key=key)
        x = jnp.asarray(numbers)
        for depth in range(len(model.encoder)):
            inner, outer = activations(model, depth)
            # Each hidden width gets a loss of its own, because `train` compiles once for each loss.
            loss = _pair_loss(inner, outer)
            layers = principal_pair(
                x, pair(model, depth)[0].weight.shape[0], inner, outer, jax.random.fold_in(key, depth)
            )
            layers = self.phase(f"layer {depth + 1}", layers, loss, (x,), None, self.steps)
            model = replaced(model, depth, layers)
            x = jax.vmap(lambda x: run_pair(layers, x, inner, outer)[0])(x)  # noqa: B023
        if len(model.encoder) == 1:
            return model
        data = (jnp.asarray(numbers),)
        where = lambda m: (m.encoder, m.decoder.layers)  # noqa: E731
        return self.phase("autoencoder", model, autoencoder_loss, data, where, self.steps)

    def function(
        self,
        conditions: ConditionsNetwork,
        decoder: TrajectoryDecoder,
        inputs: Any,
        numbers: Any,
        *,
        pretrained: bool = False,
    ) -> Pipeline:
        """All phases: autoencoder, conditions network on its features, both joined.

        - `inputs` `(reach, inputs)`: scaled conditions; `numbers` `(reach, numbers)`: scaled movements.
        - `pretrained`: skip to the last phase, with the layers as they are.
        """
        inputs, numbers = _checked(inputs, numbers)
        if self.components and decoder.output == "linear":
            small = Compressed.learn(numbers, self.components)
            function = self._function(
                conditions, small.inner(decoder), inputs, small.compress(numbers), pretrained
            )
            return Pipeline(function.perception, small.outer(function.primitive))  # pyright: ignore[reportArgumentType]
        return self._function(conditions, decoder, inputs, numbers, pretrained)

    def _function(self, conditions, decoder, inputs, numbers, pretrained) -> Pipeline:
        if not pretrained:
            auto = self.autoencoder(decoder, numbers, conditions.output)
            features = jax.vmap(auto.encode)(numbers)
            layers = conditions.layers
            if conditions.hidden:
                layers = spread_layers(layers, jax.random.key(self.seed))
            layers = fitted_last(
                layers, conditions.activation, conditions.output, inputs, np.asarray(features)
            )
            conditions = eqx.tree_at(lambda c: c.layers, conditions, layers)
            conditions = self.phase(
                "conditions", conditions, conditions_loss, (inputs, features), lambda m: m.layers, self.steps
            )
            decoder = auto.decoder
        model = Pipeline(conditions, decoder)
        return self.phase("function", model, function_loss, (inputs, numbers), where_function, self.final)


def _pair_loss(inner: str, outer: str):
    def loss(layers, batch, key):
        (x,) = batch
        again = jax.vmap(lambda x: run_pair(layers, x, inner, outer)[1])(x)
        return SCALE * jnp.mean((again - x) ** 2)

    return loss


def _checked(inputs, numbers):
    inputs, numbers = jnp.asarray(inputs, jnp.float32), jnp.asarray(numbers, jnp.float32)
    for name, value in (("inputs", inputs), ("numbers", numbers)):
        if not jnp.isfinite(value).all():
            bad = int(jnp.argmax(~jnp.isfinite(value).all(1)))
            raise DataError(f"{name}[{bad}] is not finite; drop that reach.")
    if inputs.shape[0] != numbers.shape[0]:
        raise DataError(
            f"There must be as many conditions as movements, not {inputs.shape[0]} and {numbers.shape[0]}."
        )
    return inputs, numbers


def linear_function(
    conditions: ConditionsNetwork,
    decoder: TrajectoryDecoder,
    inputs: Float[Array, "reach inputs"],
    numbers: Float[Array, "reach numbers"],
    *,
    components: int = 5,
) -> Pipeline:
    """The paper's baseline: principal components of the movements, and a linear fit from conditions to scores.

    `conditions` and `decoder` give workspace, basis and scale; their layers are replaced by linear ones.
    """
    x, y = np.asarray(inputs, np.float64), np.asarray(numbers, np.float64)
    mean, axes = _principal_axes(y, components)
    ones = np.concatenate([x, np.ones((len(x), 1))], 1)
    fit = np.linalg.lstsq(ones, (y - mean) @ axes, rcond=None)[0]
    low, high = np.asarray(decoder.low), np.asarray(decoder.high)
    timing = conditions.durations
    first = ConditionsNetwork(
        components, (), conditions.lower, conditions.upper, conditions.field, timing, "linear", "linear"
    )
    last = TrajectoryDecoder(components, (), decoder.basis, "linear", "linear", low, high)
    assert last.basis.count * CHANNELS == y.shape[1]
    return Pipeline(_with_last(first, fit[:-1].T, fit[-1]), _with_last(last, axes, mean))


def pretrained(name: str = "optimal-reach") -> Pipeline:
    """A trained trajectory function: `"optimal-reach"`, for the two-link arm in a joint curl field.

    From start, target, field and movement time to torques and states. Trained by `ideomotor train trajectory-network`; the
    model card in `checkpoints` gives its accuracy. Raises an `UnknownNameError` for another name.
    """
    return load_pretrained("ideomotor_trajectory_network", name, kind="pipeline")
