"""The folder of a run: finished stages are kept, so that a killed run goes on."""

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ideomotor.errors import IdeomotorError

_PACKAGES = ("ideomotor", "jax", "equinox", "optax", "numpy")


class Run:
    """`config.json`, `metrics.jsonl`, a JSON file for each stage, trainings, networks and figures."""

    def __init__(self, folder: Path, config: dict[str, Any], *, resume: bool, say: Callable[[str], Any]):
        self.folder, self.say, self.results = folder, say, {}
        self.after: Callable[[], Any] = lambda: None  # each stage
        path = folder / "config.json"
        if folder.exists() and not folder.is_dir():
            raise IdeomotorError(f"{folder} is a file; give a folder for the run.")
        if path.exists() and resume:
            found = json.loads(path.read_text(encoding="utf-8"))
            if other := [key for key in config if found.get(key) != config[key]]:
                raise IdeomotorError(
                    f"{folder} is a run with another {other[0]} ({found.get(other[0])}, not {config[other[0]]}); "
                    f"choose another folder."
                )
        elif folder.exists() and any(folder.iterdir()):
            raise IdeomotorError(
                f"{folder} is not empty; choose another folder, or give --resume to go on with it."
            )
        for name in ("stages", "figures", "training", "networks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.write("config.json", {**config, "versions": {name: version(name) for name in _PACKAGES}})

    def write(self, name: str, value: Any) -> None:
        """Write a text, or anything else as JSON, whole or not at all."""
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        temporary = self.folder / f".{name.replace('/', '-')}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.folder / name)

    def stage(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a stage: read from the folder, or made and written, with the seconds it took."""
        file = f"stages/{slug(name)}.json"
        if (self.folder / file).exists():
            self.results[name] = json.loads((self.folder / file).read_text(encoding="utf-8"))
            return self.results[name]
        self.say(f"{name} …")
        cpu, wall = time.process_time(), time.perf_counter()
        result = make()
        result["cpu_s"] = round(time.process_time() - cpu, 1)
        result["wall_s"] = round(time.perf_counter() - wall, 1)
        self.results[name] = result
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file_open:
            file_open.write(json.dumps({"stage": name, **result}, ensure_ascii=False) + "\n")
        self.write(file, result)
        self.after()
        shown = ", ".join(
            f"{key} {value:.3g}" for key, value in result.items() if isinstance(value, int | float)
        )
        self.say(f"{name}: {shown}")
        return result

    def has(self, name: str) -> bool:
        """Whether the stage is done."""
        return (self.folder / f"stages/{slug(name)}.json").exists()

    def training(self, name: str) -> Path:
        """Where `ideomotor.train` keeps its checkpoint."""
        return self.folder / "training" / slug(name)

    def network(self, name: str) -> Path:
        """Where the trained network is saved."""
        return self.folder / "networks" / slug(name)


def slug(name: str) -> str:
    """A name as a file name."""
    kept = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in kept.split("-") if part)
