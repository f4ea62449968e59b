"""Training of the pretrained digit reader: `ideomotor train digits`."""

import math
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

import ideomotor
from ideomotor import Trajectory
from ideomotor.cli import options

from ._encoder_decoder import EncoderDecoder, feedforward
from ._encoders import Convolutional
from ._losses import distance_loss, ink_distances, warped_distance
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
    run: Path | str | None = None,
    resume: bool = False,
) -> tuple[EncoderDecoder, dict]:
    """Train a reader of handwritten digits on generated ones; deterministic for a seed on one machine.

    Returns the reader, and the numbers of steps and digits. The loss is the mean distance at equal
    times (`distance_loss`); every pool of digits is new; the weights are an exponential average over the last
    steps. `callback` gets the number of each finished pool and the reader so far. `run` and `resume` are those of
    `ideomotor.train`: an interrupted run continues to the same result.
    """
    size = PRESETS[preset]
    model = _untrained(size, seed)
    per_pool = size.passes * (size.pool // BATCH)
    steps = size.pools * per_pool
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(RATE, steps))
    )
    layers, fixed = eqx.partition(model.layers, eqx.is_array)

    def with_layers(layers):
        return eqx.tree_at(lambda m: m.layers, model, eqx.combine(layers, fixed))

    def loss(weights, batch, key):
        return distance_loss(with_layers(weights["now"]), batch)

    def finished(step, metrics, weights):
        if callback is not None and step % per_pool == 0:
            callback(step // per_pool - 1, with_layers(weights["average"]))

    weights = ideomotor.train(
        {"now": layers, "average": layers},
        loss,
        _Pools(size, seed),
        _averaging(optimiser, AVERAGE),
        steps=steps,
        seed=seed,
        callback=finished,
        run=run,
        resume=resume,
        checkpoint_every=per_pool,
        log_every=math.gcd(per_pool, 96),
        progress=progress,
    )
    return with_layers(weights["average"]), {"steps": steps, "digits": size.pools * size.pool}


class _Pools:
    """The batch of each step, a pure function of the seed and the step; the pool in use is kept."""

    def __init__(self, size: Preset, seed: int):
        self.size, self.seed, self._pool = size, seed, -1

    def __call__(self, key, step: int) -> dict[str, np.ndarray]:
        per_pass = self.size.pool // BATCH
        pool, within = divmod(step, per_pass * self.size.passes)
        if pool != self._pool:
            seed = _seed(self.seed, pool)
            self._digits, self._pool = varied_digits(self.size.pool, seed=seed, samples=SAMPLES), pool
            rng = np.random.default_rng(seed)
            self._orders = [rng.permutation(self.size.pool) for _ in range(self.size.passes)]
        which, i = divmod(within, per_pass)
        chosen = self._orders[which][i * BATCH : (i + 1) * BATCH]
        digits = self._digits
        return {"images": digits.images[chosen], "paths": digits.paths[chosen], "ts": digits.ts}


def _averaging(inner: optax.GradientTransformation, keep: float) -> optax.GradientTransformation:
    """The optimiser for `now`, while `average` follows it exponentially, more quickly at first."""

    def init(params):
        return inner.init(params["now"]), jnp.zeros((), jnp.int32)

    def update(updates, state, params=None):
        assert params is not None
        memory, count = state
        moves, memory = inner.update(updates["now"], memory, params["now"])
        share = 1 - jnp.minimum(keep, (1 + count) / (10 + count))
        follow = jax.tree.map(
            lambda average, now, move: share * (now + move - average), params["average"], params["now"], moves
        )
        return {"now": moves, "average": follow}, (memory, count + 1)

    return optax.GradientTransformation(init, update)


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
    """Mean distances in px on generated digits that are never trained on, without and with `Refined`."""
    digits = varied_digits(count, seed=seed, samples=101)
    images, ts = jnp.asarray(digits.images, float) / 255, jnp.asarray(digits.ts)
    found = {}
    primitive = feedforward(model.primitive)
    for name, perception in (("", model), (" refined", Refined(model))):
        play = jax.jit(lambda image, perception=perception: primitive.trajectory(perception(image), ts))
        paths = np.stack([np.asarray(play(image)) for image in images])
        pairs = list(zip(paths, digits.paths, strict=True))
        at_once = np.array([np.linalg.norm(path - truth, axis=-1).mean() for path, truth in pairs])
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
@options.choice("--preset", of=sorted(PRESETS), default="cpu", help="Size of the training.")
@options.path("--out", metavar="FOLDER", required=True, help="Folder for the checkpoint.")
@options.seed("weights and digits")
@options.path(
    "--run", metavar="FOLDER", help="Folder for the state of the training.  [default: OUT-training]"
)
@click.option("--resume", is_flag=True, help="Resume an interrupted training.")
def command(preset: str, out: Path, seed: int, run: Path | None, resume: bool) -> None:
    """Train the digit reader on generated handwriting and write it to a folder."""
    started = time.time()
    run = out.with_name(f"{out.name}-training") if run is None else run
    model, about = train_digits(preset, seed, run=run, resume=resume)
    about["minutes"] = round((time.time() - started) / 60, 1)
    write(model, out, preset, seed, about)


def write(model: EncoderDecoder, out: Path, preset: str, seed: int, about: dict) -> None:
    """Measure and save a trained reader, in half precision."""
    metrics = {**about, **measure(model)}
    for name, value in metrics.items():
        click.echo(f"{name:45s} {value:.4g}")
    card = _CARD.format(preset=preset, seed=seed)
    ideomotor.save(model, out, dtype="float16", metrics=metrics, seed=seed, card=card, overwrite=True)
