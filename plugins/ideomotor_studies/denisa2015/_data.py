"""Demonstrations, trees and planners of the study, in both spaces."""

import functools
from typing import Any

import numpy as np

import ideomotor
from ideomotor import Trajectory
from ideomotor_movement_database import (
    Demonstration,
    Demonstrations,
    Flat,
    Hierarchical,
    MovementGraph,
    MovementTree,
    Timing,
    build_tree,
    shelf_demonstrations,
)

from ._robot import SCENE, joints, place
from ._settings import FAN, THRESHOLD

SPACES = ("cartesian", "joint")
WIDTH = 0.04  # m, half the width of what is carried, in the searches' check


@functools.lru_cache(maxsize=4)
def demonstrations(seed: int, space: str, fan: float = FAN) -> Demonstrations:
    """30 generated ones in the study's scene, as places of the object or as the arm's joint angles."""
    made = shelf_demonstrations(seed, scene=SCENE, fan=fan)
    if space == "cartesian":
        return made
    return Demonstrations([Demonstration(m.name, m.ts, joints(SCENE, m.ys), "joint") for m in made])


def tree_of(made: Demonstrations, **options: Any) -> MovementTree:
    """The paper's tree: positions and velocities unscaled, in SI units."""
    return build_tree(made, **{"velocity_weight": 1.0, "threshold": THRESHOLD[made.space], **options})


def planner_of(
    made: Demonstrations,
    kind: str,
    tree: MovementTree | None = None,
    *,
    checked: bool = False,
    limit: float | None = 0.2,
) -> MovementGraph:
    """The planner with a `flat` (ours) or a `hierarchical` (the paper's) search.

    - `checked`: whether steps are checked against the shelf's boards; those of `flat` always are, the paper knows nothing of it.
    - `limit`: how far start and goal may be from all demonstrations (m or rad); `None` for any distance.
    """
    tree = tree_of(made) if tree is None else tree
    look = look_of(made.space)
    timing = Timing(kinematics=look)
    free = SCENE.free(WIDTH)
    valid = free if look is None else lambda a, b: free(look(a), look(b))
    if kind == "hierarchical" and not checked:
        valid = None
    search = Hierarchical() if kind == "hierarchical" else Flat()
    return MovementGraph(made, search, tree=tree, timing=timing, valid=valid, limit=limit)


def look_of(space: str) -> Any:
    """From joint angles to the object, whose speed is kept as well; places are already the object's."""
    return place if space == "joint" else None


def queries(made: Demonstrations) -> list[tuple[np.ndarray, np.ndarray]]:
    """30 starts, each to the ends of the first demonstration to each compartment."""
    goals = [made[5 * i].ys[-1] for i in range(6)]
    return [(item.ys[0], goal) for item in made for goal in goals]


def as_joints(movement: Trajectory, space: str) -> Trajectory:
    """A movement of the object as one of the joints."""
    ys = np.asarray(movement.ys, float)
    return Trajectory(np.asarray(movement.ts, float), ys if space == "joint" else joints(SCENE, ys))


def place_of(space: str, ys: np.ndarray) -> np.ndarray:
    """Where the object is."""
    return np.asarray(place(np.asarray(ys, float))) if space == "joint" else np.asarray(ys, float)


def dmp_for(space: str) -> Any:
    """The primitive that imitates the movements of a space."""
    return ideomotor.make("dmp", dof=7 if space == "joint" else 3, basis=30)
