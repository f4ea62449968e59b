# pyright: reportAttributeAccessIssue=false
"""Pictures by casting rays at the collision engine's geoms: no OpenGL, the same on every machine."""

from typing import Any, NamedTuple

import mujoco
import numpy as np

_SKY = np.array([[0.93, 0.95, 0.98], [0.72, 0.80, 0.90]])  # near the horizon, overhead
_SUN = np.array([0.35, -0.45, 0.82])
_AMBIENT, _DIFFUSE, _SHADE = 0.45, 0.6, 0.55


class RayImage(NamedTuple):
    """What the rays of a camera met.

    - `rgb`: (height, width, 3) from 0 to 1.
    - `depth`: distance along the viewing axis, m; infinite where nothing is met. `distance`: along the ray.
    - `geom`: the number of the geom met, -1 for none.
    - `normal`: of its surface, unit vectors in world axes.
    """

    rgb: np.ndarray
    depth: np.ndarray
    distance: np.ndarray
    geom: np.ndarray
    normal: np.ndarray


def cast(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    position: np.ndarray,
    frame: np.ndarray,
    *,
    fovy: float | int,
    width: int,
    height: int,
    shadows: bool = True,
) -> RayImage:
    """Look at a scene with one ray for each pixel and Lambert's law.

    - `position`: where from, m. `frame`: the camera's axes as columns: right, up, and against the viewing direction.
    - `fovy`: the vertical field of view, degrees.
    - `shadows`: whether light comes from a sun that casts them.
    """
    scale = np.tan(np.radians(fovy) / 2) / (height / 2)
    x = (np.arange(width) - (width - 1) / 2) * scale
    y = ((height - 1) / 2 - np.arange(height)) * scale
    local = np.stack([*np.meshgrid(x, y), -np.ones((height, width))], -1)
    rays = (local @ frame.T).reshape(-1, 3)
    along = np.linalg.norm(rays, axis=1)
    rays = rays / along[:, None]
    geom, distance, normal = _shoot(model, data, position, rays)
    hit = geom >= 0
    rgb = _sky(rays)
    points = position + distance[:, None] * rays
    colour = _colours(model, data, geom, points)
    facing = np.where((normal * rays).sum(1, keepdims=True) > 0, -1.0, 1.0) * normal
    sun = np.clip(facing @ (_SUN / np.linalg.norm(_SUN)), 0, 1)
    if shadows:
        sun = sun * np.where(_shaded(model, data, points, hit), 1 - _SHADE, 1.0)
    light = _AMBIENT + _DIFFUSE * sun + 0.1 * np.clip(-(facing * rays).sum(1), 0, 1)
    rgb[hit] = np.clip(colour * light[:, None], 0, 1)[hit]
    shape = (height, width)
    distance = np.where(hit, distance, np.inf)
    return RayImage(
        rgb.reshape(*shape, 3),
        (distance / along).reshape(shape),
        distance.reshape(shape),
        geom.reshape(shape),
        normal.reshape(*shape, 3),
    )


def _shoot(model, data, position, rays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = len(rays)
    geom, distance, normal = np.full(count, -1, np.int32), np.zeros(count), np.zeros(3 * count)
    seen = np.array([1, 1, 1, 0, 0, 0], np.uint8)  # MuJoCo's own viewers hide groups 3 to 5
    mujoco.mj_multiRay(
        model,
        data,
        position,
        np.ascontiguousarray(rays).ravel(),
        seen,
        True,
        -1,
        geom,
        distance,
        normal,
        count,
        1e10,
    )
    return geom, distance, normal.reshape(-1, 3)


def _shaded(model, data, points, hit) -> np.ndarray:
    """Whether something stands between a point and the sun, which is far but not infinitely far away."""
    shaded = np.zeros(len(points), bool)
    if hit.any():
        sun = points[hit].mean(0) + 50 * _SUN
        rays = points[hit] - sun
        far = np.linalg.norm(rays, axis=1)
        _, distance, _ = _shoot(model, data, sun, rays / far[:, None])
        shaded[hit] = (distance >= 0) & (distance < far - 2e-3)
    return shaded


def _sky(rays: np.ndarray) -> np.ndarray:
    up = np.clip(rays[:, 2:], 0, 1)
    return (1 - up) * _SKY[0] + up * _SKY[1]


def _colours(model, data, geom, points) -> np.ndarray:
    """Each geom's own colour or its material's; planes are chequered, so that one sees how far things are."""
    if not model.ngeom:
        return np.zeros((len(geom), 3))
    rgba: Any = np.where(
        (model.geom_matid >= 0)[:, None],
        model.mat_rgba[model.geom_matid] if model.nmat else 0.5,
        model.geom_rgba,
    )
    colour = rgba[geom, :3].copy()
    plane = (geom >= 0) & (model.geom_type[geom] == int(mujoco.mjtGeom.mjGEOM_PLANE))
    dark = (np.floor(points[plane, 0] / 0.25) + np.floor(points[plane, 1] / 0.25)) % 2 == 0
    textured = (model.geom_matid[geom] >= 0) & plane
    colour[textured] = 0.86  # a texture is not looked up
    colour[plane] *= np.where(dark, 0.94, 1.0)[:, None]
    return colour
