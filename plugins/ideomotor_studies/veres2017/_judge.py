"""Predicted grasps tried in simulation: placed, closed, lifted, held."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ideomotor_mujoco.grasping import (
    GraspObject,
    Job,
    PickingScene,
    WristPlacement,
    settled,
    three_finger_hand,
    to_world,
)

from ._data import Grasps

TRIES = ("mean", "one sample", "first of ten")


def lift(
    grasps: Grasps,
    proposals: dict[str, np.ndarray],
    placement: WristPlacement,
    map: Callable[..., Iterator[Any]] = map,
) -> Counter[str]:
    """Try, for each test grasp, its proposals in turn until one can be placed free of collisions.

    - `proposals`: `contacts` and `normals`, `(grasps, proposals, tips, 3)`, in the object's frame.

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
    for found in map(_lift_one_object, tasks):
        reasons.update(found)
    return reasons


def _in_parts(placement, contacts, normals, approach, size=64):
    """The same number of grasps each time, so that the solver is compiled once."""
    count = len(contacts)
    padded = -(-count // size) * size
    rows = np.minimum(np.arange(padded), count - 1)
    parts = [placement(contacts[r], normals[r], approach[r]) for r in rows.reshape(-1, size)]
    return [np.concatenate([getattr(p, name) for p in parts])[:count] for name in ("wrist", "shape", "error")]


def _lift_one_object(task: tuple[Job, list[np.ndarray]]) -> list[str]:
    job, (wrists, shapes, errors) = task
    hand = three_finger_hand() if job.hand is None else job.hand
    thing = GraspObject(job.family, job.instance, job.settings.mass, job.settings.friction)
    scene = PickingScene(settled(thing, seed=job.seed, settings=job.settings), hand, job.settings)
    found = []
    for wrist, shape, error in zip(wrists, shapes, errors, strict=True):
        reason = "missed"
        for proposal in range(len(wrist)):
            pick = scene.pick_placed(wrist[proposal], shape[proposal], error[proposal])
            reason = pick.reason
            if np.isfinite(pick.contacts).any():
                break
        found.append(reason)
    return found


def propose(model: Any, grasps: Grasps, tries: str, seed: int = 0) -> dict[str, np.ndarray]:
    """What a network proposes for each test picture: its mean, one sample, or ten samples in turn."""
    count = {"mean": 1, "one sample": 1, "first of ten": 10}[tries]

    @eqx.filter_jit
    def some(model, observations, keys):
        def one(observation, keys):
            seen = model.see(observation)
            if tries == "mean":
                return jax.vmap(model.to_params)(model.central(seen)[None])
            return jax.vmap(model.to_params)(model.components(seen, keys, count).mean)

        return jax.vmap(one)(observations, keys)

    parts = []
    for rows in np.array_split(np.arange(len(grasps)), max(1, len(grasps) // 50)):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), int(rows[0])), len(rows))
        made = some(model, jnp.asarray(grasps.observations[rows], float), keys)
        parts.append({name: np.asarray(array) for name, array in made.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


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
