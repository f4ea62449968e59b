"""One thing is picked up: a picture becomes grasps, one of them a movement of a hand, by the ordinary pipeline.

task = PickingTask(settled(GraspObject("mug")))
found = pick_up(task, seed=1)                   # by the outline of what is seen
found = pick_up(task, network, seed=1)          # by a trained network
found = pick_up_by_trial(task, seed=1)          # by a grasp that held in simulation before
found.outcome.reason, found.movement, found.pipeline
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import yaml
from matplotlib.figure import Figure

import ideomotor
from ideomotor import (
    Pipeline,
    Trajectory,
    plain_object,
    save_pipeline,
    write_bytes,
    write_text,
    write_trajectory,
)
from ideomotor.config import dump_yaml, from_config
from ideomotor.errors import DataError, IdeomotorError
from ideomotor_mujoco.grasping import (
    Camera,
    Hand,
    PickingTask,
    Settings,
    View,
    parallel_jaw,
    three_finger_hand,
)
from ideomotor_studies.kit import figures as style
from ideomotor_studies.veres2017 import GraspModel, load_grasp_model

_DURATION = 1.6  # s, of each phase
_HOLD = 0.6  # s, after the lift
_RATE = 100  # commands per second


@dataclasses.dataclass(frozen=True)
class PickedUp:
    """One attempt to pick something up.

    - `how`: where the grasp came from. `notes`: what was tried before.
    - `pipeline`, `observation`, `seed`: what made the movement; the same again gives the same movement.
    - `movement`: of `picking-scene`. `outcome`: what became of it.
    - `view`: the camera's, and `contacts` the chosen grasp's in the world, `(tips, 3)`, if one looked.
    """

    task: PickingTask
    how: str
    notes: tuple[str, ...]
    pipeline: Pipeline
    observation: Any
    seed: int | None
    movement: Trajectory
    outcome: Any
    view: View | None = None
    contacts: np.ndarray | None = None


def assemble(
    task: PickingTask, perception: Any = None, planner: Any = None, primitive: Any = None
) -> Pipeline:
    """A pipeline that picks up what the task names, from registered parts, each of which can be another.

    - `perception`: `grasp-perception`, or `None` if the query is given. `planner`: by default the `grasp-planner` for as many
      grasps as the perception samples, and the `reach-planner` without a perception.
    - `primitive`: imitates the plan; by default three DMPs, joined: reach, close, lift.
    """
    plant = ideomotor.make("picking-scene", task=task)
    if planner is None and perception is None:
        planner = ideomotor.make("reach-planner", task=task, duration=_DURATION)
    elif planner is None:
        samples = perception.samples
        planner = ideomotor.make("grasp-planner", task=task, samples=samples, duration=_DURATION)
    if primitive is None:
        part = ideomotor.make("dmp", dof=len(plant.default_command()), basis=25)
        primitive = ideomotor.make("joined-dmp", parts=(part,) * 3)
    return Pipeline(perception, primitive, plant=plant, planner=planner)


def pick_up(
    task: PickingTask,
    network: Any = None,
    *,
    samples: int = 10,
    views: int = 6,
    seed: int = 0,
    camera: Camera | None = None,
    axes: str = "principal",
    layers: Sequence[str] = ("red", "green", "blue", "depth", "mask"),
) -> PickedUp:
    """Look, sample grasps, take the first that can be reached, and pick the thing up.

    - `network`: from a picture of `layers` to a grasp in the object's frame; by default `outline-grasp`. `axes`: of that frame.
    - `samples`: grasps drawn from one picture. `views`: the camera looks from as many sides at most, until it sees a grasp that
      can be reached and should hold; else the best is tried.

    Raises a `DataError` if no grasp can be reached from any side.
    """
    camera = Camera() if camera is None else camera
    how = "the outline in the picture" if network is None else f"a {_name(network)} that saw the picture"
    if network is None:
        network = ideomotor.make("outline-grasp", tips=len(task.hand.tips), camera=camera)
    given = {"camera": camera, "samples": samples, "axes": axes, "layers": layers}
    perception = ideomotor.make("grasp-perception", network=network, **given)
    pipeline = assemble(task, perception)
    planner: Any = pipeline.planner
    best, notes = None, []
    for number, forward in enumerate(_directions(seed, views)):
        view = camera.photograph(task.thing, forward, settings=task.settings, seed=seed + number)
        seen = {"image": view.observation, "camera": view.pose, "wrist": np.array(task.home, float)}
        try:
            start, goal = perception(seen, key=_perceiving(seed + number))
            chosen = planner.choose(start, goal)
        except DataError as error:
            notes.append(f"View {number + 1}: {error}")
            continue
        notes.append(
            f"View {number + 1}: grasp {chosen.grasp + 1} of {samples} can be reached"
            + (", and may fail" if chosen.start.cost >= 1 else "")
        )
        if best is None or chosen.start.cost < best[0]:
            best = (chosen.start.cost, seed + number, view, seen, goal["contacts"][chosen.grasp])
        if chosen.start.cost < 1:
            break
    if best is None:
        raise DataError(
            f"{task.thing.family}: no grasp could be reached in {views} views of {samples} samples each ({notes[-1]}); try another "
            f"seed, or more samples."
        )
    _, seed, view, seen, contacts = best
    movement = pipeline(seen, _times(), key=jax.random.key(seed))
    found = task.judge(movement)
    return PickedUp(task, how, tuple(notes), pipeline, seen, seed, movement, found, view, contacts)


def pick_up_by_trial(
    task: PickingTask,
    *,
    trials: int = 1500,
    seed: int = 0,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> PickedUp:
    """Try grasps in simulation until one holds that can also be reached from home, and pick the thing up with it.

    - `progress`: wraps the trials, such as a progress bar.

    Raises a `DataError` that counts the reasons if none of `trials` held.
    """
    pipeline = assemble(task)
    planner: Any = pipeline.planner
    home = np.array(task.home, float)
    reasons: Counter[str] = Counter()
    wrists, shapes = task.scene.candidates(trials, seed)
    for wrist, shape in progress(list(zip(wrists, shapes, strict=True))):
        pick = task.scene.pick(wrist, shape)
        reasons[pick.reason] += 1
        if not pick.held:
            continue
        if not planner.free(home, wrist, shape):
            reasons.update({"held": -1, "out of reach from home": 1})
            continue
        query = (home, {"wrist": wrist, "shape": shape})
        movement = pipeline(query, _times())
        found = task.judge(movement)
        if found.reason != "held":
            reasons.update({"held": -1, "held in the trial only": 1})
            continue
        note = f"{sum(reasons.values())} trials: {_counted(reasons)}"
        return PickedUp(task, "trial in the simulator", (note,), pipeline, query, None, movement, found)
    raise DataError(
        f"None of {trials} grasps of {task.thing.family} held ({_counted(reasons)}); try another seed, another pose, a lighter or "
        f"smaller thing, or another hand."
    )


def pick_up_by(
    task: PickingTask,
    by: str | None = None,
    *,
    samples: int = 10,
    seed: int = 0,
    say: Callable[[str], Any] = print,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> PickedUp:
    """Pick the object up by `network`, `outline` or `trial`; by default by the trained network where there is one for this hand,
    else by trials in the simulator.
    """
    if by == "outline":
        return pick_up(task, samples=samples, seed=seed)
    if by != "trial":
        try:
            model = _trained(len(task.hand.tips))
        except IdeomotorError as error:
            if by == "network":
                raise
            say(f"{error} So grasps are tried in the simulator until one holds.")
        else:
            if model.physics != task.scene.digest():
                say("The network was trained with another hand or other physics than these.")
            if task.thing.mass != Settings().mass:
                say(
                    f"The network was trained with objects of {Settings().mass:g} kg, and this one weighs {task.thing.mass:g} kg."
                )
            given = {"camera": model.camera, "axes": model.frame, "layers": model.layers}
            return pick_up(task, model.perception, samples=samples, seed=seed, **given)
    return pick_up_by_trial(task, seed=seed, progress=progress)


def _trained(tips: int) -> GraspModel:
    model = load_grasp_model()
    known = model.perception.output.default_params()["contacts"].shape[0]
    if known != tips:
        raise DataError(f"The trained network predicts {known} finger tips, and this hand has {tips}.")
    return model


def hand_named(name: str) -> Hand:
    """The hand called three-finger or parallel-jaw, or one that a YAML file describes; raises a `DataError` otherwise."""
    known = {"three-finger": three_finger_hand, "parallel-jaw": parallel_jaw}
    if name in known:
        return known[name]()
    path = Path(name)
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise DataError(
            f"There is no hand {name!r}; known are {', '.join(known)}, and your own is described by a YAML file: see `ideomotor "
            f"describe hand`."
        )
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read as YAML ({' '.join(str(error).split())}).") from error
    model = config.get("model") if isinstance(config, dict) else None
    if isinstance(model, str) and (path.parent / model).is_file():
        config["model"] = str((path.parent / model).resolve())
    made = from_config(config, kind="part", where=str(path))
    if not isinstance(made, Hand):
        raise DataError(
            f"{path} describes a {type(made).__name__}, and a hand is needed: {{use: hand, model: …}}."
        )
    return made


def _directions(seed: int, count: int) -> Iterable[np.ndarray]:
    """Where the camera looks to: from the upper half of the sphere, and rather from the side than straight down."""
    random = np.random.default_rng([seed, 7])
    while count:
        back = random.normal(size=3)
        back /= np.linalg.norm(back)
        if 0.15 < back[2] < 0.95:
            count -= 1
            yield -back


def _perceiving(seed: int) -> Any:
    """The key that a pipeline called with this seed gives to its perception."""
    return jax.random.split(jax.random.split(jax.random.key(seed))[0])[0]


def _times() -> np.ndarray:
    end = 3 * _DURATION + _HOLD
    return np.linspace(0.0, end, round(end * _RATE) + 1)


def _name(network: Any) -> str:
    return type(plain_object(network)).__name__


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.most_common() if count)


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


def animation(found: PickedUp, path: Path) -> None:
    """The movement as a GIF."""
    options = {"camera": "side", "width": 320, "height": 360, "backend": "rays"}
    _plant(found).animate(found.movement, path, fps=12.5, **options)


def _seen(axes: Any, view: View, contacts: np.ndarray, fovy: float | int) -> None:
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
