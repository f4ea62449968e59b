import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ideomotor import Trajectory
from ideomotor.errors import DataError

from ._demonstrations import Demonstrations, Speeds
from ._joining import Timing, imitate, join, play
from ._scene import shelf_demonstrations
from .graph._build_tree import build_tree
from .graph._graph import NodePath, TransitionGraph
from .graph._search import AbstractSearch, AbstractSearcher, Flat, Validity
from .graph._tree import MovementTree, TreeSettings

_TRIES = 8  # paths whose smoothed movement may turn out to be invalid
_ENDS = (
    3  # nodes that the search may begin or end at, where the validity function forbids to join the nearest
)


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """What a planner needs for a query: a search made ready, the speeds of the demonstrations, and an example query."""

    searcher: AbstractSearcher
    speeds: Speeds
    query: Float[np.ndarray, "2 dof"]
    fingerprint: str | None = None

    @classmethod
    def of(
        cls, made: Demonstrations, graph: TransitionGraph, search: AbstractSearch, valid: Validity | None
    ) -> "Prepared":
        """From the start of the first demonstration to the end of the last."""
        speeds = made.speeds(graph.coordinates.encode)
        return cls(search.prepare(graph, valid), speeds, np.stack([made[0].ys[0], made[-1].ys[-1]]))


