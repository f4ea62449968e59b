"""What is written of an object picked up: report, picture, film, and the pipeline that makes the movement again."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import yaml
from matplotlib.figure import Figure

from ideomotor import Pipeline, save_pipeline, write_bytes, write_text, write_trajectory
from ideomotor.config import dump_yaml
from ideomotor_studies.kit import figures as style

from ._grasping import PickedUp

_MEANING = {
    "held": "lifted, and held by the finger tips alone",
    "missed": "not every finger tip touched the object when the hand had closed",
    "other part": "another part of the hand than the tips touched the object",
    "table": "the hand touched the table while it closed",
    "lost tip": "a tip came off the object while it was lifted or held",
    "dropped": "the object is not where it was lifted to",
}


def report(found: PickedUp) -> str:
    """What was tried and what became of it, as text."""
    task, result = found.task, found.outcome
    lines = [
        f"# {task.thing.family}: {result.reason}",
        "",
        f"{_MEANING[result.reason].capitalize()}. The object rose {100 * result.lifted:.1f} cm of {100 * task.settings.lift:.0f} cm "
        f"after it was let go at {result.let_go:.2f} s; for {result.off:.2f} s of that a tip was off.",
        "",
        f"- object: {task.thing.family}, instance {task.thing.instance}, {task.thing.mass:g} kg, friction {task.thing.friction:g}, at "
        f"({', '.join(f'{x:.3f}' for x in task.thing.pose[:3])}) m",
        f"- hand: {task.hand.name.removeprefix('The hand ')}, {len(task.hand.tips)} finger tips",
        f"- while the fingers close the object is {'kept still' if task.settings.held_while_closing else 'free to move'}",
        f"- the grasp was found by {found.how}",
        *(f"  - {note}" for note in found.notes),
        "",
        "The movement again, from this folder: `ideomotor run pipeline.yaml --input observation.npz"
        + (f" --seed {found.seed}" if found.seed is not None else "")
        + f" --duration {found.movement.ts[-1]:g} --samples {len(found.movement.ts)}`",
    ]
    return "\n".join(lines) + "\n"


def write(found: PickedUp, folder: Path, *, gif: bool = True) -> list[str]:
    write_trajectory(found.movement, folder)
    write_pipeline(found.pipeline, found.observation, folder)
    write_text(folder / "report.md", report(found))
    strip(found).savefig(folder / "picture.png", dpi=100)
    if gif:
        options = {"camera": "side", "width": 320, "height": 360, "backend": "rays"}
        _plant(found).animate(found.movement, folder / "movement.gif", fps=12.5, **options)
    return sorted(path.name for path in folder.iterdir())


def write_pipeline(pipeline: Pipeline, observation: Any, folder: Path) -> None:
    """Write pipeline.yaml and observation.npz, with a mesh or a trained network beside them."""
    path = save_pipeline(pipeline, folder / "pipeline.yaml")
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    for part in (config["planner"]["task"], config["plant"]["model"]):
        thing = part.get("thing", {})
        mesh = Path(thing.get("family", ""))
        if mesh.is_file():
            write_bytes(folder / mesh.name, mesh.read_bytes())
            thing["family"] = mesh.name
    write_text(path, dump_yaml(config))
    leaves = jax.tree_util.tree_flatten_with_path(observation)[0]
    named = {
        ".".join(str(getattr(e, "key", getattr(e, "idx", e))) for e in path): leaf for path, leaf in leaves
    }
    np.savez(folder / "observation.npz", allow_pickle=False, **named)


_MOMENTS = (("start", 0.0), ("reached", 1.6), ("closed", 3.15), ("lifting", 4.0), ("end", 9.9))


def strip(found: PickedUp, fovy: float | int = 50.0) -> Figure:
    """The camera's picture with the chosen grasp, its depth, the hand in five moments, and who touched what over time."""
    figure = style.new_figure(13, 6.6)
    rows: Any = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    panels: Any = rows[0].subplots(1, len(_MOMENTS))
    plant, ts = _plant(found), np.asarray(found.movement.ts)
    for axis, (name, time) in zip(panels, _MOMENTS, strict=True):
        i = min(int(np.searchsorted(ts, time)), len(ts) - 1)
        picture = plant.render(found.movement.xs[i], camera="side", width=300, height=330, backend="rays")
        axis.imshow(picture)
        axis.set_title(f"{name}, {ts[i]:.1f} s", fontsize=10)
        axis.axis("off")
    if found.view is not None and found.contacts is not None:
        left, right = rows[1].subfigures(1, 2, width_ratios=(1, 1.5))
        _seen(left.subplots(1, 2), found.view, found.contacts, fovy)
    else:
        right = rows[1]
    _touches(right.subplots(2, 1, sharex=True, height_ratios=(1.3, 1)), found)
    return figure


def _seen(axes: Any, view: Any, contacts: np.ndarray, fovy: float | int) -> None:
    (left, right), size = axes, len(view.mask)
    local = (contacts - view.pose[:3, 3]) @ view.pose[:3, :3]
    focal = 0.5 * size / np.tan(np.radians(fovy) / 2)
    column = 0.5 * (size - 1) + focal * local[:, 0] / -local[:, 2]
    row = 0.5 * (size - 1) - focal * local[:, 1] / -local[:, 2]
    left.imshow(view.rgb)
    left.set_title("seen, with the chosen grasp", fontsize=10)
    right.imshow(np.where(view.mask, view.depth, np.nan), cmap="viridis_r")
    right.set_title("depth of the object", fontsize=10)
    for axis in (left, right):
        for i, (x, y) in enumerate(zip(column, row, strict=True)):
            axis.plot(x, y, "o", color=style.COLOURS[i % 5], markeredgecolor="white", clip_on=True)
        axis.set_xlim(-0.5, size - 0.5)
        axis.set_ylim(size - 0.5, -0.5)
        axis.axis("off")


def _touches(axes: Any, found: PickedUp) -> None:
    """The object's height, and a bar for each part of the hand while it touches."""
    top, bottom = axes
    ts, seen = np.asarray(found.movement.ts), found.movement.ys
    height = 100 * np.asarray(seen["body"]["object"])[:, 2]
    top.plot(ts, height - height[0], color="black")
    top.set_ylabel("height (cm)", fontsize=9)
    top.set_title(f"the object's height, and what touches it: {found.outcome.reason}", fontsize=10)
    tips = np.asarray(seen["touching"]["tips"]) > 0.5
    rows = [(name, tips[:, i], style.COLOURS[i % 5]) for i, name in enumerate(found.task.hand.tips)]
    rows.append(("other part", np.asarray(seen["touching"]["other"]) > 0.5, "0.3"))
    rows.append(("hand on table", np.asarray(seen["touching"]["table"]) > 0.5, "0.6"))
    for level, (_, touches, colour) in enumerate(rows):
        bottom.fill_between(ts, level - 0.35, level + 0.35, where=touches, color=colour, linewidth=0)
    bottom.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
    bottom.set_ylim(len(rows) - 0.5, -0.5)
    bottom.set_xlim(0, ts[-1])
    bottom.set_xlabel("time (s); dotted: the object is let go", fontsize=9)
    for axis in (top, bottom):
        axis.axvline(found.outcome.let_go, color="0.5", linewidth=0.9, linestyle=":")


def _plant(found: PickedUp) -> Any:
    plant: Any = found.pipeline.plant
    return plant
