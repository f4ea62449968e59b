import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .kit.run import Run, chosen

PAPERS = {name: f"{__package__}.{name}._study" for name in
          ("berniker2015", "denisa2015", "huh2009", "pahic2018", "veres2017")}  # fmt: skip


def reproduce(
    paper: str,
    folder: Path | str | None = None,
    *,
    preset: str = "cpu",
    seed: int = 0,
    resume: bool = False,
    say: Callable[[str], Any] = lambda text: None,
    **options: Any,
) -> Run:
    """Reproduce a paper into a folder, as `ideomotor reproduce PAPER` does.

    - `paper`: berniker2015, denisa2015, huh2009, pahic2018 or veres2017. `options`: those of its command (`--help`).
    - `folder`: by default a new one, `runs/PAPER-TIME`. `preset`: tiny, cpu or paper.
    - `resume`: continue the run in `folder`, whose completed stages are kept.
    - `say`: is told of each stage.

    Raises an `UnknownNameError` for another paper or preset, and an `IdeomotorError` for a folder that belongs to a different run.
    """
    study = importlib.import_module(chosen("study", paper, PAPERS))
    return study.study.reproduce(folder, preset=preset, seed=seed, resume=resume, say=say, **options)
