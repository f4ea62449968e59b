# pyright: reportAttributeAccessIssue=false
"""Things to put into the world beside a robot: each is a small model with a method `spec()`."""

import dataclasses
from collections.abc import Sequence

import mujoco

from ideomotor import quantity

Numbers = Sequence[float | int]


def _words(values: Numbers) -> str:
    return " ".join(f"{float(v):.9g}" for v in values)


@dataclasses.dataclass(frozen=True)
class Box:
    """A box, fixed in the world, or free to be pushed and carried if it has a mass.

    - `body`: what it is called.
    - `size`: whole lengths of the sides, m. `position`: of the centre, m. `turn`: about the vertical, degrees.
    - `mass`: kg; `None` fixes it. `friction`: the sliding coefficient.
    """

    body: str = "box"
    size: Numbers = (0.1, 0.1, 0.1)
    position: Numbers = (0.5, 0.0, 0.05)
    turn: float | int = quantity(unit="degrees", bounds=(-180.0, 180.0), default=0.0)
    mass: float | int | None = None
    friction: float | int = quantity(bounds=(0.0, 2.0), default=0.8)
    colour: Numbers = (0.75, 0.6, 0.4, 1.0)

    def __post_init__(self):
        if len(self.size) != 3 or min(self.size) <= 0:
            raise ValueError(f"Box {self.body!r}: size must be three positive lengths in m, not {self.size}.")

    def spec(self) -> mujoco.MjSpec:
        """The box as a model."""
        half = _words([0.5 * s for s in self.size])
        free = "" if self.mass is None else "<freejoint/>"
        mass = "" if self.mass is None else f'mass="{self.mass}"'
        return mujoco.MjSpec.from_string(
            f'<mujoco><worldbody><body name="{self.body}" pos="{_words(self.position)}" euler="0 0 {self.turn}">{free}'
            f'<geom name="{self.body}" type="box" size="{half}" {mass} friction="{self.friction} 0.005 0.0001" '
            f'condim="4" solref="0.005 1" rgba="{_words(self.colour)}"/></body></worldbody></mujoco>'
        )


@dataclasses.dataclass(frozen=True)
class Shelf:
    """An open shelf of boards, fixed in the world: one body, whose contacts say when it is hit.

    - `body`: what it is called. `position`: of the middle of its foot at the open front, m; it opens towards -x at `turn` 0.
    - `width`, `depth`, `height`: outside, m; `levels`: how many compartments lie above each other.
    - `board`: thickness, m.
    """

    body: str = "shelf"
    position: Numbers = (0.55, 0.0, 0.0)
    turn: float | int = quantity(unit="degrees", bounds=(-180.0, 180.0), default=0.0)
    width: float | int = quantity(unit="m", bounds=(0.1, 2.0), default=0.8)
    depth: float | int = quantity(unit="m", bounds=(0.1, 1.0), default=0.3)
    height: float | int = quantity(unit="m", bounds=(0.1, 2.0), default=0.9)
    levels: int = 3
    board: float | int = quantity(unit="m", bounds=(0.005, 0.05), default=0.015)
    colour: Numbers = (0.80, 0.68, 0.50, 1.0)

    def __post_init__(self):
        if self.levels < 1 or min(self.width, self.depth, self.height, self.board) <= 0:
            raise ValueError(f"Shelf {self.body!r}: lengths must be positive, and levels at least 1.")

    def spec(self) -> mujoco.MjSpec:
        """The shelf as a model."""
        w, d, h, b = self.width, self.depth, self.height, self.board
        boards = [((d - b / 2, 0, h / 2), (b, w, h))]  # the back
        boards += [((d / 2, side * (w - b) / 2, h / 2), (d, b, h)) for side in (-1, 1)]
        boards += [((d / 2, 0, b / 2 + i * (h - b) / self.levels), (d, w, b)) for i in range(self.levels + 1)]
        geoms = "".join(
            f'<geom type="box" pos="{_words(at)}" size="{_words([s / 2 for s in size])}" '
            f'rgba="{_words(self.colour)}" solref="0.005 1"/>'
            for at, size in boards
        )
        return mujoco.MjSpec.from_string(
            f'<mujoco><worldbody><body name="{self.body}" pos="{_words(self.position)}" euler="0 0 {self.turn}">'
            f"{geoms}</body></worldbody></mujoco>"
        )


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A sheet of paper on a board, to write on.

    - `position`: of its centre, m; `rotation`: Euler angles about x, y, z (degrees, applied in that order, each about
      the turned axes): the sheet's x runs to the right along a row, its y up, and its z out of it.
    - `size`: width and height, m.
    """

    position: Numbers = (0.55, 0.0, 0.10)
    rotation: Numbers = (0.0, 0.0, -90.0)
    size: Numbers = (0.14, 0.14)

    def __post_init__(self):
        if len(self.size) != 2 or min(self.size) <= 0:
            raise ValueError(f"Sheet: size must be two positive lengths in m, not {self.size}.")

    def spec(self) -> mujoco.MjSpec:
        """The sheet as a model; body and geom are both called `sheet`, and lie with their surface at `position`."""
        w, h = (0.5 * float(s) for s in self.size)
        x, y, z = (float(v) for v in self.position)
        foot = (
            f'<geom type="cylinder" fromto="{x} {y} 0 {x} {y} {z - 0.03:.9g}" size="0.012" contype="0" '
            f'conaffinity="0" rgba="0.4 0.4 0.42 1"/>'
            if z > 0.06
            else ""
        )
        return mujoco.MjSpec.from_string(
            f'<mujoco><worldbody>{foot}<body name="sheet" pos="{_words(self.position)}" euler="{_words(self.rotation)}">'
            f'<geom name="sheet" type="box" pos="0 0 -0.004" size="{w} {h} 0.004" rgba="0.97 0.97 0.94 1"/>'
            f'<geom name="desk" type="box" pos="0 0 -0.018" size="{w + 0.05} {h + 0.05} 0.01" rgba="0.55 0.42 0.30 1"/>'
            f"</body></worldbody></mujoco>"
        )
