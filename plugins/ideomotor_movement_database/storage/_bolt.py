"""The graph in a server that speaks Bolt: Neo4j, Memgraph, ArcadeDB."""

import contextlib
import os
import re
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from ideomotor.errors import DataError

from ..graph._graph import TransitionGraph
from . import _tables
from ._store import AbstractGraphStore, check_reads
from ._tables import Column, Table

PASSWORD = "IDEOMOTOR_BOLT_PASSWORD"
_BATCH = 5_000  # rows per statement
_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
_PLAIN = re.compile(r"[\w+.-]*:?(//)?[\w.-]*(\[[0-9a-fA-F:.]+\])?(:\d*)?/?")
_INDEXES = (  # of Neo4j and ArcadeDB, and of Memgraph; a server without either is slow to fill and correct
    f"CREATE INDEX movement_node_id IF NOT EXISTS FOR (n:{_tables.NODE}) ON (n.id)",
    f"CREATE INDEX ON :{_tables.NODE}(id)",
)


class BoltStore(AbstractGraphStore):
    """The graph in a server that speaks Bolt, by the `neo4j` driver and Cypher that all such servers understand.

    - `url`: such as `bolt://localhost:7687` or `neo4j+s://example.org`.
    - `user`; `password`: by default that in the environment variable `IDEOMOTOR_BOLT_PASSWORD`. It is handed to the driver
      and neither kept, printed nor stored.
    - `database`: on servers that have several.
    - `timeout`: seconds that the server may take to answer; writing and loading may take `patience`.
    """

    def __init__(
        self,
        url: str,
        user: str = "neo4j",
        password: str | None = None,
        *,
        database: str | None = None,
        timeout: float = 10.0,
        patience: float = 600.0,
    ):
        # A URL with more than a server in it is not shown: there may be a password.
        if not _PLAIN.fullmatch(url):
            raise DataError(
                f"Give the server's URL without user, password, path or options; set {PASSWORD} in the environment."
            )
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise DataError(f"{url!r} is not a Bolt server; give a URL such as bolt://localhost:7687.")
        self.url, self.user, self.database = url, user, database
        self.timeout, self.patience = timeout, patience
        secret = os.environ.get(PASSWORD, "") if password is None else password
        try:
            import neo4j
        except ImportError as error:
            raise DataError(
                "A graph server needs the neo4j driver: pip install 'ideomotor[database]'."
            ) from error
        self._driver = neo4j.GraphDatabase.driver(
            url,
            auth=(user, secret),
            connection_timeout=timeout,
            connection_acquisition_timeout=timeout,
            max_transaction_retry_time=timeout,
            notifications_min_severity="OFF",
        )

    def write(self, graph: TransitionGraph, fingerprint: str) -> None:
        """One transaction."""
        nodes, edges = _tables.to_tables(graph)
        about = _tables.header(graph, fingerprint)
        names = {"id": np.arange(len(graph.names)), "name": np.array(graph.names)}

        def work(session: Any) -> None:
            for statement in _INDEXES:
                with contextlib.suppress(Exception):
                    session.run(statement).consume()
                    break
            with session.begin_transaction() as transaction:
                for label in (_tables.NODE, _tables.DEMONSTRATION, _tables.GRAPH):
                    transaction.run(f"MATCH (n:{label}) DETACH DELETE n").consume()
                for label, table in ((_tables.DEMONSTRATION, names), (_tables.NODE, nodes)):
                    _create(transaction, f"CREATE (:{label} {{{_properties(table)}}})", table)
                inner = {k: v for k, v in edges.items() if k not in ("source", "target")}
                _create(
                    transaction,
                    f"MATCH (a:{_tables.NODE} {{id: r.source}}) MATCH (b:{_tables.NODE} {{id: r.target}}) "
                    f"CREATE (a)-[:{_tables.EDGE} {{{_properties(inner)}}}]->(b)",
                    edges,
                )
                _create(transaction, f"CREATE (:{_tables.GRAPH} {{{_properties(about)}}})", None, [about])
                transaction.commit()

        self._ask(work, self.patience)

    def load(self, fingerprint: str | None = None) -> TransitionGraph | None:

        def work(session: Any) -> TransitionGraph | None:
            with session.begin_transaction() as transaction:
                about = _about(transaction)
                if about is None or fingerprint not in (None, about["fingerprint"]):
                    return None
                fields = _tables.node_fields(about["dimension"])
                nodes = _dump(transaction, _tables.NODE_QUERY.format(_tables.select("n", fields)), fields)
                fields = _tables.edge_fields()
                query = _tables.EDGE_QUERY.format(_tables.select("e", fields))
                edges = _dump(transaction, query, ["source", "target", *fields])
                if _about(transaction) != about:  # servers may show what others commit while we read
                    return None
            try:
                return _tables.from_tables(about, nodes, edges)
            except (DataError, ValueError, TypeError):
                return None

        return self._ask(work, self.patience)

    def fingerprint(self) -> str | None:
        about = self._ask(_about, self.timeout)
        return about and about["fingerprint"]

    def cypher(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        """What the query writes is rolled back."""
        check_reads(text)

        def work(session: Any) -> list[dict[str, Any]]:
            with session.begin_transaction() as transaction:
                found = [dict(record) for record in transaction.run(text, parameters)]
                transaction.rollback()
                return found

        return self._ask(work, self.timeout, reads=True)

    def close(self) -> None:
        self._driver.close()

    def _ask(self, work: Callable[[Any], Any], seconds: float, *, reads: bool = False) -> Any:
        """Run `work(session)` in a thread: a server that accepts and then says nothing would block forever."""
        import neo4j
        import neo4j.exceptions as errors

        answer: Future = Future()

        def talk() -> None:
            try:
                mode = neo4j.READ_ACCESS if reads else neo4j.WRITE_ACCESS
                with self._driver.session(database=self.database, default_access_mode=mode) as session:
                    answer.set_result(work(session))
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=talk, daemon=True).start()
        try:
            return answer.result(seconds)
        except TimeoutError:
            # Closing the sockets ends the thread.
            with contextlib.suppress(Exception), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._driver.close()
            raise DataError(self._silent(seconds)) from None
        except errors.AuthError:
            raise DataError(
                f"The graph server {self.url} refuses the user {self.user!r} with that password; set {PASSWORD}."
            ) from None
        except errors.ClientError as error:
            raise DataError(f"The graph server {self.url} refuses: {_line(error)}") from None
        except errors.ServiceUnavailable as error:
            if "Deadline" in str(error):  # the driver's own, of the same length, was a moment earlier
                raise DataError(self._silent(self.timeout)) from None
            raise DataError(
                f"The graph server {self.url} cannot be reached ({_line(error)}); start it."
            ) from None
        except (errors.DriverError, errors.Neo4jError) as error:
            raise DataError(f"The graph server {self.url} failed: {_line(error)}") from None

    def _silent(self, seconds: float) -> str:
        return f"The graph server {self.url} has not answered for {seconds:g} s; check that it is running, or wait longer (timeout=)."

    def __repr__(self) -> str:
        return f"BoltStore({self.url!r}, {self.user!r})"


