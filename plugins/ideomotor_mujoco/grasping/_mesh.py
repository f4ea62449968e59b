"""A user's own mesh as convex parts, by trimesh and CoACD (Wei, Liu, Ling & Su 2022)."""

import contextlib
import functools
import hashlib
import importlib.util
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from tqdm import tqdm

from ideomotor import write_bytes
from ideomotor.errors import DataError, PluginError

from ._shapes import Parts

_LOG = logging.getLogger("ideomotor.mujoco")
SUFFIXES = (".obj", ".stl", ".ply")

_CONCAVITY = 0.05  # of CoACD: how far, relative to its size, a part's hull may stand off the part
_LARGEST, _SMALLEST = 1.0, 0.01  # m; what a hand may pick up has a longest side between them
_TYPICAL = (
    0.1  # m; of several units that fit, the one is named first in which the longest side is nearest to it
)
_UNITS = {0.001: "millimetres", 0.0254: "inches", 0.01: "centimetres", 1000.0: "kilometres"}
_CORNERS = 400  # of a convex part, at most
_MANY = 5000  # triangles, from where on CoACD works on a coarser mesh, so that it takes seconds rather than minutes
# How finely CoACD cuts, and for how many seconds of the processor it may try.
_LEVELS: tuple[tuple[dict[str, Any], int], ...] = (
    ({"preprocess_mode": "auto"}, 5),
    (
        {"preprocess_mode": "on", "preprocess_resolution": 30, "resolution": 500}
        | {"mcts_iterations": 12, "mcts_nodes": 10, "mcts_max_depth": 2},
        7,
    ),
    (
        {"preprocess_mode": "on", "preprocess_resolution": 20, "resolution": 400, "threshold": 0.1}
        | {"mcts_iterations": 8, "mcts_nodes": 8, "mcts_max_depth": 1},
        8,
    ),
)
_FLAT = 0.02  # of the height: how uneven the rim of an open bottom may be
# In a process of its own, since CoACD cannot be interrupted.
_CUT = """
import io, json, sys
import numpy as np
options, limit = json.loads(sys.argv[1]), int(sys.argv[2])
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
except ImportError:
    pass
import coacd
coacd.set_log_level("off")
mesh = np.load(io.BytesIO(sys.stdin.buffer.read()))
parts = coacd.run_coacd(coacd.Mesh(mesh["vertices"], mesh["faces"]), seed=0, max_ch_vertex=64, decimate=True, **options)
kept = io.BytesIO()
np.savez(kept, **{f"part {i}": np.asarray(vertices, float) for i, (vertices, _) in enumerate(parts)})
sys.stdout.buffer.write(kept.getvalue())
"""


