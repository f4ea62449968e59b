"""The folder of a study: completed stages are kept, and `--resume` continues where it was stopped."""

import datetime
import hashlib
import io
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ideomotor import write_bytes, write_json, write_text
from ideomotor.errors import IdeomotorError, UnknownNameError, did_you_mean

from .report import Comparison

_PACKAGES = ("ideomotor", "jax", "equinox", "diffrax", "optax", "numpy")
T = TypeVar("T")


def chosen(kind: str, name: str, known: Mapping[str, T]) -> T:
    """The entry called `name`; raises an `UnknownNameError` with a suggestion if there is none."""
    if name not in known:
        raise UnknownNameError(f"There is no {kind} {name!r}.{did_you_mean(name, known)}")
    return known[name]


def fingerprint(path: Path | str | None) -> str | None:
    """What identifies a data file or folder in the configuration of a run, wherever it lies."""
    if path is None or not (path := Path(path)).exists():
        return None
    found = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            found.update(file.name.encode() * path.is_dir() + hashlib.sha256(file.read_bytes()).digest())
    return f"sha256:{found.hexdigest()[:16]}"


RESULTS = "IDEOMOTOR_RESULTS"
"""Environment variable that names a file for what a command without a run folder has measured."""


def keep_results(stage: str, **values: Any) -> None:
    """Add what was measured to the file that `IDEOMOTOR_RESULTS` names, as `ideomotor evidence --run` has it; else do nothing."""
    if file := os.environ.get(RESULTS):
        path = Path(file)
        stages = json.loads(path.read_text(encoding="utf-8"))["stages"] if path.exists() else {}
        write_json(path, {"stages": {**stages, stage: {**stages.get(stage, {}), **values}}})


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write an `.npz` file whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())


class Run:
    """A folder with `config.json`, a JSON file for each completed stage, `metrics.jsonl`, and the study's own files.

    - `study`: the name of the study; `folder`: by default a new one, `runs/STUDY-TIME`.
    - `config`: what determines the results. A run is only resumed with the same configuration.
    - `packages`: distributions whose versions are recorded besides those of JAX and its relatives.
    - `line`: describes a completed stage, given its name and result; by default lists its numbers.

    `after`, which may be set, is called after each new stage.

    Raises an `IdeomotorError` if the folder is not empty or, with `resume`, belongs to a different run.
    """

    def __init__(
        self,
        study: str,
        folder: Path | str | None,
        config: dict[str, Any],
        *,
        resume: bool = False,
        say: Callable[[str], Any] = lambda text: None,
        packages: tuple[str, ...] = (),
        line: Callable[[str, dict[str, Any]], str] | None = None,
    ):
        if resume and folder is None:
            raise IdeomotorError("--resume needs the folder of the run; add --out FOLDER.")
        self.study, self.config, self.say, self.line = study, config, say, line or _numbers
        self.folder = Path(folder or Path("runs") / time.strftime(f"{study}-%Y%m%d-%H%M%S"))
        self.results: dict[str, dict[str, Any]] = {}
        self.after: Callable[[], Any] = lambda: None
        self._check(resume)
        names = dict.fromkeys((*_PACKAGES, *packages))
        self.versions = {"python": platform.python_version()} | {name: version(name) for name in names}

    def open(self) -> Path:
        """Write `config.json`, which the first stage does by itself; returns the folder. Nothing is written before."""
        write_json(
            self.folder / "config.json", {"study": self.study, **self.config, "versions": self.versions}
        )
        return self.folder

    def _check(self, resume: bool) -> None:
        path = self.folder / "config.json"
        if self.folder.exists() and not self.folder.is_dir():
            raise IdeomotorError(f"{self.folder} is a file; give a folder for the run.")
        if not (self.folder.exists() and any(self.folder.iterdir())):
            return
        if not resume:
            raise IdeomotorError(
                f"{self.folder} is not empty; choose another folder, or resume it with --resume."
            )
        wanted = {"study": self.study, **json.loads(json.dumps(self.config))}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            of = found.get("study", self.study)
            # A run of another study has other keys.
            old = {"study": of} | {key: found[key] for key in self.config if of == self.study}
        except (OSError, ValueError, KeyError, AttributeError):
            raise IdeomotorError(
                f"{self.folder} holds no run of {self.study} that can be resumed: its config.json is missing or incomplete; "
                f"choose another folder."
            ) from None
        for key in old:
            if old[key] != wanted[key]:
                raise IdeomotorError(
                    f"{self.folder} belongs to a different run: its {key} is {old[key]}, not {wanted[key]}; choose another folder."
                )

    def stage(
        self, name: str, make: Callable[[], dict[str, Any]], *, file: Path | None = None
    ) -> dict[str, Any]:
        """The result of a stage: read from the folder, or made and written, with the seconds that it took.

        - `file`: what the stage writes besides its result; the stage is run again if it is missing.
        """
        path = self.folder / "stages" / f"{slug(name)}.json"
        if path.exists() and (file is None or file.exists()):
            self.results[name] = json.loads(path.read_text(encoding="utf-8"))
            self.say(f"{name}: kept from before")
            return self.results[name]
        if not self.results:
            self.open()
        self.say(f"{name} …")
        cpu, wall = time.process_time(), time.perf_counter()
        result = make()
        result["cpu_s"] = round(time.process_time() - cpu, 1)
        result["wall_s"] = round(time.perf_counter() - wall, 1)
        self.results[name] = result
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"stage": name, **result}, ensure_ascii=False) + "\n")
        write_json(path, result)
        self.after()
        self.say(self.line(name, result))
        return result

    @property
    def command(self) -> str:
        """The command that makes this run."""
        words = [f"ideomotor reproduce {self.study}"]
        for key, value in self.config.items():
            if isinstance(value, str | int) and value is not False:
                shown = "FILE" if str(value).startswith("sha256:") else value
                words.append(f"--{key}" if value is True else f"--{key} {shown}")
        return " ".join(words)

    def path(self, kind: str, name: str) -> Path:
        """The location of something called `name` in the subfolder `kind`."""
        return self.folder / kind / slug(name)

    def figure(self, name: str, figure: Any) -> None:
        """Save a figure as `figures/NAME.png`."""
        path = self.folder / "figures" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, dpi=110)

    def finish(self, rows: Comparison, text: str) -> None:
        """Write `table.md`, and `results.json` with command, versions, measures and stages."""
        about = {
            "study": self.study,
            "command": self.command,
            "config": self.config,
            "versions": self.versions,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        write_json(self.folder / "results.json", {**about, "measures": rows.measures, "stages": self.results})
        write_text(self.folder / "table.md", text)


def _numbers(name: str, result: dict[str, Any]) -> str:
    shown = (f"{key} {value:.3g}" for key, value in result.items() if isinstance(value, int | float))
    return f"{name}: {', '.join(shown)}"


def slug(name: str) -> str:
    """A name as a file name."""
    kept = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in kept.split("-") if part)
