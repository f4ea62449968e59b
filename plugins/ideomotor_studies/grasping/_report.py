from pathlib import Path
from typing import Any

import jax
import numpy as np
import yaml

from ideomotor import Pipeline, save_pipeline, write_bytes, write_text, write_trajectory
from ideomotor.config import dump_yaml

from ._pick_up import PickedUp
from ._pictures import animation, strip

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
    """Write the report, the picture, the movement and what makes it again; returns the files' names."""
    write_trajectory(found.movement, folder)
    write_pipeline(found.pipeline, found.observation, folder)
    write_text(folder / "report.md", report(found))
    strip(found).savefig(folder / "picture.png", dpi=100)
    if gif:
        animation(found, folder / "movement.gif")
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
