"""Pictures of canvases made in Python, for pages without a kernel."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from PIL import Image

from ._canvas import Canvas, Canvas3D
from ._layers import COLOURS, draw_layers, frame_at
from ._scene import KINDS, rotated


def still(*parts: Any, dpi: int = 100) -> bytes:
    """Canvases, flat ones and those in space, and PNG pictures, side by side as one PNG."""
    parts = tuple(part for part in parts if not isinstance(part, bytes) or part)
    sizes = [_size(part) for part in parts]
    width, height = sum(w for w, _ in sizes), max(h for _, h in sizes)
    figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi)
    FigureCanvasAgg(figure)
    left = 0.0
    for part, (w, h) in zip(parts, sizes, strict=True):
        axes = figure.add_axes((left / width, 1 - h / height, w / width, h / height))
        left += w
        if isinstance(part, Canvas):
            draw_canvas(axes, part)
        elif isinstance(part, Canvas3D):
            draw_scene(axes, part)
        else:
            _draw_picture(axes, part)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def draw_canvas(axes: Axes, canvas: Canvas) -> None:
    """Draw what a canvas shows into axes."""
    x0, x1, y0, y1 = canvas.view
    scale = (
        max((x1 - x0) / canvas.width, (y1 - y0) / canvas.height) / 2
    )  # one for both axes, as in the browser
    x, y, dx, dy = (x0 + x1) / 2, (y0 + y1) / 2, scale * canvas.width, scale * canvas.height
    limits: Any = {"xlim": (x - dx, x + dx), "ylim": (y + dy, y - dy) if canvas.down else (y - dy, y + dy)}
    axes.set(xticks=[], yticks=[], **limits)
    for spine in axes.spines.values():
        spine.set_color("#cccccc")
    if canvas.picture:
        left, right, low, high = canvas.extent
        with Image.open(io.BytesIO(canvas.picture)) as image:
            extent = (left, right, high, low) if canvas.down else (left, right, low, high)
            axes.imshow(np.asarray(image.convert("RGBA")), extent=extent, aspect="auto")
        axes.set(**limits)
    if canvas.ink:
        rows = np.frombuffer(canvas.ink, np.float32).reshape(-1, 3)
        axes.plot(rows[:, 0], rows[:, 1], color=COLOURS["ink"], lw=0.72 * canvas.pen, solid_capstyle="round")
    draw_layers(axes, canvas.layers, canvas.data, canvas.position)
    for handle in canvas.handles:
        name = handle.get("color", "accent")
        axes.plot([handle["x"]], [handle["y"]], "o", mfc="none", mew=2, ms=11, color=COLOURS.get(name, name))


def _size(part: Any) -> tuple[int, int]:
    if isinstance(part, Canvas | Canvas3D):
        return part.width, part.height
    with Image.open(io.BytesIO(part)) as image:
        return image.size


def _draw_picture(axes: Axes, png: bytes) -> None:
    axes.set_axis_off()
    with Image.open(io.BytesIO(png)) as image:
        axes.imshow(np.asarray(image.convert("RGB")), interpolation="nearest", aspect="auto")


_FOV = 35.0
_LIGHT = np.array([0.25, 0.5, 0.85])  # right, up, towards the eye


def draw_scene(axes: Axes, canvas: Canvas3D) -> None:
    """Draw what is seen at the time at which it stands; far triangles first."""
    numbers = np.frombuffer(canvas.data, np.float32)
    half = np.tan(np.radians(_FOV / 2))
    aspect = canvas.width / canvas.height
    axes.set(xticks=[], yticks=[], xlim=(-half * aspect, half * aspect), ylim=(-half, half))
    for spine in axes.spines.values():
        spine.set_color("#cccccc")
    frame = frame_at(canvas.layers, numbers, canvas.position)
    eye, turn = _camera(canvas.view)
    poses, triangles, colours, depth = None, [], [], []
    for layer in canvas.layers:
        if layer["kind"] == "poses":
            n = 7 * layer["bodies"]
            at = layer["at"] + (frame * n if layer["frames"] > 1 else 0)
            poses = numbers[at : at + n].reshape(-1, 7).astype(float)
        elif layer["kind"] in KINDS:
            points, faces = tessellated(layer, numbers)
            pose = np.asarray(layer["pose"], float)
            points = pose[:3] + rotated(pose[3:], points)
            if layer["body"] >= 0 and poses is not None:
                own = poses[layer["body"]]
                points = own[:3] + rotated(own[3:], points)
            seen = (points - eye) @ turn  # right, up, towards the eye
            if layer["kind"] == "plane":  # it may reach behind the eye
                faces = faces[(seen[faces][:, :, 2] < -0.02).all(1)]
            corners = seen[faces]
            front = corners[:, :, 2].max(1) < -1e-3
            shade, bright = _shade(corners, layer["kind"])
            front &= shade
            triangles.append(corners[front][:, :, :2] / -corners[front][:, :, 2:])
            rgb = np.asarray(layer["rgba"][:3])[None] * bright[front][:, None]
            colours.append(np.column_stack([rgb.clip(0, 1), np.full(len(rgb), layer["rgba"][3])]))
            behind = -1e6 if layer["kind"] == "plane" else 0.0
            depth.append(corners[front][:, :, 2].mean(1) + behind)
    if triangles:
        order = np.argsort(np.concatenate(depth))
        faces = np.concatenate(triangles)[order]
        tints = np.concatenate(colours)[order]
        axes.add_collection(PolyCollection(list(faces), facecolors=tints, edgecolors=tints, linewidths=0.3))
    for layer in canvas.layers:
        if layer["kind"] in ("line", "segments", "dots"):
            _draw_marks(axes, layer, numbers, frame, eye, turn, canvas)


def tessellated(layer: dict[str, Any], numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A shape's vertices `(n, 3)` in its own axes, and its triangles `(m, 3)`, seen from outside anticlockwise."""
    kind = layer["kind"]
    if kind == "mesh":
        points = numbers[layer["at"] : layer["at"] + 3 * layer["points"]].reshape(-1, 3)
        faces = numbers[layer["faces"] : layer["faces"] + 3 * layer["triangles"]].reshape(-1, 3)
        return points.astype(float), faces.astype(int)
    size = layer["size"]
    if kind == "box":
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) * size[:3]
        sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
        return corners, np.array([t for a, b, c, d in sides for t in ((a, b, c), (a, c, d))])
    if kind == "plane":
        n = 12
        u, v = np.meshgrid(np.linspace(-size[0], size[0], n + 1), np.linspace(-size[1], size[1], n + 1))
        return np.stack([u.ravel(), v.ravel(), 0 * u.ravel()], 1), _grid(n + 1, n + 1)
    # What turns about z: its outline (radius, height) from below.
    if kind == "cylinder":
        outline = np.array([(0, -1), (1, -1), (1, 1), (0, 1)], float) * (size[0], size[1])
    else:
        rise = np.linspace(-np.pi / 2, np.pi / 2, 10)
        outline = np.stack([np.cos(rise), np.sin(rise)], 1)
        if kind == "capsule":
            outline = outline * size[0] + np.outer(np.where(rise < 0, -1, 1), (0, size[1]))
    around = np.linspace(0, 2 * np.pi, 19)
    points = np.stack(
        [np.outer(outline[:, 0], np.cos(around)), np.outer(outline[:, 0], np.sin(around)),
         np.outer(outline[:, 1], np.ones(19))], -1,
    )  # fmt: skip
    if kind == "sphere":
        points = points * size[0]
    if kind == "ellipsoid":
        points = points * np.asarray(size[:3])
    return points.reshape(-1, 3), _grid(len(outline), 19)


