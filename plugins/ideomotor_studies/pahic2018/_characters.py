"""Omniglot's characters: several strokes as one path with a pen channel, and several ways of drawing them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

import ideomotor
from ideomotor import Trajectory, train
from ideomotor.errors import DataError
from ideomotor_encoder_decoder import EncoderDecoder, Mixture, trajectory_loss
from ideomotor_encoder_decoder.digits import Characters, Pairs

from ..kit.figures import GREY, RED, new_figure
from ..kit.run import Run
from ._training import At

SIZES = {
    # copies, steps, batch, widths, basis, components, most characters
    "tiny": (1, 30, 64, (64, 64), 20, 20, 200),
    "cpu": (8, 4000, 256, (768, 512, 256), 60, 96, 10**6),
    "paper": (20, 40_000, 256, (1500, 1000, 500), 60, 120, 10**6),
}
SAMPLES, DURATION, HELD_OUT, HEADS = 151, 3.0, 6, 5
TS = np.linspace(0, DURATION, SAMPLES, dtype=np.float32)


class CharacterStudy:
    """Trains on five of six characters, all drawers, and measures on the characters left out."""

    def __init__(self, characters: Characters, preset: str, seed: int, run: Run):
        self.copies, self.steps, self.batch, self.widths, basis, self.components, most = SIZES[preset]
        self.seed, self.run = seed, run
        characters = characters.take(slice(most))
        held = characters.labels % HELD_OUT == HELD_OUT - 1
        if held.all() or not held.any():
            raise DataError(
                f"There are {len(np.unique(characters.labels))} character(s), and holding some out needs at least {HELD_OUT}."
            )
        self.testing, training = characters.take(held), characters.take(~held)
        shift = {"rotation": 12, "translation": 2, "scale": 0.15, "shear": 0.15, "elastic": 0.5}
        moved = _planar(training).transformed(seed=seed, copies=self.copies, **shift)
        pen = np.tile(training.paths[..., 2:], (self.copies, 1, 1))
        self.images, self.paths = moved.images, np.concatenate([moved.paths, pen], -1)
        self.primitive = ideomotor.make("dmp", dof=3, basis=basis, duration=DURATION)
        self.known = len(np.unique(training.labels))

    def untrained(self) -> EncoderDecoder:
        """A network with the principal movements of the training characters for outputs."""
        fit = jax.jit(jax.vmap(lambda ys: self.primitive.fit(Trajectory(jnp.asarray(TS), ys), ridge=1e-4)))
        params = fit(jnp.asarray(self.paths[:2000]))
        grey = self.images[:2000] / 255.0
        model = EncoderDecoder(
            self.primitive,
            grey.shape[1:],
            ideomotor.make("fully-connected", self.widths),
            128,
            (),
            "gelu",
            self.components,
            (round(float(grey.mean()), 3), round(float(grey.std()), 3)),
            key=jax.random.key(self.seed),
        )
        return model.with_principal_movements(params, jnp.asarray(TS))

    def one(self) -> dict[str, Any]:
        """A network that gives one movement."""
        model = self._train(self.untrained(), trajectory_loss, lambda m: m.layers, "characters, one movement")
        return self._measured("characters, one movement", model)

    def several(self) -> dict[str, Any]:
        """A mixture of movements."""
        model = Mixture(self.untrained(), HEADS, key=jax.random.key(self.seed + 1))
        stage = f"characters, {HEADS} movements"
        model = self._train(model, Mixture.loss, lambda m: (m.perception.layers, m.heads), stage)
        return self._measured(stage, model)

    def _train(self, model, loss, where, stage: str):
        schedule = optax.warmup_cosine_decay_schedule(0.0, 2e-3, max(1, self.steps // 20), self.steps)
        return train(
            model,
            At(TS[::3], loss),
            {"images": self.images, "paths": self.paths[:, ::3]},
            optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.99, weight_decay=1e-2)),
            steps=self.steps,
            batch_size=min(self.batch, len(self.images)),
            where=where,
            seed=self.seed,
            run=self.run.path("training", stage),
            resume=True,
            checkpoint_every=max(1, min(500, self.steps // 4)),
            log_every=max(1, min(100, self.steps // 10)),
        )

    def _measured(self, stage: str, model) -> dict[str, Any]:
        ideomotor.save(model, self.run.path("networks", stage), seed=self.seed, overwrite=True)
        scores, paths = _seen(model, self.testing.images)
        found: dict[str, Any] = {
            "characters": self.known,
            "characters held out": len(np.unique(self.testing.labels)),
        }
        found |= {"drawings": len(self.testing.images), "steps": self.steps}
        each = np.linalg.norm(paths[..., :2] - self.testing.paths[:, None, :, :2], axis=-1).mean(-1)
        best = scores.argmax(1)
        rows = np.arange(len(paths))
        found["mean"] = float(each[rows, best].mean())
        found["mean of the nearest"] = float(each.min(1).mean())
        single = self.testing.strokes == 1
        found["mean, one stroke"] = float(each[rows, best][single].mean())
        found["mean of the nearest, one stroke"] = float(each.min(1)[single].mean())
        writes = paths[rows, best, :, 2] > Characters.PEN / 2
        found["time with the pen right"] = float(
            (writes == (self.testing.paths[..., 2] > Characters.PEN / 2)).mean()
        )
        ink = [_ink_to_writing(p, i) for p, i in zip(paths[rows, best], self.testing.images, strict=True)]
        found["ink to path"], found["path to ink"] = (float(x) for x in np.mean(ink, 0))
        name = stage.replace(", ", "_").replace(" ", "_")
        self.run.figure(name, _figure(self.testing, scores, paths))
        return found


def _seen(model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the probabilities (n, count) and paths (n, count, time, 3)."""

    @jax.jit
    @jax.vmap
    def play(image):
        if isinstance(model, Mixture):
            scores, params = model.movements(image)
        else:
            scores, params = jnp.zeros(1), jax.tree.map(lambda leaf: leaf[None], model(image))
        return scores, jax.vmap(lambda p: model.primitive.trajectory(p, jnp.asarray(TS)))(params)

    pieces = [play(jnp.asarray(images[i : i + 100] / 255.0, jnp.float32)) for i in range(0, len(images), 100)]
    scores, paths = zip(*pieces, strict=True)
    return np.concatenate(scores), np.concatenate(paths)


