"""Sizes and constants, the paper's numbers, and its table beside ours."""

from typing import Any, NamedTuple

from ..kit.report import Comparison, Spread, number
from ..kit.report import table as markdown


class Constants(NamedTuple):
    """The constants of the cost and of the field, which the paper's text and its figures do not agree on.

    - `terminal`: Φ, in 1/m² (and s²/m² for the velocity); `field`: |c|, in N m s/rad.
    - `note`: what speaks for them.
    """

    terminal: float
    field: float
    note: str


CONSTANTS = {
    "literal": Constants(
        100.0,
        5.0,
        "as printed, in SI units: Φ = 100, c = 5 N m s/rad. The field is then so strong that the best reach in it stops "
        "several centimetres short of its target, and hardly bends, as no figure of the paper shows.",
    ),
    "centimetres": Constants(
        1e6,
        5.0,
        "c = 5 N m s/rad as printed, and Φ = 100 per cm², so that the best reach ends on its target.",
    ),
    "figures": Constants(
        1e6,
        0.08,
        "the field in which the paper's linear baseline makes the errors that the paper reports (6.9 cm in either field, "
        "0.039 on validation data), and Φ = 100 per cm², so that the best reach ends on its target.",
    ),
}


class Preset(NamedTuple):
    """Sizes of a reproduction.

    - `reaches`, `training`: optimal reaches in all, and those trained on; `self_count` in each of `rounds`.
    - `latent`, `decoder_hidden`, `conditions_hidden`, `activation`, `features`, `output`: the network.
    - `copies`: how often reaches of a field with small commands are repeated at most, where the fields' commands differ much.
    - `steps`, `final`: of descent, for each phase before the joined network and for that one; `own_final` for that
      one where a function learns from its own movements, round after round. `rate`: of Adam on batches; 0 for L-BFGS on all
      reaches at once.
    - `seeds`: how often each network is trained, on the same reaches.
    - `improve_rounds`: of Gauss-Newton steps through the arm; `gradient_steps`: of plain descent through the arm (0 leaves it out);
      `forward_rounds`: through the learned forward model, each with `versions` noisy versions of each of `commands` commands, and
      `forward_final` steps of descent.
    """

    reaches: int
    training: int
    self_count: int
    rounds: int
    latent: int
    decoder_hidden: int
    conditions_hidden: int
    activation: str
    features: str
    output: str
    copies: int
    steps: int
    final: int
    own_final: int
    rate: float
    seeds: int
    improve_rounds: int
    gradient_steps: int
    forward_rounds: int
    commands: int
    versions: int
    forward_final: int
    note: str


PRESETS = {
    "tiny": Preset(
        300, 250, 250, 2, 12, 40, 150, "tanh", "linear", "linear", 1, 0, 20, 10, 2e-5, 2, 2, 5, 1, 500, 6, 10,
        "a few seconds of work, to see that all parts run; its numbers mean nothing",
    ),
    "cpu": Preset(
        6000, 5000, 4000, 3, 20, 100, 1000, "tanh", "linear", "linear", 60, 0, 2000, 500, 2e-5, 3, 4, 0, 6, 500, 6, 500,
        "the paper's data and protocol, with a wider conditions network (1,000 units), 20 features and a linear output",
    ),
    "paper": Preset(
        6000, 5000, 4000, 3, 10, 100, 100, "sigmoid", "sigmoid", "sigmoid", 1, 2000, 2000, 2000, 0.0, 1, 0, 0, 300, 50, 20, 100,
        "the paper's data, protocol and network: 5-100-10-100-606, sigmoids in all layers, at most 2,000 iterations over all "
        "reaches in each phase (L-BFGS; the paper says fmin), 300 rounds of 100 iterations with 20 versions of 50 commands; our "
        "forward model learns the derivative alone, at 101 samples, where the paper's predicts 51 states",
    ),
}  # fmt: skip

PAPER = {
    "pca": {
        "training": 0.037,
        "validation": 0.039,
        "test": (0.042, 0.009, 0.044),
        "end": (6.941, 1.205, 6.941),
    },
    "network": {
        "training": 0.004,
        "validation": 0.004,
        "test": (0.002, 0.002, 0.002),
        "end": (0.404, 0.347, 0.305),
    },
    "self-trained": {"training": 0.006, "validation": 0.006, "distance": 0.030, "end": 0.357},
    "optimised": {"distance": 0.018, "end": 0.339},
}
"""Errors: root mean square of states and commands scaled to [0, 1]. `end`: mean distance to the target, in cm."""

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
        if name not in results:
            continue
        for key, what in (
            ("training", "training error"),
            ("validation", "validation error"),
            ("test", "test error, counter-clockwise / null / clockwise"),
            ("end", "end error (cm), same order"),
        ):
            rows.add(f"{label}: {what}", ours(name, key), PAPER[name][key])
        rows.add(
            f"{label}: end to the end of the optimal reach (cm), same order", ours(name, "end_from_optimal")
        )
    if "self-trained" in results:
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
    data = results["data"]
    rows.add(f"{data['reaches']:,} optimal reaches: CPU s", data["reaches_cpu_s"])
    rows.add("converged", data["converged"])
    rows.add(
        "end error of the optimal test reaches (cm), counter-clockwise / null / clockwise",
        data["optimal_end"],
    )
    if oracle := results.get("oracle"):
        pair = (oracle["median_difference"], oracle["largest_difference"])
        rows.add("cost against Euler-Lagrange: median, largest relative difference", pair)
    for what, value in results.get("beyond", {}).items():
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
        if "constants" in results
    ]
    parts = [
        "# Berniker & Kording 2015",
        f"Preset `{preset}`: {PRESETS[preset].note}.",
        f"Constants `{constants}`: {CONSTANTS[constants].note}",
        rows.table(),
        PROTOCOL.format(seeds=PRESETS[preset].seeds).strip(),
        "## The settings of the constants",
        "Best reaches, counter-clockwise / null / clockwise:",
        markdown(head, settings),
    ]
    return rows, "\n\n".join(parts) + "\n"


def line(name: str, result: dict[str, Any]) -> str:
    """One line on a stage that is done."""
    parts = [f"{key} {number(value)}" for key, value in result.items() if not isinstance(value, dict)]
    return f"{name}: " + ", ".join(parts)
