"""The data set: which objects are tried, their collection in simulation, and its grasps as arrays."""

import contextlib
import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ideomotor import make_pool, write_text
from ideomotor.errors import DataError
from ideomotor_mujoco.grasping import TRAINING, UNSEEN, Camera, Job, View, collect, to_frame

from ..kit.options import bar
from ..kit.report import table
from ..kit.run import Run, chosen
from ._settings import PRESETS, Settings

SETS = ("training", "similar", "different")


def jobs(settings: Settings, seed: int = 0) -> dict[str, list[Job]]:
    """The objects of each set: 161 to learn from at full size, one more of each family, and families never seen.

    One family has an instance more than the others, as 20 families and 161 objects want it. The first pose of every
    object comes before the second of any, so that the beginning of a collection knows them all.
    """
    known, others = list(TRAINING)[: settings.families], list(UNSEEN)[: settings.unseen]

    def of(things: list[tuple[str, int]], wanted: int) -> list[Job]:
        return [
            Job(family, instance, settings.trials, seed * 100 + pose, wanted=wanted, aim=settings.aim)
            for pose in range(settings.poses)
            for family, instance in things
        ]

    extra = [(known[0], settings.instances + 2)] if settings.families == 20 else []
    train = [(f, i) for f in known for i in range(1, settings.instances + 1)] + extra
    return {
        "training": of(train, settings.wanted),
        "similar": of([(f, settings.instances + 1) for f in known], settings.tested),
        "different": of([(f, 1) for f in others], settings.tested),
    }


def collect_all(
    folder: Path | str,
    *,
    preset: str = "cpu",
    seed: int = 0,
    workers: int = 1,
    ray: str | None = None,
    say: Callable[[str], Any] = lambda text: None,
) -> Path:
    """Collect all three sets into one folder, or continue a collection with the same preset and seed; returns the folder.

    Raises an `IdeomotorError` for a folder of another collection.
    """
    settings = chosen("preset", preset, PRESETS)
    config = {"preset": preset, "seed": seed, "sizes": settings.collected()}
    folder = Run("grasps", folder, config, resume=True).open()
    sets = jobs(settings, seed)
    wanted = [job for name in (*SETS[1:], SETS[0]) for job in sets[name]]  # the small ones first
    held = 0
    with contextlib.ExitStack() as stack:
        shown = stack.enter_context(bar((), total=len(wanted), unit="pose"))
        pool = stack.enter_context(make_pool(workers, ray))

        def report(family: str, reasons: Counter[str], successes: int) -> None:
            nonlocal held
            held += successes
            shown.set_postfix_str(f"{held} held; {family}: {successes} of {sum(reasons.values())}")
            shown.update()

        shown.update(sum((folder / f"{job.name}.npz").exists() for job in wanted))
        collect(wanted, folder, map=pool.map, report=report)
    yields = yield_table(folder)
    write_text(folder / "README.md", _card(settings, seed, yields, digest(folder)))
    say(yields)
    return folder


def yield_table(folder: Path) -> str:
    """Trials, successes and processor time of each family, and the commonest failures."""
    lines = []
    families: dict[str, tuple[Counter[str], list[float]]] = {}
    for record in records(folder):
        reasons, seconds = families.setdefault(record["family"], (Counter(), []))
        reasons.update(record["reasons"])
        seconds.append(record["cpu_seconds"])
    for family, (reasons, seconds) in families.items():
        failures = Counter({name: n for name, n in reasons.items() if name != "held"})
        commonest = ", ".join(f"{name} {n}" for name, n in failures.most_common(2))
        lines.append((family, str(reasons.total()), str(reasons["held"]), f"{sum(seconds):.0f}", commonest))
    held = sum(reasons["held"] for reasons, _ in families.values())
    trials = sum(reasons.total() for reasons, _ in families.values())
    spent = sum(sum(seconds) for _, seconds in families.values())
    lines.append(
        ("all", str(trials), str(held), f"{spent:.0f}", f"{held / max(spent, 1e-9):.1f} held per CPU s")
    )
    return table(("family", "trials", "held", "CPU s", "most failures"), lines)


def digest(folder: Path) -> str:
    """A hash of the data set: of its header and of every file of grasps, by name."""
    found = hashlib.sha256()
    for path in [folder / "header.json", *sorted(folder.glob("*.npz"))]:
        found.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _card(settings: Settings, seed: int, table: str, mark: str) -> str:
    return f"""# Grasps that held

Made by `ideomotor grasp collect` (seed {seed}) in simulation, after Veres, Moussa & Taylor 2017: a three-finger hand closes on
an object of 1 kg, lifts it 0.3 m and holds it, also when the palm is 3 mm and 2 degrees elsewhere (tried twice).
`header.json` holds the physics, the camera and a hash of the hand; grasps made with others are refused.

One `.npz` per object and resting pose (family-instance-pose): `rgb`, `depth` (m, float16), `mask`, `camera` (pose, 4x4: right, up,
back, position), `contacts` and `normals` (three finger tips, world axes, m), `wrist` (position, quaternion with w first) and
`preshape` of each success, and the `object`'s pose; the `.json` beside it counts the failures.

Settings: `{settings}`

SHA-256 of the header and all `.npz` files, by name: `{mark}`

{table}
"""


