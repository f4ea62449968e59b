import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from ideomotor import AbstractFormat, Channel, Frames, ReadOptions, Recording
from ideomotor.errors import DataError

from ._describe import described, parsed, recording, restored
from ._times import seconds

_LARGE = 2**26  # bytes, up to which an array may be compressed as much as it likes
_MARK = "ideomotor"  # the array with the description, in what is written here
_TIMES = ("ts", "t", "time", "times", "timestamp", "timestamps")
_DATABASE = ("offsets", "name", "names", "space", "metadata")
_CHUNK = 64  # pictures that are decoded at a time


class NPZ(AbstractFormat):
    """NumPy's archives: ours, those of the movement database and of `write_trajectory`, and arrays with one clock."""

    suffixes = (".npz",)
    many = True

    def sniff(self, path, head):
        return float(head.startswith(b"PK\x03\x04") and b".npy" in head[:300])

    def read(self, path, options):
        arrays = Arrays(path)
        if _MARK in arrays.names:
            yield from _written(arrays, options)
        elif {"ys", "data"} & set(arrays.names):
            yield from _demonstrations(arrays, options)
        else:
            yield _plain(arrays, options)

    def write(self, recordings, path):
        about = []
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as file:
            for i, item in enumerate(recordings):
                about.append(described(item))
                clocks: list[tuple[np.ndarray, str]] = []
                for channel, words in zip(item, about[-1]["channels"], strict=True):
                    same = (key for ts, key in clocks if np.array_equal(ts, channel.ts))
                    words["clock"] = next(same, f"{i}/{channel.name} ts")
                    if words["clock"] == f"{i}/{channel.name} ts":
                        clocks.append((channel.ts, words["clock"]))
                        _store(file, words["clock"], channel.ts)
                    _store(file, f"{i}/{channel.name}", channel.values)
            _store(file, _MARK, np.frombuffer(json.dumps(about).encode(), np.uint8))
        return ()


class Arrays:
    """The arrays of an archive, read when they are asked for."""

    def __init__(self, path: Path):
        self.path = path
        try:
            with zipfile.ZipFile(path) as file:
                self._sizes = {
                    m.filename.removesuffix(".npy"): (m.file_size, m.compress_size) for m in file.infolist()
                }
        except Exception as error:
            raise self._bad(error) from error
        self.names = list(self._sizes)

    def __getitem__(self, name: str) -> np.ndarray:
        size, packed = self._sizes[name]
        if size > _LARGE and size > 300 * packed:
            raise DataError(
                f"{self.path}: {name} would be {size / 1e9:.1f} GB of {packed / 1e6:.1f} MB; it is not read."
            )
        try:
            with np.load(self.path, allow_pickle=False) as file:
                return file[name]
        except Exception as error:  # of zipfile, zlib, NumPy's header, memory
            raise self._bad(error) from error

    def _bad(self, error: Exception) -> DataError:
        text = " ".join(str(error).split()) or type(error).__name__
        return DataError(f"{self.path} is not an NPZ file of plain arrays: {text[:300]}")


def _store(file: zipfile.ZipFile, name: str, values: np.ndarray | Frames) -> None:
    with file.open(f"{name}.npy", "w", force_zip64=True) as member:
        if not isinstance(values, Frames):
            np.lib.format.write_array(cast(Any, member), np.asarray(values), allow_pickle=False)
            return
        head = {"descr": values.dtype.str, "fortran_order": False, "shape": values.shape}
        np.lib.format.write_array_header_2_0(cast(Any, member), head)
        for i in range(0, len(values), _CHUNK):
            member.write(np.ascontiguousarray(values[i : i + _CHUNK]).tobytes())


def _written(arrays: Arrays, options: ReadOptions) -> Iterator[Recording]:
    where = f"{arrays.path}: {_MARK}"
    for i, about in enumerate(parsed(b'{"all": ' + arrays[_MARK].tobytes() + b"}", where).get("all", [])):
        channels = [
            restored(words, arrays[words["clock"]], arrays[f"{i}/{words['name']}"])
            for words in parsed(json.dumps(about), where)["channels"]
            if options.takes(words["name"])
        ]
        yield recording(about, channels, arrays.path.stem)


def _plain(arrays: Arrays, options: ReadOptions) -> Recording:
    """Arrays that lead with one time, such as `write_trajectory` writes them."""
    path, warnings, found = arrays.path, [], {}
    for name in arrays.names:
        try:
            found[name] = arrays[name]
        except DataError as error:
            warnings.append(str(error))
    clock = next((name for name in _TIMES if name in found and found[name].ndim == 1), None)
    lengths = Counter(len(a) for a in found.values() if a.ndim and len(a) > 1 and a.dtype.kind in "biufU")
    if not lengths:
        raise DataError(
            f"{path} has no arrays that lead with time; it has {', '.join(arrays.names) or 'nothing'}."
        )
    count = len(found[clock]) if clock else lengths.most_common(1)[0][0]
    timed, start = clock is not None or options.rate is not None, 0
    ts = np.arange(count) / (options.rate or 1.0)
    if clock is not None and options.rate is None:
        ts, start = _seconds(path, found[clock], options.time_unit)
    elif not timed:
        warnings.append(
            f"{path} has no times (ts); say how many samples per second there are (rate, --rate)."
        )
    channels = []
    for name, values in found.items():
        if name == clock or not options.takes(name):
            continue
        if values.ndim and len(values) == count and values.dtype.kind in "biufU":
            role = "text" if values.dtype.kind == "U" else "action" if name == "us" else ""
            channels.append(Channel(name, ts, values, role))
        else:
            warnings.append(
                f"{path}: {name} has shape {values.shape} and is left out: it does not lead with {count} samples."
            )
    return Recording(path.stem, channels, start, {"source": path.name}, tuple(warnings), timed)


