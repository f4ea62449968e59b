# pyright: reportAttributeAccessIssue=false
# (mujoco is compiled, and pyright sees no names in it)
"""A model's shapes as plain arrays, for viewers: what `plant.shapes()` and `plant.poses(xs)` give."""

from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float

_KIND = {
    mujoco.mjtGeom.mjGEOM_PLANE: "plane",
    mujoco.mjtGeom.mjGEOM_SPHERE: "sphere",
    mujoco.mjtGeom.mjGEOM_CAPSULE: "capsule",
    mujoco.mjtGeom.mjGEOM_ELLIPSOID: "ellipsoid",
    mujoco.mjtGeom.mjGEOM_CYLINDER: "cylinder",
    mujoco.mjtGeom.mjGEOM_BOX: "box",
    mujoco.mjtGeom.mjGEOM_MESH: "mesh",
}
_SHOWN = 2  # groups above are for the collision engine alone, as in MuJoCo's own viewer
_ENDLESS = 2.0  # m, half the side of a plane without an end


def shapes(model: mujoco.MjModel) -> list[dict[str, Any]]:
    """Each shape that is seen: `kind`, `rgba`, `body` (-1: of the world), `pose` in the body's axes, `(7,)`.

    `size` is MuJoCo's (half sides; radius and half length along z), m; a mesh has `vertices` `(n, 3)` and `faces` `(m, 3)`.
    Height fields and other kinds are left out.
    """
    found = []
    for i in range(model.ngeom):
        kind = _KIND.get(mujoco.mjtGeom(int(model.geom_type[i])))
        material = int(model.geom_matid[i])
        rgba = model.geom_rgba[i]
        # A colour of its own counts; the default grey gives way to the material.
        if material >= 0 and np.allclose(rgba, (0.5, 0.5, 0.5, 1.0)):
            rgba = model.mat_rgba[material]
        if kind is None or model.geom_group[i] > _SHOWN or rgba[3] == 0:
            continue
        shape: dict[str, Any] = {"kind": kind, "body": int(model.geom_bodyid[i]) - 1, "rgba": rgba.copy()}
        shape["pose"] = np.concatenate([model.geom_pos[i], model.geom_quat[i]])
        if kind == "mesh":
            mesh = int(model.geom_dataid[i])
            first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
            shape["vertices"] = model.mesh_vert[first : first + count].copy()
            first, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
            shape["faces"] = model.mesh_face[first : first + count].copy()
        else:
            size = model.geom_size[i].copy()
            shape["size"] = np.where(size > 0, size, _ENDLESS) if kind == "plane" else size
        found.append(shape)
    return found


def body_poses(model: mujoco.MjModel, data: mujoco.MjData) -> Float[np.ndarray, "bodies 7"]:
    """Position (m) and quaternion (w first) of each body but the world, from `data.qpos` and the mocap bodies."""
    mujoco.mj_kinematics(model, data)
    return np.concatenate([data.xpos[1:], data.xquat[1:]], axis=1)
