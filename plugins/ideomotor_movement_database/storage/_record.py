"""The record of truth: demonstrations, settings and tree in one SQLite file."""

import contextlib
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ideomotor.errors import DataError

from .._demonstrations import Demonstration, Demonstrations
from ..graph._tree import MovementTree, TreeSettings
from . import _sqlite

_TREE, _SETTINGS = "tree", "tree settings"
_LIMIT = 1_000_000_000  # bytes; SQLite's limit for one value


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a record held at one moment; `tree` is None if it must be built."""

    fingerprint: str
    settings: TreeSettings
    demonstrations: Demonstrations
    tree: MovementTree | None


class Record:
    """Demonstrations, tree settings and tree in one SQLite file with a write-ahead log.

    - `path`: the file; made if it is not there (unless `create` is false).
    - `timeout`: seconds to wait for another process that writes.

    What `add` returned for survives a crash. Any number of threads and processes may read while one writes; each
    method sees one state. Arrays are little-endian bytes with shape and SHA-256, checked when read. Raises
    `DataError` for a file of another program or version, a damaged or a locked one.
    """

    def __init__(self, path: Path | str, *, create: bool = True, timeout: float = 5.0):
        self.path, self.create, self.timeout = Path(path), create, timeout
        self._writing = threading.Lock()
        if not self.path.absolute().parent.is_dir():
            raise DataError(f"{self.path} cannot be made: there is no folder {self.path.absolute().parent}.")
        with _sqlite.plain_errors(self.path, timeout):
            if not _sqlite.check(self.path, timeout):
                if not create:
                    state = "is empty" if self.path.exists() else "is not there"
                    raise DataError(
                        f"The movement database {self.path} {state}; fill one with `ideomotor db ingest`."
                    )
                _sqlite.create(self.path, timeout)
            self._writer = _sqlite.connect(self.path, timeout)

    @property
    def read_only(self) -> bool:
        """Whether this user may not write to the file or its folder."""
        return not _sqlite.is_writable(self.path)

    def add(
        self, demonstrations: Demonstration | Iterable[Demonstration], *, skip_duplicates: bool = False
    ) -> list[str]:
        """Store demonstrations, all or none; returns the names of those that are new.

        Raises `DataError` for one that is there already (unless `skip_duplicates`), whose name is taken, or that has another
        space or number of coordinates than those in the record.
        """
        items = (demonstrations,) if isinstance(demonstrations, Demonstration) else tuple(demonstrations)
        rows = [_row(item) for item in Demonstrations(items)] if items else []
        added = []
        with self._write() as connection:
            first = connection.execute(
                "SELECT name, space, dof FROM demonstrations ORDER BY id LIMIT 1"
            ).fetchone()
            for row in rows:
                if self._is_new(connection, row, first, skip_duplicates):
                    names = ", ".join(row)
                    values = ", ".join(f":{name}" for name in row)
                    connection.execute(f"INSERT INTO demonstrations ({names}) VALUES ({values})", row)
                    added.append(row["name"])
        return added

    def _is_new(self, connection, row: dict[str, Any], first: tuple | None, skip_duplicates: bool) -> bool:
        name, space, dof = row["name"], row["space"], row["dof"]
        if first is not None and (space, dof) != first[1:]:
            raise DataError(
                f"Demonstration {name!r} has {dof} coordinates ({space}), and those in {self.path}, such as "
                f"{first[0]!r}, have {first[2]} ({first[1]}); keep them in separate databases."
            )
        found = connection.execute("SELECT name FROM demonstrations WHERE content = :content", row).fetchone()
        if found:
            if skip_duplicates:
                return False
            raise DataError(
                f"Demonstration {name!r} is in {self.path} already, as {found[0]!r}; leave it out, or skip duplicates."
            )
        if connection.execute("SELECT 1 FROM demonstrations WHERE name = :name", row).fetchone():
            raise DataError(f"{self.path} holds another demonstration called {name!r}; rename one.")
        return True

    def demonstrations(self) -> Demonstrations:
        """All demonstrations in the order they came; raises `DataError` if there are none or one is damaged."""
        with self._read() as connection:
            return self._demonstrations(connection)

    def snapshot(self) -> Snapshot:
        """Everything, as it was at one moment."""
        with self._read() as connection:
            return Snapshot(
                _fingerprint(connection),
                _settings(connection),
                self._demonstrations(connection),
                _tree(connection),
            )

    def _demonstrations(self, connection: sqlite3.Connection) -> Demonstrations:
        rows = connection.execute(
            "SELECT name, space, samples, dof, metadata, checksum, ts, ys FROM demonstrations ORDER BY id"
        )
        items = tuple(self._demonstration(*row) for row in rows)
        if not items:
            raise DataError(f"{self.path} holds no demonstrations; add some with `ideomotor db ingest`.")
        # They were checked, and warned of, when they came; checking again could change a pose in its last bit.
        found = object.__new__(Demonstrations)
        object.__setattr__(found, "items", items)
        return found

    def _demonstration(self, name, space, samples, dof, metadata, checksum, ts, ys) -> Demonstration:
        if _digest(name, space, samples, dof, metadata, ts, ys) != checksum:
            raise DataError(
                f"{self.path}: demonstration {name!r} is damaged (its checksum differs); restore the file from a backup."
            )
        values = {
            "name": name,
            "ts": np.frombuffer(ts, "<f8"),
            "ys": np.frombuffer(ys, "<f8").reshape(samples, dof),
            "space": space,
            "metadata": MappingProxyType(json.loads(metadata)),
        }
        found = object.__new__(Demonstration)
        for attribute, value in values.items():
            object.__setattr__(found, attribute, value)
        return found

    def names(self) -> list[str]:
        """Of the demonstrations, in the order they came."""
        with self._read() as connection:
            return [name for (name,) in connection.execute("SELECT name FROM demonstrations ORDER BY id")]

    def summary(self) -> dict[str, Any]:
        """How many demonstrations and samples, their space and coordinates, the size of the file in bytes."""
        with self._read() as connection:
            count, samples, space, dof = connection.execute(
                "SELECT count(*), ifnull(sum(samples), 0), min(space), min(dof) FROM demonstrations"
            ).fetchone()
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        size = sum(file.stat().st_size for file in files if file.exists())
        return {"demonstrations": count, "samples": samples, "space": space, "dof": dof, "bytes": size}

    def fingerprint(self) -> str:
        """Of the demonstrations and the tree settings: equal exactly when the tree is the same."""
        with self._read() as connection:
            return _fingerprint(connection)

    @property
    def settings(self) -> TreeSettings:
        """What the tree is built with; the defaults until `set_settings`."""
        with self._read() as connection:
            return _settings(connection)

    def set_settings(self, settings: TreeSettings) -> None:
        """Keep other tree settings; the tree in the record no longer counts."""
        with self._write() as connection:
            _set(connection, _SETTINGS, json.dumps(settings.to_dict(), sort_keys=True))

    def tree(self) -> MovementTree | None:
        """The tree of the demonstrations in the record, or None if it must be built (again)."""
        with self._read() as connection:
            return _tree(connection)

    def save_tree(self, tree: MovementTree, fingerprint: str) -> bool:
        """Keep the tree built from the demonstrations of that `fingerprint`; false if there are others by now."""
        return self.save_arrays(_TREE, tree.to_arrays(), fingerprint)

    def has_arrays(self, name: str = _TREE) -> bool:
        """Whether arrays of that name are kept that belong to the demonstrations in the record."""
        with self._read() as connection:
            return _get(connection, f"{name} of") == _fingerprint(connection)

    def arrays(self, name: str) -> dict[str, np.ndarray] | None:
        """What `save_arrays` kept, or None if it must be computed (again)."""
        with self._read() as connection:
            return _arrays(connection, name)

    def save_arrays(self, name: str, arrays: Mapping[str, np.ndarray], fingerprint: str) -> bool:
        """Keep what was computed from the demonstrations of that `fingerprint`; false if there are others by now."""
        rows = [_array_row(name, key, array) for key, array in arrays.items()]
        with self._write() as connection:
            if _fingerprint(connection) != fingerprint:
                return False
            connection.execute("DELETE FROM arrays WHERE record = ?", (name,))
            connection.executemany("INSERT INTO arrays VALUES (?, ?, ?, ?, ?, ?)", rows)
            _set(connection, f"{name} of", fingerprint)
        return True

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the file itself."""
        with self._writing, _sqlite.plain_errors(self.path, self.timeout):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()

    def __enter__(self) -> "Record":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Record({str(self.path)!r})"

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own, so that threads need not wait for one another."""
        with (
            _sqlite.plain_errors(self.path, self.timeout),
            contextlib.closing(_sqlite.connect(self.path, self.timeout, reads=True)) as connection,
            _sqlite.transaction(connection),
        ):
            yield connection

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        if self.read_only:
            raise DataError(
                f"{self.path} or its folder is read-only; copy the database to a folder of yours."
            )
        with (
            self._writing,
            _sqlite.plain_errors(self.path, self.timeout),
            _sqlite.transaction(self._writer, "IMMEDIATE"),
        ):
            yield self._writer


def _row(item: Demonstration) -> dict[str, Any]:
    ts, ys = (np.ascontiguousarray(array, "<f8").tobytes() for array in (item.ts, item.ys))
    if len(ys) > _LIMIT:
        raise DataError(
            f"Demonstration {item.name!r} has {len(item):,} samples, more than fit into one value; split it."
        )
    metadata = json.dumps(dict(item.metadata), sort_keys=True)
    columns = (item.name, item.space, len(item), item.dof, metadata)
    shifted = (item.ts - item.ts[0]).round(9).astype("<f8").tobytes()
    return {
        **dict(zip(("name", "space", "samples", "dof", "metadata"), columns, strict=True)),
        "content": _digest(
            item.space, len(item), item.dof, shifted, ys
        ),  # the same movement under another name
        "checksum": _digest(*columns, ts, ys),
        "ts": ts,
        "ys": ys,
    }


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _array_row(record: str, name: str, array: np.ndarray) -> tuple:
    array = np.ascontiguousarray(array)
    dtype = array.dtype.newbyteorder("<").str
    data = array.astype(dtype, copy=False).tobytes()
    if len(data) > _LIMIT:
        raise DataError(
            f"The {record}'s {name} has {len(data):,} bytes, more than fit into one SQLite value; use fewer samples."
        )
    shape = json.dumps(list(array.shape))
    return record, name, dtype, shape, _digest(name, dtype, shape, data), data


def _get(connection: sqlite3.Connection, key: str) -> str | None:
    found = connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
    return found[0] if found else None


def _set(connection: sqlite3.Connection, key: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))


def _settings(connection: sqlite3.Connection) -> TreeSettings:
    text = _get(connection, _SETTINGS)
    values: Mapping[str, Any] = json.loads(text) if text else {}
    return TreeSettings.from_dict(values)


def _tree(connection: sqlite3.Connection) -> MovementTree | None:
    arrays = _arrays(connection, _TREE)
    with contextlib.suppress(DataError):  # it can be built again
        return None if arrays is None else MovementTree.from_arrays(arrays)
    return None


def _arrays(connection: sqlite3.Connection, record: str) -> dict[str, np.ndarray] | None:
    if _get(connection, f"{record} of") != _fingerprint(connection):
        return None
    rows = connection.execute(
        "SELECT name, dtype, shape, checksum, data FROM arrays WHERE record = ?", (record,)
    )
    arrays = {}
    for name, dtype, shape, checksum, data in rows:
        if _digest(name, dtype, shape, data) != checksum:
            return None  # it can be computed again
        arrays[name] = np.frombuffer(data, dtype).reshape(json.loads(shape))
    return arrays


def _fingerprint(connection: sqlite3.Connection) -> str:
    checksums = [row[0] for row in connection.execute("SELECT checksum FROM demonstrations ORDER BY id")]
    return _digest(json.dumps(_settings(connection).to_dict(), sort_keys=True), *checksums)
