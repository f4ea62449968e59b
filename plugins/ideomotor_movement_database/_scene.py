"""The paper's scene: objects from a table go into the six compartments of a shelf."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.interpolate import CubicSpline

from ideomotor.errors import DataError

from ._demonstrations import Demonstration, Demonstrations


@dataclass(frozen=True)
class ShelfScene:
    """A start area on a table, 62 cm by 76 cm, and a shelf of three levels with two compartments each (Deniša & Ude 2015).

    In the frame of a robot at the origin, z up (m). The openings of the shelf, 30 cm by 30 cm, are in the plane
    x = `front`; it reaches `depth` behind them. Boards of thickness `board` are between and around the compartments.

    - `table`: centre of the start area; its size along x and y is `area`.
    - `shelf`: y of the shelf's middle and z of the lowest compartment's floor.
    """

    table: tuple[float, float, float] = (0.0, -0.6, 0.1)
    area: tuple[float, float] = (0.62, 0.76)
    front: float = 0.5
    shelf: tuple[float, float] = (0.1, 0.1)
    opening: float = 0.3
    depth: float = 0.3
    board: float = 0.02

    @property
    def boards(self) -> Float[np.ndarray, "board 2 3"]:
        """Lower and upper corners of the boards: four level ones, three upright ones and the back."""
        step, t = self.opening + self.board, self.board
        low_y, low_z = self.shelf[0] - step - t / 2, self.shelf[1] - t
        high_y, high_z = low_y + 2 * step + t, low_z + 3 * step + t
        near, far = self.front, self.front + self.depth
        level = [((near, low_y, low_z + i * step), (far, high_y, low_z + i * step + t)) for i in range(4)]
        upright = [((near, low_y + i * step, low_z), (far, low_y + i * step + t, high_z)) for i in range(3)]
        return np.array([*level, *upright, ((far, low_y, low_z), (far + t, high_y, high_z))])

    @property
    def goals(self) -> Float[np.ndarray, "compartment 3"]:
        """Centres of the compartments, from the lowest; of each level that with smaller y first."""
        step = self.opening + self.board
        y = self.shelf[0] + np.array([-0.5, 0.5]) * step
        z = self.shelf[1] + self.opening / 2 + step * np.arange(3)
        return np.array([(self.front + self.depth / 2, b, c) for c in z for b in y])

    def starts(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n 3"]:
        """Places drawn evenly from the start area."""
        low = np.array(self.table[:2]) - np.array(self.area) / 2
        places = low + rng.random((n, 2)) * np.array(self.area)
        return np.column_stack([places, np.full(n, self.table[2])])

    def hits(
        self, a: Float[np.ndarray | Array, "n 3"], b: Float[np.ndarray | Array, "n 3"], radius: float = 0.0
    ) -> Bool[np.ndarray, " n"]:
        """Which of n straight steps of a box of half-width `radius` touch a board (the slab test)."""
        a, b = np.asarray(a, float)[:, None], np.asarray(b, float)[:, None]
        low, high = self.boards[None, :, 0] - radius, self.boards[None, :, 1] + radius
        step = np.where(np.abs(b - a) < 1e-12, 1e-12, b - a)
        one, two = (low - a) / step, (high - a) / step
        enter, leave = np.minimum(one, two).max(axis=2), np.maximum(one, two).min(axis=2)
        return np.any((enter <= leave) & (leave >= 0) & (enter <= 1), axis=1)

    def free(self, radius: float = 0.0):
        """A validity function for planners: which steps touch no board."""
        return lambda a, b: ~self.hits(a, b, radius)


def shelf_demonstrations(
    seed: int = 0,
    *,
    scene: ShelfScene = ShelfScene(),
    per_cell: int = 5,
    rate: float = 100.0,
    fan: float = 1.0,
    noise: float = 0.0005,
    clearance: float | None = 0.05,
) -> Demonstrations:
    """Reaches like those of a guided arm: from each of six cells of the start area to the compartment of that number.

    Each is a spline through a lift from the table, a place in mid-air, one before the opening and the centre of the
    compartment, travelled with a bell-shaped speed; nothing in it was recorded.

    - `per_cell`: demonstrations from each cell; with 5, there are 30 as in the paper.
    - `rate`: samples per second.
    - `fan`: how far they spread in mid-air; 1 is about 20 cm apart, 0 nearly one point.
    - `noise`: of the guiding hand, slow, standard deviation (m).
    - `clearance`: they keep so far from all boards (m); with None the boards are not looked at.
    """
    if per_cell < 1 or rate <= 0:
        raise DataError(f"per_cell = {per_cell} and rate = {rate}; both must be positive.")
    rng = np.random.default_rng(seed)
    low = np.array(scene.table[:2]) - np.array(scene.area) / 2
    cell = np.array(scene.area) / np.array([2, 3])
    found = []
    for compartment, goal in enumerate(scene.goals):
        corner = low + cell * np.array([compartment % 2, compartment // 2])
        for i, share in enumerate(_spaced(per_cell, rng)):
            start = np.append(corner + share * cell, scene.table[2])
            for _ in range(200):
                ts, ys = _reach(scene, start, goal, rate, fan, noise, rng)
                if clearance is None or not scene.hits(ys[:-1], ys[1:], clearance).any():
                    break
            else:
                raise DataError(
                    f"No reach to compartment {compartment} keeps {clearance} m from the boards; use a smaller clearance."
                )
            about = {"compartment": str(compartment), "origin": "generated"}
            found.append(Demonstration(f"shelf-{seed}-{compartment}-{i}", ts, ys, metadata=about))
    return Demonstrations(found)


def _spaced(n: int, rng: np.random.Generator) -> np.ndarray:
    """Points of the unit square that cover it: the best of many draws by their smallest distance."""
    draws = 0.08 + 0.84 * rng.random((200, n, 2))
    distances = np.linalg.norm(draws[:, :, None] - draws[:, None], axis=-1) + 2 * np.eye(n)
    return draws[np.argmax(distances.min(axis=(1, 2)))]


def _reach(scene: ShelfScene, start, goal, rate, fan, noise, rng) -> tuple[np.ndarray, np.ndarray]:
    lift = start + [0.0, 0.0, rng.uniform(0.08, 0.15)]
    before = goal + [-(scene.depth / 2 + rng.uniform(0.1, 0.16)), *rng.normal(0, 0.015, 2)]
    middle = np.array([0.6 * scene.front, 0.5 * (scene.table[1] + scene.shelf[0]), scene.table[2] + 0.45])
    own = 0.5 * (lift + before) + rng.normal(0, 0.03, 3)
    via = fan * own + (1 - fan) * (middle + rng.normal(0, 0.02, 3))
    via[0] = min(via[0], scene.front - 0.12)
    points = np.array([start, lift, via, before, goal])
    along = np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1) ** 0.5))
    spline = CubicSpline(along, points, bc_type="natural")
    fine = np.linspace(0, along[-1], 2000)
    travelled = np.append(0, np.cumsum(np.linalg.norm(np.diff(spline(fine), axis=0), axis=1)))
    n = int(round(travelled[-1] * rng.uniform(3.3, 4.1) * rate))
    s = np.arange(n) / (n - 1)
    way = np.interp((10 * s**3 - 15 * s**4 + 6 * s**5) * travelled[-1], travelled, fine)
    waves = np.arange(1, 6)[:, None]
    wobble = rng.normal(0, 1, (3, 5)) / waves.T**0.5 @ np.sin(np.pi * waves * s)
    return np.arange(n) / rate, spline(way) + noise * wobble.T * np.sin(np.pi * s)[:, None]
