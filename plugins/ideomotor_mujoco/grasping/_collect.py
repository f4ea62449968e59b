# pyright: reportAttributeAccessIssue=false
"""Successful picks with what a camera saw: one file per object, so that a killed collection goes on where it was."""

import dataclasses
import functools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from ideomotor import write_bytes, write_text
from ideomotor.errors import DataError

from .._model import compile_spec
from ._camera import Camera
from ._candidates import candidates
from ._frame import object_frame
from ._hand import Hand, three_finger_hand
from ._object import GraspObject
from ._picking import PickingScene, Settings, settled, table

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Job:
    """The trials of one object in one resting pose."""

    family: str
    instance: int
    trials: int
    seed: int
    camera: Camera = Camera()
    settings: Settings = Settings()
    hand: Hand | None = None
    wanted: int = 10_000_000  # stop after this many successes

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.family.replace(' ', '-')}-{self.instance:03d}-{self.seed:03d}"


def collect_object(job: Job) -> tuple[Arrays, Counter[str]]:
    """Try, and keep what was held: pictures, grasps in the world, wrists; and how often each reason came up.

    Arrays lead with the grasp: `rgb`, `depth` (float16, m), `mask`, `camera` (pose), `contacts`, `normals`, `wrist`,
    `preshape`; and once `object` (its pose).
    """
    hand = three_finger_hand() if job.hand is None else job.hand
    thing = GraspObject(job.family, job.instance, job.settings.mass, job.settings.friction)
    thing = settled(thing, seed=job.seed, settings=job.settings)
    scene = PickingScene(thing, hand, job.settings)
    alone = table(job.settings)
    alone.attach(thing.spec(), frame=alone.worldbody.add_frame(), prefix="")
    model = compile_spec(alone, thing.family)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    random = np.random.default_rng([job.seed, 1])
    reasons: Counter[str] = Counter()
    rows: list[dict[str, np.ndarray]] = []
    wrists, shapes = candidates(thing, hand, job.trials, job.seed)
    site = scene.model.site(hand.grasp)
    for wrist, shape in zip(wrists, shapes, strict=True):
        pick = scene.pick(wrist, shape)
        reasons[pick.reason] += 1
        if not pick.held:
            continue
        forward = np.empty(3)
        mujoco.mju_rotVecQuat(forward, np.array([0.0, 0.0, 1.0]), _times(wrist[3:], site.quat))
        view = job.camera.look(model, data, pick.contacts.mean(0), forward, random)
        try:
            object_frame(view, job.camera)
        except DataError:
            reasons["held"] -= 1
            reasons["not seen"] += 1
            continue
        rows.append(
            {
                "rgb": view.rgb,
                "depth": view.depth.astype(np.float16),
                "mask": view.mask,
                "camera": view.pose,
                "contacts": pick.contacts,
                "normals": pick.normals,
                "wrist": pick.wrist,
                "preshape": pick.preshape,
            }
        )
        if len(rows) >= job.wanted:
            break
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]} if rows else {}
    return {**arrays, "object": np.array(thing.pose)}, reasons


def _times(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    product = np.empty(4)
    mujoco.mju_mulQuat(product, one, two)
    return product


def collect(
    jobs: Iterable[Job],
    folder: Path | str,
    *,
    map: Callable[..., Iterator[Any]] = map,
    report: Callable[[str, Counter[str], int], None] | None = None,
) -> Counter[str]:
    """Run the jobs whose files are not there yet, and write one `.npz` for each, whole or not at all.

    - `map`: of a pool of workers (`pool.map`), or the built-in one.
    - `report(family, reasons, successes)`: called after each job.

    Returns how often each reason came up, over all jobs, done now or before.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = list(jobs)
    _check_same(folder, jobs)
    total: Counter[str] = Counter()
    todo = []
    for job in jobs:
        if (folder / f"{job.name}.npz").exists():
            total.update(json.loads((folder / f"{job.name}.json").read_text())["reasons"])
        else:
            todo.append(job)
    for job, (successes, reasons) in zip(todo, map(functools.partial(_one, str(folder)), todo), strict=True):
        total.update(reasons)
        if report is not None:
            report(job.family, reasons, successes)
    return total


def _one(folder: str, job: Job) -> tuple[int, Counter[str]]:
    start = time.process_time()
    arrays, reasons = collect_object(job)
    seconds = round(time.process_time() - start, 2)
    about = {"family": job.family, "instance": job.instance, "trials": job.trials, "seed": job.seed}
    about |= {"reasons": dict(reasons), "cpu_seconds": seconds}
    # The text first: a file of arrays means that both are there.
    write_text(Path(folder) / f"{job.name}.json", json.dumps(about))
    write_arrays(Path(folder) / f"{job.name}.npz", arrays)
    return len(arrays.get("wrist", ())), reasons


def write_arrays(path: Path, arrays: Arrays) -> None:
    """A compressed `.npz`, written whole or not at all."""
    import io

    buffer = io.BytesIO()
    named: dict[str, Any] = {str(name): np.asarray(array) for name, array in arrays.items()}
    np.savez_compressed(buffer, **named)
    write_bytes(path, buffer.getvalue())


def _check_same(folder: Path, jobs: list[Job]) -> None:
    """A folder holds grasps of one hand with one physics and one camera."""
    if not jobs:
        return
    job = jobs[0]
    digest = PickingScene(GraspObject(job.family), job.hand, job.settings).digest()
    header = {
        "physics": digest,
        "settings": dataclasses.asdict(job.settings),
        "camera": dataclasses.asdict(job.camera),
    }
    path = folder / "header.json"
    if path.exists():
        found = json.loads(path.read_text())
        if found != json.loads(json.dumps(header)):
            raise DataError(
                f"{folder} holds grasps made with another hand, physics or camera ({path.name} differs); collect into "
                f"another folder."
            )
        return
    write_text(path, json.dumps(header, indent=1))
