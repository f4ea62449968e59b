"""The graph in an embedded Ladybug database, one file."""

import contextlib
import functools
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor.errors import DataError

from ..graph._graph import TransitionGraph
from . import _tables
from ._store import AbstractGraphStore, GraphBusyError
from ._tables import Column, Table

_DEPTH = 1_000_000  # hops; Ladybug stops at 30 and says nothing
_SPACE = (
    2**38
)  # bytes of address space for one open database; the default of 8 TiB allows about ten at a time
_CHUNK = 200_000  # rows
_LEFTOVER = 3600.0  # s; a temporary file older than this is of a process that was killed


class LadybugStore(AbstractGraphStore):
    """The graph in one file of Ladybug (an embedded property-graph database with Cypher).

    A new graph is written to a temporary file that then takes the place of the old one: a crash leaves the old graph,
    a reader in another process never meets a writer, and no write-ahead log exists at rest. The file is only ever
    opened for reading. One that cannot be read (damaged, of another version of Ladybug) is moved aside
    with everything that belongs to it, into `NAME.aside-N`.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._writing = threading.Lock()

    def write(self, graph: TransitionGraph, fingerprint: str) -> None:
        with self._writing:
            self._remove_leftovers()
            folder = Path(
                tempfile.mkdtemp(dir=self.path.absolute().parent, prefix=f".{self.path.name}.", suffix=".tmp")
            )
            try:
                file = folder / "graph"
                _write(file, graph, fingerprint)
                if sidecars := _sidecars(file):
                    raise DataError(
                        f"Ladybug left {sidecars[0].name} when it closed; the graph was not replaced."
                    )
                if _sidecars(self.path):  # of a program that had the file open for writing and was killed
                    self._move_aside()
                os.replace(file, self.path)
            finally:
                _remove(folder)

    def load(self, fingerprint: str | None = None) -> TransitionGraph | None:
        return self._read(functools.partial(_load, fingerprint=fingerprint))

    def fingerprint(self) -> str | None:
        about = self._read(_about)
        return about and about["fingerprint"]

    def cypher(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        """Raises `DataError` for a query that is wrong or would write."""
        if not self.path.exists():
            raise DataError(f"There is no graph {self.path} yet; build it with `ideomotor db rebuild`.")
        with _opened(self.path) as connection:
            try:
                result = connection.execute(text, parameters)
                results = result if isinstance(result, list) else [result]
                return list(results[-1].rows_as_dict())
            except RuntimeError as error:
                raise DataError(f"Cypher: {_line(error)}") from error

    def close(self) -> None:
        """Nothing is held between calls."""

    def _read(self, function) -> Any:
        if not self.path.exists():
            return None
        try:
            with _opened(self.path) as connection:
                return function(connection)
        except GraphBusyError:
            raise
        except (RuntimeError, DataError, ValueError, KeyError, IndexError):
            if self.path.exists():
                self._move_aside()
            return None

    def _move_aside(self) -> None:
        number = 1
        while (folder := self.path.with_name(f"{self.path.name}.aside-{number}")).exists():
            number += 1
        folder.mkdir(exist_ok=True)  # another process may move the other files there
        for file in (self.path, *_sidecars(self.path)):
            with contextlib.suppress(FileNotFoundError):
                os.replace(file, folder / file.name)

    def _remove_leftovers(self) -> None:
        for folder in self.path.absolute().parent.glob(f".{self.path.name}.*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > _LEFTOVER:
                    _remove(folder)

    def __repr__(self) -> str:
        return f"LadybugStore({str(self.path)!r})"


def _ladybug() -> Any:
    try:
        import ladybug
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"The graph database needs {error.name}: pip install 'ideomotor[database]', or open with graph='memory'."
        ) from error
    return ladybug


@contextlib.contextmanager
def _opened(path: Path, *, writes: bool = False) -> Iterator[Any]:
    ladybug = _ladybug()
    try:
        database = ladybug.Database(str(path), read_only=not writes, max_db_size=_SPACE)
    except RuntimeError as error:
        if "lock" in str(error).lower():
            raise GraphBusyError(
                f"{path} is open in another program ({_line(error)}); close it there."
            ) from error
        raise
    try:
        with contextlib.closing(ladybug.Connection(database, num_threads=1 if writes else 0)) as connection:
            connection.execute(f"CALL var_length_extend_max_depth={_DEPTH}").close()
            yield connection
    finally:
        database.close()


def _write(path: Path, graph: TransitionGraph, fingerprint: str) -> None:
    nodes, edges = _tables.to_tables(graph)
    about = _tables.header(graph, fingerprint)
    with _opened(path, writes=True) as connection:
        for label, columns, key in (
            (_tables.NODE, nodes, ", PRIMARY KEY (id)"),
            (_tables.DEMONSTRATION, {"id": None, "name": None}, ", PRIMARY KEY (id)"),
            (_tables.GRAPH, {"id": None, **about}, ", PRIMARY KEY (id)"),
        ):
            connection.execute(f"CREATE NODE TABLE {label} ({_types(columns)}{key})").close()
        properties = _types({k: v for k, v in edges.items() if k not in ("source", "target")})
        connection.execute(
            f"CREATE REL TABLE {_tables.EDGE} (FROM {_tables.NODE} TO {_tables.NODE}, {properties})"
        ).close()
        # One thread keeps the rows in order, so that loading need not sort them.
        # One COPY each, not in a transaction: a COMMIT of 3 million transitions with lists took 72 s instead of none, and
        # the file is nobody's before it is renamed. Transitions sorted by source copy three times as fast.
        names = {"id": np.arange(len(graph.names)), "name": np.array(graph.names)}
        for label, table in ((_tables.NODE, nodes), (_tables.DEMONSTRATION, names), (_tables.EDGE, edges)):
            if len(table["id"]):
                connection.execute(f"COPY {label} FROM $rows", {"rows": to_arrow(table)}).close()
        row = ", ".join(f"{name}: ${name}" for name in about)
        connection.execute(f"CREATE (:{_tables.GRAPH} {{id: 0, {row}}})", about).close()
        connection.execute("CHECKPOINT").close()


def _types(columns: dict[str, Any]) -> str:
    def one(name: str, values: Any) -> str:
        if isinstance(values, Column):
            return "INT64[]"
        if name in ("name", "fingerprint", "header"):
            return "STRING"
        if name in _tables.INTEGERS or isinstance(values, int):
            return "INT64"
        return "DOUBLE"  # scalar columns: DOUBLE[3] copies 17 times slower

    return ", ".join(f"{name} {one(name, values)}" for name, values in columns.items())


def to_arrow(table: Table) -> Any:
    """As a table of Arrow."""
    import pyarrow as pa

    def one(name: str, values: Any) -> Any:
        if isinstance(values, Column):
            offsets = pa.array(
                np.asarray(values.indptr, np.int32 if len(values.values) < 2**31 else np.int64)
            )
            kind = pa.ListArray if len(values.values) < 2**31 else pa.LargeListArray
            return kind.from_arrays(offsets, pa.array(np.asarray(values.values, np.int64)))
        if values.dtype.kind == "U":
            return pa.array(values.tolist(), pa.string())
        return pa.array(np.ascontiguousarray(values, np.int64 if name in _tables.INTEGERS else np.float64))

    arrays = [one(name, values) for name, values in table.items()]
    names = list(table)
    if "source" in table:  # COPY takes the first two columns for the ends, by place
        names = [{"source": "from", "target": "to"}.get(name, name) for name in names]
    return pa.table(arrays, names=names)


def _about(connection: Any) -> dict[str, Any]:
    rows = list(connection.execute(_tables.GRAPH_QUERY).rows_as_dict())
    if len(rows) != 1 or rows[0]["format"] != _tables.FORMAT:
        raise DataError("This is no graph of this version.")
    return rows[0]


def _load(connection: Any, fingerprint: str | None) -> TransitionGraph | None:
    about = _about(connection)
    if fingerprint not in (None, about["fingerprint"]):
        return None
    fields = _tables.node_fields(about["dimension"])
    nodes = _dump(connection, _tables.NODE_QUERY.format(_tables.select("n", fields)))
    edges = _dump(connection, _tables.EDGE_QUERY.format(_tables.select("e", _tables.edge_fields())))
    return _tables.from_tables(about, nodes, edges)


def _dump(connection: Any, query: str) -> Table:
    # The native collector takes 2 s of CPU for 3 million transitions, `execute(...).get_as_arrow(-1)` 3.2 s.
    with connection.query_as_arrow(query, _CHUNK) as result:
        table = result.get_as_arrow(_CHUNK)
    found: Table = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = column.combine_chunks()
        if array.type.num_fields:  # lists
            offsets = array.offsets.to_numpy()
            values = array.values.to_numpy()
            found[name] = Column((offsets - offsets[0]).astype(np.int64), values[offsets[0] : offsets[-1]])
        else:
            found[name] = array.to_numpy(zero_copy_only=False)
    return found


def _sidecars(path: Path) -> list[Path]:
    """Files of Ladybug beside the main one: `.wal`, `.shadow`, `.wal.checkpoint`, `.tmp`."""
    return [p for p in path.absolute().parent.glob(f"{path.name}.*") if p.is_file()]


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink(missing_ok=True)
    folder.rmdir()


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
