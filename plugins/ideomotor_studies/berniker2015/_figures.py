"""Figures 3, 4 and 5 of the paper, drawn from our run."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..kit.figures import BLACK, BLUE, GREY, RED, new_figure, plain


def write(study) -> None:
    """Draw all figures into the run folder."""
    for name, draw in (("figure3", functions), ("figure4", own_movements), ("figure5", optimised)):
        study.run.figure(name, draw(study))


def show_reaches(axes: Axes, expected, actual, target, optimal=None) -> None:
    """Optimal reaches black, expected ones grey and dashed, actual ones blue; red dashes join the end to the target."""
    for i in range(len(actual)):
        label = {} if i else {"optimal": "optimal", "expected": "expected", "actual": "actual"}
        if optimal is not None:
            axes.plot(*100 * optimal[i, :, :2].T, color=BLACK, linewidth=2.2, label=label.get("optimal"))
        axes.plot(*100 * actual[i, :, :2].T, color=BLUE, linewidth=1.1, label=label.get("actual"))
        axes.plot(*100 * expected[i, :, :2].T, "--", color=GREY, linewidth=1.1, label=label.get("expected"))
        axes.plot(*100 * np.stack([actual[i, -1, :2], target[i]]).T, "--", color=RED, linewidth=0.9)
        axes.plot(*100 * actual[i, 0, :2], "o", color=RED, markersize=3)
    axes.set_aspect("equal")
    axes.set_xlabel("x (cm)")
    axes.set_ylabel("y (cm)")
    plain(axes)


def functions(study) -> Figure:
    """Figure 3: test reaches of the linear and of the deep function, in each field."""
    fig = new_figure(11, 7.4)
    grid = fig.subplots(2, 3, sharex=True, sharey=True)
    for row, (name, label) in zip(grid, (("pca", "PCA"), ("network", "deep network")), strict=True):
        moved, expected = study.played(study.kept(name), study.test)
        ends = study.run.results[name]["end"]
        for axes, rows, field, end in zip(
            row,
            np.split(np.arange(len(expected)), 3),
            ("counter-clockwise", "no field", "clockwise"),
            ends,
            strict=True,
        ):
            show_reaches(
                axes, expected[rows], moved.states[rows], study.test.target[rows], study.test.states[rows]
            )
            axes.set_title(f"{label}, {field}: {end:.2g} cm off", fontsize=10)
    grid[0, 0].legend(frameon=False, fontsize=8, loc="upper left")
    return fig


def own_movements(study) -> Figure:
    """Figure 4: motor babble, the last round's own movements, and the test reaches."""
    fig = new_figure(14, 4)
    first, last, test, commands = fig.subplots(1, 4, width_ratios=(1, 1, 1, 1.1))
    with np.load(study.run.folder / "own_movements.npz") as file:
        parts = file["first"], file["last"]
    for axes, states, title in zip(
        (first, last), parts, ("first round: motor babble", "last round: own reaches"), strict=True
    ):
        for path in states:
            axes.plot(*100 * path[:, :2].T, color=BLACK, linewidth=0.9)
        axes.plot(*100 * states[:, 0, :2].T, "o", color=RED, markersize=3)
        axes.set_aspect("equal")
        axes.set(xlabel="x (cm)", ylabel="y (cm)", title=title, xlim=(-27, 27), ylim=(13, 57))
    _tests(study, "self-trained", test, commands)
    return fig


def optimised(study) -> Figure:
    """Figure 5: test reaches and commands after optimising, through the arm and through a learned model of it."""
    names = [name for name in ("optimised", "optimised-forward-model") if name in study.run.results]
    fig = new_figure(14, 3.7 * len(names))
    grid = fig.subplots(len(names), 3, width_ratios=(1, 1, 1), squeeze=False)
    for row, name in zip(grid, names, strict=True):
        _tests(study, name, *row[:2])
        _speed(study, name, row[2])
    return fig


def _tests(study, name, axes, commands) -> None:
    reaches = study.null_test()
    moved, expected = study.played(study.kept(name), reaches)
    result = study.run.results[name]
    show_reaches(axes, expected, moved.states, reaches.target, reaches.states)
    axes.set_title(f"{name}: {result['end']:.2g} cm from the target", fontsize=10)
    ts = np.linspace(0, reaches.duration[0], reaches.commands.shape[1])
    for i in range(0, len(reaches.start), 8):
        for joint, style in ((0, "-"), (1, ":")):
            commands.plot(ts, reaches.commands[i, :, joint], style, color=BLACK, linewidth=1.8)
            commands.plot(ts, moved.commands[i, :, joint], style, color=BLUE, linewidth=1.2)
    commands.set(
        xlabel="time (s)", ylabel="torque (N m)", title="shoulder solid, elbow dotted; optimal black"
    )
    commands.title.set_fontsize(10)
    plain(commands)


def _speed(study, name, axes) -> None:
    reaches = study.null_test()
    moved, _ = study.played(study.kept(name), reaches)
    ts = np.linspace(0, reaches.duration[0], reaches.commands.shape[1])
    axes.plot(ts, 100 * np.linalg.norm(reaches.states[..., 2:], axis=-1).T, color=BLACK, linewidth=1.8)
    axes.plot(ts, 100 * np.linalg.norm(moved.states[..., 2:], axis=-1).T, color=BLUE, linewidth=1.0)
    axes.set(xlabel="time (s)", ylabel="speed of the hand (cm/s)")
    axes.set_title("speed; optimal black", fontsize=10)
    plain(axes)
