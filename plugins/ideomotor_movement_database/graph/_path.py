from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, eq=False)
class NodePath:
    """A discovered movement: nodes of a `TransitionGraph` in order, cut into partial paths at its jumps.

    - `nodes`; `position`: theirs, in the coordinates of the graph's chart; `duration`: t_v (s).
    - `jump`: whether the step from a node to the next was never demonstrated.
    - `level`: the highest level that the search began at; the deepest if it never left it.
    - `cost`: what the search minimised.
    """

    nodes: Int[np.ndarray, " node"]
    position: Float[np.ndarray, "node coordinate"]
    duration: Float[np.ndarray, " node"]
    jump: Bool[np.ndarray, " step"]
    level: int
    cost: float

    @property
    def parts(self) -> list[Int[np.ndarray, " part"]]:
        """The partial paths."""
        return np.split(self.nodes, np.flatnonzero(self.jump) + 1)

    @property
    def steps(self) -> Float[np.ndarray, " step"]:
        """Distances from node to node."""
        return np.linalg.norm(np.diff(self.position, axis=0), axis=1)

    @property
    def gaps(self) -> Float[np.ndarray, " gap"]:
        """The distances that are bridged between partial paths."""
        return self.steps[self.jump]

    def __repr__(self) -> str:
        gap = self.gaps.max(initial=0.0)
        return f"NodePath({len(self.nodes)} nodes, {len(self.parts)} parts, largest gap {gap:.3g})"
