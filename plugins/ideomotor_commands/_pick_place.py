"""`ideomotor run pick-place`."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from ideomotor import Trajectory, new_folder, write_trajectory
from ideomotor.cli import options
from ideomotor.errors import DataError
from ideomotor_mujoco import rollout_batch
from ideomotor_studies.denisa2015._data import demonstrations, planner_of
from ideomotor_studies.denisa2015._figures import show_scene
from ideomotor_studies.denisa2015._robot import SCENE, commands_at, joints, place, robot
from ideomotor_studies.kit.figures import BLUE, ORANGE, RED, new_figure

_CONTROL, _SETTLE = 0.02, 0.2  # s, from command to command, and held at the goal
_VIEW: dict[str, Any] = {
    "camera": {"lookat": (0.3, -0.3, 0.5), "distance": 2.1, "azimuth": 60.0, "elevation": -20.0},
    "width": 420,
    "height": 300,
}


@click.command("pick-place")
@click.option(
    "--start",
    type=(float, float),
    default=(0.1, -0.6),
    show_default=True,
    metavar="X Y",
    help="Position of the object, in m.",
)
@options.number("--goal", default=6, least=1, most=6, help="Compartment; 1 and 2 are lowest.")
@options.choice("--search", of=["flat", "hierarchical"], default="flat", help="Search method.")
@options.choice(
    "--space",
    of=["cartesian", "joint"],
    default="cartesian",
    help="What is searched: positions or joint angles.",
)
@options.seed("the demonstrations")
@click.option("--gif", is_flag=True, help="Also write movement.gif, the robot at work.")
@options.written("pick-place")
def run(out: Path, overwrite: bool, **given: Any) -> None:
    """Put an object from the table into a compartment of a shelf: one movement, found among 30 demonstrations and executed.

    The robot is a simulated KUKA LWR4+ at the origin; the table is before its right side, 0.76 m by 0.62 m about (0, -0.6) m.
    The folder gets a figure and the movement as CSV and NPZ.
    """
    with new_folder(out, overwrite=overwrite) as folder:
        text = _play(folder, **given)
    names = "figure.png, trajectory.csv, trajectory.npz" + (", movement.gif" if given["gif"] else "")
    click.echo(f"{text}\nWritten to {out}/: {names}")


def _play(
    folder: Path, start: tuple[float, float], goal: int, search: str, space: str, seed: int, gif: bool
) -> str:
    """Plan, execute and draw one movement; returns what to say."""
    (x, y, z), (a, b) = SCENE.table, SCENE.area
    if not (abs(start[0] - x) <= a / 2 + 1e-9 and abs(start[1] - y) <= b / 2 + 1e-9):
        raise DataError(
            f"The start ({start[0]:g}, {start[1]:g}) m is not on the table, which has x from {x - a / 2:g} to {x + a / 2:g} m "
            f"and y from {y - b / 2:g} to {y + b / 2:g} m."
        )

    def located(ys: Any) -> np.ndarray:
        return np.asarray(place(np.asarray(ys, float)) if space == "joint" else ys, float)

    made = demonstrations(seed, space)
    planner: Any = planner_of(made, search, checked=True, limit=None)  # all of the table is allowed
    ends = np.array([[*start, z], SCENE.goals[goal - 1]])
    begin, end = joints(SCENE, ends) if space == "joint" else ends
    path = planner.find(begin, end)
    planned = planner.movement(path, begin, end)
    angles = planned.ys if space == "joint" else joints(SCENE, planned.ys)
    plant, ts = robot(), np.arange(0.0, float(planned.ts[-1]) + _SETTLE + _CONTROL, _CONTROL)
    commands = commands_at(Trajectory(planned.ts, np.asarray(angles, float)), ts)
    done = rollout_batch(plant, commands[None], ts, x0=plant.at_joints(commands[0])[None])
    ys = {name: done.ys[name][0] for name in ("tip", "joint_position")}
    movement = Trajectory(ts, ys, commands, done.xs[0])
    write_trajectory(movement, folder)

    figure = new_figure(10, 6)
    left, right = figure.add_gridspec(1, 2, width_ratios=(1.9, 1))
    axes, right = figure.add_subplot(left, projection="3d"), figure.add_subplot(right)
    show_scene(axes)
    for i, item in enumerate(made):
        axes.plot(*located(item.ys).T, color="0.75", lw=0.5, label=None if i else "demonstrations")
    axes.plot(*ys["tip"].T, color=BLUE, lw=2, label="executed")
    nodes = located(planner.decode(path))
    for number, i in enumerate(np.flatnonzero(path.gap)):
        axes.plot(*nodes[i : i + 2].T, color=ORANGE, lw=3, label=None if number else "gaps bridged")
    axes.plot(*ys["tip"][0], "o", color=RED)
    axes.legend(fontsize=8, loc="upper left")
    pictures = [plant.render(done.xs[0][int(m * (len(ts) - 1))], **_VIEW) for m in (0.0, 0.5, 1.0)]
    right.imshow(np.concatenate(pictures, axis=0))
    right.set_axis_off()
    figure.savefig(folder / "figure.png", dpi=110)
    if gif:
        plant.animate(movement, folder / "movement.gif", fps=12.5, **_VIEW)
    force = np.linalg.norm(done.ys["contact"]["shelf"][0], axis=-1).max()
    touched = f"; the shelf was hit with {force:.1f} N" if force > 0.1 else "; the shelf was not touched"
    unit = "m" if space == "cartesian" else "rad"
    gap = f", largest gap {path.gaps.max():.3g} {unit}" if len(path.gaps) else ""
    off = 100 * np.linalg.norm(ys["tip"][-1] - ends[1])
    return (
        f"A movement of {planned.ts[-1]:.1f} s in {len(path.parts)} part(s){gap}; the object ends {off:.2f} cm from the middle of "
        f"compartment {goal}{touched}."
    )
