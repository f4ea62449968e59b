"""LeRobot data sets, written episode by episode."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import Channel, Frames, Recording
from ideomotor.errors import DataError

from . import _video
from ._describe import described
from ._lerobot import ABOUT, INDEX

_LARGE = 100 * 2**20  # bytes of Parquet in one file (version 3.0)
_CHUNK = 1000  # files in one folder
_PICTURES = 100  # of each camera and episode, from which statistics are made
_PATHS = {
    "v2.1": (
        "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    ),
    "v3.0": (
        "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    ),
}


def write_set(recordings: Iterable[Recording], path: Path, version: str) -> list[str]:
    """Write a set of this version; returns a sentence for all that it cannot hold."""
    made = _Set(path, version)
    for item in recordings:
        made.add(item)
    made.finish()
    return made.told


class _Set:
    def __init__(self, path: Path, version: str):
        self.path, self.version = path, version
        self.told: list[str] = []
        self.keys: dict[str, str] = {}  # channel: feature
        self.features: dict[str, dict[str, Any]] = {}
        self.fps: Any = 0
        self.tasks: dict[str, int] = {}
        self.rows = self.data_file = 0
        self.episodes: list[dict[str, Any]] = []
        self.stats: list[dict[str, Any]] = []
        self.about: dict[str, Any] = {}
        self.writer: Any = None
        (path / "meta").mkdir(parents=True)

    def add(self, item: Recording) -> None:
        """One episode."""
        channels = [c for c in item if len(c)]
        if not channels:
            raise DataError(f"{item.name} has no samples.")
        base = max(channels, key=lambda c: (sum(np.array_equal(c.ts, o.ts) for o in channels), len(c)))
        ts = base.ts
        kept = [c for c in channels if np.array_equal(c.ts, ts) and self._fits(c)]
        self._say(item, kept, base)
        if not self.features:
            self._declare(kept, ts)
        if {c.name for c in kept} != set(self.keys):
            other = sorted({c.name for c in kept} ^ set(self.keys))[0]
            raise DataError(
                f"{item.name}: channel {other!r} is not in all recordings with the same clock; a LeRobot set has the same channels "
                f"in every episode: choose them (--channels), or write several sets."
            )
        even = np.arange(len(ts)) / self.fps
        if np.abs(ts - ts[0] - even).max() > 0.1 / self.fps:
            self.told.append(
                f"{item.name}: times are not even; frames are counted at {self.fps:g} Hz (--resample HZ makes them even)."
            )
        elif not np.array_equal(even.astype(np.float32), ts):
            self.told.append("times are kept as frame numbers over the rate, in 32 bits.")
        number = len(self.episodes)
        words = described(item, kept)
        for channel in words["channels"]:
            channel["in"] = self.keys[channel["name"]]
        self.about[str(number)] = words
        self._write(item, {self.keys[c.name]: c for c in kept}, even.astype(np.float32), number)

    def _fits(self, channel: Channel) -> bool:
        if isinstance(channel.values, Frames) or channel.role == "image":
            return _video.is_video_shape(channel.values.shape, channel.values.dtype)
        return int(np.prod(channel.values.shape[1:], dtype=int)) > 0

    def _say(self, item: Recording, kept: list[Channel], base: Channel) -> None:
        names = {c.name for c in kept}
        for channel in item:
            if channel.name not in names:
                why = f"its times are not those of {base.name!r}; give all channels one clock (--resample HZ)"
                if np.array_equal(channel.ts, base.ts):
                    why = f"{channel.values.dtype} of shape {channel.values.shape[1:]} is no feature"
                self.told.append(f"channel {channel.name!r} is left out: {why}.")

    def _declare(self, channels: list[Channel], ts: np.ndarray) -> None:
        rate = (len(ts) - 1) / (ts[-1] - ts[0]) if len(ts) > 1 and ts[-1] > ts[0] else 30.0
        self.fps = round(rate) if abs(rate - round(rate)) < 0.01 * rate and rate > 0.5 else round(rate, 4)
        roles = [c.role for c in channels]
        for channel in channels:
            picture = isinstance(channel.values, Frames) or channel.role == "image"
            key = channel.name.strip("/").replace("/", ".")
            known = key.startswith(("observation.", "action", "annotation.", "next."))
            if channel.role == "action" and roles.count("action") == 1:
                key = "action"
            elif channel.role == "joint-position" and roles.count("joint-position") == 1:
                key = "observation.state"
            elif not known:
                key = f"observation.images.{key}" if picture else f"observation.{key}"
            while key in self.features or key in INDEX:
                key += "_"
            self.keys[channel.name] = key
            shape = list(channel.values.shape[1:])
            if picture:
                height, width = (2 * math.ceil(n / 2) for n in shape[:2])
                info = {"video.height": height, "video.width": width, "video.codec": "h264", "video.pix_fmt": "yuv420p",
                        "video.is_depth_map": False, "video.fps": self.fps, "video.channels": 3, "has_audio": False}  # fmt: skip
                self.features[key] = {
                    "dtype": "video",
                    "shape": [height, width, 3],
                    "names": ["height", "width", "channels"],
                    "info": info,
                }
                self.told.append(f"pictures of {channel.name!r} are compressed (H.264, 4:2:0).")
                continue
            kind = channel.values.dtype
            dtype = "string" if kind.kind == "U" else "bool" if kind.kind == "b" else kind.name
            width = int(np.prod(shape, dtype=int))
            names = list(channel.names) or [f"{key}_{i}" for i in range(width)] if shape else None
            self.features[key] = {"dtype": dtype, "shape": [width], "names": names}
        for key in INDEX:
            self.features[key] = {
                "dtype": "float32" if key == "timestamp" else "int64",
                "shape": [1],
                "names": None,
            }

    def _write(self, item: Recording, channels: dict[str, Channel], times: np.ndarray, number: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        count, task = len(times), item.metadata.get("task", item.name)
        self.tasks.setdefault(task, len(self.tasks))
        columns, stats, entry = {}, {}, {"episode_index": number, "tasks": [task], "length": count}
        first = np.arange(self.rows, self.rows + count)
        index = {
            "timestamp": times,
            "frame_index": np.arange(count),
            "episode_index": np.full(count, number),
            "index": first,
            "task_index": np.full(count, self.tasks[task]),
        }
        videos = {}
        for key, channel in channels.items():
            if self.features[key]["dtype"] == "video":
                videos[key] = channel.values
                continue
            values = np.asarray(channel.values).reshape(count, -1)
            flat = pa.array(values.ravel())
            columns[key] = (
                pa.FixedSizeListArray.from_arrays(flat, values.shape[1]) if channel.values.ndim > 1 else flat
            )
            if values.dtype.kind != "U":
                stats[key] = _statistics(values)
        columns |= {key: pa.array(values) for key, values in index.items()}
        stats |= {key: _statistics(values[:, None]) for key, values in index.items()}
        for key, pictures in videos.items():
            where = {"episode_chunk": number // _CHUNK, "episode_index": number, "video_key": key}
            where |= {"chunk_index": number // _CHUNK, "file_index": number % _CHUNK}
            _video.write(self.path / _PATHS[self.version][1].format(**where), pictures, float(self.fps))
            entry |= {
                f"videos/{key}/chunk_index": where["chunk_index"], f"videos/{key}/file_index": where["file_index"],
                f"videos/{key}/from_timestamp": 0.0, f"videos/{key}/to_timestamp": count / self.fps,
            }  # fmt: skip
            stats[key] = _picture_statistics(pictures)
        table = pa.table(columns)
        if self.version == "v2.1":
            file = self.path / _PATHS["v2.1"][0].format(episode_chunk=number // _CHUNK, episode_index=number)
            file.parent.mkdir(parents=True, exist_ok=True)
            parquet.write_table(table, file)
        else:
            entry |= self._append(table, count)
        self.rows += count
        self.episodes.append(entry)
        self.stats.append(stats)

    def _append(self, table: Any, count: int) -> dict[str, int]:
        import pyarrow.parquet as parquet

        if self.writer is not None and self.file.stat().st_size > _LARGE:
            self.writer.close()
            self.writer, self.data_file = None, self.data_file + 1
        chunk, number = divmod(self.data_file, _CHUNK)
        if self.writer is None:
            self.file = self.path / _PATHS["v3.0"][0].format(chunk_index=chunk, file_index=number)
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.writer = parquet.ParquetWriter(self.file, table.schema)
        self.writer.write_table(table)
        return {
            "data/chunk_index": chunk, "data/file_index": number,
            "dataset_from_index": self.rows, "dataset_to_index": self.rows + count,
            "meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0,
        }  # fmt: skip

    def finish(self) -> None:
        """The index."""
        if not self.episodes:
            raise DataError("There are no recordings to write.")
        if self.writer is not None:
            self.writer.close()
        meta, count = self.path / "meta", len(self.episodes)
        cameras = sum(f["dtype"] == "video" for f in self.features.values())
        data, videos = _PATHS[self.version]
        info = {
            "codebase_version": self.version,
            "robot_type": None,
            "total_episodes": count,
            "total_frames": self.rows,
            "total_tasks": len(self.tasks),
            "chunks_size": _CHUNK,
            "fps": self.fps,
            "splits": {"train": f"0:{count}"},
            "data_path": data,
            "video_path": videos if cameras else None,
            "features": self.features,
        }
        if self.version == "v2.1":
            info |= {"total_videos": cameras * count, "total_chunks": math.ceil(count / _CHUNK)}
            _lines(meta / "tasks.jsonl", [{"task_index": i, "task": task} for task, i in self.tasks.items()])
            plain = ("episode_index", "tasks", "length")
            _lines(meta / "episodes.jsonl", [{key: row[key] for key in plain} for row in self.episodes])
            _lines(
                meta / "episodes_stats.jsonl",
                [{"episode_index": i, "stats": s} for i, s in enumerate(self.stats)],
            )
        else:
            info |= {"data_files_size_in_mb": 100, "video_files_size_in_mb": 200}
            self._tables(meta)
        (meta / "info.json").write_text(json.dumps(info, indent=4))
        (meta / ABOUT).write_text(json.dumps({"episodes": self.about}))

    def _tables(self, meta: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        tasks = pa.table({"task_index": list(self.tasks.values()), "task": list(self.tasks)})
        column = {"pandas_type": "int64", "numpy_type": "int64", "metadata": None}
        text = {"pandas_type": "unicode", "numpy_type": "object", "metadata": None}
        pandas = {
            "index_columns": ["task"],
            "column_indexes": [{"name": None, "field_name": None, **text, "metadata": {"encoding": "UTF-8"}}],
            "columns": [{"name": "task_index", "field_name": "task_index", **column}, {"name": "task", "field_name": "task", **text}],
            "creator": {"library": "pyarrow", "version": pa.__version__},
            "pandas_version": "2.2.0",
        }  # fmt: skip
        parquet.write_table(
            tasks.replace_schema_metadata({"pandas": json.dumps(pandas)}), meta / "tasks.parquet"
        )
        folder = meta / "episodes" / "chunk-000"
        folder.mkdir(parents=True)
        rows = [
            row | {f"stats/{key}/{name}": value for key, s in stats.items() for name, value in s.items()}
            for row, stats in zip(self.episodes, self.stats, strict=True)
        ]
        parquet.write_table(pa.Table.from_pylist(rows), folder / "file-000.parquet")
        (meta / "stats.json").write_text(json.dumps(_together(self.stats), indent=4))


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _statistics(values: np.ndarray) -> dict[str, Any]:
    values = values.astype(np.float64)
    found = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
    return {name: value.tolist() for name, value in found.items()} | {"count": [len(values)]}


def _picture_statistics(pictures: Any) -> dict[str, Any]:
    """Of each colour from 0 to 1, shape (3, 1, 1)."""
    some = np.unique(np.linspace(0, len(pictures) - 1, _PICTURES).round().astype(int))
    parts = [_statistics((chunk if chunk.ndim == 4 else np.repeat(chunk[..., None], 3, -1))[..., :3].reshape(-1, 3) / 255)
             for chunk in _video.chunks(pictures[some])]  # fmt: skip
    found = _together([{"all": part} for part in parts])["all"]
    shaped = {name: np.reshape(value, (3, 1, 1)).tolist() for name, value in found.items() if name != "count"}
    return shaped | {"count": [len(some)]}


def _together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The statistics of all episodes."""
    found = {}
    for key in parts[0]:
        here = [part[key] for part in parts if key in part]
        counts = np.array([part["count"][0] for part in here], float)
        mean, std = (np.array([part[name] for part in here]) for name in ("mean", "std"))
        weights = (counts / counts.sum()).reshape(-1, *[1] * (mean.ndim - 1))
        middle = (weights * mean).sum(0)
        spread = np.sqrt(np.maximum((weights * (std**2 + mean**2)).sum(0) - middle**2, 0))
        found[key] = {
            "min": np.min([part["min"] for part in here], axis=0).tolist(),
            "max": np.max([part["max"] for part in here], axis=0).tolist(),
            "mean": middle.tolist(),
            "std": spread.tolist(),
            "count": [int(counts.sum())],
        }
    return found
