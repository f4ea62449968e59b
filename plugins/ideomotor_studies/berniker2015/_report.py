"""The paper's numbers beside ours."""

from typing import Any

import numpy as np

from ._settings import CONSTANTS, PAPER, PRESETS

PROTOCOL = """
Protocol. Test reaches: 24 of 10 cm in even directions from (0, 0.35) m, in each field (the paper does not say where its
24 test reaches lie). Errors are root mean squares over all states and commands, each channel scaled to [0, 1] by the
training reaches. End errors are mean distances in cm between the target and where the arm ends when it plays the
network's commands, without feedback. The self-trained and optimised networks reach without a field; their distance is
that of the network's whole output from the optimal reach. The paper's numbers are single runs. Ours are means over
{seeds} seeds of the weights and of the functions' own movements, ± the standard deviation between them; the optimal
reaches and the linear baseline have one seed.
"""


class Seeds(list):
    """The results of one measure with several seeds."""


def table(results: dict[str, Any], preset: str, constants: str) -> str:
    """A Markdown page."""
    rows = ["| what | paper | ours |", "|---|---|---|"]

    def add(what, paper, ours):
        rows.append(f"| {what} | {_number(paper)} | {_number(ours)} |")

    def ours(name, key):
        """One number, or those of all seeds."""
        seeds = results[name].get("seeds")
        return Seeds(seeds[key]) if seeds else results[name][key]

    for name, label in (("pca", "PCA"), ("network", "deep network")):
        for key, what in (
            ("training", "training error"),
            ("validation", "validation error"),
            ("test", "test error, counter-clockwise / null / clockwise"),
            ("end", "end error (cm), same order"),
        ):
            add(f"{label}: {what}", PAPER[name][key], ours(name, key))
    paper = PAPER["self-trained"]["training"]
    add("self-trained: training error, last round", paper, ours("self-trained", "training"))
    for name, label, key in (
        ("self-trained", "self-trained", "self-trained"),
        ("optimised", "optimised through the arm, Gauss-Newton", "optimised"),
        ("optimised-gradient", "optimised through the arm, plain gradient", "optimised"),
        ("optimised-forward-model", "optimised through a learned forward model", "optimised"),
    ):
        if name not in results:
            continue
        add(f"{label}: distance from optimal", PAPER[key]["distance"], ours(name, "distance"))
        add(f"{label}: end error (cm)", PAPER[key]["end"], ours(name, "end"))
        add(f"{label}: cost (optimal {results[name]['optimal_cost']:.4g})", None, ours(name, "cost"))
    data, oracle = results["data"], results["oracle"]
    add(f"{data['reaches']:,} optimal reaches: CPU s", None, data["reaches_cpu_s"])
    add("converged", None, data["converged"])
    pair = (oracle["median_difference"], oracle["largest_difference"])
    add("cost against Euler-Lagrange: median, largest relative difference", None, pair)
    for what, value in results["beyond"].items():
        if isinstance(value, dict):
            for key, number in value.items():
                add(f"beyond the paper, {what}: {key}", None, number)
    lines = ["# Berniker & Kording 2015", "", f"Preset `{preset}`: {PRESETS[preset].note}.", ""]
    lines += [
        f"Constants `{constants}`: {CONSTANTS[constants].note}",
        "",
        *rows,
        PROTOCOL.format(seeds=PRESETS[preset].seeds),
        "",
        "## The two settings of the constants",
        "",
    ]
    lines += ["Best reaches, counter-clockwise / null / clockwise:", "", "| setting | Φ (1/m²) | c (N m s/rad) | end error (cm) | "
              "farthest to the side (cm) | root mean square command (N m) | converged |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, c in CONSTANTS.items():
        found = results["constants"][name]
        cells = (
            c.terminal,
            c.field,
            found["end"],
            found["lateral"],
            found["rms_command"],
            found["converged"],
        )
        lines.append(f"| {name} | " + " | ".join(_number(cell) for cell in cells) + " |")
    return "\n".join([*lines, ""])


def line(name: str, result: dict[str, Any]) -> str:
    """One line on a stage that is done."""
    parts = [f"{key} {_number(value)}" for key, value in result.items() if not isinstance(value, dict)]
    return f"{name}: " + ", ".join(parts)


def _number(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Seeds) and len(value) > 1:
        columns = np.atleast_2d(np.asarray(value, float).T)
        return " / ".join(f"{column.mean():.3g} ± {column.std(ddof=1):.1g}" for column in columns)
    if isinstance(value, Seeds):
        return _number(value[0])
    if isinstance(value, list | tuple):
        return " / ".join(_number(x) for x in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
