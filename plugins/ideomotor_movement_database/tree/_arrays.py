"""A dataclass of arrays and plain values as a dictionary of arrays, and back."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ideomotor.errors import DataError

HEADER = "header"


def to_arrays(record: Any, plain: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The array fields by name; `plain` becomes a `header` of JSON in UTF-8 bytes."""
    found = {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.name not in plain}
    header = np.frombuffer(json.dumps(dict(plain), sort_keys=True).encode(), dtype=np.uint8)
    return {HEADER: header, **found}


def from_arrays(kind: type, arrays: Mapping[str, Any], plain: tuple[str, ...]) -> tuple[dict, dict]:
    """`(header, array fields)`; raises `DataError` for what is missing."""
    wanted = [f.name for f in dataclasses.fields(kind) if f.name not in plain]
    if missing := [name for name in (HEADER, *wanted) if name not in arrays]:
        raise DataError(f"This is no {kind.__name__}: the array {missing[0]!r} is missing.")
    try:
        header = json.loads(np.asarray(arrays[HEADER], np.uint8).tobytes().decode())
    except ValueError as error:
        raise DataError(f"This is no {kind.__name__}: its header is not JSON ({error}).") from error
    if missing := [name for name in plain if name not in header]:
        raise DataError(f"This is no {kind.__name__}: its header lacks {missing[0]!r}.")
    return header, {name: np.asarray(arrays[name]) for name in wanted}
