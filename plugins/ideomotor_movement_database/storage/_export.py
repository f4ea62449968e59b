"""Demonstrations, tree and graph as files that other programs read."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import new_folder, unique_name
from ideomotor.errors import DataError

from .._demonstrations import Demonstrations
from ..graph._graph import TransitionGraph
from ..graph._tree import MovementTree
from . import _tables
from ._tables import Column, Table

FORMATS = ("csv", "npz", "cypher", "parquet")


def export(
    folder: Path | str,
    demonstrations: Demonstrations,
    tree: MovementTree | None,
    graph: TransitionGraph,
    formats: Sequence[str] = FORMATS,
    *,
    overwrite: bool = False,
) -> list[str]:
    """Write a folder, whole or not at all; returns the names of its files.

    - `csv`: `demonstrations/NAME.csv`, `nodes.csv`, `transitions.csv`;
    - `npz`: `demonstrations.npz`, `tree.npz`, `graph.npz`; CSV and NPZ of demonstrations can be ingested again, with
      their names, space and metadata;
    - `cypher`: `graph.cypher`, statements that make the graph in any Cypher database;
    - `parquet`: `nodes.parquet`, `transitions.parquet`.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise DataError(f"There is no export format {unknown[0]!r}; choose one of {', '.join(FORMATS)}.")
    nodes, edges = _tables.to_tables(graph)
    with new_folder(folder, overwrite=overwrite) as out:
        if "csv" in formats:
            _write_demonstrations(out / "demonstrations", demonstrations)
            _write_csv(out / "nodes.csv", nodes)
            _write_csv(out / "transitions.csv", edges)
        if "npz" in formats:
            np.savez_compressed(
                out / "demonstrations.npz", allow_pickle=False, **_demonstration_arrays(demonstrations)
            )
            if tree is not None:
                np.savez_compressed(out / "tree.npz", allow_pickle=False, **tree.to_arrays())
            np.savez_compressed(out / "graph.npz", allow_pickle=False, **graph.to_arrays())
        if "cypher" in formats:
            _write_cypher(out / "graph.cypher", graph.names, nodes, edges)
        if "parquet" in formats:
            _write_parquet(out, nodes, edges)
        return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def _demonstration_arrays(demonstrations: Demonstrations) -> dict[str, Any]:
    return {
        "ts": np.concatenate([item.ts for item in demonstrations]),
        "ys": demonstrations.ys,
        "offsets": demonstrations.offsets,
        "name": _texts(demonstrations.names),
        "space": np.array(demonstrations.space),
        "metadata": _texts([json.dumps(dict(item.metadata)) for item in demonstrations]),
    }


def _texts(values: Sequence[str]) -> np.ndarray:
    """An array of texts; if they are long, their JSON in UTF-8, since NumPy pads each to the longest."""
    if max(map(len, values)) <= 200:
        return np.array(values)
    return np.frombuffer(json.dumps(list(values)).encode(), np.uint8)


def _write_demonstrations(folder: Path, demonstrations: Demonstrations) -> None:
    folder.mkdir()
    used: set[str] = set()
    if demonstrations.space == "cartesian":
        letters = "xyz" if demonstrations.dof <= 3 else ""
        columns = [f"{letters[i] if letters else f'y{i}'} [m]" for i in range(demonstrations.dof)]
    elif demonstrations.space == "joint":
        columns = [f"joint{i} [rad]" for i in range(demonstrations.dof)]
    else:
        columns = ["x [m]", "y [m]", "z [m]", "qw", "qx", "qy", "qz"]
    for item in demonstrations:
        name = unique_name(item.name, used)
        about = json.dumps({"name": item.name, "space": item.space, "metadata": dict(item.metadata)})
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            file.write(f"# ideomotor {about}\n")
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["time [s]", *columns])
            writer.writerows(np.column_stack([item.ts, item.ys]).tolist())


def _rows(table: Table, size: int = 10_000) -> Iterable[list[tuple]]:
    count = len(table["id"])
    for start in range(0, count, size):
        stop = min(start + size, count)
        yield list(
            zip(
                *(
                    v.lists(start, stop) if isinstance(v, Column) else v[start:stop].tolist()
                    for v in table.values()
                ),
                strict=True,
            )
        )


def _write_csv(path: Path, table: Table) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(list(table))
        for rows in _rows(table):
            writer.writerows(
                [" ".join(map(str, v)) if isinstance(v, list) else v for v in row] for row in rows
            )


def _write_cypher(path: Path, names: Sequence[str], nodes: Table, edges: Table) -> None:
    def literal(values: Iterable[tuple[str, Any]]) -> str:
        return ", ".join(f"{name}: {json.dumps(value)}" for name, value in values)

    with path.open("w", encoding="utf-8") as file:
        for i, name in enumerate(names):
            file.write(f"CREATE (:{_tables.DEMONSTRATION} {{id: {i}, name: {json.dumps(name)}}});\n")
        for rows in _rows(nodes):
            for row in rows:
                file.write(f"CREATE (:{_tables.NODE} {{{literal(zip(nodes, row, strict=True))}}});\n")
        for rows in _rows(edges):
            for source, target, *row in rows:
                ends = f"MATCH (a:{_tables.NODE} {{id: {source}}}) MATCH (b:{_tables.NODE} {{id: {target}}})"
                values = literal(zip(list(edges)[2:], row, strict=True))
                file.write(f"{ends} CREATE (a)-[:{_tables.EDGE} {{{values}}}]->(b);\n")


def _write_parquet(folder: Path, nodes: Table, edges: Table) -> None:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DataError("Parquet files need pyarrow: pip install 'ideomotor[database]'.") from error
    from ._ladybug import to_arrow

    parquet.write_table(to_arrow(nodes), folder / "nodes.parquet")
    parquet.write_table(to_arrow(edges), folder / "transitions.parquet")
