"""The paper's numbers beside ours."""

from typing import Any

from ..kit.report import Comparison, Spread, number
from ..kit.report import table as markdown
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


def table(results: dict[str, Any], preset: str, constants: str) -> tuple[Comparison, str]:
    """The measures, and a Markdown page."""
    rows = Comparison()

    def ours(name: str, key: str) -> Any:
        """One number, or those of all seeds."""
        seeds = results[name].get("seeds")
        return Spread(seeds[key]) if seeds else results[name][key]

    for name, label in (("pca", "PCA"), ("network", "deep network")):
        for key, what in (
            ("training", "training error"),
            ("validation", "validation error"),
            ("test", "test error, counter-clockwise / null / clockwise"),
            ("end", "end error (cm), same order"),
        ):
            rows.add(f"{label}: {what}", ours(name, key), PAPER[name][key])
    paper = PAPER["self-trained"]["training"]
    rows.add("self-trained: training error, last round", ours("self-trained", "training"), paper)
    for name, label, key in (
        ("self-trained", "self-trained", "self-trained"),
        ("optimised", "optimised through the arm, Gauss-Newton", "optimised"),
        ("optimised-gradient", "optimised through the arm, plain gradient", "optimised"),
        ("optimised-forward-model", "optimised through a learned forward model", "optimised"),
    ):
        if name not in results:
            continue
        rows.add(f"{label}: distance from optimal", ours(name, "distance"), PAPER[key]["distance"])
        rows.add(f"{label}: end error (cm)", ours(name, "end"), PAPER[key]["end"])
        rows.add(f"{label}: cost (optimal {results[name]['optimal_cost']:.4g})", ours(name, "cost"))
    data, oracle = results["data"], results["oracle"]
    rows.add(f"{data['reaches']:,} optimal reaches: CPU s", data["reaches_cpu_s"])
    rows.add("converged", data["converged"])
    pair = (oracle["median_difference"], oracle["largest_difference"])
    rows.add("cost against Euler-Lagrange: median, largest relative difference", pair)
    for what, value in results["beyond"].items():
        if isinstance(value, dict):
            for key, found in value.items():
                rows.add(f"beyond the paper, {what}: {key}", found)
    head = ("setting", "Φ (1/m²)", "c (N m s/rad)", "end error (cm)", "farthest to the side (cm)",
            "root mean square command (N m)", "converged")  # fmt: skip
    settings = [
        (
            name,
            c.terminal,
            c.field,
            *(results["constants"][name][key] for key in ("end", "lateral", "rms_command", "converged")),
        )
        for name, c in CONSTANTS.items()
    ]
    parts = [
        "# Berniker & Kording 2015",
        f"Preset `{preset}`: {PRESETS[preset].note}.",
        f"Constants `{constants}`: {CONSTANTS[constants].note}",
        rows.table(),
        PROTOCOL.format(seeds=PRESETS[preset].seeds).strip(),
        "## The two settings of the constants",
        "Best reaches, counter-clockwise / null / clockwise:",
        markdown(head, settings),
    ]
    return rows, "\n\n".join(parts) + "\n"


def line(name: str, result: dict[str, Any]) -> str:
    """One line on a stage that is done."""
    parts = [f"{key} {number(value)}" for key, value in result.items() if not isinstance(value, dict)]
    return f"{name}: " + ", ".join(parts)
