"""The run folder of a study: what is finished is kept, and found again by `--resume`."""

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ideomotor import write_json
from ideomotor.errors import IdeomotorError

_PACKAGES = ("ideomotor", "jax", "equinox", "diffrax", "optax", "numpy")


class Run:
    """A folder with `config.json`, a JSON file for each finished stage, `metrics.jsonl`, and folders of the study's own.

    - `config`: what a run that goes on must have in common with the one before.
    - `folders`: to make in it. `packages`: their versions are noted besides those of JAX and its kin.
    - `line`: what to say of a finished stage, from its name and result; by default its numbers.

    `after` may be set to what shall be done when a stage has been made.

    Raises an `IdeomotorError` for a folder that is not empty, or, with `resume`, that holds another run.
    """

    def __init__(
        self,
        folder: Path | str,
        config: dict[str, Any],
        *,
        resume: bool,
        say: Callable[[str], Any],
        folders: tuple[str, ...] = ("figures",),
        packages: tuple[str, ...] = (),
        line: Callable[[str, dict[str, Any]], str] | None = None,
    ):
        self.folder, self.say, self.line = Path(folder), say, line or _numbers
        self.results: dict[str, dict[str, Any]] = {}
        self.after: Callable[[], Any] = lambda: None
        path = self.folder / "config.json"
        if self.folder.exists() and not self.folder.is_dir():
            raise IdeomotorError(f"{folder} is a file; give a folder for the run.")
        if path.exists() and resume:
            found = json.loads(path.read_text(encoding="utf-8"))
            if other := [key for key in config if found.get(key) != config[key]]:
                raise IdeomotorError(
                    f"{folder} is a run with another {other[0]} ({found.get(other[0])}, not {config[other[0]]}); "
                    f"choose another folder."
                )
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise IdeomotorError(
                f"{folder} is not empty; choose another folder, or give --resume to go on with it."
            )
        for name in ("stages", *folders):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        versions = {name: version(name) for name in dict.fromkeys((*_PACKAGES, *packages))}
        write_json(path, {**config, "versions": versions})

    def stage(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a stage: read from the folder, or made and written, with the seconds that it took."""
        path = self._file(name)
        if path.exists():
            self.results[name] = json.loads(path.read_text(encoding="utf-8"))
            self.say(f"{name}: kept from before")
            return self.results[name]
        self.say(f"{name} …")
        cpu, wall = time.process_time(), time.perf_counter()
        result = make()
        result["cpu_s"] = round(time.process_time() - cpu, 1)
        result["wall_s"] = round(time.perf_counter() - wall, 1)
        self.results[name] = result
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": name, **result}, ensure_ascii=False) + "\n")
        write_json(path, result)
        self.after()
        self.say(self.line(name, result))
        return result

    def has(self, name: str) -> bool:
        """Whether a stage is done."""
        return self._file(name).exists()

    def forget(self, name: str) -> None:
        """A stage whose files are gone is not done."""
        self._file(name).unlink(missing_ok=True)

    def path(self, kind: str, name: str) -> Path:
        """Where something of a name lies in one of the folders."""
        return self.folder / kind / slug(name)

    def _file(self, name: str) -> Path:
        return self.folder / "stages" / f"{slug(name)}.json"


def _numbers(name: str, result: dict[str, Any]) -> str:
    shown = (f"{key} {value:.3g}" for key, value in result.items() if isinstance(value, int | float))
    return f"{name}: {', '.join(shown)}"


def slug(name: str) -> str:
    """A name as a file name."""
    kept = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in kept.split("-") if part)
