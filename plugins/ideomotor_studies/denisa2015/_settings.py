"""Sizes, the paper's numbers, and its table beside ours."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..kit.recorded import SHOWN
from ..kit.report import Comparison
from ..kit.report import table as markdown


class Preset(NamedTuple):
    """Sizes of a reproduction.

    - `seeds`: sets of demonstrations that the searches are compared on; the first is executed.
    - `starts`: new ones to generalise to; `executed`: movements that the robot executes of each kind, all if None.
    - `levels`: of figure 6, for each way of clustering.
    - `restarts`: of the search for the Gaussian processes' kernels; `held_out`: recorded demonstrations left out, all if None.
    """

    seeds: int
    starts: int
    executed: int | None
    levels: int
    restarts: int
    held_out: int | None
    note: str


PRESETS = {
    "tiny": Preset(1, 2, 12, 6, 0, 4, "a minute of work, to see that all parts run"),
    "cpu": Preset(5, 1000, None, 17, 2, None, "everything, with five sets of demonstrations"),
    "paper": Preset(20, 1000, None, 24, 4, None, "everything, with twenty sets of demonstrations"),
}

FAN = 0.3
"""How far the demonstrations spread in mid-air (see `shelf_demonstrations`): they come within centimetres of each other."""

THRESHOLD = {"cartesian": 0.0056, "joint": 0.028}
"""d_v (m, rad) at which nodes are no longer split; the paper gives none, and these give about as many nodes as it has."""

PAPER = {"cartesian": {"levels": 20, "nodes": 4133}, "joint": {"levels": 21, "nodes": 3464}}
VISION = 0.0085
"""The paper's systematic error of vision, in m."""

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


def table(results: dict[str, Any], preset: str, seed: int) -> tuple[Comparison, str]:
    """The measures, and a Markdown page."""
    rows = Comparison()
    for space in ("cartesian", "joint"):
        seeds = [value for key, value in results.items() if key.startswith(f"search-{space}-")]
        for what in ("levels", "nodes"):
            values = " ".join(f"{s[what]:,}" for s in seeds)
            rows.add(f"{space}: {what}, each set of demonstrations", values, PAPER[space][what])
        for kind in ("flat", "hierarchical"):
            found = f"{min(s[kind]['found'] for s in seeds)} of 180"
            paper = "180 of 180" if kind == "hierarchical" else None
            name = f"{space}, {_named(kind)}"
            rows.add(f"{name}: movements found, fewest of {len(seeds)} sets", found, paper, "180 of 180")
            unit, scale = ("cm", 100) if space == "cartesian" else ("rad", 1)
            gaps = " ".join(f"{scale * s[kind]['largest_gap']:.3g}" for s in seeds)
            rows.add(f"{name}: largest gap, median ({unit})", gaps)
        rows.add(
            f"{space}: the paper's gap over the flat one's",
            _ratios(s["gap_ratio"] for s in seeds),
            bar="≥ 7 (median)",
        )
    wide = (value["gap_ratio"] for key, value in results.items() if key.startswith("gaps-wide-"))
    rows.add("default scene, fan 1: the same", _ratios(wide), bar="≥ 7 (median)")
    others = [value for key, value in results.items() if key.startswith("gaps-weights-")]
    for name in sorted(others[0].keys() - {"cpu_s", "wall_s"}) if others else ():
        rows.add(f"cartesian, {name}: the same", _ratios(value[name] for value in others))
    for space in ("cartesian", "joint"):
        for kind in ("flat", "hierarchical"):
            found = results[f"execute-{space}-{kind}"]
            _executed(rows, f"{space}, {_named(kind)}", found, "0" if kind == "flat" else None)
        new = results[f"generalise-{space}"]
        name = f"{space}, {new['starts']:,} new starts"
        _executed(rows, name, new, "≤ 1 of 1,000")
        rows.add(f"{name}: start error (cm), median / worst", _pair(new, "start_error", 100))
        routes = " ".join(map(str, new["routes"]))
        rows.add(f"{name}: routes of each goal, predictions trusted", f"{routes}; {new['trusted']:,}")
    parts = [
        "# Deniša & Ude 2015",
        f"Preset `{preset}`: {PRESETS[preset].note}. First seed {seed}.",
        rows.table(),
        PROTOCOL.format(fan=FAN, **THRESHOLD).strip(),
        *_recorded(results),
    ]
    return rows, "\n\n".join(parts) + "\n"


def _named(kind: str) -> str:
    return "flat" if kind == "flat" else "the paper's"


def _pair(found: dict[str, Any], name: str, scale: float | int = 1, digits: int = 3) -> str:
    return " / ".join(f"{scale * found[f'{name}_{which}']:.{digits}f}" for which in ("median", "worst"))


def _executed(rows: Comparison, name: str, found: dict[str, Any], bar: str | None) -> None:
    count = f"{found['executed']:,}"
    rows.add(f"{name}: executed, hit the shelf", f"{found['hits']} of {count}", "none seen", bar)
    if found["table_hits"]:
        rows.add(f"{name}: touched the table", f"{found['table_hits']} of {count}")
    ends = _pair(found, "end_error", 100)
    rows.add(f"{name}: end error (cm), median / worst", ends, f"vision {100 * VISION:g}", "≤ 0.85 / ≤ 2")
    own, same = _pair(found, "own_peak", digits=2), _pair(found, "peak", digits=2)
    rows.add(f"{name}: peak speed over the demonstrated, median / worst", own, bar="≤ 1.1")
    rows.add(f"{name}: the same of the object on the robot", same, bar="≤ 1.1")


def _recorded(results: dict[str, Any]) -> list[str]:
    found = results.get("recorded")
    if not found:
        return []
    lines = [(f"{what} (cm)", *_pair(found, name, 100, 2).split(" / ")) for name, what in SHOWN]
    lines.append(("peak speed over the demonstrated", *_pair(found, "peak", digits=2).split(" / ")))
    return [
        "## Recorded demonstrations, each left out once",
        f"{found['left_out']} of {found['demonstrations']} left out; the movement between its ends is found among the others.",
        markdown(("what", "median", "worst"), lines),
        f"Nearer than the straight line {found['better_than_straight_line']} times, than the nearest other "
        f"{found['better_than_nearest']} times.",
    ]


def _ratios(values: Iterable[float]) -> str:
    values = list(values)
    return f"{np.median(values):.1f} ({' '.join(f'{value:.1f}' for value in values)})"
