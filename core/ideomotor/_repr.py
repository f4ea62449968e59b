"""How registries, pipelines and trajectories show themselves: text in a terminal, static HTML in a notebook."""

import dataclasses
import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._pipeline import Pipeline
    from ._trajectory import Trajectory
    from .registry import Registry


def table(rows: Iterable[Iterable[str]], header: Iterable[str]) -> str:
    """Columns of text, aligned, under a ruled header."""
    grid = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in grid) for i in range(len(grid[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in grid
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def html_table(rows: Iterable[Iterable[str]], header: Iterable[str]) -> str:
    """The same as an HTML table; every cell is escaped."""
    head = "".join(f"<th style='text-align:left'>{html.escape(str(cell))}</th>" for cell in header)
    body = "".join(
        "<tr>"
        + "".join(f"<td style='text-align:left'>{html.escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _components(registry: "Registry") -> tuple[list[list[str]], tuple[str, ...]]:
    rows = [[c.kind, c.name, registry.source(c.name).name, c.summary] for c in registry.components()]
    return rows, ("kind", "name", "plug-in", "summary")


def _trouble(registry: "Registry") -> list[str]:
    return [
        f"{p.name} ({p.distribution} {p.version}) is {p.status}: {p.reason}"
        for p in registry.plugins
        if p.reason
    ]


def registry_text(registry: "Registry") -> str:
    """All components, then the plug-ins that are not active."""
    return "\n".join([table(*_components(registry)), *_trouble(registry)])


def registry_html(registry: "Registry") -> str:
    """All components, then the plug-ins that are not active."""
    trouble = "".join(f"<p>{html.escape(line)}</p>" for line in _trouble(registry))
    return html_table(*_components(registry)) + trouble


def brief(component: Any) -> str:
    """A component on one line: its class and the arguments that differ from their defaults, as far as they are short."""
    from .config import arguments

    if not dataclasses.is_dataclass(component):
        return type(component).__name__
    shown = {name: _short(value) for name, value in arguments(component).items()}
    return (
        f"{type(component).__name__}({', '.join(f'{name}={text}' for name, text in shown.items() if text)})"
    )


def _short(value: Any) -> str:
    import equinox as eqx
    import numpy as np

    if isinstance(value, eqx.Module):
        return brief(value)
    if hasattr(value, "shape"):
        return np.array2string(np.asarray(value), precision=4, separator=", ") if np.size(value) <= 4 else "…"
    text = repr(value)
    return text if len(text) <= 40 else "…"


def _flow(pipeline: "Pipeline") -> list[tuple[str, str, str]]:
    """`(slot, component, what it passes on)` in the order in which data flow."""
    import jax

    from ._structure import describe

    steps = [("observation", describe(pipeline.default_observation()), "")]
    for slot in ("perception", "planner", "primitive", "plant"):
        part = getattr(pipeline, slot)
        if part is None:
            continue
        if slot == "perception" and pipeline.planner is not None:
            passes = describe(pipeline.planner.default_query())
        elif slot in ("perception", "planner"):
            passes = describe(pipeline.primitive.default_params())
        elif slot == "primitive" and pipeline.plant is not None:
            passes = describe(pipeline.plant.default_command())
        elif slot == "plant":
            seen = jax.eval_shape(part.observe, part.default_state()) if _traceable(part) else None
            passes = describe(seen) if seen is not None else ""
        else:
            passes = ""
        steps.append((slot, brief(part), passes))
    return steps


def _traceable(part) -> bool:
    from ._host import is_host

    return not is_host(part)


def pipeline_text(pipeline: "Pipeline") -> str:
    """One line for each part, with what it passes on to the next."""
    lines = ["Pipeline"]
    for slot, name, passes in _flow(pipeline):
        lines.append(f"  {slot:<12}{name}")
        if passes:
            lines.append(f"  {'':<12}  ──▶ {passes}")
    return "\n".join(lines)


def pipeline_html(pipeline: "Pipeline") -> str:
    """Boxes joined by arrows, as static HTML."""
    box = "border:1px solid #8886;border-radius:8px;padding:6px 10px;margin:2px 0;display:inline-block"
    note = "font-size:85%;opacity:.7;margin:0 0 2px 14px"
    parts = []
    for slot, name, passes in _flow(pipeline):
        parts.append(f"<div style='{box}'><b>{html.escape(slot)}</b> <code>{html.escape(name)}</code></div>")
        parts.append(f"<div style='{note}'>↓ {html.escape(passes)}</div>")
    return "<div style='line-height:1.4'>" + "".join(parts[:-1]) + "</div>"


def trajectory_html(trajectory: "Trajectory") -> str:
    """A summary line, and small curves of every output over time as inline SVG."""
    import jax
    import numpy as np

    ts = np.asarray(trajectory.ts)
    curves = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(trajectory.ys)[0]:
        values = np.asarray(leaf, dtype=float).reshape(len(ts), -1)
        name = html.escape("ys" + jax.tree_util.keystr(path))
        shape = html.escape(str(np.shape(leaf)))
        curves.append(f"<figure style='display:inline-block;margin:4px'>{_svg(ts, values[:, :6])}")
        curves.append(f"<figcaption style='font-size:85%'>{name} {shape}</figcaption></figure>")
    also = [name for name in ("us", "xs") if getattr(trajectory, name) is not None]
    more = f", with {' and '.join(also)}" if also else ""
    head = f"<div><b>Trajectory</b> {len(ts)} samples over {ts[-1] - ts[0]:.4g} s{more}</div>"
    return head + "".join(curves)


_COLOURS = ("#4269d0", "#e8731e", "#3ca951", "#b5419e", "#6cc5b0", "#9c6b4e")


def _svg(ts, values, width: int = 240, height: int = 90) -> str:
    import numpy as np

    if not np.all(np.isfinite(values)) or not len(ts):
        return "<svg width='240' height='20'><text y='14' font-size='12'>not finite</text></svg>"
    low, high = values.min(), values.max()
    x = (ts - ts[0]) / max(ts[-1] - ts[0], 1e-12) * (width - 4) + 2
    y = height - 2 - (values - low) / max(high - low, 1e-12) * (height - 4)
    keep = np.unique(np.linspace(0, len(ts) - 1, min(len(ts), 120)).astype(int))
    lines = []
    for k in range(values.shape[1]):
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[keep], y[keep, k], strict=True))
        lines.append(f"<polyline fill='none' stroke='{_COLOURS[k]}' stroke-width='1.5' points='{points}'/>")
    return f"<svg width='{width}' height='{height}' role='img'>{''.join(lines)}</svg>"
