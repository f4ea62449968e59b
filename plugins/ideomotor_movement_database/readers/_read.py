from pathlib import Path
from typing import Any

from ideomotor.errors import DataError

from .._demonstrations import Demonstration

_TABLES = (".csv", ".tsv", ".txt", ".dat")
_BAGS = (".mcap", ".db3", ".bag")


def read_demonstrations(
    path: Path | str,
    *,
    space: str | None = None,
    rate: float | None = None,
    columns: tuple[str, ...] = (),
    topic: str | None = None,
) -> list[Demonstration]:
    """The demonstrations in a CSV or NPZ file, or in a rosbag2 or MCAP recording of joint states.

    - `space`: `"cartesian"`, `"joint"` or `"pose"`; by default what the file says, joint for bags, else cartesian.
    - `rate`: samples per second, for files without times.
    - `columns`: which columns of a table, or joints of a bag, to take, in order; by default all.
    - `topic`: of a bag that has several with joint states.

    A table has a header, or only numbers; a column called time, t or timestamp, or else the first one, is time in seconds
    (without `rate`). An NPZ file has `ys` (or `data`) and, except with `rate`, `ts`; `offsets` cut them into
    demonstrations called `name`. Raises `DataError` that names the file and the place.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no file {path}.")
    if rate is not None and not rate > 0:
        raise DataError(f"rate = {rate}; there must be a positive number of samples per second.")
    suffix = path.suffix.lower()
    options: dict[str, Any] = {"space": space, "rate": rate, "columns": columns}
    if path.is_dir() or suffix in _BAGS:
        from ._bag import read_bag

        if path.is_dir() and not (path / "metadata.yaml").is_file():
            raise DataError(
                f"{path} is a folder without metadata.yaml, so it is no rosbag2 recording; give files."
            )
        return [read_bag(path, space or "joint", columns, topic)]
    if suffix == ".npz":
        from ._npz import read_npz

        return read_npz(path, **options)
    if suffix in _TABLES:
        from ._csv import read_csv

        return [read_csv(path, **options)]
    raise DataError(
        f"{path} ends in {suffix or 'nothing'}; demonstrations are read from {', '.join((*_TABLES, '.npz', *_BAGS))}."
    )
