"""The data set: which objects are tried, and what came of it as arrays for training and judging."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ideomotor.errors import DataError
from ideomotor_mujoco.grasping import TRAINING, UNSEEN, Camera, Job, View, to_frame

from ._settings import Settings

SETS = ("training", "similar", "different")


def jobs(settings: Settings, seed: int = 0) -> dict[str, list[Job]]:
    """The objects of each set: 161 to learn from at full size, one more of each family, and families never seen.

    One family has an instance more than the others, as 20 families and 161 objects want it. The first pose of every
    object comes before the second of any, so that the beginning of a collection knows them all.
    """
    known, others = list(TRAINING)[: settings.families], list(UNSEEN)[: settings.unseen]

    def of(things: list[tuple[str, int]], wanted: int) -> list[Job]:
        return [
            Job(family, instance, settings.trials, seed * 100 + pose, wanted=wanted)
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
