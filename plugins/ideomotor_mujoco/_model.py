# pyright: reportAttributeAccessIssue=false
import re
import warnings
from pathlib import Path
from typing import Any

import mujoco

from ideomotor.errors import DataError

_KINDS = ("model", "motors", "none")
_SUFFIXES = (".xml", ".urdf")
_IGNORED = ("empty prefix", "The simulation is unstable")


def read_spec(model: Any) -> mujoco.MjSpec:
    """A model as MuJoCo's editable description.

    - `model`: the path of an MJCF or URDF file, the XML itself, or an object whose `spec()` makes an `MjSpec`.

    Raises a `DataError` that names the file, what is wrong with it and the fix.
    """
    _quiet()
    if hasattr(model, "spec"):
        return model.spec()
    if not isinstance(model, str | Path):
        raise DataError(
            f"A MuJoCo model is the path of an MJCF or URDF file, its XML, or an object with a method spec(), "
            f"not a {type(model).__name__}."
        )
    name = name_of(model)
    if not _is_xml(model):
        if not Path(model).is_file():
            raise DataError(f"There is no file {model}; give the path of an MJCF or URDF model, or its XML.")
        if Path(model).suffix.lower() not in _SUFFIXES:
            raise DataError(
                f"{model} ends in none of {', '.join(_SUFFIXES)}, by which MuJoCo knows a model; rename it."
            )
    try:
        text = str(model)
        return mujoco.MjSpec.from_string(text) if _is_xml(model) else mujoco.MjSpec.from_file(text)
    except ValueError as error:
        raise DataError(_parse_sentence(name, error)) from error


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
    """Keep the model's actuators, or put a motor on each hinge and slide joint in place of what is there."""
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
    for i, joint in enumerate(spec.joints):
        if joint.type in turning:
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
        return (
            f"{name} needs the file {missing[1]!r}, which is not there; put it there, or correct the path in the "
            f"model (a URDF's package://… is looked for beside it)."
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
