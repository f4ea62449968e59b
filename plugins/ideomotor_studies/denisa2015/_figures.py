"""Figures 3, 6, 8, 10, 11 and 14 of the paper, drawn from our run."""

import itertools
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from ..kit.figures import BLUE, ORANGE, RED, new_figure
from ._data import demonstrations, place_of, planner_of, queries
from ._robot import SCENE

WOOD = "#b79a6b"


def write(study: Any) -> None:
    """Draw all figures into the run folder."""
    study.run.figure("figure6", indices(study.run.results["clustering"]))
    for name, draw in (
        ("figure3", partial_paths),
        ("figure8", captured),
        ("figure10", discovered),
        ("figure11", generalised),
        ("figure14", spaces),
    ):
        study.run.figure(name, draw(study))


def show_scene(axes: Any) -> None:
    """The boards of the shelf and the start area."""
    for low, high in SCENE.boards:
        corners = np.array(list(itertools.product(*zip(low, high, strict=True))))
        faces = [[0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]]
        axes.add_collection3d(
            Poly3DCollection([corners[f] for f in faces], facecolor=WOOD, alpha=0.18, edgecolor="0.5", lw=0.3)
        )
    (x, y, z), (a, b) = SCENE.table, SCENE.area
    corners = [[x + sx * a / 2, y + sy * b / 2, z] for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    axes.add_collection3d(Poly3DCollection([np.array(corners)], facecolor="0.8", alpha=0.3))
    axes.set(
        xlabel="x (m)", ylabel="y (m)", zlabel="z (m)", xlim=(-0.4, 1.05), ylim=(-1.0, 0.25), zlim=(0, 1.15)
    )
    axes.set_box_aspect((1.45, 1.25, 1.15))
    axes.view_init(elev=22, azim=-62)
    axes.tick_params(labelsize=7)


def partial_paths(study: Any) -> Figure:
    """Figure 3: the nodes that one movement of the paper's search goes through, on levels of the tree.

    What a level's transition graph joins is blue; gaps between partial paths are orange.
    """
    made = demonstrations(study.seed, "cartesian")
    planner = planner_of(made, "hierarchical")
    paths = [(len(p.gaps), p) for p in (planner.find(*query) for query in queries(made)[:36])]
    path = max(paths, key=lambda pair: pair[0])[1]
    graph = planner.graph
    levels = np.unique(np.linspace(path.level, graph.levels - 1, 4).round().astype(int))
    figure = new_figure(3.9 * len(levels), 3.9)
    for column, level in enumerate(levels):
        axes = figure.add_subplot(1, len(levels), column + 1, projection="3d")
        here = graph.at_level(int(level))
        nodes = graph.ancestors(int(level))[path.nodes]
        nodes = nodes[np.append(True, nodes[1:] != nodes[:-1])]
        axes.plot(*here.position.T, ".", color="0.8", ms=2)
        place = np.searchsorted(here.nodes, nodes)
        gaps = 0
        for a, b in zip(place[:-1], place[1:], strict=True):
            joined = b in here.targets[here.indptr[a] : here.indptr[a + 1]]
            gaps += not joined
            axes.plot(*here.position[[a, b]].T, color=BLUE if joined else ORANGE, lw=1.6 if joined else 2.6)
        axes.plot(*here.position[place].T, ".", color=BLUE, ms=5)
        axes.set_title(
            f"level {level}: {len(here.nodes)} nodes, {gaps + 1} partial path{'s' if gaps else ''}",
            fontsize=9,
        )
        axes.tick_params(labelsize=6)
        axes.set_aspect("equal")
    return figure


def indices(found: dict[str, Any]) -> Figure:
    """Figure 6: Davies-Bouldin (lower is better) and Dunn indices (higher is better) of each level."""
    figure = new_figure(7, 5.5)
    top, bottom = figure.subplots(2, 1, sharex=True)
    for name, style in (("k-means", "-"), ("PCA", "--"), ("EM", ":")):
        for axes, key in ((top, "davies_bouldin"), (bottom, "dunn")):
            values = found[name][key]
            axes.plot(1 + np.arange(len(values)), values, style, marker="o", ms=3, label=name)
    top.set_ylabel("Davies-Bouldin index")
    bottom.set(ylabel="Dunn index", xlabel="level", yscale="log")
    top.legend(frameon=False)
    return figure


def _path(axes: Any, ys: np.ndarray, color: str, **style: Any) -> None:
    axes.plot(*ys.T, color=color, **{"lw": 0.8, **style})
    axes.plot(*ys[0], "o", color=RED, ms=3)


def captured(study: Any) -> Figure:
    """Figure 8: the demonstrations."""
    figure = new_figure(6, 5.5)
    axes = figure.add_subplot(projection="3d")
    show_scene(axes)
    for item in demonstrations(study.seed, "cartesian"):
        _path(axes, item.ys, BLUE)
    axes.set_title("30 demonstrations", fontsize=10)
    return figure


def _by_goal(study: Any, name: str) -> list[list[np.ndarray]]:
    """Movements of the object, by the compartment they end in."""
    space, goals = name.split("-")[0], SCENE.goals
    groups: list[list[np.ndarray]] = [[] for _ in goals]
    for movement in study.kept(name):
        ys = place_of(space, movement.ys)
        groups[int(np.linalg.norm(goals - ys[-1], axis=1).argmin())].append(ys)
    return groups


def discovered(study: Any) -> Figure:
    """Figure 10: the movements found, one series for each compartment."""
    figure = new_figure(13, 8.5)
    for goal, group in enumerate(_by_goal(study, "cartesian-flat")):
        axes = figure.add_subplot(2, 3, goal + 1, projection="3d")
        show_scene(axes)
        for ys in group:
            _path(axes, ys, BLUE)
        axes.set_title(f"compartment {goal + 1}: {len(group)} movements", fontsize=10)
    return figure


def generalised(study: Any) -> Figure:
    """Figure 11: movements to one compartment from new starts (red), and those they are generalised from (black)."""
    goal = 3
    old, new = (_by_goal(study, f"cartesian-{kind}")[goal] for kind in ("flat", "generalised"))
    figure = new_figure(12, 5.5)
    axes, above = figure.add_subplot(1, 2, 1, projection="3d"), figure.add_subplot(1, 2, 2)
    show_scene(axes)
    for ys in old:
        axes.plot(*ys.T, color="black", lw=0.6)
        above.plot(*ys[:, :2].T, color="black", lw=0.6)
    for ys in new[:12]:
        _path(axes, ys, RED, ls="--", lw=1.2)
        above.plot(*ys[:, :2].T, "--", color=RED, lw=1.2)
        above.plot(*ys[0, :2], "o", color=RED, ms=4)
    above.set(xlabel="x (m)", ylabel="y (m)", title="from above", aspect="equal")
    axes.set_title(f"compartment {goal + 1}: new starts red", fontsize=10)
    return figure


def spaces(study: Any) -> Figure:
    """Figure 14: one movement found among places (blue) and the same found among joint angles (red)."""
    both = [study.kept(f"{space}-flat") for space in ("cartesian", "joint")]
    figure = new_figure(7, 6)
    rows = figure.subplots(3, 1, sharex=True)
    # The first that no demonstration makes.
    for movements, space, style in zip(both, ("cartesian", "joint"), ((BLUE, "-"), (RED, "--")), strict=True):
        movement = movements[3]
        ys = place_of(space, movement.ys)
        for axes, column, name in zip(rows, ys.T, "xyz", strict=True):
            axes.plot(movement.ts, column, style[1], color=style[0], label=f"from {space} data")
            axes.set_ylabel(f"{name} (m)")
    rows[0].legend(frameon=False, fontsize=8)
    rows[-1].set_xlabel("time (s)")
    return figure
