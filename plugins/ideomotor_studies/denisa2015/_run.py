"""The run folder of the study: what is finished is kept, and found again by `--resume`."""

import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import Trajectory, write_json
from ideomotor.errors import IdeomotorError

_PACKAGES = ("ideomotor", "jax", "mujoco", "numpy", "scikit-learn", "scipy")


class Run:
    """A folder with `config.json`, a JSON file for each stage, `metrics.jsonl`, figures, and movements as NPZ files."""

    def __init__(self, folder: Path, config: dict[str, Any], resume: bool, say: Callable[[str], Any]):
        self.folder, self.say, self.results = folder, say, {}
        path = folder / "config.json"
        if folder.exists() and not folder.is_dir():
            raise IdeomotorError(f"{folder} is a file; give a folder for the run.")
        if path.exists() and resume:
            found = json.loads(path.read_text())
            if other := [key for key in config if found.get(key) != config[key]]:
                raise IdeomotorError(
                    f"{folder} is a run with another {other[0]} ({found.get(other[0])}, not {config[other[0]]}); "
                    f"choose another folder."
                )
        elif folder.exists() and any(folder.iterdir()):
            raise IdeomotorError(
                f"{folder} is not empty; choose another folder, or give --resume to go on with it."
            )
        for name in ("stages", "figures", "movements"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        write_json(path, {**config, "versions": {name: version(name) for name in _PACKAGES}})

    def stage(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a stage, read from the folder, or made and written with the seconds it took."""
        path = self.folder / "stages" / f"{name}.json"
        if path.exists():
            self.results[name] = json.loads(path.read_text())
            return self.results[name]
        self.say(f"{name} …")
        cpu, wall = time.process_time(), time.perf_counter()
        result = make()
        result["cpu_s"] = round(time.process_time() - cpu, 1)
        result["wall_s"] = round(time.perf_counter() - wall, 1)
        self.results[name] = result
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"stage": name, **result}) + "\n")
        write_json(path, result)
        numbers = [f"{key} {value:.4g}" for key, value in result.items() if isinstance(value, int | float)]
        self.say(f"{name}: {', '.join(numbers)}")
        return result

    def keep(self, name: str, movements: list[Trajectory]) -> None:
        """Write movements, one after the other: ts, ys and offsets."""
        temporary = self.folder / "movements" / f".{name}.part.npz"
        np.savez_compressed(
            temporary,
            ts=np.concatenate([np.asarray(m.ts) for m in movements]),
            ys=np.concatenate([np.asarray(m.ys) for m in movements]),
            offsets=np.cumsum([0, *(len(m.ts) for m in movements)]),
        )
        temporary.replace(self.folder / "movements" / f"{name}.npz")

    def kept(self, name: str) -> list[Trajectory]:
        """What `keep` wrote."""
        with np.load(self.folder / "movements" / f"{name}.npz") as file:
            ts, ys, offsets = file["ts"], file["ys"], file["offsets"]
        return [Trajectory(ts[a:b], ys[a:b]) for a, b in zip(offsets, offsets[1:], strict=False)]
