"""The run folder of a study: what is finished is kept, and found again by `--resume`."""

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ideomotor
from ideomotor import Pipeline
from ideomotor.errors import IdeomotorError

from . import _report

PACKAGES = ("ideomotor", "jax", "equinox", "diffrax", "optax", "numpy")


class Run:
    """A run folder: `config.json`, a JSON file for each stage, `metrics.jsonl`, figures, saved functions."""

    def __init__(self, folder: Path, config: dict[str, Any], resume: bool, say: Callable[[str], Any]):
        self.folder, self.say, self.results = folder, say, {}
        path = folder / "config.json"
        if path.exists() and resume:
            found = json.loads(path.read_text())
            if {key: found.get(key) for key in config} != config:
                raise IdeomotorError(f"{folder} is a run of {found}, not of {config}; choose another folder.")
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise IdeomotorError(
                f"{folder} is not empty; choose another folder, or give --resume to go on with it."
            )
        for name in ("stages", "figures"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.write_json("config.json", {**config, "versions": {name: version(name) for name in PACKAGES}})

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file whole or not at all."""
        temporary = self.folder / f".{name.replace('/', '-')}"
        temporary.write_text(json.dumps(value, indent=2) + "\n")
        temporary.replace(self.folder / name)

    def stage(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a stage: read from the folder, or made and written."""
        path = self.folder / "stages" / f"{name}.json"
        if path.exists():
            self.results[name] = json.loads(path.read_text())
            self.say(f"{name}: kept from before")
            return self.results[name]
        self.say(f"{name} …")
        cpu, wall = time.process_time(), time.perf_counter()
        result = make()
        result["cpu_s"], result["wall_s"] = time.process_time() - cpu, time.perf_counter() - wall
        self.results[name] = result
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"stage": name, **result}) + "\n")
        self.write_json(f"stages/{name}.json", result)
        self.say(_report.line(name, result))
        return result

    def keep(self, name: str, function: Pipeline, metrics: dict[str, Any]) -> None:
        """Save a trajectory function."""
        numbers = {key: value for key, value in metrics.items() if isinstance(value, float)}
        ideomotor.save(function, self.folder / name, metrics=numbers, overwrite=True)

    def kept(self, name: str) -> Pipeline:
        """A saved trajectory function."""
        return ideomotor.load(self.folder / name)
