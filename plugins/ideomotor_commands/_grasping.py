"""One thing is picked up: a picture becomes grasps, one of them a movement of a hand, by the ordinary pipeline."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import yaml

import ideomotor
from ideomotor import Pipeline, Trajectory, plain_object
from ideomotor.config import from_config
from ideomotor.errors import DataError, IdeomotorError
from ideomotor_mujoco.grasping import Camera, Hand, PickingTask, Settings
from ideomotor_studies.veres2017._models import GraspModel, load_grasp_model

_DURATION = 1.6  # s, of each phase
_HOLD = 0.6  # s, after the lift
_RATE = 100  # commands per second
BY = ("network", "outline", "trial")


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
    view: Any = None
    contacts: np.ndarray | None = None

    def write(self, folder: Path, *, gif: bool = True) -> list[str]:
        """Write the report, the picture, the movement and what makes it again; returns the files' names."""
        from ._grasp_report import write

        return write(self, folder, gif=gif)


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


def by_looking(
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


def by_trial(
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
    by: Any = None,
    *,
    samples: int = 10,
    seed: int = 0,
    say: Callable[[str], Any] = print,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    **looking: Any,
) -> PickedUp:
    """What `ideomotor_commands.pick_up` does."""
    if by not in (None, *BY) and isinstance(by, str):
        raise DataError(
            f"There is no way {by!r} to find a grasp; choose {', '.join(BY)}, or give a perception of your own."
        )
    if by is not None and not isinstance(by, str):
        return by_looking(task, by, samples=samples, seed=seed, **looking)
    if by == "outline":
        return by_looking(task, samples=samples, seed=seed, **looking)
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
            return by_looking(task, model.perception, samples=samples, seed=seed, **{**given, **looking})
    return by_trial(task, seed=seed, progress=progress)


def _trained(tips: int) -> GraspModel:
    model = load_grasp_model()
    known = model.perception.output.default_params()["contacts"].shape[0]
    if known != tips:
        raise DataError(f"The trained network predicts {known} finger tips, and this hand has {tips}.")
    return model


def hand_named(name: str) -> Hand:
    """The hand called three-finger or parallel-jaw, or one that a YAML file describes; raises a `DataError` otherwise."""
    known = {"three-finger": "three-finger-hand", "parallel-jaw": "parallel-jaw"}
    if name in known:
        return ideomotor.make(known[name])
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
