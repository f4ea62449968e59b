"""What stands and moves in space, packed into one float32 buffer and a short description of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ideomotor.errors import DataError

from ._layers import Packed

KINDS = ("box", "sphere", "ellipsoid", "capsule", "cylinder", "plane", "mesh")
_FOV = 35.0  # degrees, as in static/scene.js


class Scene(Packed):
    """Bodies, lines and dots in space, lengths in m; `Canvas3D` plays them.

    - `ts`: times of all that moves, s.
    """

    def __init__(self, ts: Any = ()):
        super().__init__(ts)
        self._seen: list[tuple[np.ndarray, np.ndarray]] = []  # points (n, 3), and how much room each needs

    def bodies(self, shapes: Sequence[Mapping[str, Any]], poses: Any) -> "Scene":
        """Add bodies made of shapes; once for a scene.

        - `shapes`: each `{"kind", "size", "rgba", "body", "pose"}`: `kind` is one of `KINDS` with MuJoCo's sizes (half
          sides; radius and half length along z), `body` its number or -1 for what stands still, `pose` its place in that
          body's axes, `(x, y, z, qw, qx, qy, qz)`; a mesh has `vertices` `(n, 3)` and `faces` `(m, 3)` in place of a size.
        - `poses`: `(bodies, 7)`, or `(time, bodies, 7)` for bodies that move.
        """
        poses = np.asarray(poses, np.float32)
        if poses.ndim not in (2, 3) or poses.shape[-1] != 7:
            raise DataError(
                f"Poses must be of shape (bodies, 7) or (time, bodies, 7), and are of {poses.shape}."
            )
        if poses.ndim == 3 and len(poses) != len(self.ts):
            raise DataError(
                f"There are {len(poses)} sets of poses and {len(self.ts)} times; give as many of each."
            )
        if not np.isfinite(poses).all():
            raise DataError("A pose is not finite; the movement cannot be shown in space.")
        if poses.ndim == 2:
            poses = poses[None]
        self._layers.append(
            {"kind": "poses", "frames": len(poses), "bodies": poses.shape[1], "at": self._keep(poses)}
        )
        for shape in shapes:
            self._shape(shape, poses)
        return self

    def line(self, points: Any, *, segments: bool = False, **style: Any) -> "Scene":
        """Add a line through points `(n, 3)`, broken where they are not finite, or pairs of them as `segments`.

        `style`: `color` (a name of the theme or `#rrggbb`), `width` in px, `alpha`, and `trail=True` for a line with a
        point per time that is drawn up to the present.
        """
        points = np.asarray(points, np.float32).reshape(-1, 3)
        kind = "segments" if segments else "line"
        self._layers.append({"kind": kind, "points": len(points), "at": self._keep(points), **style})
        good = points[np.isfinite(points).all(-1)]
        self._seen.append((good, np.zeros(len(good))))
        return self

    def dots(self, points: Any, *, size: float = 0.006, **style: Any) -> "Scene":
        """Add balls of a radius `size` at points `(n, 3)`, or `(time, n, 3)` for what moves."""
        points = np.asarray(points, np.float32)
        frames = len(points) if points.ndim == 3 else 0
        layer = {"kind": "dots", "points": points.shape[-2], "frames": frames, "at": self._keep(points)}
        self._layers.append({**layer, "size": float(size), **style})
        return self

    def view(self, azimuth: float = 130.0, elevation: float = -20.0, margin: float = 1.02) -> list[float]:
        """A view that holds everything but planes: azimuth, elevation (degrees), distance, the point looked at (m)."""
        found = [(points, room) for points, room in self._seen if len(points)]
        if not found:
            return [azimuth, elevation, 2.0, 0.0, 0.0, 0.0]
        points, room = (np.concatenate(parts) for parts in zip(*found, strict=True))
        low, high = (points - room[:, None]).min(0), (points + room[:, None]).max(0)
        middle = (low + high) / 2
        radius = max(float((np.linalg.norm(points - middle, axis=1) + room).max()), 1e-3)
        distance = margin * radius / np.sin(np.radians(_FOV / 2))
        return [azimuth, elevation, float(distance), *(float(v) for v in middle)]

    def _shape(self, shape: Mapping[str, Any], poses: np.ndarray) -> None:
        kind, body = shape["kind"], int(shape["body"])
        if kind not in KINDS:
            raise DataError(f"There is no shape {kind!r} to draw; there are {', '.join(KINDS)}.")
        if not -1 <= body < poses.shape[1]:
            raise DataError(
                f"A shape belongs to body {body}, and there are poses of {poses.shape[1]} bodies."
            )
        layer = {"kind": kind, "body": body, "rgba": _numbers(shape["rgba"]), "pose": _numbers(shape["pose"])}
        if kind == "mesh":
            vertices = np.asarray(shape["vertices"], np.float32).reshape(-1, 3)
            faces = np.asarray(shape["faces"]).reshape(-1, 3)
            layer |= {"points": len(vertices), "at": self._keep(vertices)}
            layer |= {"triangles": len(faces), "faces": self._keep(faces)}
            reach = float(np.linalg.norm(vertices, axis=1).max(initial=0.0))
        else:
            layer["size"] = _numbers(shape["size"])
            reach = _reach(kind, layer["size"])
        self._layers.append(layer)
        if kind != "plane":
            # Where its middle is over time; a few hundred of them tell as much as all.
            some = (
                poses[:: max(1, len(poses) // 200), body]
                if body >= 0
                else np.array([[0, 0, 0, 1, 0, 0, 0]], np.float32)
            )
            middle = some[:, :3] + rotated(some[:, 3:], np.array(layer["pose"][:3], np.float32))
            self._seen.append((middle, np.full(len(middle), reach)))


def rotated(quaternions: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors turned by unit quaternions (w first); both may lead with further axes."""
    w, u = quaternions[..., :1], quaternions[..., 1:]
    u, vectors = np.broadcast_arrays(u, vectors)
    across = 2 * np.cross(u, vectors)
    return vectors + w * across + np.cross(u, across)


def _reach(kind: str, size: Sequence[float]) -> float:
    if kind == "sphere":
        return size[0]
    if kind == "capsule":
        return size[0] + size[1]
    if kind == "cylinder":
        return float(np.hypot(size[0], size[1]))
    return float(np.linalg.norm(size)) if kind == "box" else max(size)


def _numbers(values: Any) -> list[float]:
    return [float(v) for v in np.asarray(values, float).ravel()]
