# pyright: reportAttributeAccessIssue=false
"""The table with its physics, and things that come to rest on it."""

import dataclasses

import mujoco
import numpy as np

from .._model import compile_spec
from ._object import CONTACT, GraspObject


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


def settled(thing: GraspObject, *, seed: int | None = None, settings: Settings | None = None) -> GraspObject:
    """The object at rest on the table after a fall of a centimetre.

    - `seed`: turns it at random first, about the vertical and, for one in three, onto another side.
    """
    settings = Settings() if settings is None else settings
    pose = np.array(thing.pose)
    pose[2] += 0.01
    if seed is not None:
        random = np.random.default_rng([seed, thing.instance, *thing.family.encode()])
        axis, angle = np.array([0.0, 0.0, 1.0]), random.uniform(0, 2 * np.pi)
        turn = np.array([np.cos(angle / 2), *(np.sin(angle / 2) * axis)])
        if random.random() < 1 / 3:
            side = random.normal(size=4)
            turn, pose[2] = side / np.linalg.norm(side), 0.12
        pose[3:] = turn
    spec = table(settings)
    spec.attach(thing.placed(pose).spec(), frame=spec.worldbody.add_frame(), prefix="")
    model = compile_spec(spec, thing.family)
    data = mujoco.MjData(model)
    for _ in range(25):
        mujoco.mj_step(model, data, 50)
        # Heavy damping of what would roll for ever.
        data.qvel[:] *= 0.5
        if data.time > 0.3 and np.abs(data.qvel).max() < 1e-3:
            break
    return thing.placed(data.qpos[:7].copy())
