"""`ideomotor recording info | convert | view | check`."""

import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from ideomotor.errors import DataError, IdeomotorError

_PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
_JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")


def _reading(command: Callable) -> Callable:
    """What files may not say themselves."""
    for option in (
        click.option("--rate", type=float, metavar="HZ", help="Samples per second, for files without times."),
        click.option("--time", metavar="NAME", help="Column of a table that holds the times."),
        click.option("--time-unit", type=click.Choice(["s", "ms", "us", "ns"]), help="Unit of the times."),
        click.option("--channels", metavar="A,B,…", help="Read only these topics or channels."),
        click.option("--from", "format", metavar="FORMAT", help="Format to read.  [default: by content]"),
    ):
        command = option(command)
    return command


def _options(rate, time, time_unit, channels) -> Any:
    from ideomotor import ReadOptions

    names = tuple(word.strip() for word in channels.split(",")) if channels else ()
    return ReadOptions(rate, time, time_unit, names)


def _found(path: Path, format: str | None) -> Iterator[Path]:
    """The recordings at a path: the file, the folder that is one, or those in the folder."""
    from ideomotor import find_format

    if format is not None or not path.is_dir():
        yield path
        return
    try:
        find_format(path)
        yield path
    except DataError:
        for inside in sorted(path.iterdir()):
            if inside.name.startswith("."):
                continue
            if inside.is_dir():
                yield from _found(inside, None)
                continue
            try:
                component, made = find_format(inside)
            except DataError:
                continue
            if component.name != "csv" or inside.suffix.lower() in made.suffixes:
                yield inside


@click.command("info")
@_PATHS
@_JSON
@_reading
def info(paths, as_json, format, **reading) -> None:
    """Say what is in recordings: channels, rates, gaps, jumps, saturation, repeated times, idle time.

    PATH is a file, a set such as LeRobot's, or a folder of any of them.
    """
    from ideomotor import find_format, read_recordings

    from ._check import examine

    options, rows, failed = _options(**reading), [], 0
    for path in itertools.chain.from_iterable(_found(path, format) for path in paths):
        row: dict[str, Any] = {"path": str(path)}
        try:
            row["format"] = find_format(path, format)[0].name
            reports = [examine(item) for item in read_recordings(path, options, format=format)]
            row["recordings"] = [report.to_dict() for report in reports]
        except IdeomotorError as error:
            reports, failed = [], failed + 1
            row["error"] = str(error)
        rows.append(row)
        if not as_json:
            click.echo("\n".join(_told(row, reports)))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    if not rows:
        raise DataError(f"There are no recordings in {', '.join(map(str, paths))}.")
    if failed == len(rows):
        raise click.exceptions.Exit(1)


