"""HDF5 as robomimic, robosuite, Isaac Lab and ALOHA write it: a group for each demonstration, a data set for each channel."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import AbstractFormat, Channel, Frames, ReadOptions, Recording
from ideomotor.errors import DataError

from ._describe import described, parsed, recording, restored
from ._video import chunks

_MARK = "ideomotor"  # the attribute with the description, in what is written here
_TIMES = re.compile(r"(.*/)?(timestamps?|times?|t|ts)")
_ROLES = (
    ("joint-position", r"joint_pos(ition)?|qpos|joint_q(pos)?"),
    ("joint-velocity", r"joint_vel(ocity|ocities)?|qvel"),
    ("joint-effort", r"joint_(effort|torque)s?|effort|torques?"),
    ("position", r".*eef_pos"),
    ("pose", r".*root_pose"),
    ("action", r"actions?"),
)


class HDF5(AbstractFormat):
    """Demonstrations in HDF5."""

    suffixes = (".hdf5", ".h5", ".hdf")
    many = True

    def sniff(self, path, head):
        return 0.9 * head.startswith(b"\x89HDF\r\n\x1a\n")

    def read(self, path, options):
        import h5py

        with h5py.File(path) as file:
            top: Any = file.get("data", file)
            groups = [name for name in top if isinstance(top.get(name), h5py.Group)]
            demos = [name for name in groups if re.fullmatch(r"\D*\d+", name)]
            if demos and (len(demos) == len(groups) or "data" in file):
                for name in sorted(demos, key=lambda n: int(re.findall(r"\d+", n)[-1])):
                    yield _recording(path, top[name], name, _attributes(top), options)
            else:
                yield _recording(path, file, path.stem, {}, options)

    def write(self, recordings, path):
        import h5py

        with h5py.File(path, "w") as file:
            data = file.create_group("data")
            total = 0
            for i, item in enumerate(recordings):
                group = data.create_group(f"demo_{i}")
                about = described(item)
                base = max(item, key=lambda c: sum(np.array_equal(c.ts, o.ts) for o in item), default=None)
                if base is not None:
                    group["timestamps"] = base.ts
                    group.attrs["num_samples"] = len(base)
                    total += len(base)
                for j, (channel, words) in enumerate(zip(item, about["channels"], strict=True)):
                    words["in"] = _place(channel, item, group)
                    _store(group, words["in"], channel.values)
                    words["clock"] = "timestamps"
                    if base is not None and not np.array_equal(channel.ts, base.ts):
                        words["clock"] = f"clocks/{j}"
                        group[words["clock"]] = channel.ts
                group.attrs[_MARK] = json.dumps(about)
            data.attrs["total"] = total
        return ()


def _place(channel: Channel, item: Recording, group: Any) -> str:
    name = channel.name.strip("/").replace("/", "_") or "values"
    one = sum(c.role == "action" for c in item) == 1
    place = "actions" if channel.role == "action" and one else f"obs/{name}"
    while place in group:
        place += "_"
    return place


def _store(group: Any, name: str, values: Any) -> None:
    import h5py

    if values.dtype.kind == "U":
        group.create_dataset(name, data=np.asarray(values).astype(object), dtype=h5py.string_dtype())
    elif isinstance(values, Frames):
        made = group.create_dataset(
            name,
            values.shape,
            values.dtype,
            chunks=(1, *values.shape[1:]),
            compression="gzip",
            compression_opts=1,
        )
        start = 0
        for chunk in chunks(values):
            made[start : start + len(chunk)] = chunk
            start += len(chunk)
    else:
        group.create_dataset(name, data=np.asarray(values))


def _attributes(thing: Any) -> dict[str, str]:
    found = {}
    for key, value in thing.attrs.items():
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        found[key] = text
    return found


def _recording(path: Path, group: Any, name: str, above: dict[str, str], options: ReadOptions) -> Recording:
    import h5py

    sets: dict[str, Any] = {}
    group.visititems(
        lambda key, thing: sets.update({key: thing}) if isinstance(thing, h5py.Dataset) else None
    )
    if _MARK in group.attrs:
        return _written(path, group, name)
    warnings: list[str] = []
    lengths = Counter(len(s) for s in sets.values() if s.ndim and s.size)
    if not lengths:
        raise DataError(f"{path}: {group.name} has no data sets that lead with time.")
    action = next((len(s) for key, s in sets.items() if re.fullmatch("actions?", key) and s.ndim), 0)
    count = action or max(lengths, key=lambda n: (n > 1, lengths[n], n))
    clock, timed = _clock(sets, count, above, options)
    if not timed:
        warnings.append(
            f"{path} has no times; its samples are counted. Say how many there are per second (rate=, --rate)."
        )
    channels = []
    for key, data in sets.items():
        if _TIMES.fullmatch(key) or not options.takes(key):
            continue
        if data.ndim == 0 or data.size == 0:
            warnings.append(f"{path}: {group.name}/{key} is empty and left out.")
            continue
        values = _values(path, data)
        if values is None:
            warnings.append(f"{path}: {group.name}/{key} holds {data.dtype} and is left out.")
            continue
        ts = (
            clock
            if len(values) == count
            else np.arange(len(values)) * (clock[1] - clock[0] if count > 1 else 1.0)
        )
        if len(values) not in (1, count):
            warnings.append(f"{path}: {group.name}/{key} has {len(values)} samples, and others have {count}.")
        channels.append(_channel(key, ts, values, above))
    metadata = {"source": path.name, **above, **_attributes(group)}
    return Recording(name, channels, 0, metadata, tuple(warnings), timed)


def _clock(
    sets: dict[str, Any], count: int, above: dict[str, str], options: ReadOptions
) -> tuple[np.ndarray, bool]:
    if options.rate is not None:
        return np.arange(count) / options.rate, True
    for key, data in sets.items():
        if _TIMES.fullmatch(key) and data.shape == (count,) and data.dtype.kind in "fiu":
            from ._times import seconds

            return seconds(key, np.asarray(data), options.time_unit)[0], True
    try:
        found = json.loads(above.get("env_args", "{}"))
        rate = float(found.get("env_kwargs", {}).get("control_freq") or 0)
    except (ValueError, AttributeError, TypeError):
        rate = 0.0
    return np.arange(count) / (rate or 1.0), rate > 0


def _values(path: Path, data: Any) -> Any:
    import h5py

    if h5py.check_string_dtype(data.dtype) is not None:
        return np.asarray(data.asstr()[()]).astype(str)
    if data.dtype.kind not in "biuf":
        return None
    if data.ndim == 4 and data.dtype == np.uint8:
        name = data.name

        def read(index: np.ndarray) -> np.ndarray:
            with h5py.File(path) as file:
                unique, back = np.unique(index, return_inverse=True)
                return np.asarray(file[name][unique])[back]  # pyright: ignore

        return Frames(read, len(data), data.shape[1:])
    return np.asarray(data)


def _channel(key: str, ts: np.ndarray, values: Any, above: dict[str, str]) -> Channel:
    last, width = key.rpartition("/")[2], values.shape[-1] if values.ndim > 1 else 1
    if isinstance(values, Frames):
        return Channel(key, ts, values, "image")
    if values.dtype.kind == "U":
        return Channel(key, ts, values, "text")
    role = next((role for role, pattern in _ROLES if re.fullmatch(pattern, last)), "")
    if (role == "position" and width != 3) or (role == "pose" and width != 7):
        role = ""
    isaac = "Isaac" in above.get("env_args", "")
    if role == "pose" and not isaac:
        role = ""
    if last.endswith("eef_quat") and width == 4:
        if isaac:
            return Channel(key, ts, values, "orientation")
        if re.fullmatch(r"robot\d_eef_quat", last):  # robosuite's order is x, y, z, w
            return Channel(key, ts, values[:, [3, 0, 1, 2]], "orientation", "", ("w", "x", "y", "z"))
    return Channel(key, ts, values, role, "m" if role in ("position", "pose") else "")


def _written(path: Path, group: Any, name: str) -> Recording:
    about = parsed(group.attrs[_MARK], f"{path}: {group.name}, attribute {_MARK},")

    def channels() -> Iterator[Channel]:
        for words in about["channels"]:
            ts, values = np.asarray(group[words["clock"]]), _values(path, group[words["in"]])
            if isinstance(values, Frames):
                yield Channel(
                    words["name"], ts, values, words["role"], words["unit"], words["names"], words["frame"]
                )
            else:
                yield restored(words, ts, values)

    return recording(about, channels(), name)
