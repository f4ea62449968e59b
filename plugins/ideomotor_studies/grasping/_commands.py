"""`ideomotor run grasp`."""

from pathlib import Path
from typing import Any

import click

from ideomotor import new_folder
from ideomotor.errors import DataError, IdeomotorError


@click.command("grasp")
@click.option(
    "--object",
    "name",
    default="mug",
    show_default=True,
    metavar="FAMILY|MESH",
    help="A family of objects, or an OBJ, STL or PLY file (z up).",
)
@click.option(
    "--instance", type=click.IntRange(min=0), default=0, show_default=True, help="Which of the family."
)
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Of all lengths; 0.001 for a mesh in millimetres.",
)
@click.option(
    "--mass", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True, help="In kg."
)
@click.option(
    "--hand",
    default="three-finger",
    show_default=True,
    metavar="NAME|FILE",
    help="three-finger, parallel-jaw, or a YAML file that describes your own.",
)
@click.option(
    "--by",
    type=click.Choice(["network", "outline", "trial"]),
    help="Where the grasp comes from: the trained network, the outline in the picture, or trials in the simulator.  "
    "[default: network where there is one for this hand, else trial]",
)
@click.option(
    "--samples", type=click.IntRange(min=1), default=10, show_default=True, help="Grasps per picture."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of pose, views and samples."
)
@click.option("--free", is_flag=True, help="Let the object move while the fingers close.")
@click.option("--gif/--no-gif", default=True, show_default=True, help="Write movement.gif.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder to write.  [default: OBJECT-grasped]",
)
@click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty.")
def run(
    name: str,
    instance: int,
    scale: float,
    mass: float,
    hand: str,
    by: str | None,
    samples: int,
    seed: int,
    free: bool,
    gif: bool,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Pick one thing up with a simulated hand: look, choose a grasp, reach, close, lift, and hold.

    The folder gets a report with the reason if it failed, a picture (what was seen, five moments, who touched what), movement.gif, the
    movement as CSV and NPZ, and the pipeline as YAML with its observation, which make the same movement again.
    """
    from ideomotor_mujoco.grasping import GraspObject, PickingTask, Settings

    from ._report import write

    out = out or Path(f"{Path(name).stem.replace(' ', '-')}-grasped")
    with new_folder(out, overwrite=overwrite) as folder:
        settings = Settings(held_while_closing=not free)
        gripper = _hand(hand)
        thing = GraspObject(name, instance, mass=mass, friction=settings.friction, scale=scale)
        thing = thing.settled(seed=seed, settings=settings)
        task = PickingTask(thing, gripper, settings)
        task.scene.check_graspable()
        found = _found(task, by, samples, seed)
        files = _written(write, found, folder, gif, out)
    result = found.outcome
    click.echo(f"{Path(name).name}: {result.reason}, lifted by {100 * result.lifted:.1f} cm.")
    for note in found.notes:
        click.echo(f"  {note}")
    click.echo(f"The grasp was found by {found.how}.\nWritten to {out}/: {', '.join(files)}")


def _found(task: Any, by: str | None, samples: int, seed: int) -> Any:
    from tqdm import tqdm

    from ._pick_up import pick_up, pick_up_by_trial

    if by == "outline":
        return pick_up(task, samples=samples, seed=seed)
    if by != "trial":
        try:
            model = _network(len(task.hand.tips))
        except IdeomotorError as error:
            if by == "network":
                raise
            click.echo(f"{error} So grasps are tried in the simulator until one holds.")
        else:
            if model.physics != task.scene.digest():
                click.echo("The network was trained with another hand or other physics than these.")
            given = {"camera": model.camera, "axes": model.frame, "layers": model.layers}
            return pick_up(task, model.perception, samples=samples, seed=seed, **given)

    def bar(trials):
        return tqdm(trials, unit="trial", delay=2.0, disable=None)

    return pick_up_by_trial(task, seed=seed, progress=bar)


def _network(tips: int) -> Any:
    """The trained network; raises an `IdeomotorError` where there is none for a hand of so many tips."""
    try:
        from ideomotor_studies.veres2017 import load_grasp_model
    except ImportError as error:
        raise DataError("There is no trained network here.") from error
    model = load_grasp_model()
    known = model.perception.output.default_params()["contacts"].shape[0]
    if known != tips:
        raise DataError(f"The trained network predicts {known} finger tips, and this hand has {tips}.")
    return model


def _hand(name: str) -> Any:
    from ideomotor_mujoco.grasping import Hand, parallel_jaw, three_finger_hand

    known = {"three-finger": three_finger_hand, "parallel-jaw": parallel_jaw}
    if name in known:
        return known[name]()
    path = Path(name)
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise DataError(
            f"There is no hand {name!r}; known are {', '.join(known)}, and your own is described by a YAML file: see `ideomotor "
            f"describe hand`."
        )
    import yaml

    from ideomotor.config import from_config

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


def _written(write: Any, found: Any, folder: Path, gif: bool, out: Path) -> list[str]:
    try:
        return write(found, folder, gif=gif)
    except OSError as error:
        raise DataError(
            f"{out} cannot be written ({error.strerror or error}); nothing is left there: make room, or choose another folder."
        ) from error
