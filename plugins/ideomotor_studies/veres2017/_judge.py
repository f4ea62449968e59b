"""Predicted grasps tried in simulation: placed, closed, lifted, held."""

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import ideomotor
from ideomotor_mujoco.grasping import GraspObject, Job, PickingScene, WristPlacement, to_world

from ._data import Grasps, equal_parts

# What is proposed, and how its start is checked (`PickingScene.choose`): "plain" takes the one best placement of eq. (7) as it is, as
# the paper does; "clear" may take another, open the fingers further or start further back where that collides; without a word the
# closing is predicted from the object's shape and pose, and the nearest start that can work is taken.
TRIES = (
    "mean, plain",
    "one sample, plain",
    "one sample, clear",
    "mean",
    "mode",
    "one sample",
    "first of ten",
)
BRIEF = ("mean, plain", "one sample", "first of ten")  # for the smaller training sets


def start_check_of(tries: str) -> str:
    """The start check of one of `TRIES`."""
    return {"plain": "none", "clear": "collision"}.get(tries.rpartition(", ")[2], "closing")


def lift(
    grasps: Grasps,
    proposals: dict[str, np.ndarray],
    placement: WristPlacement,
    map: Callable[..., Iterator[Any]] = map,
    *,
    start_check: str = "closing",
) -> Counter[str]:
    """Try, for each test grasp, the first of its proposals for which a good start is found, or else the best of them.

    - `proposals`: `contacts` and `normals`, `(grasps, proposals, tips, 3)`, in the object's frame.
    - `start_check`: how the start of a proposal is checked, as for `PickingScene.choose`.

    Returns how often each reason came up; `held` is success.
    """
    worlds = [
        [to_world(frame, {"contacts": c, "normals": n}) for c, n in zip(cs, ns, strict=True)]
        for frame, cs, ns in zip(grasps.frames, proposals["contacts"], proposals["normals"], strict=True)
    ]
    contacts = np.array([[w["contacts"] for w in row] for row in worlds])
    normals = np.array([[w["normals"] for w in row] for row in worlds])
    approach = np.broadcast_to(grasps.approach[:, None], contacts.shape[:2] + (3,))
    placed = [np.asarray(part) for part in _in_parts(placement, contacts, normals, approach)]
    tasks = []
    for number in np.unique(grasps.jobs):
        rows = np.flatnonzero(grasps.jobs == number)
        tasks.append((grasps.names[number], [part[rows] for part in placed]))
    reasons: Counter[str] = Counter()
    for found in map(functools.partial(_lift_one_object, start_check), tasks):
        reasons.update(found)
    return reasons


def _in_parts(placement, contacts, normals, approach):
    """The same number of grasps each time, so that the solver is compiled once."""
    flat = [x.reshape(-1, *x.shape[2:]) for x in (contacts, normals, approach)]
    parts = [placement(*(x[rows] for x in flat)) for rows in equal_parts(len(flat[0]), 64)]
    found = [np.concatenate([getattr(p, name) for p in parts]) for name in ("wrist", "shape", "error")]
    return [x[: len(flat[0])].reshape(*contacts.shape[:2], *x.shape[1:]) for x in found]


@functools.lru_cache(maxsize=400)
def _scene(job: Job) -> PickingScene:
    hand = ideomotor.make("three-finger-hand") if job.hand is None else job.hand
    thing = GraspObject(job.family, job.instance, job.settings.mass, job.settings.friction)
    return PickingScene(thing.settled(seed=job.seed, settings=job.settings), hand, job.settings)


def _lift_one_object(start_check: str, task: tuple[Job, list[np.ndarray]]) -> list[str]:
    """The first proposal with a good start, or else the best of them, is tried."""
    job, (wrists, shapes, errors) = task
    scene = _scene(job)
    found = []
    for wrist, shape, error in zip(wrists, shapes, errors, strict=True):
        best = None
        for ways in zip(wrist, shape, error, strict=True):
            start = scene.choose(*ways, start_check=start_check)
            if start is not None and (best is None or start.cost < best.cost):
                best = start
            if best is not None and best.cost < 1:
                break
        found.append("start collision" if best is None else scene.pick(best.wrist, best.shape).reason)
    return found


_PART = 50  # pictures at a time; always as many, so that the networks are compiled once


@eqx.filter_jit
def _proposals(model: Any, observations: Array, keys: Array, what: str) -> Any:
    def one(observation, key):
        if what == "mode":
            return jax.tree.map(lambda y: y[None], model.most_likely(observation, key, 50))
        seen = model.encode(observation)
        if what == "mean":
            return jax.vmap(model.to_params)(model.point_estimate(seen)[None])
        first, second = jax.random.split(key)
        outputs = model.components(seen, first, 10 if what == "first of ten" else 1).mean
        if len(outputs) > 1:
            # The likeliest first, by the network's own distribution.
            mixture = model.components(seen, second, 50)
            density = jax.vmap(lambda y: jax.nn.logsumexp(mixture.log_density(y[None])))(outputs)
            outputs = outputs[jnp.argsort(-density)]
        return jax.vmap(model.to_params)(outputs)

    return jax.vmap(one)(observations, keys)


def propose(model: Any, grasps: Grasps, tries: str, seed: int = 0) -> dict[str, np.ndarray]:
    """What a network proposes for each test picture: its mean, its mode, one sample, or ten, the likeliest first."""
    keys = jax.random.split(jax.random.key(seed), len(grasps))
    what = tries.partition(", ")[0]
    parts = [
        _proposals(model, jnp.asarray(grasps.observations[rows], float), keys[rows], what)
        for rows in equal_parts(len(grasps), _PART)
    ]
    return {
        name: np.concatenate([np.asarray(part[name]) for part in parts])[: len(grasps)] for name in parts[0]
    }


def baselines(training: Grasps, grasps: Grasps, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """What makes the table readable: the mean training grasp, random training grasps, and the true grasp itself."""
    random = np.random.default_rng(seed).integers(len(training), size=(len(grasps), 10))
    found: dict[str, dict[str, np.ndarray]] = {
        "constant": {},
        "random": {},
        "random, first of ten": {},
        "true": {},
    }
    for name, known in training.params.items():
        found["constant"][name] = np.broadcast_to(known.mean(0), (len(grasps), 1, *known.shape[1:]))
        found["random"][name] = known[random[:, :1]]
        found["random, first of ten"][name] = known[random]
        found["true"][name] = getattr(grasps, name)[:, None]
    return found
