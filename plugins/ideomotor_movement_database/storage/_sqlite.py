"""A SQLite file with a version in it, whose troubles are told in one sentence."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ideomotor.errors import DataError

APPLICATION = 0x49444D44  # "IDMD"; what SQLite calls the application id
VERSION = 1

_SCHEMA = """
CREATE TABLE demonstrations (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, space TEXT NOT NULL, samples INTEGER NOT NULL,
    dof INTEGER NOT NULL, metadata TEXT NOT NULL, content TEXT NOT NULL UNIQUE, checksum TEXT NOT NULL,
    ts BLOB NOT NULL, ys BLOB NOT NULL
);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE arrays (
    record TEXT NOT NULL, name TEXT NOT NULL, dtype TEXT NOT NULL, shape TEXT NOT NULL, checksum TEXT NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY (record, name)
);
"""


def is_writable(path: Path) -> bool:
    """Whether this user may write to the file, and to its folder, in which SQLite keeps its log."""
    return os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK | os.X_OK)


def connect(path: Path, timeout: float, *, reads: bool = False) -> sqlite3.Connection:
    """Open the file without the automatic transactions of Python's module."""
    mode = "rw"
    if not is_writable(path):
        log = path.with_name(f"{path.name}-wal")
        # Without a log nobody writes, and SQLite need not make the files by which it would notice.
        mode = "ro" if log.exists() and log.stat().st_size else "ro&immutable=1"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    if reads or mode != "rw":
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a commit that returned is on the disk
    return connection


def create(path: Path, timeout: float) -> None:
    """Make the tables, in one transaction, unless another process was quicker."""
    path.touch()
    with contextlib.closing(connect(path, timeout)) as connection:
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise DataError(
                f"{path} cannot have a write-ahead log on this file system; put it on a local disk."
            )
        with transaction(connection, "IMMEDIATE"):
            if _is_new(connection):
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")


def check(path: Path, timeout: float) -> bool:
    """Whether the tables are there; raises `DataError` for a file of another program or version."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; a movement database is one file, such as {path / 'moves.db'}.")
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with contextlib.closing(connect(path, timeout, reads=True)) as connection:
        if _is_new(connection):
            return False
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise DataError(f"{path} is an SQLite file of another program; choose another name for the database.")
    if version != VERSION:
        raise DataError(
            f"{path} is a movement database of version {version}, and this Ideomotor reads version {VERSION}; "
            + (
                "install a newer Ideomotor."
                if version > VERSION
                else "export it with the Ideomotor that wrote it."
            )
        )
    return True


def _is_new(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return tables == 0 and connection.execute("PRAGMA application_id").fetchone()[0] == 0


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "") -> Iterator[sqlite3.Connection]:
    """All or nothing; reads inside see one state."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def plain_errors(path: Path, timeout: float) -> Iterator[None]:
    """Turn the errors of SQLite that are not ours into one sentence."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path} cannot be opened ({error.strerror}); check its permissions and its folder's."
        ) from error
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            text = (
                f"{path} has been locked by another process for {timeout:g} s; try again when that is done."
            )
        elif name.startswith("SQLITE_NOTADB"):
            text = f"{path} is not a movement database (its first bytes are not SQLite's); give another file."
        elif name.startswith("SQLITE_CORRUPT"):
            text = (
                f"{path} is truncated or damaged ({error}); put a copy back, or ingest the demonstrations into a "
                f"new database."
            )
        elif name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
            text = f"{path} cannot be opened for writing ({error}); check its permissions and those of its folder."
        elif name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_TOOBIG")):
            text = (
                f"{path} cannot be written ({error}); nothing of this step was kept, what was there is safe."
            )
        else:
            raise
        raise DataError(text) from error
