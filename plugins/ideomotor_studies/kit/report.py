"""Numbers and Markdown tables: the paper's beside ours."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


class Spread(tuple):
    """One measure, from several seeds."""


def number(value: Any) -> str:
    """A value as a cell of a table: `–` for `None`, mean ± standard deviation for a `Spread`, others joined by slashes."""
    if value is None:
        return "–"
    if isinstance(value, Spread) and len(value) > 1:
        columns = np.atleast_2d(np.asarray(value, float).T)
        return " / ".join(f"{column.mean():.3g} ± {column.std(ddof=1):.1g}" for column in columns)
    if isinstance(value, Spread):
        return number(value[0])
    if isinstance(value, list | tuple):
        return " / ".join(number(x) for x in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([number(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class Comparison:
    """Measures of a study: each with our value, the paper's, and the bar that we set ourselves.

    `measures` is what `results.json` keeps of them: `what`, `ours` (the mean), `spread` (the standard deviation between seeds),
    `values` (of each seed), `paper` and `bar`.
    """

    def __init__(self):
        self.measures: list[dict[str, Any]] = []
        self._rows: list[tuple[str, Any, Any, Any]] = []

    def add(self, what: str, ours: Any, paper: Any = None, bar: Any = None) -> None:
        """Add a row. `ours` may be a number, a text, a sequence of them, or a `Spread` over seeds."""
        self._rows.append((what, paper, ours, bar))
        found: dict[str, Any] = {"what": what, "ours": ours, "paper": paper, "bar": bar}
        if isinstance(ours, Spread):
            values = np.asarray(ours, float)
            found["ours"], found["values"] = values.mean(0).tolist(), values.tolist()
            found["spread"] = values.std(0, ddof=1).tolist() if len(ours) > 1 else None
        self.measures.append(found)

    def table(self) -> str:
        """All rows as a Markdown table; the column of bars is left out if there are none."""
        bars = any(row[3] is not None for row in self._rows)
        head = ("what", "paper", "ours", "to reach")
        return table(head[: 3 + bars], [row[: 3 + bars] for row in self._rows])
