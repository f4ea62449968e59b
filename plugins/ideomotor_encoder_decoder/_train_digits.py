"""Making of the shipped digit reader: `ideomotor train digits`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

import ideomotor
from ideomotor import Trajectory

from ._encoder_decoder import EncoderDecoder
from ._encoders import Convolutional
from ._losses import distance_loss
from ._metrics import equal_time_distance, ink_distances, warped_distance
from ._refined import Refined
from .digits import varied_digits


class Preset(NamedTuple):
    """How much to train: pools of new digits, their size, passes through each, and the network's size."""

    pools: int
    pool: int
    passes: int
    channels: tuple[int, ...]
    width: int


PRESETS = {
    "tiny": Preset(1, 2048, 2, (8, 16, 32), 64),
    "cpu": Preset(20, 24576, 3, (24, 48, 96), 256),
}
BATCH, SAMPLES, RATE, AVERAGE = 128, 51, 1e-3, 0.999


def train_digits(
    preset: str = "cpu",
    seed: int = 0,
    *,
    progress: bool = True,
    callback: Callable[[int, EncoderDecoder], None] | None = None,
) -> tuple[EncoderDecoder, dict]:
    """Train a reader of handwritten digits on generated ones; deterministic for a seed on one machine.

    Returns the reader, and how many steps it took on how many digits. The loss is the mean distance at equal
    times (`distance_loss`); every pool of digits is new; the weights are an exponential average over the last
    steps. `callback` gets the number of each finished pool and the reader so far.
    """
    size = PRESETS[preset]
    model = _untrained(size, seed)
    steps = size.pools * size.passes * (size.pool // BATCH)
    schedule = optax.cosine_decay_schedule(RATE, steps)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    layers, fixed = eqx.partition(model.layers, eqx.is_array)
    average, state = layers, optimiser.init(layers)

    # One compiled step in a Python loop: XLA's convolutions on a CPU are an order of magnitude slower inside
    # a scan.
    @jax.jit
    def step(layers, average, state, count, images, paths, ts):
        def loss(layers):
            trained = eqx.tree_at(lambda m: m.layers, model, eqx.combine(layers, fixed))
            return distance_loss(trained, {"images": images.astype(float) / 255, "paths": paths, "ts": ts})

        (_, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(layers)
        updates, state = optimiser.update(gradient, state)
        layers = optax.apply_updates(layers, updates)
        keep = jnp.minimum(AVERAGE, (1 + count) / (10 + count))
        average = jax.tree.map(lambda a, b: keep * a + (1 - keep) * b, average, layers)
        return layers, average, state, metrics["distance"]

    count, bar = 0, tqdm(total=steps, unit="step", disable=not progress)
    for pool in range(size.pools):
        digits = varied_digits(size.pool, seed=_seed(seed, pool), samples=SAMPLES)
        rng = np.random.default_rng(_seed(seed, pool))
        for _ in range(size.passes):
            order = rng.permutation(size.pool)
            for i in range(0, size.pool - BATCH + 1, BATCH):
                chosen = order[i : i + BATCH]
                batch = digits.images[chosen], digits.paths[chosen], digits.ts
                layers, average, state, distance = step(layers, average, state, float(count), *batch)
                count += 1
                if count % 20 == 0:  # do not run ahead of the machine
                    bar.set_postfix(px=f"{float(distance):.2f}")
                    bar.update(20)
        if callback is not None:
            callback(pool, eqx.tree_at(lambda m: m.layers, model, eqx.combine(average, fixed)))
    bar.close()
    model = eqx.tree_at(lambda m: m.layers, model, eqx.combine(average, fixed))
    return model, {"steps": steps, "digits": size.pools * size.pool}


def _seed(seed: int, pool: int) -> int:
    return 1_000_003 * (seed + 1) + pool


def _untrained(size: Preset, seed: int) -> EncoderDecoder:
    primitive = ideomotor.make("dmp", dof=2, basis=25)
    encoder = Convolutional(size.channels, widths=(size.width,))
    key = jax.random.key(seed)
    model = EncoderDecoder(primitive, encoder=encoder, latent=32, decoder=(128,), activation="relu", key=key)
    digits = varied_digits(2048, seed=_seed(seed, -1), samples=101, clean=True)
    fit = jax.vmap(lambda ys: primitive.fit(Trajectory(jnp.asarray(digits.ts), ys)))
    return model.with_scaling(fit(jnp.asarray(digits.paths)), per="number")


def measure(model: EncoderDecoder, count: int = 500, seed: int = 10**6) -> dict[str, float]:
    """Mean distances in px on generated digits that no training sees, without and with `Refined`."""
    digits = varied_digits(count, seed=seed, samples=101)
    images, ts = jnp.asarray(digits.images, float) / 255, jnp.asarray(digits.ts)
    found = {}
    for name, perception in (("", model), (" refined", Refined(model))):
        play = jax.jit(lambda image, perception=perception: model.primitive.trajectory(perception(image), ts))
        paths = np.stack([np.asarray(play(image)) for image in images])
        pairs = list(zip(paths, digits.paths, strict=True))
        at_once = np.array([equal_time_distance(*pair) for pair in pairs])
        found[f"distance at equal times{name} (px)"] = float(at_once.mean())
        found[f"distance, time warped{name} (px)"] = float(
            np.mean([warped_distance(*pair) for pair in pairs])
        )
        ink = np.mean([ink_distances(p, i) for p, i in zip(paths, np.asarray(images), strict=True)], 0)
        found[f"from ink to path{name} (px)"], found[f"from path to ink{name} (px)"] = map(float, ink)
        if not name:
            for digit in range(10):
                found[f"digit {digit}: distance at equal times (px)"] = float(
                    at_once[digits.labels == digit].mean()
                )
    return found


_CARD = """Reads one handwritten digit, brought to 40 × 40 px by `ideomotor_encoder_decoder.read_image`, and gives the
parameters of the dynamic movement primitive that writes it, in the pixels of that image, in three seconds.

It was trained on digits generated by `ideomotor_encoder_decoder.digits.varied_digits` alone; no picture of a
person's handwriting was used. Distances below are on generated digits that it has not seen. Letters, several
digits at once and a 4, 7 or 8 begun elsewhere than most people begin it are beyond it: it draws some digit,
in its own stroke order.

Made by `ideomotor train digits --preset {preset} --seed {seed}`."""


@click.command()
@click.option("--preset", type=click.Choice(sorted(PRESETS)), default="cpu", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the checkpoint.")
@click.option("--seed", default=0, show_default=True)
def command(preset: str, out: Path, seed: int) -> None:
    """Train the digit reader on generated handwriting and write it to a folder."""
    started = time.time()
    model, about = train_digits(preset, seed)
    about["minutes"] = round((time.time() - started) / 60, 1)
    write(model, out, preset, seed, about)


def write(model: EncoderDecoder, out: Path, preset: str, seed: int, about: dict) -> None:
    """Measure and save a trained reader, in half precision."""
    metrics = {**about, **measure(model)}
    for name, value in metrics.items():
        click.echo(f"{name:45s} {value:.4g}")
    card = _CARD.format(preset=preset, seed=seed)
    ideomotor.save(model, out, dtype="float16", metrics=metrics, seed=seed, card=card, overwrite=True)
