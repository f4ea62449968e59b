from pathlib import Path
from typing import Any

from ideomotor.errors import DataError

from .._demonstrations import Demonstration, clean

_TABLES = (".csv", ".tsv", ".txt", ".dat")
_BAGS = (".mcap", ".db3", ".bag")


def read_demonstrations(
    path: Path | str,
    *,
    space: str | None = None,
    rate: float | None = None,
    columns: tuple[str, ...] = (),
    topic: str | None = None,
    time: str | None = None,
    time_unit: str | None = None,
) -> list[Demonstration]:
    """The demonstrations in a CSV or NPZ file, or in a rosbag2 or MCAP recording of joint states.

    - `space`: `"cartesian"`, `"joint"` or `"pose"`; by default what the file says, joint for bags, else cartesian.
    - `rate`: samples per second, for files without times, or whose times are not to be used.
    - `columns`: which columns of a table, or joints of a bag, to take, in order; by default all.
    - `topic`: of a bag that has several with joint states.
    - `time`: the column of a table that holds the times; by default one called time, t, stamp or alike.
    - `time_unit`: `"s"`, `"ms"`, `"us"` or `"ns"`; by default what the column's name says, or clock times tell.

    A table has a header (`x [mm]` is converted to metres, `q1 [deg]` to radians, qx qy qz qw are put in order) or only numbers,
    the first of which is then the time in seconds. An NPZ file has `ys` (or `data`) and, except with `rate`, `ts`; `offsets` cut
    them into demonstrations called `name`. Raises `DataError` that names the file, the location and what to do.
    """
    try:
        return _read(Path(path), space, rate, tuple(columns), topic, time, time_unit)
    except DataError as error:
        if (text := clean(str(error))) != str(error):  # a file name that is not UTF-8 cannot be printed
            raise DataError(text) from None
        raise


def _read(path: Path, space, rate, columns, topic, time, time_unit) -> list[Demonstration]:
    if not path.exists():
        raise DataError(f"There is no file {path}.")
    if rate is not None and not rate > 0:
        raise DataError(f"rate = {rate}; there must be a positive number of samples per second.")
    suffix = path.suffix.lower()
    options: dict[str, Any] = {
        "space": space,
        "rate": rate,
        "columns": columns,
        "time": time,
        "time_unit": time_unit,
    }
    if path.is_dir() or suffix in _BAGS:
        from ._bag import read_bag

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
