"""The graph in an embedded Ladybug database, one file."""

import contextlib
import functools
import os
import re
import secrets
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from ideomotor.errors import DataError

from ..graph._graph import TransitionGraph
from . import _tables
from ._store import AbstractGraphStore, GraphBusyError, check_reads
from ._tables import Column, Table

_DEPTH = 1_000_000  # hops; Ladybug stops at 30 and says nothing
# Bytes of address space for one open database, smaller where there is less; the default of 8 TiB allows about ten at a time.
_SPACES = (2**38, 2**35, 2**32)
_SIDECARS = (".wal", ".shadow", ".wal.checkpoint", ".tmp")
_SHORT = ("mmap for size", "bad_alloc", "out of memory", "cannot allocate", "too many open files")
_PLAN = re.compile(r"^\s*(EXPLAIN|PROFILE)\b(\s+LOGICAL\b)?", re.IGNORECASE)
_WRITES = re.compile(
    r"\b(?!ORDER_BY_MERGE)\w*(COPY|EXPORT|IMPORT|INSTALL|EXTENSION|ATTACH|DELETE|INSERT|SET_|CREATE|DROP|ALTER|MERGE)\w*\["
)
_CHUNK = 200_000  # rows


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
        with self._writing, _scratch(self.path) as folder:
            file = folder / "graph"
            _write(file, graph, fingerprint)
            if sidecars := _sidecars(file):
                raise DataError(
                    f"Ladybug left {sidecars[0].name} when it closed; the graph was not replaced."
                )
            if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
                raise DataError(
                    f"{self.path} is a link or a folder and not a file of Ideomotor; move it away."
                )
            if _sidecars(self.path):  # of a program that had the file open for writing and was killed
                self._move_aside()
            os.replace(file, self.path)

    def load(self, fingerprint: str | None = None) -> TransitionGraph | None:
        return self._read(functools.partial(_load, fingerprint=fingerprint))

    def fingerprint(self) -> str | None:
        about = self._read(_about)
        return about and about["fingerprint"]

    def cypher(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        """Raises `DataError` for a query that is wrong or would write."""
        if not self.path.exists():
            raise DataError(f"There is no graph {self.path} yet; build it with `ideomotor db rebuild`.")
        check_reads(text)
        with _opened(self.path) as connection:
            try:
                with connection.execute(f"EXPLAIN {_PLAN.sub('', text)}", parameters) as plan:
                    if _WRITES.search(str(plan.get_all())):
                        raise DataError(
                            "Cypher: only read-only queries are answered, and this statement also writes."
                        )
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
    ladybug, database = _ladybug(), cast(Any, None)
    for space in _SPACES:
        try:
            database = ladybug.Database(str(path), read_only=not writes, max_db_size=space)
            break
        except RuntimeError as error:
            if "lock" in str(error).lower():
                raise GraphBusyError(
                    f"{path} is open in another program ({_line(error)}); close it there."
                ) from error
            if not any(word in str(error).lower() for word in _SHORT):
                raise
            if space == _SPACES[-1]:
                raise GraphBusyError(
                    f"{path} cannot be opened: not enough memory ({_line(error)})."
                ) from error
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
        raise DataError(
            "This graph was written by a different version; build it again with `ideomotor db rebuild`."
        )
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
    """Files of Ladybug beside the main one; others that begin alike are not ours."""
    found = [path.with_name(path.name + end) for end in _SIDECARS]
    return [file for file in found if file.is_file() and not file.is_symlink()]


@contextlib.contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A new folder beside the file, which is removed in the end; writers take turns.

    Its name stands in a journal while it exists, so that what a killed writer left is known and removed by the next one.
    """
    folder = path.absolute().parent
    name = f".{path.name}.{secrets.token_hex(4)}.tmp"
    with _journal(folder / f".{path.name}.writing") as journal:
        for left in journal.read().decode(errors="replace").split("\n"):
            if re.fullmatch(re.escape(f".{path.name}.") + r"[0-9a-f]{8}\.tmp", left):
                _remove(folder / left)
        journal.seek(0)
        journal.truncate()
        journal.write(name.encode())
        journal.flush()
        os.mkdir(folder / name, 0o700)
        try:
            yield folder / name
        finally:
            _remove(folder / name)


@contextlib.contextmanager
def _journal(path: Path) -> Iterator[Any]:
    """The file, locked for this writer, and removed in the end."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except OSError as error:
            raise DataError(
                f"{path} cannot be opened ({error.strerror}); remove it, or check the folder."
            ) from error
        with os.fdopen(handle, "r+b") as file:
            with contextlib.suppress(ImportError):
                import fcntl  # not on Windows, where no two processes should write

                fcntl.flock(file, fcntl.LOCK_EX)
            try:
                if not os.path.samestat(os.fstat(file.fileno()), os.lstat(path)):
                    continue  # another writer removed it while this one waited
            except FileNotFoundError:
                continue
            try:
                yield file
            finally:
                path.unlink(missing_ok=True)
            return


def _remove(folder: Path) -> None:
    """A folder of ours: only files that are named as Ladybug names them, and never through a link."""
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return
        for entry in os.scandir(folder):
            if entry.name.startswith("graph") and not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
        os.rmdir(folder)
    except OSError:  # it is gone, or holds what is not ours
        return


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
