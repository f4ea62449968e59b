import abc
import threading
from typing import Any

from ideomotor.errors import DataError

from ..graph._graph import TransitionGraph


class GraphBusyError(DataError):
    """Another program has the file of the graph open for writing; the graph can be built from the record."""


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
            "A graph in memory answers no Cypher; open the database with graph='ladybug' or a server's URL."
        )

    def close(self) -> None:
        """Nothing is held."""

    def __repr__(self) -> str:
        return "MemoryStore()"
