from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ideomotor import Trajectory
from ideomotor.errors import DataError

from ._demonstrations import Demonstrations
from ._joining import imitate, join, play
from ._scene import shelf_demonstrations
from ._timing import Pace
from .graph import (
    AbstractSearch,
    Flat,
    NodePath,
    TransitionGraph,
    Validity,
    build_graph,
)
from .tree import AbstractClustering, KMeans, MovementTree, build_tree


class MovementGraph:
    """A planner that goes from one demonstration over to others where they are near (Deniša & Ude 2015).

    `planner(start, goal)` gives a smooth `Trajectory` from rest to rest. A primitive that imitates, such as `dmp`,
    makes it adaptable: in a pipeline, or with `primitive=` here.

    - `demonstrations`: `Demonstrations`, a list of them, or None for generated reaches into a shelf.
    - `search`: `Flat()` or `Hierarchical()`.
    - `threshold`, `velocity_weight`, `rotation_length`, `clustering`: see `build_tree`.
    - `limit`: how far start and goal may be from all nodes (m or rad); None for any distance.
    - `valid`: `valid(starts, ends)` says which of n straight steps, both ends of shape `(n, dof)`, are possible: no collision.
    - `primitive`: a component with `fit`; the movement is then what it makes of the path.
    - `dt`, `smoothing`, `gap_time`, `keep_pace`: see `join`.
    - `look`: samples `(n, dof)` to what moves with them `(n, k)`, such as the hand of an arm whose joints were recorded;
      `keep_pace` then keeps its peak speed too.
    - `tree`: one that was built from these demonstrations before; `transitions`: the graph of it, as `build_graph` gives it.
    """

    def __init__(
        self,
        demonstrations: Demonstrations | Sequence[Any] | None = None,
        search: AbstractSearch = Flat(),
        *,
        threshold: float = 0.0056,
        velocity_weight: float = 0.15,
        rotation_length: float = 0.1,
        clustering: AbstractClustering = KMeans(),
        limit: float | None = 0.2,
        valid: Validity | None = None,
        primitive: Any = None,
        dt: float = 0.01,
        smoothing: float = 0.08,
        gap_time: bool = True,
        keep_pace: bool = True,
        look: Callable[[Any], Any] | None = None,
        tree: MovementTree | None = None,
        transitions: TransitionGraph | None = None,
    ):
        if not isinstance(search, AbstractSearch):
            raise DataError(f"search = {search!r}; it must be Flat() or Hierarchical().")
        if not dt > 0 or smoothing < 0 or (limit is not None and limit < 0):
            raise DataError(
                f"dt = {dt}, smoothing = {smoothing}, limit = {limit}; times are positive, and so are distances."
            )
        self.demonstrations = demonstrations
        self.search, self.valid, self.primitive = search, valid, primitive
        self.tree, self.transitions = tree, transitions
        self.threshold, self.velocity_weight, self.rotation_length = (
            threshold,
            velocity_weight,
            rotation_length,
        )
        self.clustering, self.limit = clustering, limit
        self.dt, self.smoothing, self.gap_time, self.keep_pace = dt, smoothing, gap_time, keep_pace
        self.look = look
        if demonstrations is None:
            demonstrations = shelf_demonstrations(per_cell=2, rate=50.0)
        if not isinstance(demonstrations, Demonstrations):
            demonstrations = Demonstrations(demonstrations)
        if tree is None:
            tree = build_tree(
                demonstrations,
                threshold=threshold,
                velocity_weight=velocity_weight,
                rotation_length=rotation_length,
                clustering=clustering,
            )
        elif tree.names != demonstrations.names or len(tree.leaf) != len(demonstrations.ys):
            raise DataError("The tree was built from other demonstrations; build it anew.")
        if transitions is not None and (
            transitions.names != demonstrations.names or not np.array_equal(transitions.parent, tree.parent)
        ):
            raise DataError("The graph was built from another tree; build it anew with build_graph(tree).")
        self._data = demonstrations
        self.graph: TransitionGraph = build_graph(tree) if transitions is None else transitions
        self.pace = Pace.of(demonstrations, self.graph.chart)
        self._seen = None if look is None else Pace.of(demonstrations, self.graph.chart, look)
        self._nodes = self.graph.nodes(-1)
        self._searcher = search.prepare(self.graph, valid)

    def default_query(self) -> tuple[np.ndarray, np.ndarray]:
        """From the start of the first demonstration to the end of the last."""
        return self._data[0].ys[0], self._data[-1].ys[-1]

    def __call__(self, start: Float[np.ndarray, " dof"], goal: Float[np.ndarray, " dof"]) -> Trajectory:
        """The movement from `start` to `goal`.

        Raises `DataError` where one of them is farther than `limit` from all nodes, and where nothing valid leads on.
        """
        return self.movement(self.find(start, goal), start, goal)

    def find(
        self,
        start: Float[np.ndarray, " dof"],
        goal: Float[np.ndarray, " dof"],
        *,
        penalty: np.ndarray | None = None,
    ) -> NodePath:
        """The path through the graph; `penalty` as in `AbstractSearcher.find`."""
        ends = self.nearest(start, "start"), self.nearest(goal, "goal")
        path = self._searcher.find(*ends, penalty)
        if path is None:
            raise DataError(
                "No valid path leads from this start to this goal; check both with the validity function, or "
                "search with Flat()."
            )
        return path

    def find_several(
        self,
        start: Float[np.ndarray, " dof"],
        goal: Float[np.ndarray, " dof"],
        count: int,
        *,
        penalty: float = 3.0,
        overlap: float = 0.5,
        tries: int = 20,
    ) -> list[NodePath]:
        """Up to `count` different paths, the best first.

        After each search, steps into the nodes of its path become `penalty` times as dear. A path is kept if at most the share
        `overlap` of its nodes is in any one kept before; after `tries` searches it is enough.
        """
        factor, kept = np.ones(len(self.graph.parent)), []
        for _ in range(tries):
            path = self.find(start, goal, penalty=factor)
            # Both ends are the same for all.
            inner = path.nodes[1:-1]
            if all(np.isin(inner, other.nodes).mean() <= overlap for other in kept if len(inner)) or not kept:
                kept.append(path)
            if len(kept) == count:
                break
            factor[inner] *= penalty
        return kept

    def movement(
        self, path: NodePath, start: Float[np.ndarray, " dof"], goal: Float[np.ndarray, " dof"]
    ) -> Trajectory:
        """The smooth movement along a path, pinned to start and goal."""
        chart = self.graph.chart
        begin = chart.coordinates(self._place(start, "start"))
        end = chart.coordinates(self._place(goal, "goal"))
        joined = join(
            path,
            begin,
            end,
            self.pace,
            dt=self.dt,
            smoothing=self.smoothing,
            gap_time=self.gap_time,
            keep_pace=self.keep_pace,
        )
        ys = chart.samples(joined.ys if self.primitive is None else self._imitated(joined))
        ts = joined.ts
        if self.keep_pace and self.look is not None and self._seen is not None:
            steps = np.linalg.norm(np.diff(np.asarray(self.look(ys)), axis=0), axis=1)
            ts = ts * max(1.0, float(np.max(steps / np.diff(ts))) / self._seen.peak)
        return Trajectory(ts, ys)

    def nearest(self, place: Float[np.ndarray, " dof"], name: str = "place") -> int:
        """The node of the deepest level that is nearest; raises `DataError` beyond `limit`."""
        coordinates = self.graph.chart.coordinates(self._place(place, name))
        distances = np.linalg.norm(self.graph.position[self._nodes] - coordinates, axis=1)
        best = int(np.argmin(distances))
        if self.limit is not None and distances[best] > self.limit:
            unit = "rad" if self.graph.space == "joint" else "m"
            raise DataError(
                f"The {name} is {distances[best]:.3g} {unit} from the nearest demonstration, more than the limit of "
                f"{self.limit:g} {unit}; demonstrate there, or allow more (limit=, --limit)."
            )
        return int(self._nodes[best])

    def _place(self, place: Any, name: str) -> np.ndarray:
        place = np.asarray(place, np.float64)
        if place.shape != (self._data.dof,) or not np.all(np.isfinite(place)):
            raise DataError(
                f"The {name} must be {self._data.dof} finite numbers, as in the demonstrations; it is {place}."
            )
        if self.graph.space == "pose":
            norm = np.linalg.norm(place[3:])
            if abs(norm - 1) > 0.05:
                raise DataError(f"The {name}'s quaternion has length {norm:.3g} and must have length 1.")
            place = np.append(place[:3], place[3:] / norm)
        return place

    def _imitated(self, joined: Trajectory) -> np.ndarray:
        params = jax.tree.map(lambda leaf: leaf[0], imitate(self.primitive, [joined]))
        # Played at so many times as it was imitated with, and read off at the path's: one compilation for all lengths.
        ts = np.linspace(0.0, joined.ts[-1], 1000)
        ys = np.asarray(play(self.primitive, params, jnp.asarray(ts)), np.float64)
        return np.stack([np.interp(joined.ts, ts, column) for column in ys.T], axis=1)
