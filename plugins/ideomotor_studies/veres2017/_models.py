"""The networks of the paper's tables, their training and likelihoods, and a trained one with its conventions."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

import ideomotor
from ideomotor import load, save, write_json
from ideomotor.errors import CheckpointError
from ideomotor_cvae import CVAE, GaussianRegression, balanced_batches, negative_bound
from ideomotor_mujoco.grasping import Camera, to_world

from ._data import Grasps, equal_parts, layers, seen
from ._settings import Settings

KINDS = ("CNN", "GSNN", "CVAE", "R-CVAE")
_PRIORS = {"GSNN": "shared-prior", "CVAE": "image-prior", "R-CVAE": "recurrent-prior"}


def build(kind: str, settings: Settings, tips: int, seed: int) -> CVAE | GaussianRegression:
    """A network of the paper's family, untrained."""
    sizes = {"width": settings.features, "stride": settings.stride, "cells": settings.cells}
    tower = ideomotor.make(
        "network-in-network", settings.channels, settings.kernels, settings.pool_after, **sizes
    )
    output = {"contacts": (tips, 3), "normals": (tips, 3)}
    shape = (settings.pixels, settings.pixels, 6 if settings.colours else 3)
    key = jax.random.key(seed)
    if kind == "CNN":
        return GaussianRegression(output, shape, tower, key=key)
    return CVAE(
        output,
        shape,
        ideomotor.make(_PRIORS[kind]),
        tower,
        generator=settings.generator,
        share_tower=settings.share_tower,
        key=key,
    )


def fit(kind: str, grasps: Grasps, settings: Settings, *, seed: int, run: Path) -> Any:
    """A trained network: class-balanced batches, Adam, gradients of at most norm 5 (the authors' settings).

    A training that was stopped is resumed.
    """
    model = build(kind, settings, grasps.contacts.shape[1], seed)
    model = model.with_scaling(grasps.params, grasps.observations)
    data = {"observations": grasps.observations, "params": grasps.params}
    labels = grasps.labels
    if settings.mirrored:
        mirrored = grasps.mirrored()
        other = {"observations": mirrored.observations, "params": mirrored.params}
        data = jax.tree.map(lambda one, two: np.concatenate([one, two]), data, other)
        labels = np.concatenate([labels, labels])
    rate = optax.cosine_decay_schedule(settings.rate, settings.steps) if settings.decay else settings.rate
    optimiser = optax.chain(optax.clip_by_global_norm(5.0), optax.adam(rate, b2=0.99))
    return ideomotor.train(
        model,
        negative_bound,
        balanced_batches(data, labels, settings.batch),
        optimiser,
        steps=settings.steps,
        where=_trained,
        seed=seed,
        run=run,
        resume=True,
    )


def _trained(model):
    if isinstance(model, CVAE):
        return (model.towers, model.recognition, model.prior_network, model.generating)
    return (model.network, model.hidden, model.head)


def negative_log_likelihood(model: Any, grasps: Grasps, count: int, seed: int = 0) -> float:
    """The mean negative conditional log-likelihood (nats per grasp, in deviations of the training data).

    By 100 importance samples (eq. 6) for CVAE and R-CVAE, 1,000 Monte Carlo samples (eq. 5) for the GSNN, exact for the
    CNN; on at most `count` grasps drawn at random.
    """
    samples = 1000 if isinstance(model, CVAE) and model.prior_network is None else 100
    some = grasps.take(np.random.default_rng(seed).permutation(len(grasps))[:count])
    keys = jax.random.split(jax.random.key(seed), len(some))
    found = [
        _likelihoods(
            model, jnp.asarray(some.observations[rows], float), _rows(some.params, rows), keys[rows], samples
        )
        for rows in equal_parts(len(some), 50)
    ]
    return -float(np.mean(np.concatenate(found)[: len(some)]))