def _grid(rows: int, columns: int) -> np.ndarray:
    i = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    return np.concatenate(
        [np.stack([i, i + 1, i + columns + 1], 1), np.stack([i, i + columns + 1, i + columns], 1)]
    )


def _camera(view: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Where the eye is, and its axes as columns: right, up, and against the direction of view."""
    azimuth, elevation, distance = np.radians(view[0]), np.radians(view[1]), view[2]
    forward = np.array(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
    )
    right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
    return np.asarray(view[3:]) - distance * forward, np.stack([right, np.cross(right, forward), -forward], 1)


def _shade(corners: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Which triangles face the eye, and how bright they are (Lambert)."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1)
    normal = normal / np.maximum(length, 1e-12)[:, None]
    facing = -(normal * corners.mean(1)).sum(1)
    shown = (length > 1e-12) & ((facing > 0) | (kind == "plane"))
    light = np.abs(normal @ _LIGHT) if kind == "plane" else (normal @ _LIGHT).clip(0)
    return shown, 0.5 + 0.55 * light / np.linalg.norm(_LIGHT)


def _draw_marks(axes, layer, numbers, frame, eye, turn, canvas) -> None:
    n = layer["points"]
    at = layer["at"] + (3 * n * frame if layer.get("frames") else 0)
    points = numbers[at : at + 3 * n].reshape(n, 3).astype(float)
    if layer.get("trail"):
        points = points[: frame + 1]
    seen = (points - eye) @ turn
    flat = seen[:, :2] / -seen[:, 2:]
    name = layer.get("color", "path")
    colour = COLOURS.get(name, name)
    if layer["kind"] == "dots":
        share = layer["size"] / np.maximum(-seen[:, 2], 1e-6) / np.tan(np.radians(_FOV / 2))
        axes.scatter(*flat.T, s=(0.72 * canvas.height * share) ** 2, color=colour, lw=0, zorder=4)
    elif layer["kind"] == "segments":
        axes.add_collection(LineCollection(list(flat.reshape(-1, 2, 2)), colors=colour, lw=2, zorder=3))
    else:
        alpha = layer.get("alpha", 1.0)
        axes.plot(*flat.T, color=colour, lw=0.75 * layer.get("width", 3), alpha=alpha, zorder=3)