def _told(row: dict[str, Any], reports: list[Any]) -> Iterator[str]:
    if "error" in row:
        yield f"{row['path']}\n  cannot be read: {row['error']}\n"
        return
    total = sum(r.duration for r in reports)
    timed = all(r.timed for r in reports)
    length = f"{total:.4g} s" if timed else "without times"
    many = f"{len(reports)} recordings, " if len(reports) > 1 else ""
    yield f"{row['path']}  ({row['format']})  {many}{length}"
    channels: dict[str, list[Any]] = {}
    for report in reports:
        for channel in report.channels:
            channels.setdefault(channel.name, []).append(channel)
    grid = [
        [
            "channel",
            "role",
            "unit",
            "shape",
            "samples",
            "Hz",
            "gaps",
            "back",
            "repeated",
            "NaN",
            "jumps",
            "saturated",
        ]
    ]
    for name, found in channels.items():
        first, rates = found[0], sorted(c.rate for c in found)
        rate = rates[len(rates) // 2]
        mean = sorted(c.mean_rate for c in found)[len(found) // 2]
        hz = f"{rate:.4g}" if abs(mean - rate) < 0.1 * rate or not mean else f"{mean:.4g} (median {rate:.4g})"
        counts = [
            sum(n) for n in zip(*((c.gaps, c.back, c.repeated, c.nan, c.jumps) for c in found), strict=True)
        ]
        shape = "×".join(map(str, first.shape)) or "1"
        saturated = max(c.saturated for c in found)
        grid.append(
            [name, first.role, first.unit, shape, str(sum(c.samples for c in found)), hz if timed else "–",
             *(str(n) if n else "" for n in counts), f"{saturated:.0%}" if saturated else ""]
        )  # fmt: skip
    used = [j for j in range(len(grid[0])) if j in (0, 3, 4, 5) or any(row[j] for row in grid[1:])]
    widths = [max(len(row[j]) for row in grid) for j in used]
    for line in grid:
        yield "  " + "  ".join(line[j].ljust(w) for j, w in zip(used, widths, strict=True)).rstrip()
    idle = sum(r.idle_start + r.idle_end for r in reports)
    if idle > 0.05 * total and timed:
        yield f"  idle {idle:.3g} s at starts and ends"
    alike: dict[str, list[str]] = {}
    for warning in dict.fromkeys(w for r in reports for w in r.warnings):
        alike.setdefault(re.sub(r"\d+", "#", warning), []).append(warning)
    for first, *others in alike.values():
        yield f"  ! {first}{f' And {len(others)} like this.' if others else ''}"
    yield ""


@click.command("convert")
@click.argument("source", type=click.Path(path_type=Path), metavar="IN")
@click.argument("target", type=click.Path(path_type=Path), metavar="OUT")
@click.option(
    "--to", "target_format", metavar="FORMAT", help="Format to write.  [default: by the ending of OUT]"
)
@click.option(
    "--resample",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HZ",
    help="Give all channels one clock.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT.")
@_reading
def convert(source, target, target_format, resample, overwrite, format, **reading) -> None:
    """Write recordings in another format; what it cannot hold is said.

    `ideomotor plugins` lists the formats. OUT is written whole or not at all.
    """
    from tqdm import tqdm

    from ideomotor import read_recordings, write_recordings

    options, told, count = _options(**reading), [], 0
    if source.resolve() == target.resolve():
        raise DataError(f"{target} is what is read; write to another place.")

    def items() -> Iterator[Any]:
        nonlocal count
        paths = list(_found(source, format))
        if not paths:
            raise DataError(f"There are no recordings in {source}.")
        for path in paths:
            for item in read_recordings(path, options, format=format):
                told.extend(item.warnings)
                count += 1
                yield item if resample is None else item.resampled(rate=resample)

    shown = tqdm(items(), unit="recording", delay=2, leave=False, disable=None)
    lost = write_recordings(iter(shown), target, format=target_format, overwrite=overwrite)
    for sentence in dict.fromkeys([*told, *lost]):
        click.echo(f"! {sentence}", err=True)
    click.echo(f"{count} recording{'s' if count > 1 else ''} written to {target}.")


@click.command("view")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--number", type=click.IntRange(min=0), default=0, show_default=True, help="Which recording of a set."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="F.png", help="Picture to write.  [default: NAME.png]"
)
@click.option("--overwrite", is_flag=True, help="Replace the picture.")
@_reading
def view(path, number, out, overwrite, format, **reading) -> None:
    """Draw all channels of a recording over time."""
    from ideomotor import read_recordings, unique_name, write_bytes

    from ._view import draw

    found = itertools.islice(read_recordings(path, _options(**reading), format=format), number, None)
    item = next(found, None)
    if item is None:
        raise DataError(f"{path} has no recording number {number}.")
    out = out or Path(f"{unique_name(item.name, set())}.png")
    if out.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise click.BadParameter(f"{out} must end in .png, .pdf or .svg.")
    if out.exists() and not overwrite:
        raise DataError(f"The file {out} exists; choose another, or overwrite it (--overwrite).")
    buffer = io.BytesIO()
    draw(item).savefig(buffer, format=out.suffix[1:].lower(), dpi=130)
    write_bytes(out, buffer.getvalue())
    click.echo(f"Drawn in {out}.")


@click.command("check")
@_PATHS
@_JSON
@_reading
def check(paths, as_json, format, **reading) -> None:
    """Find bad recordings: NaN, gaps, jumps, saturation, standstill, missing channels, copies, odd lengths.

    Ends with status 1 if there are any.
    """
    from ideomotor import read_recordings

    from ._check import problems

    options, rows = _options(**reading), []

    def items(path: Path) -> Iterator[Any]:
        for file in _found(path, format):
            try:
                yield from read_recordings(file, options, format=format)
            except IdeomotorError as error:
                rows.append({"path": str(file), "recording": file.name, "problems": [str(error)]})

    for path in paths:
        rows += [
            {"path": str(path), "recording": name, "problems": told} for name, told in problems(items(path))
        ]
    bad = [row for row in rows if row["problems"]]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in bad:
            click.echo(f"{row['path']}, {row['recording']}")
            for sentence in row["problems"]:
                click.echo(f"  {sentence}")
        click.echo(f"{len(bad)} of {len(rows)} recordings have problems.")
    if bad:
        raise click.exceptions.Exit(1)