@eqx.filter_jit
def _likelihoods(model: Any, observations: Array, params: Any, keys: Array, samples: int) -> Array:
    def one(observation, params, key):
        output = model.scaling.to_output(params)
        return model.log_likelihood(model.encode(observation), output, key, samples)

    return jax.vmap(one)(observations, params, keys)


def _rows(arrays: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: array[rows] for name, array in arrays.items()}


def constant_likelihood(training: Grasps, grasps: Grasps) -> float:
    """The same for the predictor that always says the training data's mean, with deviation one (nats per grasp)."""
    apart = []
    for name in ("contacts", "normals"):
        known = getattr(training, name).reshape(len(training), -1)
        tested = getattr(grasps, name).reshape(len(grasps), -1)
        apart.append((tested - known.mean(0)) / known.std(0))
    z = np.concatenate(apart, 1)
    return float(np.mean(0.5 * (z**2 + np.log(2 * np.pi)).sum(1)))


SHIPPED = Path(__file__).parent / "checkpoints" / "grasp"
_READING = "reading.json"


@dataclasses.dataclass(frozen=True)
class GraspModel:
    """A Perception of grasps with its conventions.

    - `perception`: from what `observe` makes of a picture of so many `pixels` along each side, with or without
      `colours`, to `{"contacts": (3, 3), "normals": (3, 3)}` in the object's frame, m.
    - `frame`: the axes of that frame, for `object_frame`. `camera`: what the training pictures were taken with.
    - `physics`: the digest of hand and physics that it was trained with (`PickingScene.digest`).
    """

    perception: Any
    frame: str
    pixels: int
    colours: bool
    camera: Camera
    physics: str

    @property
    def layers(self) -> tuple[str, ...]:
        """What it sees of a picture, for `grasp-perception`."""
        return layers(self.colours)

    def observe(self, view: Any) -> Float[np.ndarray, "pixels pixels channels"]:
        """A picture as the network wants it."""
        return seen(view, self.camera, self.pixels, self.colours)

    def grasps(
        self, view: Any, key: PRNGKeyArray, count: int = 10
    ) -> dict[str, Float[np.ndarray, "count tips 3"]]:
        """Sampled grasps in the world: `contacts` (m) and unit `normals`.

        Raises a `DataError` if no object is in the picture.
        """
        frame = self.camera.object_frame(view, self.frame)
        made = _sample(self.perception, jnp.asarray(self.observe(view)), key, count)
        found = to_world(frame, {name: np.asarray(array, float) for name, array in made.items()})
        length = np.linalg.norm(found["normals"], axis=-1, keepdims=True)
        return {"contacts": found["contacts"], "normals": found["normals"] / np.maximum(length, 1e-9)}


def _sample(perception: Any, observation: Array, key: PRNGKeyArray, count: int) -> Any:
    return jax.vmap(lambda k: perception(observation, key=k))(jax.random.split(key, count))


def save_grasp_model(model: GraspModel, folder: Path | str, *, metrics: dict[str, float], card: str) -> Path:
    """Save it with its conventions to a folder; numbers are stored in half precision."""
    folder = save(model.perception, folder, metrics=metrics, card=card, dtype="float16", overwrite=True)
    about = {f.name: getattr(model, f.name) for f in dataclasses.fields(model) if f.name != "perception"}
    write_json(folder / _READING, about | {"camera": dataclasses.asdict(model.camera)})
    return folder


def load_grasp_model(folder: Path | str = SHIPPED) -> GraspModel:
    """The trained model that comes with Ideomotor, or one from another folder.

    Raises a `CheckpointError` if there is none.
    """
    folder = Path(folder)
    if not (folder / _READING).exists():
        raise CheckpointError(
            f"{folder} holds no trained grasp model; train one with `ideomotor reproduce veres2017`, which writes it "
            f"to the folder `grasp` of its run."
        )
    about = json.loads((folder / _READING).read_text(encoding="utf-8"))
    camera = Camera(**about.pop("camera"))
    return GraspModel(load(folder, kind="perception"), camera=camera, **about)
