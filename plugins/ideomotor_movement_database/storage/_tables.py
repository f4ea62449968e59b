"""A transition graph as the tables of a property graph, and back."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ideomotor.errors import DataError

from ..graph._graph import TransitionGraph

NODE, EDGE, DEMONSTRATION, GRAPH = "MovementNode", "TRANSITION", "MovementDemonstration", "MovementGraph"
FORMAT = 1

_NODE_FIELDS = ("parent", "born", "split", "samples", "demonstrations", "finals", "spread", "duration")
_EDGE_FIELDS = {  # property in the database: field of the graph
    "born": "edge_born",
    "split": "edge_split",
    "count": "count",
    "probability": "probability",
    "length": "length",
}
NODE_LIST, EDGE_LIST = "members", "support"  # numbers of demonstrations
INTEGERS = {
    "id",
    "parent",
    "born",
    "split",
    "samples",
    "demonstrations",
    "finals",
    "count",
    "source",
    "target",
}

NODE_QUERY = "MATCH (n:MovementNode) RETURN {}"
EDGE_QUERY = (
    "MATCH (a:MovementNode)-[e:TRANSITION]->(b:MovementNode) RETURN a.id AS source, b.id AS target, {}"
)
GRAPH_QUERY = (
    "MATCH (g:MovementGraph) RETURN g.format AS format, g.fingerprint AS fingerprint, g.header AS header, "
    "g.nodes AS nodes, g.edges AS edges, g.dimension AS dimension"
)


@dataclass(frozen=True)
class Column:
    """Lists of integers, list i being `values[indptr[i]:indptr[i + 1]]`."""

    indptr: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def lists(self, start: int, stop: int) -> list[list[int]]:
        """Those from `start` to `stop` as Python lists."""
        bounds = self.indptr[start : stop + 1].tolist()
        values = self.values[bounds[0] : bounds[-1]].tolist()
        return [values[a - bounds[0] : b - bounds[0]] for a, b in zip(bounds, bounds[1:], strict=False)]

    def joined(self, runs: list[tuple[int, int]]) -> "Column":
        """The runs of lists, one after the other."""
        sizes = _joined(np.diff(self.indptr), runs)
        values = _joined(self.values, [(int(self.indptr[a]), int(self.indptr[b])) for a, b in runs])
        return Column(np.concatenate([[0], np.cumsum(sizes)]), values)


Table = dict[str, Any]  # arrays, and one `Column`, by property


def node_fields(dimension: int) -> list[str]:
    """The properties of a node, in the order of the table."""
    return ["id", *_NODE_FIELDS, *(f"x{i}" for i in range(dimension)), NODE_LIST]


def edge_fields() -> list[str]:
    """The properties of a transition, without its ends."""
    return ["id", *_EDGE_FIELDS, EDGE_LIST]


def select(variable: str, fields: list[str]) -> str:
    """What to return in Cypher."""
    # Aliases must not equal a variable of the pattern: that breaks ORDER BY in Ladybug.
    return ", ".join(f"{variable}.{name} AS {name}" for name in fields)


def to_tables(graph: TransitionGraph) -> tuple[Table, Table]:
    """Nodes and transitions; positions become scalar columns x0, x1, …"""
    nodes: Table = {"id": np.arange(len(graph.parent))}
    nodes |= {name: getattr(graph, name) for name in _NODE_FIELDS}
    nodes |= {f"x{i}": graph.position[:, i] for i in range(graph.position.shape[1])}
    nodes[NODE_LIST] = Column(graph.member_indptr, graph.member)
    edges: Table = {"source": graph.source, "target": graph.target, "id": np.arange(len(graph.source))}
    edges |= {name: getattr(graph, field) for name, field in _EDGE_FIELDS.items()}
    edges[EDGE_LIST] = Column(graph.support_indptr, graph.support)
    return nodes, edges


def header(graph: TransitionGraph, fingerprint: str) -> dict[str, Any]:
    """The properties of the one node that describes the graph."""
    plain = {
        "space": graph.space,
        "rotation_length": graph.rotation_length,
        "names": list(graph.names),
        "reference": graph.reference.tolist(),
    }
    return {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "header": json.dumps(plain),
        "nodes": len(graph.parent),
        "edges": len(graph.source),
        "dimension": graph.position.shape[1],
    }


def from_tables(about: dict[str, Any], nodes: Table, edges: Table) -> TransitionGraph:
    """What `to_tables` was given; raises `DataError` if nodes or transitions are missing or doubled."""
    nodes, edges = _in_order(nodes, about["nodes"], "nodes"), _in_order(edges, about["edges"], "transitions")
    plain = json.loads(about["header"])
    ends = {name: _compact(edges[name]) for name in ("source", "target")}
    if any(len(end) and (end.min() < 0 or end.max() >= about["nodes"]) for end in ends.values()):
        raise DataError("The graph in the database has a transition that leads nowhere; rebuild it.")
    return TransitionGraph(
        space=plain["space"],
        rotation_length=float(plain["rotation_length"]),
        names=tuple(plain["names"]),
        reference=np.array(plain["reference"], np.float64),
        **{name: _compact(nodes[name]) for name in _NODE_FIELDS},
        position=np.stack([nodes[f"x{i}"] for i in range(about["dimension"])], axis=1),
        member_indptr=nodes[NODE_LIST].indptr,
        member=_compact(nodes[NODE_LIST].values),
        **ends,
        **{field: _compact(edges[name]) for name, field in _EDGE_FIELDS.items()},
        support_indptr=edges[EDGE_LIST].indptr,
        support=_compact(edges[EDGE_LIST].values),
    )


def _compact(values: np.ndarray) -> np.ndarray:
    """Integers of 32 bits, as trees and graphs have them when they are built."""
    return values.astype(np.int32) if values.dtype.kind == "i" else values


def _in_order(table: Table, count: int, what: str) -> Table:
    """Sorted by id. Databases return long runs of rows in order, so runs are moved rather than rows."""
    ids = table["id"]
    bounds = [0, *(np.flatnonzero(np.diff(ids) != 1) + 1).tolist(), len(ids)] if len(ids) else [0]
    runs = sorted(zip(bounds, bounds[1:], strict=False), key=lambda run: ids[run[0]])
    if len(runs) > 1:
        table = {
            name: values.joined(runs) if isinstance(values, Column) else _joined(values, runs)
            for name, values in table.items()
        }
    if not np.array_equal(table["id"], np.arange(count)):
        raise DataError(
            f"The graph in the database has {len(ids):,} {what} and should have {count:,}; rebuild it."
        )
    return table


def _joined(values: np.ndarray, runs: list[tuple[int, int]]) -> np.ndarray:
    return np.concatenate([values[a:b] for a, b in runs])
