# pyright: reportAttributeAccessIssue=false
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float

from ideomotor.errors import DataError, did_you_mean

from .._model import _quiet
from ._families import FAMILIES
from ._mesh import SUFFIXES, mesh_parts
from ._shapes import Parts, Vertices, hull_volume


@dataclasses.dataclass(frozen=True)
class GraspObject:
    """A thing to be picked up, made of convex parts: one instance of a family, or a mesh.

    - `family`: one of `FAMILIES`, or the path of an OBJ, STL or PLY file (z up; see `mesh_parts`).
    - `instance`: which perturbation of the family's template (or mesh): each has its own scale (0.85 to 1.2 along each axis), taper
      and wobble; 0 is the template itself.
    - `mass`: kg, spread over the parts by volume (1 kg in Veres et al. 2017). `friction`: sliding coefficient.
    - `pose`: where it stands or lies, `(x, y, z, qw, qx, qy, qz)`; by default its template's upright pose at the
      origin. `settled(object)` lets it fall and come to rest.
    - `scale`: of all lengths; for a mesh, metres per unit of its file (0.001 for millimetres).

    Raises a `DataError` for an unknown family, and, when its parts are first asked for, for a mesh that cannot be used.
    """

    family: str = "mug"
    instance: int = 0
    mass: float | int = 1.0
    friction: float | int = 1.0
    pose: tuple[float | int, ...] = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    colour: Sequence[float | int] | None = None
    scale: float | int = 1.0

    def __post_init__(self):
        if not self.is_mesh and self.family not in FAMILIES:
            raise DataError(
                f"There is no family {self.family!r} of objects.{did_you_mean(self.family, FAMILIES)} "
                f"(A mesh is given by its file, which ends in {', '.join(SUFFIXES)}.)"
            )
        if not self.scale > 0:
            raise DataError(f"The scale of {self.family!r} must be positive, not {self.scale}.")
        if not self.mass > 0:
            raise DataError(f"The mass of {self.family!r} must be positive, not {self.mass} kg.")

    @property
    def parts(self) -> Parts:
        """The vertices of each convex part, m, in the object's own axes (z up, standing on z = 0)."""
        return _parts(self.family, self.instance, float(self.scale))

    @property
    def is_mesh(self) -> bool:
        """Whether it is a mesh from a file."""
        return Path(self.family).suffix.lower() in SUFFIXES

    def placed(self, pose: Sequence[float] | np.ndarray) -> "GraspObject":
        """The same thing somewhere else."""
        return dataclasses.replace(self, pose=tuple(float(x) for x in pose))

    def spec(self) -> mujoco.MjSpec:
        """The object as a model: one free body `object`."""
        return convex_body(self.parts, self.pose, self.mass, self.friction, self.rgba)

    @property
    def rgba(self) -> Sequence[float | int]:
        """Its colour: given, or its instance's own."""
        if self.colour is not None:
            return self.colour
        random = _generator(self.family, self.instance, 1)
        return (*random.uniform(0.15, 0.95, 3).tolist(), 1.0)


def turned_points(thing: GraspObject) -> Parts:
    """The vertices of each part where the thing is, m, in the world."""
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, np.array(thing.pose[3:], float))
    return [part @ rotation.reshape(3, 3).T + np.array(thing.pose[:3]) for part in thing.parts]


def convex_body(
    parts: Parts,
    pose: Sequence[float | int],
    mass: float | int,
    friction: float | int,
    rgba: Sequence[float | int],
) -> mujoco.MjSpec:
    """A free body `object` of convex parts."""
    _quiet()
    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body(name="object", pos=pose[:3], quat=pose[3:])
    body.add_freejoint(name="object")
    volumes = np.array([hull_volume(part) for part in parts])
    for i, (part, share) in enumerate(zip(parts, volumes / volumes.sum(), strict=True)):
        mesh = spec.add_mesh(name=f"object {i}", uservert=part.ravel().tolist())
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
        body.add_geom(
            name=f"object {i}",
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=f"object {i}",
            mass=float(mass * share),
            friction=[float(friction), 0.005, 0.0001],
            rgba=[float(c) for c in rgba],
            contype=2,
            conaffinity=3,
            **CONTACT,
        )
    return spec


# What keeps a held object from creeping out of the hand; measured settings, part of every data set's header.
CONTACT: dict[str, Any] = {
    "condim": 4,
    "solref": [0.005, 1.0],
    "solimp": [0.9, 0.99, 0.001, 0.5, 2.0],
}


@functools.lru_cache(maxsize=64)
def _parts(family: str, instance: int, scale: float) -> Parts:
    random = _generator(family, instance, 0)
    if family in FAMILIES:
        parts = [scale * part for part in FAMILIES[family](random)]
    else:
        parts = mesh_parts(family, scale)
    if instance:
        parts = _perturbed(parts, random)
    points = np.vstack(parts)
    shift = np.array([*(points.min(0) + points.max(0))[:2] / 2, points[:, 2].min()])
    return [part - shift for part in parts]


def _generator(family: str, instance: int, purpose: int) -> np.random.Generator:
    # A mesh is the same wherever its file lies.
    return np.random.default_rng([purpose, instance, *Path(family).name.encode()])


def _perturbed(parts: Parts, random: np.random.Generator) -> Parts:
    """Scaled, tapered and wobbled; what is convex before is taken as convex after, by its hull."""
    points = np.vstack(parts)
    low, high = points[:, 2].min(), points[:, 2].max()
    scale = random.uniform(0.85, 1.2, 3)
    if random.random() < 0.7:
        scale[1] = scale[0]  # most things stay round
    taper = random.uniform(-0.12, 0.12)
    wobble, phase = 0.05 * random.normal(size=3), random.uniform(0, 2 * np.pi, 3)

    def change(part: Vertices) -> Float[np.ndarray, "vertices 3"]:
        up = (part[:, 2:] - low) / max(high - low, 1e-9)
        waves = sum(
            a * np.sin(2 * np.pi * k * up + p) for k, (a, p) in enumerate(zip(wobble, phase, strict=True), 1)
        )
        around = scale[:2] * (1 + taper * (up - 0.5)) * (1 + waves)
        return np.concatenate([part[:, :2] * around, part[:, 2:] * scale[2]], 1)

    return [change(part) for part in parts]
