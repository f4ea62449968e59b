"""MATLAB files: matrices with one long side, in structures and cells, are channels; items of a cell are recordings."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor import AbstractFormat, Channel, ReadOptions, Recording
from ideomotor.errors import DataError

from ._describe import described, left_out, parsed, recording, restored

_TIMES = ("t", "ts", "time", "times", "timestamp", "timestamps")
_STEPS = ("dt", "sample_time")
_MARK = "ideomotor"


class Matlab(AbstractFormat):
    """`.mat` files up to version 7."""

    suffixes = (".mat",)
    many = True

    def sniff(self, path, head):
        return 0.95 * head.startswith(b"MATLAB 5.0") + 1.0 * head.startswith(b"MATLAB 7.3")

    def read(self, path, options):
        from scipy.io import loadmat

        with path.open("rb") as file:
            if file.read(10) == b"MATLAB 7.3":
                raise DataError(f"{path} is a MATLAB 7.3 file; save it with save(…, '-v7').")
        found = {
            k: v for k, v in loadmat(path, squeeze_me=False, struct_as_record=True).items() if k[:2] != "__"
        }
        if _MARK in found:
            yield from _written(path, found)
            return
        cells = {k: v.ravel() for k, v in found.items() if v.dtype == object and v.size}
        cells |= {k: v.ravel() for k, v in found.items() if v.dtype.names and v.size > 1}
        plain = {k: v for k, v in found.items() if k not in cells}
        if not cells:
            yield _recording(path, path.stem, _flat(plain, ""), options)
            return
        counts = {len(v) for v in cells.values()}
        for count in sorted(counts):
            together = {k: v for k, v in cells.items() if len(v) == count}
            for i in range(count):
                fields = {k: v for k, v in plain.items() if k.lower() in _STEPS}
                for key, items in together.items():
                    inner = _unwrapped(items[i])
                    fields |= _flat(inner, key if len(together) > 1 or set(inner) == {""} else "")
                label = fields.get("name")
                name = _text(label) or f"{path.stem}-{i + 1:03d}"
                yield _recording(path, name, fields, options)

    def write(self, recordings, path):
        from scipy.io import savemat

        about, told, arrays = [], [], {}
        for i, item in enumerate(recordings):
            kept = [c for c in item if c.numeric or c.values.dtype.kind == "U"]
            told += left_out(item, kept, "MATLAB files are written without pictures.")
            about.append(described(item, kept))
            for j, c in enumerate(kept):
                values = np.asarray(c.values)
                if values.dtype.kind == "U":
                    values = np.frombuffer(json.dumps(values.tolist()).encode(), np.uint8)
                values = values.astype(np.float32) if values.dtype == np.float16 else values
                arrays[f"r{i + 1}_c{j + 1}"] = {
                    "name": c.name,
                    "time": c.ts,
                    "values": values,
                }
        arrays[_MARK] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        with path.open("wb") as file:
            savemat(file, arrays, long_field_names=True, oned_as="column")
        return told


def _written(path: Path, found: dict[str, Any]):
    text = b'{"all": ' + found[_MARK].ravel().tobytes() + b"}"
    for i, about in enumerate(parsed(text, f"{path}: {_MARK}").get("all", [])):
        channels = []
        for j, words in enumerate(about["channels"]):
            item = found[f"r{i + 1}_c{j + 1}"][0, 0]
            ts, values = item["time"].ravel(), item["values"]
            if np.dtype(words["dtype"]).kind == "U":
                values = np.array(json.loads(values.ravel().tobytes()), words["dtype"])
            channels.append(restored(words, ts, values.reshape(len(ts), *words["shape"])))
        yield recording(about, channels, path.stem)


def _unwrapped(value: Any) -> dict[str, Any]:
    """The fields of a structure, or one matrix."""
    while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        value = value.ravel()[0]
    names = value.dtype.names if isinstance(value, np.ndarray | np.void) else None
    if names and isinstance(value, np.ndarray):
        value = value.ravel()[0]
    return {name: value[name] for name in names} if names else {"": value}


def _flat(fields: dict[str, Any], above: str) -> dict[str, Any]:
    found = {}
    for key, value in fields.items():
        name = f"{above}.{key}".strip(".")
        inner = _unwrapped(value)
        if set(inner) == {""}:
            found[name or "values"] = inner[""]
        else:
            found |= _flat(inner, name)
    return found


def _text(value: Any) -> str:
    array = np.asarray(value if value is not None else "")
    return str(array.ravel()[0]) if array.dtype.kind == "U" and array.size == 1 else ""


def _recording(path: Path, name: str, fields: dict[str, Any], options: ReadOptions) -> Recording:
    numbers = {
        k: np.asarray(v)
        for k, v in fields.items()
        if isinstance(v, np.ndarray) and v.dtype.kind in "biuf" and v.size > 1
    }
    if not numbers:
        raise DataError(f"{path}: {name} has no matrix of numbers.")
    sides = [n for v in numbers.values() for n in set(v.shape) if n > 1]
    count = max(set(sides), key=lambda n: (sides.count(n), n))
    warnings: list[str] = []
    short = {key.rpartition(".")[2].lower(): key for key in fields}
    clock = next(
        (short[t] for t in _TIMES if t in short and short[t] in numbers and numbers[short[t]].size == count),
        None,
    )
    step = next((short[s] for s in _STEPS if s in short), None)
    timed = True
    if options.rate is not None:
        ts = np.arange(count) / options.rate
    elif clock is not None:
        ts = numbers[clock].ravel().astype(float)
    elif step is not None:
        ts = np.arange(count) * float(np.asarray(fields[step]).ravel()[0])
    else:
        ts, timed = np.arange(count, dtype=float), False
        warnings.append(
            f"{path} has no times; its samples are counted. Say how many there are per second (rate=, --rate)."
        )
    channels = []
    for key, values in numbers.items():
        if key == clock or not options.takes(key):
            continue
        axis = next((a for a in reversed(range(values.ndim)) if values.shape[a] == count), None)
        if axis is None:
            warnings.append(
                f"{path}: {key} of {name} has shape {values.shape} and is left out: the others have {count} samples."
            )
            continue
        values = np.moveaxis(values, axis, 0)
        values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
        channels.append(Channel(key, ts, values))
    return Recording(name, channels, 0, {"source": path.name}, tuple(warnings), timed)