def mesh_parts(path: Path | str, scale: float | int = 1.0) -> Parts:
    """The vertices of convex parts that fill a mesh, m.

    - `path`: of an OBJ, STL or PLY file; its z axis points up. `scale`: metres per unit of the file.

    A mesh that is inside out or whose triangles turn both ways is repaired; double triangles are dropped, small holes and flat
    ones at the bottom are filled. A convex mesh is its own part; others are cut by CoACD, for at most 20 s of the
    processor and more coarsely where that is not enough (a warning says how coarsely), and the parts are kept in the cache folder.

    Raises a `DataError` for a file that holds no mesh, a mesh that is open elsewhere or has no volume, and lengths that cannot
    be metres.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"There is no mesh {path} that can be read ({error.strerror}).") from error
    digest = hashlib.sha256(data + repr((_CONCAVITY, path.suffix.lower())).encode()).hexdigest()[:24]
    return [part * float(scale) for part in _parts(path, digest, float(scale))]


@functools.lru_cache(maxsize=16)
def _parts(path: Path, digest: str, scale: float) -> Parts:
    trimesh = _libraries()
    mesh = _solid(trimesh, path, scale)
    if mesh.is_watertight and mesh.is_convex:
        return [_few_corners(path, np.asarray(mesh.vertices, float))]
    kept = _cache(digest)
    if kept is not None and kept.is_file():
        # A file that was damaged is made again.
        with (
            contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile),
            np.load(io.BytesIO(kept.read_bytes()), allow_pickle=False) as arrays,
        ):
            return [arrays[f"part {i}"] for i in range(len(arrays.files))]
    level = 1 if len(mesh.faces) > _MANY or not mesh.is_watertight else 0
    with _clock(f"Cutting {path.name} into convex parts"):
        while (parts := _cut(path, mesh, *_LEVELS[level])) is None and level + 1 < len(_LEVELS):
            level += 1
    if parts is None:
        raise DataError(
            f"{path} ({len(mesh.faces)} triangles) could not be cut into convex parts in {_LEVELS[-1][1]} s; simplify it, in "
            f"Blender or MeshLab, for example."
        )
    if level:
        _LOG.warning(
            "%s has %d triangles: its parts are cut from a coarser mesh, which differs by up to %.2g mm.",
            *(path, len(mesh.faces)),
            1e3 * scale * mesh.extents.max() / _LEVELS[level][0]["preprocess_resolution"],
        )
    parts = [part for part in parts if _volume(part) > 1e-6 * mesh.volume]
    if kept is not None:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{f"part {i}": part for i, part in enumerate(parts)})
        with contextlib.suppress(OSError):  # a cache only: the next time takes as long as this one
            write_bytes(kept, buffer.getvalue())
    return parts


def _cut(path: Path, mesh: Any, options: dict[str, Any], limit: int) -> Parts | None:
    """The convex parts of a mesh; None where they take longer than `limit` seconds of the processor."""
    mesh_file = io.BytesIO()
    np.savez(mesh_file, vertices=np.asarray(mesh.vertices), faces=np.asarray(mesh.faces))
    options = {"threshold": _CONCAVITY, **options}
    command = [sys.executable, "-c", _CUT, json.dumps(options), str(limit)]
    # Where the system cannot limit the processor's time, the clock does; a busy machine is slower than its processor.
    patience = limit if sys.platform == "win32" else 10 * limit
    try:
        done = subprocess.run(command, input=mesh_file.getvalue(), capture_output=True, timeout=patience)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode == 0:
        with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
            return [arrays[f"part {i}"] for i in range(len(arrays.files))]
    if done.returncode in (-signal.SIGKILL, -getattr(signal, "SIGXCPU", signal.SIGKILL)):
        return None
    words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"status {done.returncode}"]
    raise DataError(
        f"{path} could not be cut into convex parts by CoACD ({words[0]}); simplify it, or export it again."
    )


def _solid(trimesh: Any, path: Path, scale: float) -> Any:
    """The mesh, closed and with its outside outside, in units of the file."""
    try:
        mesh = trimesh.load_mesh(path)
    except Exception as error:  # whatever a reader of a broken file raises
        text = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{path} cannot be read as a mesh ({text}); export it again as OBJ, STL or PLY."
        ) from error
    if not len(getattr(mesh, "faces", ())):
        raise DataError(f"{path} has no triangles; export it as a mesh of triangles.")
    mesh.merge_vertices(
        merge_tex=True, merge_norm=True
    )  # corners are split where textures or normals have seams
    _check_size(path, np.ptp(mesh.vertices, axis=0).max(), scale)
    mesh.update_faces(mesh.unique_faces() & mesh.nondegenerate_faces())
    if not mesh.is_watertight:
        trimesh.repair.fill_holes(mesh)
        _close_bottom(trimesh, path, mesh)
        edges = len(trimesh.grouping.group_rows(mesh.edges_sorted, require_count=1))
        # Closed shells that touch have edges of four triangles, and an inside all the same.
        if edges:
            raise DataError(
                f"{path} is open ({edges} edges belong to one triangle only), so that it has no inside; close it, in Blender "
                f"or MeshLab, for example."
            )
    if not mesh.is_winding_consistent:
        trimesh.repair.fix_winding(mesh)
    if mesh.volume < 0:
        mesh.invert()
    if not mesh.volume > 1e-6 * np.prod(mesh.extents) or not np.prod(mesh.extents) > 0:
        raise DataError(
            f"{path} has no volume (it is {_sides(mesh.extents * scale)} m); an object to be grasped must be solid."
        )
    return mesh


def _close_bottom(trimesh: Any, path: Path, mesh: Any) -> None:
    """Close flat holes on which the thing stands, as scans from a turntable have them, by flat faces."""
    trimesh.repair.fix_winding(mesh)
    open_edges = mesh.edges[trimesh.grouping.group_rows(mesh.edges_sorted, require_count=1)]
    low, height = mesh.bounds[0, 2], mesh.extents[2]
    flat = mesh.vertices[open_edges][..., 2].max(axis=1) < low + _FLAT * height
    after = dict(open_edges[flat].tolist())
    corners, faces = [], []
    while after:
        first, following = after.popitem()
        rim = [first]
        while following in after:
            rim.append(following)
            following = after.pop(following)
        if following == first and len(rim) > 2:
            centre = len(mesh.vertices) + len(corners)
            corners.append(mesh.vertices[rim].mean(axis=0))
            faces += [[b, a, centre] for a, b in zip(rim, [*rim[1:], first], strict=True)]
    if faces:
        _LOG.warning("%s is open where it stands; its bottom was closed by a flat face.", path)
        joined = np.vstack([mesh.vertices, corners]), np.vstack([mesh.faces, faces])
        mesh.vertices, mesh.faces = joined


def _check_size(path: Path, longest: float, scale: float) -> None:
    size = longest * scale
    if _SMALLEST <= size <= _LARGEST:
        return
    fitting = [s for s in _UNITS if _SMALLEST <= longest * s <= 0.5 * _LARGEST]
    fitting.sort(key=lambda s: abs(np.log(longest * s / _TYPICAL)))
    fix = "give the scale, in metres per unit of the file"
    if fitting:
        fix = (
            f"its lengths look like {_UNITS[fitting[0]]}: give scale={fitting[0]:g} (--scale {fitting[0]:g})"
        )
        fix += "".join(f", or {s:g} if they are {_UNITS[s]}" for s in fitting[1:])
    raise DataError(f"{path} would be {size:.3g} m long with scale={scale:g}; {fix}.")


def _few_corners(path: Path, corners: np.ndarray) -> np.ndarray:
    """A convex part with few enough corners for collisions to be quick: those farthest out in evenly spread directions."""
    if len(corners) <= _CORNERS:
        return corners
    i = np.arange(_CORNERS) + 0.5
    polar, turn = (
        np.arccos(1 - 2 * i / _CORNERS),
        np.pi * (1 + 5**0.5) * i,
    )  # Fibonacci's spiral on the sphere
    directions = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], 1)
    farthest = [np.argmax(corners @ direction) for direction in directions]
    few = corners[np.unique(farthest)]
    off = float(ConvexHull(corners).volume / ConvexHull(few).volume) - 1
    _LOG.warning(
        "%s has %d corners: %d of them are used, with %.2g %% less volume.",
        path,
        len(corners),
        len(few),
        100 * off,
    )
    return few


@contextlib.contextmanager
def _clock(what: str) -> Iterator[None]:
    """The seconds that something takes, shown while it runs if it takes more than two."""
    done = threading.Event()

    def run():
        with tqdm(desc=what, delay=2.0, disable=None, bar_format="{desc}: {elapsed}") as bar:
            while not done.wait(0.5):
                bar.update()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _sides(lengths: np.ndarray) -> str:
    return " x ".join(f"{side:.3g}" for side in lengths)


def _volume(part: np.ndarray) -> float:
    try:
        return float(ConvexHull(part).volume)
    except QhullError:
        return 0.0


def _libraries() -> Any:
    try:
        import trimesh
        import trimesh.repair
    except ImportError:
        trimesh = None
    if trimesh is None or importlib.util.find_spec("coacd") is None:
        raise PluginError("Meshes require trimesh and CoACD: pip install 'ideomotor[grasp]'.")
    return trimesh


def _cache(digest: str) -> Path | None:
    """Where the parts of a mesh are kept; `IDEOMOTOR_CACHE` chooses the folder (empty: nowhere)."""
    chosen = os.environ.get("IDEOMOTOR_CACHE")
    if chosen == "":
        return None
    if chosen is None:
        import platformdirs

        chosen = platformdirs.user_cache_dir("ideomotor", appauthor=False)
    return Path(chosen).expanduser() / "meshes" / f"{digest}.npz"
