"""A database of movements: the record, the tree built from it, and the graph in a graph database."""

import contextlib
import dataclasses
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import Trajectory, make_pool
from ideomotor.errors import DataError
from ideomotor.pool import AbstractPool

from .._demonstrations import Demonstration, Demonstrations, Speeds
from .._planner import MovementGraph, Prepared
from ..graph._build_tree import build_tree
from ..graph._graph import TransitionGraph
from ..graph._search import AbstractSearch, Flat, FlatSearcher, Validity
from ..graph._tree import MovementTree, TreeSettings
from ._bolt import BoltStore
from ._export import FORMATS, export
from ._ladybug import LadybugStore
from ._record import Record, Snapshot
from ._store import AbstractGraphStore, GraphBusyError, MemoryStore

_BUSY = "busy"  # instead of a fingerprint
_SEARCH = "search"  # the arrays of a prepared `Flat()`
_PARTS = 16  # of many queries, at least; small enough that no worker waits long for the last one


class MovementDatabase:
    """Demonstrations that survive, the tree and the transition graph made of them, and planners that use them.

        with MovementDatabase("moves.db") as database:
            database.ingest(demonstrations)
            movement = database.planner()(start, goal)

    - `path`: the record, one SQLite file; it alone is needed to have everything again.
    - `graph`: where the graph is kept: `"ladybug"` (a file beside the record, `PATH.graph`), `"memory"`, the URL of a Bolt
      server (its user is `neo4j`; for another pass a `BoltStore`), or a store.
    - `create`: make the file if it is not there.
    - `timeout`: seconds to wait for another process that writes.
    - `pool`: workers that build trees.

    Tree and graph are always those of all demonstrations: what is not up to date is built when it is asked for. `update` keeps
    them. The same record gives the same tree. Threads may share a database, processes may open the same file.
    """

    def __init__(
        self,
        path: Path | str,
        graph: str | AbstractGraphStore = "ladybug",
        *,
        create: bool = True,
        timeout: float = 5.0,
        pool: AbstractPool | None = None,
    ):
        self.path, self.create, self.timeout, self.pool = Path(path), create, timeout, pool
        self.store = _store(graph, self.path)
        self.record = Record(path, create=create, timeout=timeout)
        self._building = threading.RLock()
        self._known: Snapshot | None = None
        self._graph: tuple[str, TransitionGraph] | None = None

    def ingest(
        self, demonstrations: Demonstration | Iterable[Demonstration], *, skip_duplicates: bool = False
    ) -> list[str]:
        """Store demonstrations, all or none; returns the names of those that are new.

        Raises `DataError` for one that is there already (unless `skip_duplicates`), whose name is taken, or that has another
        space or number of coordinates than those in the database.
        """
        return self.record.add(demonstrations, skip_duplicates=skip_duplicates)

    @property
    def demonstrations(self) -> Demonstrations:
        """All of them, in the order they came."""
        return self._snapshot().demonstrations

    @property
    def tree(self) -> MovementTree:
        """The tree of all demonstrations."""
        return _tree(self._snapshot())

    @property
    def graph(self) -> TransitionGraph:
        """The transition graph of all demonstrations: loaded from the graph database, or made from the tree."""
        with self._building:
            snapshot = self._snapshot()
            if self._graph is None or self._graph[0] != snapshot.fingerprint:
                self._graph = snapshot.fingerprint, self._load(snapshot)
            return self._graph[1]

    def update(self) -> bool:
        """Keep tree, graph and search of all demonstrations, if those that are kept are not; true if something was built.

        A read-only database is left unchanged.
        """
        if self.record.read_only:
            return False
        with self._building:
            fingerprint = self.record.fingerprint()
            graph = self._stored() in (fingerprint, _BUSY)
            if graph and self.record.has_arrays() and self.record.has_arrays(_SEARCH):
                return False
            snapshot = self._snapshot()
            self._keep(snapshot)
            if not graph:
                self.store.write(self.graph, snapshot.fingerprint)
            return True

    def rebuild(self, settings: TreeSettings | None = None) -> MovementTree:
        """Build and keep tree and graph from the demonstrations again, with other settings if they are given."""
        with self._building:
            if settings is not None:
                self.record.set_settings(settings)
            snapshot = self._known = self._built(self.record.snapshot())
            self._graph = snapshot.fingerprint, TransitionGraph.of(_tree(snapshot))
            self._keep(snapshot)
            self.store.write(self._graph[1], snapshot.fingerprint)
            return _tree(snapshot)

    def planner(self, search: AbstractSearch = Flat(), **options: Any) -> MovementGraph:
        """A planner that searches among these demonstrations; `options` as in `MovementGraph`."""
        return MovementGraph(self, search, **options)

    def prepared(self, search: AbstractSearch, valid: Validity | None = None) -> Prepared:
        """A search made ready: the default one from what `update` keeps, without reading demonstrations, tree and graph."""
        with self._building:
            arrays = self.record.arrays(_SEARCH) if search == Flat() else None
            if arrays is None:
                graph, snapshot = self.graph, self._known
                assert snapshot is not None
                made = Prepared.of(snapshot.demonstrations, graph, search, valid)
                return dataclasses.replace(made, fingerprint=snapshot.fingerprint)
            speeds, searcher = Speeds(*arrays["speeds"].tolist()), FlatSearcher.from_arrays(arrays, valid)
            return Prepared(searcher, speeds, arrays["query"], arrays["fingerprint"].tobytes().decode())

    def graph_of(self, fingerprint: str) -> TransitionGraph:
        """`graph`, if the demonstrations and settings are still those of that fingerprint; raises `DataError` if not."""
        with self._building:
            graph = self.graph
            if self._graph is not None and self._graph[0] == fingerprint:
                return graph
        raise DataError(f"{self.path} has changed since this planner was made; make another.")

    def plan(
        self,
        starts: Sequence[Any] | np.ndarray,
        goals: Sequence[Any] | np.ndarray,
        search: AbstractSearch = Flat(),
        *,
        pool: AbstractPool | None = None,
        **options: Any,
    ) -> list[Trajectory]:
        """The movements of many queries, shape `(query, dof)` each, by the workers of a pool."""
        starts, goals = np.asarray(starts, np.float64), np.asarray(goals, np.float64)
        if starts.ndim != 2 or starts.shape != goals.shape:
            raise DataError(
                f"Starts have shape {starts.shape} and goals {goals.shape}; both must be (query, dof)."
            )
        if not len(starts):
            return []
        snapshot, workers = self._snapshot(), pool or self.pool or make_pool()
        shared = workers.share(_to_arrays(snapshot))
        parts = np.array_split(np.arange(len(starts)), min(_PARTS, len(starts)))
        jobs = [_Job(shared, search, options, starts[part], goals[part]) for part in parts]
        return [movement for found in workers.map(_work, jobs) for movement in found]

    def provenance(self, source: int, target: int) -> tuple[str, ...]:
        """The names of the demonstrations that go from one node of the graph directly to another."""
        graph = self.graph
        low, high = np.searchsorted(graph.source, [source, source + 1])
        edge = int(low + np.searchsorted(graph.target[low:high], target))
        if edge >= high or graph.target[edge] != target:
            raise DataError(f"No demonstration goes from node {source} directly to node {target}.")
        first, last = graph.support_indptr[edge : edge + 2]
        return tuple(graph.names[i] for i in graph.support[first:last])

    def cypher(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        """Look into the graph database: the rows of a Cypher query, in which `$name` is a parameter.

        Nodes are `(:MovementNode {id, parent, born, split, x0, x1, …})`, transitions `-[:TRANSITION {count, probability,
        length, support, …}]->`; `support` and a node's `members` are ids of `(:MovementDemonstration {id, name})`.
        """
        self.update()
        return self.store.cypher(text, **parameters)

    def stats(self) -> dict[str, Any]:
        """What is in the database; builds nothing."""
        found: dict[str, Any] = {"database": str(self.path), **self.record.summary()}
        found["settings"] = self.record.settings.to_dict()
        tree, fingerprint = self.record.tree(), self._stored()
        found["tree"] = None
        if tree is not None:
            found["tree"] = {
                "levels": tree.levels,
                "nodes": len(tree.parent),
                "deepest": len(tree.nodes(-1)),
            }
        state = {None: "not there", _BUSY: "busy"}.get(fingerprint, "out of date")
        kept: dict[str, Any] = {
            "store": repr(self.store),
            "state": "up to date" if fingerprint == self.record.fingerprint() else state,
        }
        if tree is not None and kept["state"] == "up to date":
            kept["transitions"] = len(self.graph.source)
        return {**found, "graph": kept}

    def export(
        self, folder: Path | str, formats: Sequence[str] = FORMATS, *, overwrite: bool = False
    ) -> list[str]:
        """Write demonstrations, tree and graph to files of a new folder; returns their names.

        `formats`: of `"csv"`, `"npz"`, `"cypher"` and `"parquet"`.
        """
        snapshot, graph = self._snapshot(), self.graph
        return export(folder, snapshot.demonstrations, snapshot.tree, graph, formats, overwrite=overwrite)

    def close(self) -> None:
        """Let go of files and connections."""
        self.store.close()
        self.record.close()

    def __enter__(self) -> "MovementDatabase":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MovementDatabase({str(self.path)!r}, {self.store!r})"

    def _snapshot(self) -> Snapshot:
        """Of now, with a tree."""
        with self._building:
            if self._known is None or self._known.fingerprint != self.record.fingerprint():
                snapshot = self.record.snapshot()
                self._known = snapshot if snapshot.tree is not None else self._built(snapshot)
            return self._known

    def _built(self, snapshot: Snapshot) -> Snapshot:
        tree = build_tree(snapshot.demonstrations, snapshot.settings, map=self.pool and self.pool.map)
        return dataclasses.replace(snapshot, tree=tree)

    def _keep(self, snapshot: Snapshot) -> None:
        """In the record, unless demonstrations have come in the meantime."""
        self.record.save_tree(_tree(snapshot), snapshot.fingerprint)
        prepared = Prepared.of(snapshot.demonstrations, self.graph, Flat(), None)
        assert isinstance(prepared.searcher, FlatSearcher)
        fingerprint = np.frombuffer(snapshot.fingerprint.encode(), np.uint8)
        arrays = {"speeds": np.array(prepared.speeds), "query": prepared.query, "fingerprint": fingerprint}
        self.record.save_arrays(_SEARCH, prepared.searcher.to_arrays() | arrays, snapshot.fingerprint)

    def _stored(self) -> str | None:
        try:
            return self.store.fingerprint()
        except GraphBusyError:
            return _BUSY

    def _load(self, snapshot: Snapshot) -> TransitionGraph:
        found = None
        # A program that writes to the file of the graph does not keep us from the record.
        with contextlib.suppress(GraphBusyError):
            found = self.store.load(snapshot.fingerprint)
        return TransitionGraph.of(_tree(snapshot)) if found is None else found


def _tree(snapshot: Snapshot) -> MovementTree:
    assert snapshot.tree is not None
    return snapshot.tree


def _store(graph: str | AbstractGraphStore, path: Path) -> AbstractGraphStore:
    if isinstance(graph, AbstractGraphStore):
        return graph
    if graph == "ladybug":
        return LadybugStore(path.with_name(f"{path.name}.graph"))
    if graph == "memory":
        return MemoryStore()
    if "://" in graph:
        return BoltStore(graph)
    raise DataError(
        f"graph = {graph!r}; it must be 'ladybug', 'memory' or the URL of a server such as bolt://localhost:7687."
    )


@dataclasses.dataclass(frozen=True)
class _Job:
    shared: Any
    search: AbstractSearch
    options: dict[str, Any]
    starts: np.ndarray
    goals: np.ndarray


_LAST: dict[Any, MovementGraph] = {}  # the planner this worker used last


def _work(job: _Job) -> list[Trajectory]:
    key = (job.shared.key, repr(job.search), repr(job.options))
    if key not in _LAST:
        demonstrations, tree = _from_arrays(job.shared.get())
        _LAST.clear()
        _LAST[key] = MovementGraph(demonstrations, job.search, tree=tree, **job.options)
    planner = _LAST[key]
    return [planner(start, goal) for start, goal in zip(job.starts, job.goals, strict=True)]


def _to_arrays(snapshot: Snapshot) -> dict[str, np.ndarray]:
    made = snapshot.demonstrations
    tree = {f"tree {name}": array for name, array in _tree(snapshot).to_arrays().items()}
    metadata = json.dumps([dict(item.metadata) for item in made]).encode()
    return {
        "ts": np.concatenate([item.ts for item in made]),
        "ys": made.ys,
        "offsets": made.offsets,
        "metadata": np.frombuffer(metadata, np.uint8),
        **tree,
    }


def _from_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[Demonstrations, MovementTree]:
    tree = {name.removeprefix("tree "): array for name, array in arrays.items() if name.startswith("tree ")}
    tree, metadata = MovementTree.from_arrays(tree), json.loads(arrays["metadata"].tobytes().decode())
    bounds = zip(arrays["offsets"][:-1], arrays["offsets"][1:], strict=True)
    space: Any = tree.space
    items = [
        Demonstration(name, arrays["ts"][a:b], arrays["ys"][a:b], space, about)
        for name, about, (a, b) in zip(tree.names, metadata, bounds, strict=True)
    ]
    return Demonstrations(items), tree