def _demonstrations(arrays: Arrays, options: ReadOptions) -> Iterator[Recording]:
    """`ys` or `data`, `ts`, and offsets that cut them into several; also what `MovementDatabase.export` wrote."""
    path = arrays.path
    key = "ys" if "ys" in arrays.names else "data"
    ys = _numbers(path, arrays[key], "ys")
    if ys.ndim < 1:
        raise DataError(f"{path}: ys has shape {ys.shape} and must be (time, dof).")
    offsets = _offsets(path, arrays, len(ys))
    count = len(offsets) - 1
    timed, warnings = options.rate is not None or "ts" in arrays.names, []
    stamps = arrays["ts"] if "ts" in arrays.names and options.rate is None else None
    if stamps is not None and stamps.shape != (len(ys),):
        raise DataError(
            f"{path}: ts has shape {stamps.shape}, and ys has {len(ys)} samples; there is one time per sample."
        )
    if not timed:
        warnings = [f"{path} has no times (ts); say how many samples per second there are (rate, --rate)."]
    name = next((key for key in ("name", "names") if key in arrays.names), None)
    names = [path.stem] if count == 1 else [f"{path.stem}-{i:03d}" for i in range(count)]
    if name is not None:
        names = _texts(path, arrays[name])
        if len(names) != count:
            raise DataError(f"{path}: there are {count} demonstrations and {len(names)} names.")
        names = _numbered(names)
    about = [{"source": path.name}] * count
    if "metadata" in arrays.names and len(texts := _texts(path, arrays["metadata"])) == count:
        about = [_metadata(path, text) for text in texts]
    space = {}
    if "space" in arrays.names and (said := arrays["space"]).ndim == 0:
        space = {"space": str(said)}
    others = {
        other: arrays[other]
        for other in arrays.names
        if other not in ("ys", "data", "ts", *_DATABASE) and other.partition(".")[0] in ("us", "xs")
    }
    for i, (a, b) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
        ts, start = np.arange(b - a) / (options.rate or 1.0), 0
        if stamps is not None and b > a:
            ts, start = _seconds(path, stamps[a:b], options.time_unit)
        channels = [Channel(key, ts, ys[a:b])] if options.takes(key) else []
        channels += [
            Channel(other, ts, values[a:b], "action" if other == "us" else "")
            for other, values in others.items()
            if values.ndim and len(values) == len(ys) and options.takes(other)
        ]
        yield Recording(names[i], channels, start, about[i] | space, tuple(warnings), timed)


def _seconds(path: Path, ts: np.ndarray, unit: str | None) -> tuple[np.ndarray, int]:
    if ts.dtype.kind in "mM":
        ts, unit = ts.astype(f"{ts.dtype.kind}8[ns]").astype(np.int64), "ns"
    return seconds(f"{path}: ts", _numbers(path, ts, "ts") if ts.dtype.kind not in "iu" else ts, unit)


def _texts(path: Path, array: np.ndarray) -> list[str]:
    """Of an array of texts, or of their JSON in UTF-8."""
    if array.dtype.kind == "u" and array.itemsize == 1:
        try:
            return [str(word) for word in json.loads(array.tobytes().decode())]
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"{path}: names and metadata must be texts.") from error
    return [str(word) for word in np.atleast_1d(array)]


def _numbered(names: list[str]) -> list[str]:
    """Recordings of one task often share its name; theirs get a number."""
    total, count, used = Counter(names), Counter(), set(names)
    found = []
    for name in names:
        numbered = name
        while total[name] > 1 and numbered in used:
            count[name] += 1
            numbered = f"{name}-{count[name]}"
        used.add(numbered)
        found.append(numbered)
    return found


def _numbers(path: Path, values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind not in "fiu":
        raise DataError(f"{path}: {name} is of type {values.dtype} and must be numbers.")
    return values


def _offsets(path: Path, arrays: Arrays, samples: int) -> np.ndarray:
    if "offsets" not in arrays.names:
        return np.array([0, samples])
    offsets = arrays["offsets"]
    right = offsets.ndim == 1 and offsets.dtype.kind in "iu" and len(offsets) > 1
    if (
        not right
        or offsets[0] != 0
        or offsets[-1] != samples
        or np.any(np.diff(offsets.astype(np.int64)) < 0)
    ):
        raise DataError(
            f"{path}: offsets must be whole numbers that go from 0 up to the number of samples, {samples}."
        )
    return offsets.astype(np.int64)


def _metadata(path: Path, text: Any) -> dict[str, str]:
    try:
        found = json.loads(str(text))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{path}: metadata must be JSON objects, not {str(text)[:40]!r}.")
    return {str(key): str(value) for key, value in found.items()}