def _properties(names: Any) -> str:
    return ", ".join(f"{name}: r.{name}" for name in names)


def _create(transaction: Any, action: str, table: Table | None, rows: list[dict] | None = None) -> None:
    count = len(rows or ()) if table is None else len(table["id"])
    for start in range(0, count, _BATCH):
        batch = rows if table is None else _rows(table, start, min(start + _BATCH, count))
        transaction.run(f"UNWIND $rows AS r {action}", rows=batch).consume()


def _rows(table: Table, start: int, stop: int) -> list[dict[str, Any]]:
    columns = []
    for name, values in table.items():
        if isinstance(values, Column):
            columns.append(values.lists(start, stop))
        elif name in _tables.INTEGERS or values.dtype.kind == "U":
            columns.append(values[start:stop].tolist())
        else:
            columns.append(values[start:stop].astype(np.float64).tolist())
    return [dict(zip(table, row, strict=True)) for row in zip(*columns, strict=True)]


def _about(session: Any) -> dict[str, Any] | None:
    rows = [dict(record) for record in session.run(_tables.GRAPH_QUERY)]
    return rows[0] if len(rows) == 1 and rows[0]["format"] == _tables.FORMAT else None


def _dump(transaction: Any, query: str, fields: list[str]) -> Table:
    rows = transaction.run(query).values()
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    found: Table = {}
    for name, column in zip(fields, columns, strict=True):
        if name in (_tables.NODE_LIST, _tables.EDGE_LIST):
            lists = [values or [] for values in column]
            indptr = np.concatenate([[0], np.cumsum([len(v) for v in lists], dtype=np.int64)])
            found[name] = Column(indptr, np.array([i for values in lists for i in values], np.int64))
        else:
            found[name] = np.array(column, np.int64 if name in _tables.INTEGERS else np.float64)
    return found


def _line(error: Exception) -> str:
    text = getattr(error, "message", None) or str(error)
    return " ".join(text.split()).rstrip(".")
