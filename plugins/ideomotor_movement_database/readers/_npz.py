import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor.errors import DataError

from .._demonstrations import Demonstration
from ._times import seconds

_NEEDED = ("ys", "data", "ts", "offsets", "name", "names", "space", "metadata")
_LARGE = 2**26  # bytes, up to which an array may be compressed as much as it likes


def read_npz(
    path: Path,
    space: str | None,
    rate: float | None,
    columns: tuple[str, ...],
    time: str | None = None,
    time_unit: str | None = None,
) -> list[Demonstration]:
    """One or more demonstrations; see `read_demonstrations`. Also reads what `MovementDatabase.export` wrote."""
    arrays, others = _loaded(path)
    if "ys" not in arrays and "data" not in arrays:
        found = ", ".join(others) or "nothing"
        raise DataError(f"{path} has no array ys (or data) of shape (time, dof); it has {found}.")
    ys = _numbers(path, arrays, "ys" if "ys" in arrays else "data")
    if ys.ndim != 2:
        raise DataError(f"{path}: ys has shape {ys.shape} and must be (time, dof).")
    if columns:
        try:
            ys = ys[:, [int(name) for name in columns]]
        except (ValueError, IndexError) as error:
            raise DataError(
                f"{path} has the columns 0 to {ys.shape[1] - 1}, by number, and not {', '.join(columns)}."
            ) from error
    offsets = _offsets(path, arrays, len(ys))
    if "ts" in arrays and rate is None:
        ts = _times(path, arrays["ts"], offsets, time_unit)
        if ts.shape != (len(ys),):
            raise DataError(
                f"{path}: ts has shape {ts.shape}, and ys has {len(ys)} samples; there is one time per sample."
            )
    elif rate is not None:
        ts = np.concatenate([np.arange(b - a) for a, b in zip(offsets, offsets[1:], strict=False)]) / rate
    else:
        raise DataError(
            f"{path} has no times (ts); say how many samples per second there are (rate, --rate)."
        )
    count = len(offsets) - 1
    name = next((key for key in ("name", "names") if key in arrays), None)
    names = [path.stem] if count == 1 else [f"{path.stem}-{i:03d}" for i in range(count)]
    if name is not None:
        names = _texts(path, arrays[name])
        if len(names) != count:
            raise DataError(f"{path}: there are {count} demonstrations and {len(names)} names.")
        names = _numbered(names)
    said = str(arrays["space"]) if "space" in arrays and arrays["space"].ndim == 0 else "cartesian"
    about = [{"source": path.name}] * count
    if "metadata" in arrays and len(texts := _texts(path, arrays["metadata"])) == count:
        about = [_metadata(path, text) for text in texts]
    kind: Any = space or said
    return [
        Demonstration(name, ts[a:b], ys[a:b], kind, metadata)
        for name, a, b, metadata in zip(names, offsets[:-1], offsets[1:], about, strict=True)
    ]


def _loaded(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays that are needed, and the names of all."""
    try:
        with zipfile.ZipFile(path) as file:
            for member in file.infolist():
                name = member.filename.removesuffix(".npy")
                if (
                    name in _NEEDED
                    and member.file_size > _LARGE
                    and member.file_size > 300 * member.compress_size
                ):
                    raise DataError(
                        f"{path}: {name} would be {member.file_size / 1e9:.1f} GB of {member.compress_size / 1e6:.1f} MB; it is "
                        f"not read."
                    )
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if name in _NEEDED}, list(file.files)
    except DataError:
        raise
    except Exception as error:  # of zipfile, zlib, NumPy's header, memory
        text = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} is not an NPZ file of plain arrays: {text[:300]}") from error


def _times(path: Path, ts: np.ndarray, offsets: np.ndarray, unit: str | None) -> np.ndarray:
    """In seconds; each demonstration has its own clock."""
    if ts.ndim != 1 or ts.dtype.kind not in "fiumM" or len(ts) != offsets[-1]:
        return _numbers(path, {"ts": ts}, "ts")
    if ts.dtype.kind in "mM":
        ts, unit = ts.astype(f"{ts.dtype.kind}8[ns]").astype(np.int64), "ns"
    parts = [
        seconds(f"{path}: ts", ts[a:b], unit) for a, b in zip(offsets[:-1], offsets[1:], strict=True) if b > a
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


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
    total, count = Counter(names), Counter()
    found = []
    for name in names:
        count[name] += 1
        found.append(f"{name}-{count[name]}" if total[name] > 1 else name)
    return found


def _numbers(path: Path, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if arrays[name].dtype.kind not in "fiu":
        raise DataError(f"{path}: {name} is of type {arrays[name].dtype} and must be numbers.")
    return arrays[name].astype(np.float64)


def _offsets(path: Path, arrays: Mapping[str, np.ndarray], samples: int) -> np.ndarray:
    if "offsets" not in arrays:
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
