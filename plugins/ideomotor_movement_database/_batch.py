"""Many queries at once, by the workers of a pool."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ideomotor import Trajectory
from ideomotor.errors import DataError
from ideomotor.pool import AbstractPool, Shared

from ._demonstrations import Demonstration, Demonstrations
from ._planner import MovementGraph
from .graph import AbstractSearch
from .tree import MovementTree

_PARTS = 16  # of the queries, at least; small enough that no worker waits long for the last one


@dataclasses.dataclass(frozen=True)
class _Job:
    shared: Shared
    search: AbstractSearch
    options: dict[str, Any]
    starts: np.ndarray
    goals: np.ndarray


def plan(
    demonstrations: Demonstrations,
    tree: MovementTree | None,
    starts: Any,
    goals: Any,
    search: AbstractSearch,
    pool: AbstractPool,
    options: Mapping[str, Any],
) -> list[Trajectory]:
    """The movements from `starts` to `goals`, shape `(query, dof)` each; see `MovementDatabase.plan`."""
    starts, goals = np.asarray(starts, np.float64), np.asarray(goals, np.float64)
    if starts.ndim != 2 or starts.shape != goals.shape:
        raise DataError(
            f"Starts have shape {starts.shape} and goals {goals.shape}; both must be (query, dof)."
        )
    if not len(starts):
        return []
    shared = pool.share(_to_arrays(demonstrations, tree))
    parts = np.array_split(np.arange(len(starts)), min(_PARTS, len(starts)))
    jobs = [_Job(shared, search, dict(options), starts[part], goals[part]) for part in parts]
    return [movement for found in pool.map(_work, jobs) for movement in found]


_LAST: dict[Any, MovementGraph] = {}  # the planner this worker used last


def _work(job: _Job) -> list[Trajectory]:
    key = (job.shared.key, repr(job.search), repr(job.options))
    if key not in _LAST:
        demonstrations, tree = _from_arrays(job.shared.get())
        _LAST.clear()
        _LAST[key] = MovementGraph(demonstrations, job.search, tree=tree, **job.options)
    planner = _LAST[key]
    return [planner(start, goal) for start, goal in zip(job.starts, job.goals, strict=True)]


def _to_arrays(demonstrations: Demonstrations, tree: MovementTree | None) -> dict[str, np.ndarray]:
    arrays = {
        "ts": np.concatenate([item.ts for item in demonstrations]),
        "ys": demonstrations.ys,
        "offsets": demonstrations.offsets,
        "names": np.array(demonstrations.names),
        "space": np.array(demonstrations.space),
    }
    return arrays | (
        {} if tree is None else {f"tree {name}": array for name, array in tree.to_arrays().items()}
    )


def _from_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[Demonstrations, MovementTree | None]:
    space: Any = str(arrays["space"])
    bounds = zip(arrays["offsets"], arrays["offsets"][1:], strict=False)
    items = [
        Demonstration(str(name), arrays["ts"][a:b], arrays["ys"][a:b], space)
        for name, (a, b) in zip(arrays["names"], bounds, strict=True)
    ]
    tree = {name.removeprefix("tree "): array for name, array in arrays.items() if name.startswith("tree ")}
    return Demonstrations(items), MovementTree.from_arrays(tree) if tree else None
