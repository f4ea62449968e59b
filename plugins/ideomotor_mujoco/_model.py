# pyright: reportAttributeAccessIssue=false
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import mujoco

from ideomotor.errors import DataError

from ._sources import expanded, is_named, robot_file, urdf

_KINDS = ("model", "motors", "none")
_SUFFIXES = (".xml", ".urdf")
_IGNORED = ("empty prefix", "The simulation is unstable")


def read_spec(model: Any, packages: Sequence[Path | str] = ()) -> mujoco.MjSpec:
    """A model as MuJoCo's editable description.

    - `model`: the path of an MJCF, URDF or xacro file; the XML itself; the name of a robot (`menagerie:franka_emika_panda`,
      `robot-descriptions:panda_mj_description`); or an object whose `spec()` makes an `MjSpec`.
    - `packages`: folders that hold ROS packages.

    Raises a `DataError` that names the file, what is wrong with it and the fix.
    """
    _quiet()
    if hasattr(model, "spec"):
        return model.spec()
    if not isinstance(model, str | Path):
        raise DataError(
            f"A MuJoCo model is the path of an MJCF or URDF file, its XML, the name of a robot, or an object with a method spec(), "
            f"not a {type(model).__name__}."
        )
    name = name_of(model)
    if re.match(r"https?://", str(model)):
        raise DataError(
            f"{model} is an address; download the model with its meshes, and give the path of its file."
        )
    path = None if _is_xml(model) else robot_file(str(model)) if is_named(model) else Path(model)
    text = str(model) if path is None else _read(path)
    try:
        kind = re.search(r"<(\w[\w:.-]*)", re.sub(r"(?s)<!--.*?-->|<\?.*?\?>|<!DOCTYPE.*?>", "", text))
        if kind is not None and kind[1] == "sdf":
            raise DataError(
                f"{name} is SDF, Gazebo's format, which MuJoCo does not read; give the robot's URDF or MJCF."
            )
        if kind is not None and kind[1] == "robot":
            return mujoco.MjSpec.from_string(
                urdf(text, name, Path.cwd() if path is None else path.parent, packages)
            )
        return mujoco.MjSpec.from_string(text) if path is None else mujoco.MjSpec.from_file(str(path))
    except DataError:
        raise
    except ElementTree.ParseError as error:
        raise DataError(
            f"{name} is not valid XML at line {error.position[0]} ({error}); correct the file."
        ) from error
    except RecursionError as error:
        raise DataError(f"{name} is nested too deeply for a model of a robot.") from error
    except ValueError as error:
        raise DataError(_parse_sentence(name, error)) from error


def _read(path: Path) -> str:
    """The text of a model's file, and of a xacro file the URDF that it makes."""
    if path.is_dir():
        known = (
            ", ".join(sorted(p.name for p in path.iterdir() if p.suffix.lower() in _SUFFIXES))
            or "none is in it"
        )
        raise DataError(f"{path} is a folder; give the path of an MJCF or URDF file ({known}).")
    if not path.is_file():
        raise DataError(f"There is no file {path}; give the path of an MJCF or URDF model, or its XML.")
    suffix = path.suffix.lower()
    if suffix == ".xacro":
        return expanded(path)
    if suffix not in (*_SUFFIXES, ".sdf", ".world"):
        raise DataError(
            f"{path} does not end in one of {', '.join(_SUFFIXES)}, by which MuJoCo recognises a model; rename it."
        )
    return path.read_text(encoding="utf-8", errors="replace")


def compile_spec(spec: mujoco.MjSpec, name: str) -> mujoco.MjModel:
    """The model ready to simulate; raises a `DataError` where MuJoCo refuses it."""
    _quiet()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*empty prefix.*")
            model = spec.compile()
    except ValueError as error:
        raise DataError(_parse_sentence(name, error)) from error
    # A simulation that diverges is stopped by a sentence, not put back to its start and run on.
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    return model


def add_actuators(spec: mujoco.MjSpec, actuators: str, name: str) -> None:
    """Keep the model's actuators, or put a motor on each hinge and slide that follows no other in place of what is there."""
    if actuators not in _KINDS:
        raise DataError(f"actuators must be one of {', '.join(_KINDS)}, not {actuators!r}.")
    if actuators == "model" and not spec.actuators:
        raise DataError(
            f"{name} has no actuators, so that no command can move it; add some to the file, or pass "
            f"actuators='motors' for a motor on each joint, or actuators='none' for things that only fall."
        )
    if actuators == "model":
        return
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    if actuators == "none":
        return
    turning = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
    coupled = {
        equality.name1
        for equality in spec.equalities
        if equality.type == mujoco.mjtEq.mjEQ_JOINT and equality.name2
    }
    for i, joint in enumerate(spec.joints):
        if joint.type in turning and joint.name not in coupled:
            joint.name = joint.name or f"joint{i}"
            motor = spec.add_actuator(name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
            # Nothing of the model's default class, which may make a servo of it.
            motor.set_to_motor()
            motor.gear, motor.dynprm = [1.0] + [0.0] * 5, [1.0] + [0.0] * 9
            motor.ctrllimited = motor.forcelimited = motor.actlimited = mujoco.mjtLimited.mjLIMITED_FALSE


def attach(spec: mujoco.MjSpec, part: Any, *, site: str | None = None) -> None:
    """Put another model into this one: into the world, or onto a site. Its names stay as they are."""
    child = read_spec(part)
    try:
        if site is None:
            spec.attach(child, frame=spec.worldbody.add_frame(), prefix="")
        else:
            spec.attach(child, site=spec.site(site), prefix="")
    except ValueError as error:
        raise DataError(_parse_sentence(name_of(part), error)) from error


def name_of(model: Any) -> str:
    """What to call a model in messages."""
    if isinstance(model, str | Path):
        return "the model given as XML" if _is_xml(model) else str(model)
    return type(model).__name__


def _is_xml(model: str | Path) -> bool:
    return isinstance(model, str) and model.lstrip().startswith("<")


def _parse_sentence(name: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    if missing := re.search(r"Error opening file '([^']*)'", text):
        return f"{name} needs the file {missing[1]!r}, which was not found; add it, or correct the path in the model."
    if mesh := re.search(r"no decoder found for (?:mesh|texture) file '([^']*)'", text):
        new = f"{Path(mesh[1]).stem}.obj"
        return (
            f"{name} needs {mesh[1]!r}, and MuJoCo reads meshes as OBJ, STL or MSH; convert it, such as with "
            f"trimesh.load(...).export({new!r}), and name {new!r} in the model."
        )
    if place := re.search(r"XML parse error.*?Error=(\w+).*?Line number=(\d+)", text):
        kind = place[1].removeprefix("XML_ERROR_").replace("_", " ").lower()
        return f"{name} is not valid XML at line {place[2]} ({kind}); correct the file."
    text = re.sub(r"^(XML )?Error: ", "", text)
    return f"{name} is not a valid MuJoCo model ({text}); correct the file."


def _quiet() -> None:
    """MuJoCo writes its warnings into a file in the current folder unless somebody takes them."""
    if mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(_warn)


def _warn(message: Any) -> None:
    text = message.decode() if isinstance(message, bytes) else str(message)
    if not any(known in text for known in _IGNORED):
        warnings.warn(f"MuJoCo: {text}", stacklevel=2)
