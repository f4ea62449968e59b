"""What `ideomotor run pick-place` does."""

from pathlib import Path

import numpy as np

from ideomotor import Trajectory, write_trajectory
from ideomotor.errors import DataError
from ideomotor_mujoco import rollout_batch

from ._arm import joints
from ._data import as_joints, demonstrations, place_of, planner_of, tree_of
from ._figures import BLUE, ORANGE, RED, new_figure, show_scene
from ._robot import CONTROL, SCENE, SETTLE, commands_at, robot

VIEW = {
    "camera": {"lookat": (0.3, -0.3, 0.5), "distance": 2.1, "azimuth": 60.0, "elevation": -20.0},
    "width": 420,
    "height": 300,
}


def play(
    folder: Path, start: tuple[float, float], goal: int, search: str, space: str, seed: int, gif: bool
) -> str:
    """Plan, execute and draw one movement; returns what to say."""
    (x, y, z), (a, b) = SCENE.table, SCENE.area
    if not (abs(start[0] - x) <= a / 2 and abs(start[1] - y) <= b / 2):
        raise DataError(
            f"The start ({start[0]:g}, {start[1]:g}) m is not on the table, which has x from {x - a / 2:g} to {x + a / 2:g} m "
            f"and y from {y - b / 2:g} to {y + b / 2:g} m."
        )
    made = demonstrations(seed, space)
    planner = planner_of(made, tree_of(made), search)
    ends = np.array([[*start, z], SCENE.goals[goal - 1]])
    begin, end = joints(SCENE, ends) if space == "joint" else ends
    path = planner.find(begin, end)
    planned = planner.movement(path, begin, end)
    wanted, plant = as_joints(planned, space), robot()
    ts = np.arange(0.0, float(wanted.ts[-1]) + SETTLE + CONTROL, CONTROL)
    commands = commands_at(wanted, ts)
    done = rollout_batch(plant, commands[None], ts, x0=plant.at(commands[0])[None])
    ys = {name: done.ys[name][0] for name in ("tip", "joint_position")}
    movement = Trajectory(ts, ys, commands, done.xs[0])
    write_trajectory(movement, folder)
    force = np.linalg.norm(done.ys["contact"]["shelf"][0], axis=-1).max()
    nodes = place_of(space, planner.graph.chart.samples(path.position))

    figure = new_figure(10, 6)
    left, right = figure.add_gridspec(1, 2, width_ratios=(1.9, 1))
    axes, right = figure.add_subplot(left, projection="3d"), figure.add_subplot(right)
    show_scene(axes)
    for i, item in enumerate(made):
        axes.plot(*place_of(space, item.ys).T, color="0.75", lw=0.5, label=None if i else "demonstrations")
    axes.plot(*ys["tip"].T, color=BLUE, lw=2, label="executed")
    for number, i in enumerate(np.flatnonzero(path.jump)):
        axes.plot(*nodes[i : i + 2].T, color=ORANGE, lw=3, label=None if number else "gaps bridged")
    axes.plot(*ys["tip"][0], "o", color=RED)
    axes.legend(fontsize=8, loc="upper left")
    moment = (0.0, 0.5, 1.0)
    pictures = [plant.render(done.xs[0][int(m * (len(ts) - 1))], **VIEW) for m in moment]
    right.imshow(np.concatenate(pictures, axis=0))
    right.set_axis_off()
    figure.savefig(folder / "figure.png", dpi=110)
    if gif:
        plant.animate(movement, folder / "movement.gif", fps=12.5, **VIEW)
    off = 100 * np.linalg.norm(ys["tip"][-1] - ends[1])
    touched = f"; the shelf was hit with {force:.1f} N" if force > 0.1 else "; the shelf was not touched"
    gap = (
        f", largest gap {path.gaps.max():.3g} {'m' if space == 'cartesian' else 'rad'}"
        if len(path.gaps)
        else ""
    )
    return (
        f"A movement of {planned.ts[-1]:.1f} s in {len(path.parts)} part(s){gap}; the object ends {off:.2f} cm from the middle of "
        f"compartment {goal}{touched}."
    )
