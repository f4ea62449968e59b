"""The networks and their training, which is resumed if it was stopped."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

import ideomotor
from ideomotor import Trajectory, train
from ideomotor_encoder_decoder import Cascade, EncoderDecoder, distance_loss, parameter_loss, trajectory_loss
from ideomotor_encoder_decoder.digits import Augmentation

from ._data import RIDGE, TS, Row, fitted
from ._settings import DURATION, FITTED, LINES, Preset

_KNOTS, _WIDTH = 32, 128  # of the network for MNIST
_MOVEMENT = Augmentation(rotation=6, translation=0.75, scale=0.06, shear=0.075, elastic=0.25)
_DECAY = 0.02  # of the weights, where pairs are few


def untrained(preset: Preset, row: Row, seed: int) -> EncoderDecoder:
    """The preset's network, its outputs scaled to the row's movements."""
    primitive = ideomotor.make("dmp", dof=2, basis=25, duration=DURATION)
    some = row.training.images[:FITTED] / 255.0
    components = 54 if preset.components or row.moved else None
    model = EncoderDecoder(
        primitive,
        some.shape[-2:],
        ideomotor.make("located", _KNOTS, preset.channels, _WIDTH, LINES)
        if row.moved
        else ideomotor.make("fully-connected", preset.widths),
        None if row.moved else preset.latent,
        () if row.moved else preset.decoder,
        preset.activation,
        components,
        (0.0, 1.0) if row.moved else (round(float(some.mean()), 3), round(float(some.std()), 3)),
        key=jax.random.key(seed),
    )
    params = fitted(primitive, row.training.paths[:FITTED])
    if components:
        return model.with_principal_movements(params, jnp.asarray(TS))
    return model.with_scaling(params)


def train_network(
    model, loss: str, row: Row, params, preset: Preset, steps: int, seed: int, run: Path | None
):
    """Train on eq. (9) or eq. (10)."""
    losses = {"eq. (9)": parameter_loss, "eq. (10)": trajectory_loss}
    return _train(model, losses[loss], loss == "eq. (9)", row, params, preset, steps, seed, run, preset.rate)


def train_cascade(
    first: EncoderDecoder,
    loss: str,
    row: Row,
    params,
    preset: Preset,
    steps: int,
    seed: int,
    run: Path | None,
) -> Cascade:
    """Train two corrections of a trained network, which itself is not changed."""
    model = Cascade(first, stages=2, key=jax.random.key(seed + 100))
    losses = {"eq. (9)": parameter_loss, "eq. (10)": distance_loss}
    return _train(model, losses[loss], loss == "eq. (9)", row, params, preset, steps, seed, run, 1e-3)


def finer(model: EncoderDecoder, row: Row, basis: int = 50, components: int = 64) -> EncoderDecoder:
    """The same network with the same movements, as those of a DMP with more basis functions.

    A DMP of fixed duration is linear, so that only the last layer changes; more basis functions can turn sharper corners.
    """
    primitive = ideomotor.make("dmp", dof=2, basis=basis, duration=DURATION)
    new = EncoderDecoder(
        primitive,
        model.image_shape,
        model.encoder,
        model.latent,
        model.decoder,
        model.activation,
        components,
        model.brightness,
    ).with_principal_movements(fitted(primitive, row.training.paths[:FITTED]), jnp.asarray(TS))
    (old_slope, old_mean), (slope, mean) = _linear(model), _linear(new)
    last = model.last
    weight, bias = np.asarray(last.weight, float), np.asarray(last.bias, float)
    weight, *_ = np.linalg.lstsq(slope, old_slope @ weight, rcond=None)
    bias, *_ = np.linalg.lstsq(slope, old_slope @ bias + old_mean - mean, rcond=None)
    last = eqx.nn.Linear(weight.shape[1], components, key=jax.random.key(0))
    last = eqx.tree_at(
        lambda m: (m.weight, m.bias), last, (jnp.asarray(weight, jnp.float32), jnp.asarray(bias, jnp.float32))
    )
    return eqx.tree_at(lambda m: m.layers, new, (*model.layers[:-1], last))


def _linear(model: EncoderDecoder):
    """Slope and value at zero of the movement, as a function of the last layer's outputs."""
    primitive: Any = model.primitive

    def movement(outputs):
        numbers = outputs if model.mixing is None else model.mixing @ outputs
        params = model.scaling.to_params(numbers, primitive.default_params())
        return primitive.trajectory(params, jnp.asarray(TS)).ravel()

    zero = jnp.zeros(model.width)
    return np.asarray(jax.jacfwd(movement)(zero), float), np.asarray(movement(zero), float)


class At:
    """A loss on paths sampled at times that are the same for all; hashable, so that nothing is compiled twice."""

    def __init__(self, ts: np.ndarray, loss):
        self.ts, self.loss = ts, loss

    def __call__(self, model, batch, key):
        return self.loss(model, {**batch, "ts": jnp.asarray(self.ts)}, key)


class Moved:
    """A loss on pairs that are moved about anew; the parameters of moved paths are fitted at once, being linear in them."""

    def __init__(self, loss, primitive=None, movement: Augmentation = Augmentation()):
        self.loss, self.movement = loss, movement
        self.fit = None if primitive is None else _fit(primitive)

    def __call__(self, model, batch, key):
        keys = jax.random.split(key, len(batch["images"]))
        move = jax.vmap(lambda image, path, key: self.movement(image / 255.0, path, key=key))
        images, paths = move(batch["images"], batch["paths"], keys)
        if self.fit is None:
            return self.loss(model, {"images": images, "paths": paths}, key)
        example = model.primitive.default_params()
        params = jax.vmap(lambda path: ravel_pytree(example)[1](self.fit @ path.ravel()))(paths)
        return self.loss(model, {"images": images, "params": params}, key)


def _fit(primitive) -> np.ndarray:
    """The matrix from the samples of a path to the parameters of a DMP of fixed duration."""

    def fit(ys):
        return ravel_pytree(primitive.fit(Trajectory(jnp.asarray(TS), ys), ridge=RIDGE))[0]

    return np.asarray(jax.jacfwd(fit)(jnp.zeros((len(TS), 2)))).reshape(-1, 2 * len(TS))


def _train(
    model,
    loss,
    of_params: bool,
    row: Row,
    params,
    preset: Preset,
    steps: int,
    seed: int,
    run: Path | None,
    rate: float,
):
    data = {"images": row.training.images}
    if of_params and not row.moved:
        data["params"] = params
    else:
        data["paths"] = row.training.paths if of_params else row.training.paths[:, ::2]
    loss = loss if of_params else At(TS[::2], loss)
    if row.moved:
        loss = Moved(loss, model.primitive if of_params else None, _MOVEMENT)
        rate = min(rate, 1e-3)
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, max(1, steps // 20), steps)
    adam = optax.adamw(schedule, b2=0.99, weight_decay=_DECAY) if row.moved else optax.adam(schedule, b2=0.99)
    batch = preset.batch // 4 if row.moved else preset.batch
    return train(
        model,
        loss,
        data,
        optax.chain(optax.clip_by_global_norm(1.0), adam),
        steps=steps,
        batch_size=min(batch, len(data["images"])),
        where=lambda m: m.layers,
        seed=seed,
        run=run,
        resume=run is not None,
        checkpoint_every=max(1, min(1000, steps // 4)),
        log_every=max(1, min(100, steps // 10)),
    )