def _ink_to_writing(path: np.ndarray, image: np.ndarray) -> tuple[float, float]:
    """Mean distance in px of the ink from what is written with the pen down, and back; half the image where nothing is."""
    rows, cols = np.nonzero(image > 127)
    written = path[path[:, 2] > Characters.PEN / 2, :2]
    if len(written) == 0:
        return image.shape[0] / 2, image.shape[0] / 2
    between = cdist(np.stack([cols, rows], -1), written)
    return float(between.min(1).mean()), float(between.min(0).mean())


def _planar(characters: Characters) -> Pairs:
    return Pairs(
        characters.images, characters.paths[..., :2], characters.labels, np.arange(len(characters.images))
    )


def _figure(testing: Characters, scores, paths) -> Figure:
    kinds = np.unique(testing.labels)
    chosen = [int(np.flatnonzero(testing.labels == kind)[0]) for kind in kinds][:16]
    fig = new_figure(16, 4.4)
    grid = fig.subplots(2, 8, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, i in zip(grid, chosen, strict=False):
        axes.imshow(testing.images[i], cmap="gray_r", vmax=500)
        order = np.argsort(scores[i])
        for k in order:
            path = paths[i, k].copy()
            path[path[:, 2] < Characters.PEN / 2] = np.nan
            best = k == order[-1]
            axes.plot(*path[:, :2].T, color=RED if best else GREY, lw=1.6 if best else 0.7)
    return fig
