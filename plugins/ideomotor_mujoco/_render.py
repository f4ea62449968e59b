# pyright: reportAttributeAccessIssue=false
"""Pictures of a scene, and its shapes as plain arrays for viewers."""

import contextlib
import functools
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float, UInt8

from ideomotor.errors import DataError, did_you_mean

from ._rays import cast

Overlay = Callable[[np.ndarray, int], np.ndarray]


def render(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    *,
    camera: str | dict[str, Any] | None = None,
    width: int = 480,
    height: int = 360,
    backend: str = "auto",
) -> UInt8[np.ndarray, "height width 3"]:
    """A picture of the scene, without a display.

    - `camera`: the name of one of the model's cameras; or `{"lookat": (x, y, z), "distance": m, "azimuth": degrees,
      "elevation": degrees}` with any of them left out; or `None`: the model's first camera, or a view of all of it.
    - `backend`: `"gl"` draws with OpenGL (EGL, OSMesa or a display, as `MUJOCO_GL` says or what works), `"rays"`
      casts rays, which works on every machine, and `"auto"` takes OpenGL where it is there.

    Raises a `DataError` for an unknown camera or backend, and for `"gl"` where there is no OpenGL.
    """
    if backend not in ("auto", "gl", "rays"):
        raise DataError(f"backend must be 'auto', 'gl' or 'rays', not {backend!r}.")
    view = _view(model, camera)
    if backend != "rays":
        context = _context(width, height)
        if context is not None:
            return _draw(model, data, view, width, height, context)
        if backend == "gl":
            raise DataError(
                "OpenGL is not available (no display, EGL or OSMesa); install libegl1, or use backend='rays'."
            )
    eye, frame, fovy = _pose(model, data, view)
    return np.round(255 * cast(model, data, eye, frame, fovy=fovy, width=width, height=height).rgb).astype(
        np.uint8
    )


def save_gif(
    plant: Any,
    movement: Any,
    path: Path | str,
    *,
    fps: float | int = 20.0,
    overlay: Overlay | None = None,
    **options: Any,
) -> Path:
    """Write a movement (a trajectory with states `xs`) as a GIF at the speed it had.

    - `overlay`: a function of the picture and the number of the sample that returns the picture to write.
    - `options`: as for `render`.
    """
    from PIL import Image

    path, ts, xs = Path(path), np.asarray(movement.ts), np.asarray(movement.xs)
    if xs.ndim != 2 or len(xs) != len(ts):
        raise DataError(
            f"Expected a movement with states xs of shape (time, numbers), but xs has shape {xs.shape}."
        )
    count = max(2, int(round((ts[-1] - ts[0]) * fps)) + 1) if len(ts) > 1 else 1
    chosen = np.searchsorted(ts, np.linspace(ts[0], ts[-1], count) - 1e-9).clip(0, len(ts) - 1)
    pictures = []
    for i in chosen:
        picture = plant.render(xs[i], **options)
        picture = picture if overlay is None else overlay(picture, int(i))
        pictures.append(Image.fromarray(picture).quantize(128, dither=Image.Dither.NONE))
    each = 1000 / fps
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        pictures[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=[each] * (len(pictures) - 1) + [1000],
            loop=0,
        )
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    return path


def _view(model, camera) -> mujoco.MjvCamera:
    view = mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, view)
    if camera is None and not model.ncam:
        return view
    if camera is None or isinstance(camera, str):
        names = [model.camera(i).name for i in range(model.ncam)]
        if camera is not None and camera not in names:
            raise DataError(f"The model has no camera {camera!r}.{did_you_mean(camera, names)}")
        view.type, view.fixedcamid = (
            mujoco.mjtCamera.mjCAMERA_FIXED,
            0 if camera is None else names.index(camera),
        )
        return view
    if unknown := set(camera) - {"lookat", "distance", "azimuth", "elevation"}:
        raise DataError(
            f"A camera is given by lookat, distance, azimuth and elevation, not by {sorted(unknown)[0]!r}."
        )
    for name, value in camera.items():
        if name == "lookat":
            view.lookat[:] = value
        else:
            setattr(view, name, value)
    return view


def _pose(model, data, view) -> tuple[np.ndarray, np.ndarray, float]:
    """Eye, axes (right, up, backwards, as columns) and vertical field of view of a camera."""
    if view.type == int(mujoco.mjtCamera.mjCAMERA_FIXED):
        i = view.fixedcamid
        return data.cam_xpos[i].copy(), data.cam_xmat[i].reshape(3, 3).copy(), float(model.cam_fovy[i])
    azimuth, elevation = np.radians(view.azimuth), np.radians(view.elevation)
    forward = np.array(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
    )
    right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
    frame = np.stack([right, np.cross(right, forward), -forward], 1)
    return view.lookat - view.distance * forward, frame, float(model.vis.global_.fovy)


@functools.lru_cache(maxsize=4)
def _context(width: int, height: int) -> Any:
    """An OpenGL context without a window, or None where there is no way to have one."""
    chosen = os.environ.get("MUJOCO_GL", "").lower()
    if chosen in ("disable", "disabled", "off", "false", "0"):
        return None
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if platform.system() != "Linux":
        tries = ("gl_context",)
    elif chosen in ("egl", "osmesa"):
        tries = (chosen,)
    else:
        tries = ("glfw", "egl", "osmesa") if display or chosen == "glfw" else ("egl", "osmesa")
    for name in tries:
        # PyOpenGL binds itself to one platform when it is first imported.
        if "OpenGL" in sys.modules and os.environ.get("PYOPENGL_PLATFORM", name) != name:
            continue
        before = os.environ.get("PYOPENGL_PLATFORM")
        try:
            module = __import__(f"mujoco.{name}", fromlist=["GLContext"])
            context = module.GLContext(width, height)
            context.make_current()
            return context
        except Exception:  # whatever a driver that is half installed raises
            if before is None:
                os.environ.pop("PYOPENGL_PLATFORM", None)
    return None


def _draw(model, data, view, width, height, context) -> np.ndarray:
    context.make_current()
    scene = mujoco.MjvScene(model, maxgeom=5000)
    model.vis.global_.offwidth, model.vis.global_.offheight = width, height
    drawer = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
    try:
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, drawer)
        mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, view, mujoco.mjtCatBit.mjCAT_ALL, scene)
        rectangle, pixels = mujoco.MjrRect(0, 0, width, height), np.zeros((height, width, 3), np.uint8)
        mujoco.mjr_render(rectangle, scene, drawer)
        mujoco.mjr_readPixels(pixels, None, rectangle, drawer)
    finally:
        drawer.free()
    return pixels[::-1].copy()


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
