"""LeRobot data sets of version 2.0, 2.1 and 3.0: Parquet files, videos, and an index that may disagree with both."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import AbstractFormat, Channel, Frames, ReadOptions, Recording
from ideomotor.errors import DataError

from ._describe import recording, restored

ABOUT = "ideomotor.json"  # in meta/: what a LeRobot set has no place for
INDEX = ("timestamp", "frame_index", "episode_index", "index", "task_index")
_JOINTS = re.compile(
    r"joint|motor|shoulder|elbow|wrist|finger|hand|thumb|gripper|_pan|_lift|_flex|_roll|\.pos$", re.I
)
_ROWS = 1 << 16  # read at a time


class LeRobot(AbstractFormat):
    """Reads every version; `version` is what it writes: `"v2.1"` or `"v3.0"`."""

    suffixes = (".lerobot",)
    many = True
    folder = True

    def __init__(self, version: str = "v3.0"):
        self.version = version

    def sniff(self, path, head):
        return float(self.version == "v3.0" and path.is_dir() and (path / "meta" / "info.json").is_file())

    def read(self, path, options):
        return _Set(path).episodes(options)

    def write(self, recordings, path):
        from ._lerobot_write import write_set

        return write_set(recordings, path, self.version)


def lerobot_v21() -> LeRobot:
    """The same, writing version 2.1."""
    return LeRobot("v2.1")


class _Set:
    """A data set's index, and what of it is there."""

    def __init__(self, path: Path):
        self.path, self.meta = path, path / "meta"
        info = self._json("info.json")
        features = info.get("features")
        if not isinstance(features, dict) or not all(isinstance(f, dict) for f in features.values()):
            raise DataError(f"{self.meta / 'info.json'} names no features.")
        self.features: dict[str, Any] = features
        self.info, self.fps = info, float(info.get("fps") or 30)
        self.warnings: list[str] = []
        self.tasks, self.index = self._tasks(), {}
        for row in self._rows("episodes"):
            if isinstance(row.get("episode_index"), int):
                self.index[row["episode_index"]] = row
        self.about = self._json(ABOUT) if (self.meta / ABOUT).is_file() else {}
        self.files = sorted(path.glob("data/**/*.parquet"))
        if not self.files:
            raise DataError(f"{path} has no Parquet files in data/.")

    def _json(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads((self.meta / name).read_text())
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.meta / name} is not JSON: {error}.") from error
        if not isinstance(found, dict):
            raise DataError(f"{self.meta / name} is not a JSON object.")
        return found

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Of `name.jsonl` (version 2) or the Parquet files called so (version 3)."""
        import pyarrow.parquet as parquet

        lines = self.meta / f"{name}.jsonl"
        try:
            if lines.is_file():
                yield from (json.loads(line) for line in lines.read_text().splitlines() if line.strip())
            for file in sorted(self.meta.glob(f"{name}/**/*.parquet")) + sorted(
                self.meta.glob(f"{name}.parquet")
            ):
                schema = parquet.read_schema(file)
                columns = [c for c in schema.names if not c.startswith("stats/")]
                yield from parquet.read_table(file, columns=columns).to_pylist()
        except Exception as error:  # a damaged index is no reason to lose the data
            self.warnings.append(f"{self.meta}: {name} cannot be read: {' '.join(str(error).split())[:120]}")

    def _tasks(self) -> dict[int, str]:
        found = {}
        for row in self._rows("tasks"):
            words = [v for v in row.values() if isinstance(v, str)]
            if isinstance(row.get("task_index"), int) and words:
                found[row["task_index"]] = words[0]
        return found

    def episodes(self, options: ReadOptions) -> Iterator[Recording]:
        """One recording for each episode; the first also says what is wrong with the set."""
        counts = self._counts()
        self._compare(counts)
        for number, columns in self._parts():
            found = self._recording(number, columns, options)
            yield found
            self.warnings = []

    def _counts(self) -> Counter[int]:
        import pyarrow.compute as compute
        import pyarrow.parquet as parquet

        counts: Counter[int] = Counter()
        for file in list(self.files):
            try:
                opened = parquet.ParquetFile(file)
                if "episode_index" in opened.schema_arrow.names:
                    for batch in opened.iter_batches(1 << 20, columns=["episode_index"]):
                        for item in compute.value_counts(batch["episode_index"]).to_pylist():  # pyright: ignore
                            counts[item["values"]] += item["counts"]
                else:
                    counts[_number_in(file)] += opened.metadata.num_rows
            except Exception as error:
                text = " ".join(str(error).split())
                self.warnings.append(f"{file} is damaged and left out: {text[:120]}")
                self.files.remove(file)
        return counts

    def _compare(self, counts: Counter[int]) -> None:
        """Index and data."""
        said, frames = self.info.get("total_episodes"), self.info.get("total_frames")
        if (said, frames) != (len(counts), counts.total()):
            self.warnings.append(
                f"{self.path} declares {said} episodes with {frames} frames and holds {len(counts)} with {counts.total()}."
            )
        for number, row in self.index.items():
            length = row.get("length")
            if number in counts and isinstance(length, int) and length != counts[number]:
                self.warnings.append(
                    f"{self.path}: episode {number} has {counts[number]} rows, and the index says {length}."
                )

    def _parts(self) -> Iterator[tuple[int, dict[str, list[Any]]]]:
        """The columns of one episode after the other, as lists of Arrow arrays."""
        import pyarrow.parquet as parquet

        current, columns = -1, {}
        for file in self.files:
            for batch in parquet.ParquetFile(file).iter_batches(_ROWS):
                if "episode_index" in batch.schema.names:
                    numbers = batch["episode_index"].to_numpy(zero_copy_only=False)
                else:
                    numbers = np.full(len(batch), _number_in(file))
                edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(batch)]
                for a, b in zip(edges, edges[1:], strict=False):
                    if a == b:
                        continue
                    if int(numbers[a]) != current and columns:
                        yield current, columns
                        columns = {}
                    current = int(numbers[a])
                    for name in batch.schema.names:
                        columns.setdefault(name, []).append(batch[name].slice(a, b - a))
        if columns:
            yield current, columns

    def _recording(self, number: int, columns: dict[str, list[Any]], options: ReadOptions) -> Recording:
        warnings = self.warnings
        count = sum(len(part) for part in next(iter(columns.values())))
        if options.rate is not None or "timestamp" not in columns:
            ts = np.arange(count) / (options.rate or self.fps)
        else:
            ts = np.asarray(_values(columns["timestamp"], ()), np.float64).reshape(count)
        name = f"episode_{number:06d}"
        about = self.about.get("episodes", {}).get(str(number), {})
        described = {c["in"]: c for c in about.get("channels", [])} if about else {}
        metadata = {"source": self.path.name, "episode": str(number)}
        if robot := self.info.get("robot_type"):
            metadata["robot"] = str(robot)
        channels: list[Channel] = []
        for key, parts in columns.items():
            if key in INDEX or not (
                options.takes(key) or options.takes(described.get(key, {}).get("name", key))
            ):
                continue
            feature = self.features.get(key, {})
            try:
                values = _values(parts, tuple(feature.get("shape") or ()))
            except (ValueError, TypeError) as error:
                warnings.append(
                    f"{self.path}, episode {number}: {key} cannot be read: {' '.join(str(error).split())[:120]}"
                )
                continue
            if key in described:
                channels.append(restored(described[key], ts, values))
            else:
                channels.append(_channel(key, ts, values, feature))
        tasks = set(_values(columns["task_index"], ()).ravel().tolist()) if "task_index" in columns else set()
        if tasks:
            metadata["task"] = "; ".join(self.tasks.get(task, str(task)) for task in sorted(tasks))
        for key, feature in self.features.items():
            if feature.get("dtype") == "video" and options.takes(key):
                channels += self._video(number, key, ts, described.get(key, {}), warnings)
            elif key not in columns and key not in INDEX:
                warnings.append(f"{self.path}: {key} is declared, and episode {number} has no column of it.")
        if about:
            return recording(about, channels, name, warnings=tuple(warnings))
        return Recording(name, channels, 0, metadata, tuple(warnings))

    def _video(
        self, number: int, key: str, ts: np.ndarray, about: dict, warnings: list[str]
    ) -> list[Channel]:
        from ._video import frames

        row, start = self.index.get(number, {}), 0.0
        chunk, file = row.get(f"videos/{key}/chunk_index"), row.get(f"videos/{key}/file_index")
        if file is not None:
            start = float(row.get(f"videos/{key}/from_timestamp") or 0.0)
            ends = f"{key}/chunk-{chunk:03d}/file-{file:03d}.mp4"
        else:
            ends = f"chunk-*/{key}/episode_{number:06d}.mp4"
        found = next((f for top in ("videos", "video") for f in sorted((self.path / top).glob(ends))), None)
        if found is None:
            why = (
                "the index does not say which video it is in"
                if not row and (self.path / "video").is_dir()
                else "absent"
            )
            warnings.append(f"{self.path}: camera {key} of episode {number} is left out: {why}.")
            return []
        try:
            values = frames(found, round(start * self.fps), len(ts))
        except Exception as error:
            warnings.append(f"{found} is damaged and left out: {' '.join(str(error).split())[:120]}")
            return []
        if len(values) != len(ts):
            warnings.append(f"{found} has {len(values)} pictures for the {len(ts)} rows of episode {number}.")
        name = about.get("name", key)
        return [Channel(name, ts[: len(values)], values, "image", frame=about.get("frame", ""))]


def _number_in(file: Path) -> int:
    match = re.search(r"(\d+)$", file.stem)
    return int(match[1]) if match else 0


def _values(parts: list[Any], shape: tuple[int, ...]) -> Any:
    """Arrow arrays as one NumPy array, lists as further axes; pictures in a column as `Frames`."""
    import pyarrow as pa

    kind = parts[0].type
    if pa.types.is_struct(kind):  # pictures as {bytes, path}
        data = [cell["bytes"] for part in parts for cell in part.to_pylist()]
        return _pictures(data)
    found = []
    for part in parts:
        rows, widths = len(part), []
        while (
            pa.types.is_list(part.type)
            or pa.types.is_fixed_size_list(part.type)
            or pa.types.is_large_list(part.type)
        ):
            inner = part.flatten()
            if len(part) == 0 or len(inner) % len(part):
                raise ValueError("rows of different lengths")
            widths.append(len(inner) // len(part))
            if not pa.types.is_fixed_size_list(part.type) and np.any(
                np.diff(part.offsets.to_numpy()) != widths[-1]
            ):
                raise ValueError("rows of different lengths")
            part = inner
        if pa.types.is_string(part.type) or pa.types.is_large_string(part.type):
            values = np.array(part.fill_null("").to_pylist(), str)
        else:
            if part.null_count and not pa.types.is_floating(part.type):
                part = part.cast(pa.float64())
            values = part.to_numpy(zero_copy_only=False)
        found.append(values.reshape(rows, *widths))
    values = found[0] if len(found) == 1 else np.concatenate(found)
    if values.ndim == 2 and len(shape) > 1 and int(np.prod(shape)) == values.shape[1]:
        values = values.reshape(len(values), *shape)
    return values


def _pictures(data: list[bytes | None]) -> Frames:
    from PIL import Image

    def read(index: np.ndarray) -> np.ndarray:
        return np.stack([np.asarray(Image.open(io.BytesIO(data[i] or b""))) for i in index])

    return Frames(read, len(data), read(np.zeros(1, int)).shape[1:] if data else (0, 0, 3))


def _channel(key: str, ts: np.ndarray, values: Any, feature: dict[str, Any]) -> Channel:
    names = feature.get("names")
    while isinstance(names, dict) or (
        isinstance(names, list) and len(names) == 1 and isinstance(names[0], list)
    ):
        names = (
            next(iter(names.values())) if isinstance(names, dict) and names else names[0] if names else None
        )
    width = values.shape[-1] if values.ndim > 1 else 1
    names = (
        tuple(map(str, names)) if isinstance(names, list) and len(names) == width and values.ndim == 2 else ()
    )
    if isinstance(values, Frames):
        return Channel(key, ts, values, "image")
    role = ""
    if values.dtype.kind == "U":
        role = "text"
    elif values.dtype.kind == "b" or key.startswith("annotation."):
        role = "event"
    elif key in ("action", "actions") or key.startswith("action."):
        role = "action"
    elif names and sum(bool(_JOINTS.search(name)) for name in names) > len(names) / 2:
        role = "joint-position"
    return Channel(key, ts, values, role, "", names)
