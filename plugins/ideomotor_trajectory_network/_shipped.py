from pathlib import Path

from ideomotor import Pipeline, load
from ideomotor.errors import UnknownNameError, did_you_mean

CHECKPOINTS = Path(__file__).parent / "checkpoints"


def shipped(name: str = "optimal-reach") -> Pipeline:
    """A trajectory function that comes with Ideomotor: `"optimal-reach"`, for the two-link arm in a joint curl field.

    Start, target, field and movement time → torques and states. Made by `ideomotor train trajectory-network`; its folder
    says how good it is. Raises an `UnknownNameError` for another name.
    """
    known = sorted(folder.name for folder in CHECKPOINTS.iterdir() if folder.is_dir())
    if name not in known:
        raise UnknownNameError(f"No trajectory function {name!r} is shipped.{did_you_mean(name, known)}")
    return load(CHECKPOINTS / name, kind="pipeline")
