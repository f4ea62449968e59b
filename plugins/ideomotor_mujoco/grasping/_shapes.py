"""Convex parts, as vertices: what objects are made of. Lengths in metres, z up."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull

Vertices = Float[np.ndarray, "_ 3"]
Parts = list[Vertices]
Number = float | int
Point = Sequence[Number] | np.ndarray

_SIDES = 16  # of a circle


def box(size: Point, at: Point = (0, 0, 0)) -> Parts:
    """A box with sides `size` around `at`."""
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    return [corners * np.asarray(size, float) + np.asarray(at, float)]


def solid(profile: Sequence[tuple[Number, Number]], sides: int = _SIDES) -> Parts:
    """A body of revolution: `profile` goes up the axis as (radius, height); each slab is a frustum."""
    parts = []
    for (r0, z0), (r1, z1) in zip(profile[:-1], profile[1:], strict=True):
        if z1 > z0 and max(r0, r1) > 0:
            parts.append(np.vstack([_ring(r0, z0, sides), _ring(r1, z1, sides)]))
    return parts


def hollow(profile: Sequence[tuple[Number, Number]], wall: Number, floor: Number, sides: int = 12) -> Parts:
    """A vessel: walls of thickness `wall` along `profile`, in wedges, and a bottom of height `floor`."""
    (r, z), parts = profile[0], []
    parts.append(np.vstack([_ring(r, z, sides), _ring(r, z + floor, sides)]))
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    for (r0, z0), (r1, z1) in zip(profile[:-1], profile[1:], strict=True):
        if z1 <= z0:
            continue
        for a, b in zip(angles[:-1], angles[1:], strict=True):
            corners = [
                (radius * np.cos(angle), radius * np.sin(angle), height)
                for angle in (a, b)
                for r, height in ((r0, z0), (r1, z1))
                for radius in (r, max(r - wall, 1e-4))
            ]
            parts.append(np.array(corners))
    return parts


def ellipsoid(radii: Point, at: Point = (0, 0, 0), e1: Number = 1.0, e2: Number = 1.0) -> Parts:
    """A superquadric with half axes `radii`; exponents 1 make an ellipsoid, smaller ones a rounded box."""
    v, u = np.linspace(-np.pi / 2, np.pi / 2, 9), np.linspace(-np.pi, np.pi, _SIDES, endpoint=False)
    v, u = (grid.ravel() for grid in np.meshgrid(v, u))
    flat = np.stack([_power(np.cos(u), e2), _power(np.sin(u), e2)], -1) * _power(np.cos(v), e1)[:, None]
    points = np.concatenate([flat, _power(np.sin(v), e1)[:, None]], 1)
    return [np.unique(np.round(points * np.asarray(radii, float), 7), axis=0) + np.asarray(at, float)]


def rod(start: Point, end: Point, r0: Number, r1: Number | None = None, sides: int = 10) -> Parts:
    """A rod between two points, with radius `r0` at the start and `r1` at the end."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = end - start
    length = float(np.linalg.norm(along))
    z = along / length
    x = np.cross(z, [0.0, 0.0, 1.0] if abs(z[2]) < 0.9 else [1.0, 0.0, 0.0])
    frame = np.stack([x / np.linalg.norm(x), np.cross(z, x / np.linalg.norm(x)), z], 1)
    rings = np.vstack([_ring(r0, 0, sides), _ring(r0 if r1 is None else r1, length, sides)])
    return [rings @ frame.T + start]


def tube(points: Sequence[Point], radius: Number) -> Parts:
    """Rods along a line through `points`."""
    pairs = zip(points[:-1], points[1:], strict=True)
    return [part for a, b in pairs for part in rod(a, b, radius, sides=8)]


def arc(
    centre: Point,
    radii: tuple[Number, Number],
    angles: tuple[Number, Number],
    thickness: Number,
    n: int = 6,
) -> Parts:
    """A handle: a tube along an elliptic arc in the x-z plane; angles in degrees from +x towards +z."""
    t = np.radians(np.linspace(*angles, n + 1))
    line = np.stack([radii[0] * np.cos(t), 0 * t, radii[1] * np.sin(t)], -1) + np.asarray(centre, float)
    return tube(line.tolist(), thickness)


def prism(outline: Sequence[tuple[Number, Number]], height: Number, z: Number = 0.0) -> Parts:
    """A convex outline in the x-y plane, extruded upwards from `z`."""
    flat = np.asarray(outline, float)
    return [np.vstack([np.c_[flat, np.full(len(flat), h)] for h in (z, z + height)])]


def ring(radius: Number, thickness: Number, z: Number = 0.0, n: int = 14) -> Parts:
    """A lying ring (a doughnut, a tyre), as rods."""
    t = np.linspace(0, 2 * np.pi, n + 1)
    line = np.stack([radius * np.cos(t), radius * np.sin(t), np.full(n + 1, z)], -1)
    return tube(line.tolist(), thickness)


def moved(parts: Parts, by: Point) -> Parts:
    """The parts, shifted."""
    return [part + np.asarray(by, float) for part in parts]


def turned(parts: Parts, axis: str, degrees: Number) -> Parts:
    """The parts, turned about an axis through the origin."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }[axis]
    return [part @ np.array(matrix).T for part in parts]


def lying(parts: Parts) -> Parts:
    """The parts, laid down along x."""
    return turned(parts, "y", 90)


def hull_volume(part: Vertices) -> float:
    """The volume of a part's convex hull, m³."""
    return float(ConvexHull(part).volume)


def _ring(radius: Number, z: Number, sides: int) -> np.ndarray:
    if radius <= 1e-6:
        return np.array([[0.0, 0.0, z]])
    t = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    return np.stack([radius * np.cos(t), radius * np.sin(t), np.full(sides, z)], -1)


def _power(x: np.ndarray, e: Number) -> np.ndarray:
    return np.sign(x) * np.abs(x) ** e
