from pathlib import Path

from ideomotor import load
from ideomotor.errors import UnknownNameError, did_you_mean

from ._policy import RecurrentPolicy

CHECKPOINTS = Path(__file__).parent / "checkpoints"


def shipped(name: str) -> RecurrentPolicy:
    """A network that comes with Ideomotor: `"reach"` (12 units) or `"circle"` (36 units), for the default `MuscleArm`.

    Made by `ideomotor train reach --checkpoint FOLDER` and `ideomotor train circle --checkpoint FOLDER`; their folders
    say how good they are.
    """
    known = sorted(folder.name for folder in CHECKPOINTS.iterdir() if folder.is_dir())
    if name not in known:
        raise UnknownNameError(f"No network {name!r} is shipped.{did_you_mean(name, known)}")
    return load(CHECKPOINTS / name, kind="primitive")
