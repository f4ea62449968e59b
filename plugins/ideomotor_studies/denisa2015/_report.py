"""The paper's numbers beside ours."""

from typing import Any

import numpy as np

from ._settings import FAN, PAPER, PRESETS, THRESHOLD, VISION

PROTOCOL = """
Protocol. Nothing was recorded: the demonstrations are generated splines from six cells of the start area (62 cm by 76 cm) to one
compartment each (30 cm by 30 cm openings), five from each cell, with a guiding hand's slow tremor of 0.5 mm and a bell-shaped speed.
The paper does not say where table and shelf stood; here they stand where the arm reaches all of both. In mid-air the demonstrations
come near each other (`fan` {fan}); with those of the default scene, about 20 cm apart there (`fan` 1), only the gaps are measured.
Velocities are unscaled, as in the paper; its threshold is not published, and {cartesian} m and {joint} rad give about as many nodes.
"Flat" checks its steps against the boards; "the paper's" search knows nothing of them. Gaps are medians over the 180 movements of the
largest distance bridged between partial paths, of those that have one; the ratio is that of the two medians, on the same tree.

Generalisation. The queries are places on the table with a systematic error of 0.85 cm whose direction changes from place to place,
the paper's error of vision; the Gaussian processes see it in training too, and the start error is what they leave of it. Among joint
angles, weights, tau and goal are predicted, as in the paper, and the arm starts where the movement of places does.

Execution. The LWR4+ is simulated by MuJoCo (steps of 4 ms), by computed torque from joint angles sent every 20 ms; places become joint
angles in closed form, with the arm in its vertical plane, so that a place always has the same angles. A hit is a force above 0.1 N
between the shelf and arm, hand or object at any of these 20 ms, a ball of 6 cm being carried. End errors are from where the object is
0.2 s after the movement to the goal. Peak speeds are those of the plan, in m/s among places and in rad/s (norm)
among joint angles, over the median peak of the demonstrations; then those of the object on the robot, over theirs on the same robot.
"""


def table(results: dict[str, Any], preset: str, seed: int) -> str:
    """A Markdown page."""
    rows = ["| what | paper | ours | to reach |", "|---|---|---|---|"]

    def add(what: str, paper: Any, ours: Any, bar: str = "–") -> None:
        rows.append(f"| {what} | {paper} | {ours} | {bar} |")

    for space in ("cartesian", "joint"):
        seeds = [value for key, value in results.items() if key.startswith(f"search-{space}-")]
        for what in ("levels", "nodes"):
            add(
                f"{space}: {what}, each set of demonstrations",
                PAPER[space][what],
                _list(s[what] for s in seeds),
            )
        for kind in ("flat", "hierarchical"):
            found, of = min(s[kind]["found"] for s in seeds), 180
            paper = "180 of 180" if kind == "hierarchical" else "–"
            add(
                f"{space}, {_named(kind)}: movements found, fewest of {len(seeds)} sets",
                paper,
                f"{found} of {of}",
                "180 of 180",
            )
            unit = "cm" if space == "cartesian" else "rad"
            scale = 100 if space == "cartesian" else 1
            gaps = _list(round(scale * s[kind]["largest_gap"], 3) for s in seeds)
            add(f"{space}, {_named(kind)}: largest gap, median ({unit})", "–", gaps)
        ratios = [s["gap_ratio"] for s in seeds]
        add(f"{space}: the paper's gap over the flat one's", "–", _ratios(ratios), "≥ 7 (median)")
    wide = [value["gap_ratio"] for key, value in results.items() if key.startswith("gaps-wide-")]
    add("default scene, fan 1: the same", "–", _ratios(wide), "≥ 7 (median)")
    for space in ("cartesian", "joint"):
        for kind in ("flat", "hierarchical"):
            _executed(
                add,
                f"{space}, {_named(kind)}",
                results[f"execute-{space}-{kind}"],
                "0" if kind == "flat" else "–",
            )
        new = results[f"generalise-{space}"]
        name = f"{space}, {new['starts']:,} new starts"
        _executed(add, name, new, "≤ 1 of 1,000")
        add(
            f"{name}: start error (cm), median / worst",
            "–",
            f"{100 * new['start_error_median']:.3f} / {100 * new['start_error_worst']:.3f}",
        )
        add(
            f"{name}: routes of each goal, predictions trusted",
            "–",
            f"{_list(new['routes'])}; {new['trusted']:,}",
        )
    lines = [
        "# Deniša & Ude 2015",
        "",
        f"Preset `{preset}`: {PRESETS[preset].note}. First seed {seed}.",
        "",
        *rows,
    ]
    lines += [PROTOCOL.format(fan=FAN, **THRESHOLD)]
    lines += _recorded(results)
    return "\n".join(lines)


def _named(kind: str) -> str:
    return "flat" if kind == "flat" else "the paper's"


def _executed(add: Any, name: str, found: dict[str, Any], bar: str) -> None:
    count = f"{found['executed']:,}"
    add(f"{name}: executed, hit the shelf", "none seen", f"{found['hits']} of {count}", bar)
    if found["table_hits"]:
        add(f"{name}: touched the table", "–", f"{found['table_hits']} of {count}")
    ends = f"{100 * found['end_error_median']:.3f} / {100 * found['end_error_worst']:.3f}"
    add(f"{name}: end error (cm), median / worst", f"vision {100 * VISION:g}", ends, "≤ 0.85 / ≤ 2")
    add(
        f"{name}: peak speed over the demonstrated, median / worst",
        "–",
        f"{found['own_peak_median']:.2f} / {found['own_peak_worst']:.2f}",
        "≤ 1.1",
    )
    add(
        f"{name}: the same of the object on the robot",
        "–",
        f"{found['peak_median']:.2f} / {found['peak_worst']:.2f}",
        "≤ 1.1",
    )


def _recorded(results: dict[str, Any]) -> list[str]:
    found = results.get("recorded")
    if not found:
        return []
    lines = [
        "## Recorded demonstrations, each left out once", "",
        f"{found['left_out']} of {found['demonstrations']} left out; the movement between its ends is found among the others.", "",
        "| what | median | worst |", "|---|---|---|",
    ]  # fmt: skip
    for name, what in (
        ("distance", "distance of the movement found from the one left out (cm)"),
        ("nearest_warped", "of the nearest other demonstration, shifted to its ends (cm)"),
        ("straight_line", "of the straight line (cm)"),
        ("largest_gap", "largest gap bridged (cm)"),
        ("end_error", "end error (cm)"),
    ):
        lines.append(f"| {what} | {100 * found[f'{name}_median']:.2f} | {100 * found[f'{name}_worst']:.2f} |")
    lines.append(
        f"| peak speed over the demonstrated | {found['peak_median']:.2f} | {found['peak_worst']:.2f} |"
    )
    lines += ["", f"Nearer than the straight line {found['better_than_straight_line']} times, than the nearest other "
              f"{found['better_than_nearest']} times.", ""]  # fmt: skip
    return lines


def _list(values: Any) -> str:
    return " ".join(f"{value:g}" for value in values)


def _ratios(values: list[float]) -> str:
    return f"{np.median(values):.1f} ({' '.join(f'{value:.1f}' for value in values)})"
