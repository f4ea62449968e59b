from pathlib import Path
from typing import Any

from .registry import registry


def play(
    pipeline: Any, robot: Any, *, observation: Any = None, record: Path | str | None = None, **options: Any
) -> Any:
    """Play a pipeline on a robot in real time and within limits, by the plug-in `live`: its session, run to the end.

    - `pipeline`: a `Pipeline`, the path of its file, or a primitive alone; the robot takes the place of its plant.
    - `robot`: a `SupportsRobot`, or its registered name. `observation`: by default the pipeline's own example.
    - `record`: a new folder, or a file such as `out.mcap`.
    - `options`: `rate`, `duration`, `limits`, `guards`, `law`, `release` of the session.

    Returns an `ideomotor_live.Played`: the movement, the reason of its end, and how well time was kept.
    """
    session = registry().make("live-session", pipeline, robot, **options)
    return session.play(observation, record=record)