class MovementGraph:
    """A planner that goes from one demonstration over to others where they are near (Deniša & Ude 2015).

    `planner(start, goal)` gives a smooth `Trajectory` from rest to rest. A primitive that imitates, such as `dmp`,
    makes it adaptable: in a pipeline, or with `primitive=` here.

    - `demonstrations`: `Demonstrations`, a list of them, a `MovementDatabase` or the path of one, such as `moves.db`; None for
      generated reaches into a shelf.
    - `search`: `Flat()` or `Hierarchical()`.
    - `tree`: the `TreeSettings` to cluster them with; or a `MovementTree` or `TransitionGraph` that was built from them before.
      A database has its own.
    - `timing`: when the movement is where, and how smooth it is.
    - `limit`: how far start and goal may be from all nodes (m or rad); None for any distance.
    - `valid`: `valid(starts, ends)` says which of n straight steps, both ends of shape `(n, dof)`, are possible: no collision.
      It is asked of start and goal, of every step, and of the smoothed movement.
    - `primitive`: a component with `fit`; the movement is then what it makes of the path.
    """

    def __init__(
        self,
        demonstrations: Any = None,
        search: AbstractSearch = Flat(),
        *,
        tree: TreeSettings | MovementTree | TransitionGraph = TreeSettings(),
        timing: Timing = Timing(),
        limit: float | None = 0.2,
        valid: Validity | None = None,
        primitive: Any = None,
    ):
        from .storage._database import MovementDatabase

        if not isinstance(search, AbstractSearch):
            raise DataError(f"search = {search!r}; it must be Flat() or Hierarchical().")
        if limit is not None and not limit >= 0:
            raise DataError(f"limit = {limit}; it must be a distance of at least 0, or None.")
        self.demonstrations, self.search, self.tree, self.timing = demonstrations, search, tree, timing
        self.limit, self.valid, self.primitive = limit, valid, primitive
        if isinstance(demonstrations, str | Path):
            demonstrations = MovementDatabase(demonstrations, create=False)
        if isinstance(demonstrations, MovementDatabase):
            if tree != TreeSettings():
                raise DataError(
                    "A database has its own tree; change its settings with `ideomotor db rebuild`."
                )
            self._source: Any = demonstrations
            self._prepared = demonstrations.prepared(search, valid)
        else:
            self._source = _Source(demonstrations, tree)
            self._prepared = Prepared.of(self._source.demonstrations, self._source.graph, search, valid)
        self._searcher = self._prepared.searcher

    @property
    def graph(self) -> TransitionGraph:
        """The transition graph that is searched."""
        fingerprint = self._prepared.fingerprint
        return self._source.graph if fingerprint is None else self._source.graph_of(fingerprint)

    @property
    def speeds(self) -> Speeds:
        """The mean and the peak speed of the demonstrations, in coordinates."""
        return self._prepared.speeds

    def decode(self, path: NodePath) -> Float[np.ndarray, "node dof"]:
        """The positions of a path's nodes as samples."""
        return self._searcher.leaves.coordinates.decode(path.position)

    def default_query(self) -> tuple[np.ndarray, np.ndarray]:
        """From the start of the first demonstration to the end of the last."""
        start, goal = self._prepared.query
        return start, goal

    def __call__(self, start: Float[np.ndarray, " dof"], goal: Float[np.ndarray, " dof"]) -> Trajectory:
        """The movement from `start` to `goal`.

        Raises `DataError` where one of them is farther than `limit` from all nodes, and where nothing valid leads on.
        """
        penalty = None
        for _ in range(_TRIES - 1):
            path = self.find(start, goal, penalty=penalty)
            try:
                return self.movement(path, start, goal)
            except _InvalidError as error:
                penalty = np.ones(self._searcher.leaves.nodes[-1] + 1) if penalty is None else penalty
                penalty[error.nodes] *= 10.0
        return self.movement(self.find(start, goal, penalty=penalty), start, goal)

    def find(
        self,
        start: Float[np.ndarray, " dof"],
        goal: Float[np.ndarray, " dof"],
        *,
        penalty: np.ndarray | None = None,
    ) -> NodePath:
        """The path through the graph.

        `penalty`: of each node of the graph, the factor (at least one) on the cost of steps into it.
        """
        nodes = self._searcher.leaves.nodes
        for i, j in self._ends(self._place(start, "start"), self._place(goal, "goal")):
            path = self._searcher.find(int(nodes[i]), int(nodes[j]), penalty)
            if path is not None:
                return path
        raise DataError(
            "No valid path leads from this start to this goal; check what the validity function forbids."
        )

    def find_alternatives(
        self,
        start: Float[np.ndarray, " dof"],
        goal: Float[np.ndarray, " dof"],
        count: int,
        *,
        penalty: float = 3.0,
        overlap: float = 0.5,
        tries: int = 20,
    ) -> list[NodePath]:
        """Up to `count` different paths, the best first; raises `DataError` if there is only one.

        After each search, steps into the nodes of its path become `penalty` times as dear. A path is kept if at most the share
        `overlap` of its nodes is in any one kept before; after `tries` searches it is enough.
        """
        factor, kept = np.ones(self._searcher.leaves.nodes[-1] + 1), []
        for _ in range(tries):
            path = self.find(start, goal, penalty=factor if kept else None)
            # Both ends are the same for all.
            inner = path.nodes[1:-1]
            if not kept or (
                len(inner) and max(np.isin(inner, other.nodes).mean() for other in kept) <= overlap
            ):
                kept.append(path)
            if len(kept) >= count:
                break
            factor[inner] *= penalty
        if len(kept) < min(count, 2):
            raise DataError(
                f"There is no second path that shares at most {overlap:.0%} of its nodes with the best one; allow a "
                f"larger overlap, or add demonstrations."
            )
        return kept

    def movement(
        self, path: NodePath, start: Float[np.ndarray, " dof"], goal: Float[np.ndarray, " dof"]
    ) -> Trajectory:
        """The smooth movement along a path, pinned to start and goal; less smooth where `valid` would forbid it."""
        coordinates, checks = self._searcher.leaves.coordinates, self._searcher.checks
        begin, end = self._place(start, "start"), self._place(goal, "goal")
        turns = coordinates.turns(begin, path.position[0])
        begin, end = begin + turns, end + coordinates.turns(end, path.position[-1])
        timing, bad = self.timing, np.zeros(0)
        for share in (1.0, 0.5, 0.25, 0.0):
            smoothed = dataclasses.replace(timing, smoothing=share * timing.smoothing)
            joined = join(path, begin, end, self.speeds, smoothed)
            ys = joined.ys if self.primitive is None else self._imitated(joined)
            bad = ys[1:][~checks.steps(ys[:-1], ys[1:])]
            if not len(bad):
                break
        else:
            nearest = np.linalg.norm(path.position[:, None] - bad[:200], axis=-1).argmin(axis=0)
            raise _InvalidError(
                "The validity function forbids the joined movement near "
                f"{np.round(coordinates.decode(bad[0]), 3).tolist()}; leave more clearance in it.",
                path.nodes[nearest],
            )
        ys, ts = coordinates.decode(ys - turns), joined.ts
        if timing.limit_speed and timing.kinematics is not None:
            steps = np.linalg.norm(np.diff(np.asarray(timing.kinematics(ys)), axis=0), axis=1)
            ts = ts * max(1.0, float(np.max(steps / np.diff(ts))) / self._task_speeds.peak)
        return Trajectory(ts, ys)

    @functools.cached_property
    def _task_speeds(self) -> Speeds:
        return self._source.demonstrations.speeds(self.timing.kinematics)

    def _ends(self, start: np.ndarray, goal: np.ndarray) -> Iterator[tuple[int, int]]:
        """Pairs of leaves near start and goal, the nearest first."""
        begins, ends = self._near(start, "start"), self._near(goal, "goal")
        pairs = [(i, j) for i in range(len(begins)) for j in range(len(ends))]
        for i, j in sorted(pairs, key=sum):
            yield int(begins[i]), int(ends[j])

    def _near(self, place: np.ndarray, name: str) -> np.ndarray:
        """The nearest leaf; with a validity function a few, those that it allows to join to `place`."""
        leaves, checks = self._searcher.leaves, self._searcher.checks
        here = place + leaves.coordinates.turns(place, leaves.position)
        distances = np.linalg.norm(leaves.position - here, axis=1)
        best = float(distances.min())
        if self.limit is not None and best > self.limit:
            unit = "rad" if leaves.coordinates.space == "joint" else "m"
            raise DataError(
                f"The {name} is {best:.3g} {unit} from the nearest demonstration, more than the limit of "
                f"{self.limit:g} {unit}; demonstrate there, or allow more (limit=, --limit)."
            )
        if self.valid is None:
            return np.array([np.argmin(distances)])
        if not checks.steps(place[None], place[None]).all():
            raise DataError(f"The {name} itself is forbidden by the validity function; choose another.")
        near = np.argsort(distances, kind="stable")[:64]
        near = near[distances[near] <= max(self.limit or np.inf, best)]
        steps = (here[near], leaves.position[near])
        allowed = near[checks.steps(*(steps if name == "start" else steps[::-1]))]
        if not len(allowed):
            raise DataError(
                f"The validity function forbids every straight step between the {name} and the demonstrations near it."
            )
        return allowed[:_ENDS]

    def _place(self, place: Any, name: str) -> Float[np.ndarray, " coordinate"]:
        """A place that the user gave, in coordinates."""
        place, dof = np.asarray(place, np.float64), self._prepared.query.shape[1]
        if place.shape != (dof,) or not np.all(np.isfinite(place)):
            raise DataError(
                f"The {name} must be {dof} finite numbers, as in the demonstrations; it is {place}."
            )
        coordinates = self._searcher.leaves.coordinates
        if coordinates.space == "pose":
            norm = np.linalg.norm(place[3:])
            if abs(norm - 1) > 0.05:
                raise DataError(f"The {name}'s quaternion has length {norm:.3g} and must have length 1.")
            place = np.append(place[:3], place[3:] / norm)
        return coordinates.encode(place)

    def _imitated(self, joined: Trajectory) -> np.ndarray:
        params = jax.tree.map(lambda leaf: leaf[0], imitate(self.primitive, [joined]))
        # Played at so many times as it was imitated with, and read off at the path's: one compilation for all lengths.
        ts = np.linspace(0.0, joined.ts[-1], 1000)
        ys = np.asarray(play(self.primitive, params, jnp.asarray(ts)), np.float64)
        return np.stack([np.interp(joined.ts, ts, column) for column in ys.T], axis=1)


class _InvalidError(DataError):
    """A joined movement that the validity function forbids, and the nodes near to where."""

    def __init__(self, text: str, nodes: np.ndarray):
        super().__init__(text)
        self.nodes = nodes


class _Source:
    """Demonstrations in memory, with the graph built from them or given."""

    def __init__(
        self,
        demonstrations: Demonstrations | Sequence[Any] | None,
        tree: TreeSettings | MovementTree | TransitionGraph,
    ):
        if demonstrations is None:
            demonstrations = shelf_demonstrations(per_cell=2, rate=50.0)
        if not isinstance(demonstrations, Demonstrations):
            demonstrations = Demonstrations(demonstrations)
        if isinstance(tree, TreeSettings):
            tree = build_tree(demonstrations, tree)
        if tree.names != demonstrations.names or tree.samples[0] != demonstrations.offsets[-1]:
            raise DataError("The tree was built from different demonstrations; build it again.")
        self.demonstrations = demonstrations
        self.graph = tree if isinstance(tree, TransitionGraph) else TransitionGraph.of(tree)
