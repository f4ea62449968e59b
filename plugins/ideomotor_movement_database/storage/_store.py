import abc
import re
import threading
from typing import Any

from ideomotor.errors import DataError

from ..graph._graph import TransitionGraph

_QUIET = re.compile(r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`", re.DOTALL)
_FIRST = {"CALL", "EXPLAIN", "MATCH", "OPTIONAL", "PROFILE", "RETURN", "UNWIND", "WITH"}
_NEVER = {
    "ALTER", "ATTACH", "BEGIN", "CHECKPOINT", "COMMENT", "COMMIT", "COPY", "CREATE", "DELETE", "DETACH", "DROP", "EXPORT", "FOREACH",
    "FORCE", "GRANT", "IMPORT", "INSTALL", "LOAD", "MERGE", "REMOVE", "ROLLBACK", "SET", "UNINSTALL", "UPDATE", "USE",
}  # fmt: skip
_PROCEDURES = re.compile(
    r"table_info|show_\w+|db_version|current_setting|storage_info|db\.labels|db\.propertyKeys|db\.relationshipTypes|db\.schema\.\w+"
    r"|dbms\.components",
    re.IGNORECASE,
)


def check_reads(text: str) -> None:
    """Raise `DataError` unless a Cypher statement is one query that reads: by its clauses, and the procedures that it calls.

    Words in texts, comments and quoted names do not count, nor those that name a property, a label or a column.
    """
    quiet = _QUIET.sub(lambda match: " " if match[0][0] == "/" else "''", text).strip().rstrip(";")
    words = re.findall(r"(?<![.:$\w])[A-Za-z_]\w*\b(?!\s*:)", re.sub(r"(?i)\bAS\s+\w+", "", quiet))
    first = re.match(r"\w+", quiet)
    wrong = None
    if ";" in quiet:
        wrong = "holds several statements"
    elif first is None or first[0].upper() not in _FIRST:
        wrong = f"begins with {first[0] if first else 'no word'}"
    elif found := next((word for word in words if word.upper() in _NEVER), None):
        wrong = f"has a clause {found.upper()}"
    elif found := next(
        (name for name in re.findall(r"(?i)\bCALL\s+([\w.]+)", quiet) if not _PROCEDURES.fullmatch(name)),
        None,
    ):
        wrong = f"calls {found}"
    if wrong:
        raise DataError(f"Cypher: only read-only queries are answered, and this one {wrong}.")


class GraphBusyError(DataError):
    """The graph cannot be opened now (by another writer, or for want of memory); it can be built from the record."""


class AbstractGraphStore(abc.ABC):
    """Where the transition graph is kept for inspection and quick loading.

    It is a projection of the record: whatever happens to it, it can be written again. Searches run on the arrays
    that `load` gives, not in the database.
    """

    @abc.abstractmethod
    def write(self, graph: TransitionGraph, fingerprint: str) -> None:
        """Replace what is there; readers see the old graph or the new one."""

    @abc.abstractmethod
    def load(self, fingerprint: str | None = None) -> TransitionGraph | None:
        """All of it in one dump; None if there is no usable graph, or none with that fingerprint."""

    @abc.abstractmethod
    def fingerprint(self) -> str | None:
        """What `write` was given, or None if there is no usable graph."""

    @abc.abstractmethod
    def cypher(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        """The rows that a query returns; for looking, not for writing."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""

    def __enter__(self) -> "AbstractGraphStore":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class MemoryStore(AbstractGraphStore):
    """Keeps the graph in this process only, without Cypher."""

    def __init__(self):
        self._kept: tuple[TransitionGraph, str] | None = None
        self._lock = threading.Lock()

    def write(self, graph: TransitionGraph, fingerprint: str) -> None:
        with self._lock:
            self._kept = (graph, fingerprint)

    def load(self, fingerprint: str | None = None) -> TransitionGraph | None:
        kept = self._kept
        return kept[0] if kept and fingerprint in (None, kept[1]) else None

    def fingerprint(self) -> str | None:
        return self._kept[1] if self._kept else None

    def cypher(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        """Raises `DataError`: there is no database."""
        raise DataError(
            "A graph in memory does not support Cypher; open the database with graph='ladybug' or a server's URL."
        )

    def close(self) -> None:
        """Nothing is held."""

    def __repr__(self) -> str:
        return "MemoryStore()"
