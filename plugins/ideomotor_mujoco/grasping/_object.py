# pyright: reportAttributeAccessIssue=false
"""Things to be picked up, and the table on which they rest."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float

from ideomotor.errors import DataError, did_you_mean

from .._model import _quiet, compile_spec
from ._families import FAMILIES
from ._mesh import SUFFIXES, mesh_parts
from ._shapes import Parts, Vertices, hull_volume

# What keeps a held object from creeping out of the hand; measured settings, part of every data set's header.
CONTACT: dict[str, Any] = {
    "condim": 4,
    "solref": [0.005, 1.0],
    "solimp": [0.9, 0.99, 0.001, 0.5, 2.0],
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a pick is simulated; part of every data set's header. Lengths in m, times in s."""

    timestep: float | int = 0.002
    lift: float | int = 0.3
    lift_speed: float | int = 0.3
    hold: float | int = 0.5
    close: float | int = 1.4
    noslip: int = 3
    impratio: float | int = 10.0
    held_while_closing: bool = True  # the authors keep the object still until all fingers have closed
    # A stalled finger resists this many times the force it closes with: its gears do not turn backwards (the closing
    # actuators' force limit is that of closing, 2 N m; the Barrett hand's published effort is 5 N m).
    backdrive: float | int = 2.5
    mass: float | int = 1.0
    friction: float | int = 1.0


def table(settings: Settings) -> mujoco.MjSpec:
    """An empty table at z = 0, with the physics of the picking task."""
    spec = mujoco.MjSpec()
    option = spec.option
    option.timestep, option.impratio, option.noslip_iterations = (
        settings.timestep,
        settings.impratio,
        settings.noslip,
    )
    option.cone, option.integrator = mujoco.mjtCone.mjCONE_ELLIPTIC, mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.compiler.degree = True
    geom = spec.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1, 1, 0.1])
    geom.contype, geom.conaffinity, geom.rgba = 0, 3, [0.86, 0.85, 0.82, 1.0]
    geom.friction = [settings.friction, 0.005, 0.0001]
    for name, value in CONTACT.items():
        setattr(geom, name, value)
    return spec


@dataclasses.dataclass(frozen=True)
class GraspObject:
    """A thing to be picked up, made of convex parts: one instance of a family, or a mesh.

    - `family`: one of `FAMILIES`, or the path of an OBJ, STL or PLY file (z up; see `mesh_parts`).
    - `instance`: which perturbation of the family's template (or mesh): each has its own scale (0.85 to 1.2 along each axis), taper
      and wobble; 0 is the template itself.
    - `mass`: kg, spread over the parts by volume (1 kg in Veres et al. 2017). `friction`: sliding coefficient.
    - `pose`: where it stands or lies, `(x, y, z, qw, qx, qy, qz)`; by default its template's upright pose at the
      origin. `settled()` lets it fall and come to rest.
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
                f"(For a mesh, give its file, which ends in {', '.join(SUFFIXES)}.)"
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
    def points(self) -> Parts:
        """The vertices of each convex part where the object is, m, in the world."""
        rotation = np.empty(9)
        mujoco.mju_quat2Mat(rotation, np.array(self.pose[3:], float))
        return [part @ rotation.reshape(3, 3).T + np.array(self.pose[:3]) for part in self.parts]

    @property
    def middle(self) -> Float[np.ndarray, "3"]:
        """The middle of the box around it where it is, m, in the world."""
        points = np.vstack(self.points)
        return (points.min(0) + points.max(0)) / 2

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

    def on_table(self, settings: Settings | None = None) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """The object alone on the table where it is, as MuJoCo's model and data."""
        spec = table(Settings() if settings is None else settings)
        spec.attach(self.spec(), frame=spec.worldbody.add_frame(), prefix="")
        model = compile_spec(spec, self.family)
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        return model, data

    def settled(self, *, seed: int | None = None, settings: Settings | None = None) -> "GraspObject":
        """The object at rest on the table after a fall of a centimetre.

        - `seed`: turns it at random first, about the vertical and, for one in three, onto another side.
        """
        pose = np.array(self.pose)
        pose[2] += 0.01
        if seed is not None:
            random = np.random.default_rng([seed, self.instance, *Path(self.family).name.encode()])
            angle = random.uniform(0, 2 * np.pi)
            turn = np.array([np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2)])
            if random.random() < 1 / 3:
                side = random.normal(size=4)
                turn, pose[2] = side / np.linalg.norm(side), 0.12
            pose[3:] = turn
        model, data = self.placed(pose).on_table(settings)
        for _ in range(25):
            mujoco.mj_step(model, data, 50)
            # Heavy damping of what would roll indefinitely.
            data.qvel[:] *= 0.5
            if data.time > 0.3 and np.abs(data.qvel).max() < 1e-3:
                break
        return self.placed(data.qpos[:7].copy())

    @property
    def rgba(self) -> Sequence[float | int]:
        """Its colour: given, or its instance's own."""
        if self.colour is not None:
            return self.colour
        random = _generator(self.family, self.instance, 1)
        return (*random.uniform(0.15, 0.95, 3).tolist(), 1.0)


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