@dataclasses.dataclass(frozen=True)
class Grasps:
    """Successful grasps of one set; arrays lead with the grasp.

    - `observations`: see `seen`; `contacts`, `normals`: in the object's frame (m).
    - `frames`: that frame in the world, 4x4; `approach`: the direction in which the palm came.
    - `labels`: the family's number; `jobs`: which of `names` each grasp belongs to.
    """

    observations: Float[np.ndarray, "grasps height width channels"]
    contacts: Float[np.ndarray, "grasps tips 3"]
    normals: Float[np.ndarray, "grasps tips 3"]
    frames: Float[np.ndarray, "grasps 4 4"]
    approach: Float[np.ndarray, "grasps 3"]
    labels: np.ndarray
    jobs: np.ndarray
    names: tuple[Job, ...]

    def __len__(self) -> int:
        return len(self.contacts)

    @property
    def params(self) -> dict[str, np.ndarray]:
        """What the networks predict."""
        return {"contacts": self.contacts, "normals": self.normals}

    def mirrored(self) -> "Grasps":
        """What a mirror shows: pictures with left and right exchanged, and the two fingers that spread with them.

        Only for grasps in the camera's axes, of which y points to the left, and of three fingers whose first two spread.
        """
        sides = np.array([1.0, -1.0, 1.0], np.float32)
        fingers = [1, 0, *range(2, self.contacts.shape[1])]
        return dataclasses.replace(
            self,
            observations=self.observations[:, :, ::-1],
            contacts=self.contacts[:, fingers] * sides,
            normals=self.normals[:, fingers] * sides,
        )

    def take(self, rows: np.ndarray) -> "Grasps":
        """Some of them."""
        parts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return Grasps(**{n: part if n == "names" else part[rows] for n, part in parts.items()})


def gather(folder: Path | str, wanted: list[Job], settings: Settings) -> Grasps:
    """The grasps of these jobs from the folder of a collection.

    Raises a `DataError` if a job's file is missing or nothing was held.
    """
    folder, rows = Path(folder), []
    families = sorted({job.family for job in wanted})
    for number, job in enumerate(wanted):
        path = folder / f"{job.name}.npz"
        if not path.exists():
            raise DataError(
                f"{folder} has no {path.name}; collect it with `ideomotor grasp collect --out {folder}`."
            )
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        for i in range(min(job.wanted, len(found.get("wrist", ())))):
            rows.append(_row(found, i, job, number, families, settings))
    if not rows:
        raise DataError(f"No grasp in {folder} held; try more poses or other objects.")
    stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return Grasps(**stacked, names=tuple(wanted))


def _row(found, i, job, number, families, settings) -> dict[str, np.ndarray]:
    camera = dataclasses.replace(job.camera, size=found["rgb"].shape[1])
    depth = found["depth"][i].astype(np.float32)
    view = View(found["rgb"][i], depth, found["mask"][i].astype(bool), found["camera"][i])
    frame = camera.object_frame(view, settings.frame)
    grasp = to_frame(frame, found["contacts"][i], found["normals"][i])
    return {
        "observations": seen(view, camera, settings.pixels, settings.colours).astype(np.float16),
        "contacts": grasp["contacts"].astype(np.float32),
        "normals": grasp["normals"].astype(np.float32),
        "frames": frame,
        "approach": -found["camera"][i][:3, 2],
        "labels": np.array(families.index(job.family)),
        "jobs": np.array(number),
    }


def layers(colours: bool) -> tuple[str, ...]:
    """What the networks see of a picture, in the words of `grasp-perception`."""
    return (*(("red", "green", "blue") if colours else ()), "depth", "mask", "relief")


def seen(
    view: View, camera: Camera, pixels: int, colours: bool
) -> Float[np.ndarray, "pixels pixels channels"]:
    """The `layers` of a picture, shrunk to so many pixels along each side.

    Depth (m), mask and relief: how much further than the middle of the hand's aim each point of the object is (m; 0
    off the object). With `colours` red, green and blue (0 to 1) come first.
    """
    mask = view.mask.astype(np.float32)
    known = {"depth": view.depth, "mask": mask, "relief": mask * (view.depth - camera.distance)}
    known |= {name: view.rgb[..., i] / 255.0 for i, name in enumerate(("red", "green", "blue"))}
    return _shrunk(np.stack([known[name] for name in layers(colours)], -1), pixels)


def _shrunk(picture: np.ndarray, pixels: int) -> np.ndarray:
    """Means of square blocks."""
    factor = picture.shape[0] // pixels
    if factor * pixels != picture.shape[0]:
        raise DataError(f"A picture of {picture.shape[0]} pixels cannot be shrunk to {pixels}.")
    return picture.reshape(pixels, factor, pixels, factor, -1).mean((1, 3))


def equal_parts(count: int, size: int) -> np.ndarray:
    """Rows in parts of one size, `(parts, size)`; the last row fills up the last part."""
    return np.minimum(np.arange(-(-count // size) * size), count - 1).reshape(-1, size)


def records(folder: Path | str) -> list[dict[str, Any]]:
    """What the collection in a folder says of each object and pose: `family`, `reasons`, `cpu_seconds` and more."""
    paths = sorted(Path(folder).glob("*-[0-9][0-9][0-9]-[0-9][0-9][0-9].json"))
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in paths if path.with_suffix(".npz").exists()
    ]
