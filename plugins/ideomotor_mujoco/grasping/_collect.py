# pyright: reportAttributeAccessIssue=false
"""Successful picks with what a camera saw: one file per object, so that a collection can be resumed."""

import dataclasses
import functools
import io
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

from ._camera import Camera, View
from ._hand import Hand, three_finger_hand
from ._object import GraspObject, Settings
from ._picking import Pick, PickingScene

Arrays = dict[str, np.ndarray]


AIMS = ("object", "contacts")


@dataclasses.dataclass(frozen=True)
class Job:
    """The trials of one object in one resting pose.

    - `trials`: grasps tried; `wanted`: stop once this many are kept.
    - `repeats`: a grasp that was held is kept if it is held again with the palm moved by 3 mm and turned by 2 degrees,
      in as many random directions.
    - `varied`: once something was kept, the share of trials that vary it by some 15 mm and 12 degrees; the others are
      drawn afresh.
    - `aim`: what the camera looks at, the middle of the `object` or of the `contacts`. Nobody who has yet to grasp knows the
      contacts: a picture aimed at them holds part of the answer.
    """

    family: str
    instance: int
    trials: int
    seed: int
    camera: Camera = Camera()
    settings: Settings = Settings()
    hand: Hand | None = None
    wanted: int = 10_000_000
    repeats: int = 2
    varied: float = 0.5
    aim: str = "object"

    def __post_init__(self):
        if self.aim not in AIMS:
            raise DataError(f"aim must be one of {', '.join(AIMS)}, not {self.aim!r}.")

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.family.replace(' ', '-')}-{self.instance:03d}-{self.seed:03d}"

    def collect(self) -> tuple[Arrays, Counter[str]]:
        """Try, and keep what was held: pictures, grasps in the world, wrists; and how often each reason came up.

        Arrays lead with the grasp: `rgb`, `depth` (float16, m), `mask`, `camera` (pose), `contacts`, `normals`, `wrist`,
        `preshape`; and once `object` (its pose).
        """
        hand = three_finger_hand() if self.hand is None else self.hand
        thing = GraspObject(self.family, self.instance, self.settings.mass, self.settings.friction)
        thing = thing.settled(seed=self.seed, settings=self.settings)
        scene = PickingScene(thing, hand, self.settings)
        again = PickingScene(thing, hand, dataclasses.replace(self.settings, lift=0.06, hold=0.15))
        model, data = thing.on_table(self.settings)
        middle = (lambda pick: thing.middle) if self.aim == "object" else (lambda pick: pick.contacts.mean(0))
        random = np.random.default_rng([self.seed, 1])
        reasons: Counter[str] = Counter()
        rows: list[dict[str, np.ndarray]] = []
        for wrist, shape in zip(*scene.candidates(self.trials, self.seed), strict=True):
            if rows and random.random() < self.varied:
                parent = rows[random.integers(len(rows))]
                wrist = _moved(parent["wrist"], *random.normal(size=(2, 3)) * [[0.009], [0.12]])
                shape = parent["preshape"]
            pick = scene.pick(wrist, shape)
            view = (
                self.camera.capture(model, data, middle(pick), scene.forward(wrist), random)
                if pick.held
                else None
            )
            reason = pick.reason if view is None else _objection(pick, view, again, self, random)
            reasons[reason] += 1
            if view is None or reason != "held":
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
            if len(rows) >= self.wanted:
                break
        arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]} if rows else {}
        return {**arrays, "object": np.array(thing.pose)}, reasons


def _objection(pick: Pick, view: View, again: PickingScene, job: Job, random: np.random.Generator) -> str:
    """Why a grasp that was held is not kept: out of the picture, or held by luck; else "held"."""
    try:
        job.camera.object_frame(view)
    except DataError:
        return "not seen"
    for _ in range(job.repeats):
        shift, turn = (x / np.linalg.norm(x) for x in random.normal(size=(2, 3)))
        if not again.pick(_moved(pick.wrist, 0.003 * shift, np.radians(2) * turn), pick.preshape).held:
            return "unsteady"
    return "held"


def _moved(wrist: np.ndarray, shift: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """A palm's pose, shifted (m) and turned about its own origin by a rotation vector (rad)."""
    angle = np.linalg.norm(turn)
    rotation = np.array([np.cos(angle / 2), *(np.sin(angle / 2) * turn / angle)])
    quaternion = np.empty(4)
    mujoco.mju_mulQuat(quaternion, rotation, wrist[3:])
    return np.concatenate([wrist[:3] + shift, quaternion])


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
    arrays, reasons = job.collect()
    seconds = round(time.process_time() - start, 2)
    about = {"family": job.family, "instance": job.instance, "trials": job.trials, "seed": job.seed}
    about |= {"reasons": dict(reasons), "cpu_seconds": seconds}
    try:
        # The text first: a file of arrays means that both are there.
        write_text(Path(folder) / f"{job.name}.json", json.dumps(about))
        write_arrays(Path(folder) / f"{job.name}.npz", arrays)
    except OSError as error:
        raise DataError(
            f"The grasps of {job.family!r} cannot be written to {folder}: {error.strerror}. What was collected so far is "
            f"complete; free some space and run the same command again to continue."
        ) from error
    return len(arrays.get("wrist", ())), reasons


def write_arrays(path: Path, arrays: Arrays) -> None:
    """A compressed `.npz`, written whole or not at all."""
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
        "selection": {"repeats": job.repeats, "varied": job.varied, "aim": job.aim},
    }
    path = folder / "header.json"
    if path.exists():
        found = json.loads(path.read_text())
        if found != json.loads(json.dumps(header)):
            raise DataError(
                f"{folder} holds grasps made with another hand, physics, camera or selection ({path.name} differs); collect into "
                f"another folder."
            )
        return
    write_text(path, json.dumps(header, indent=1))
