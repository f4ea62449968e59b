"""`ideomotor db ingest | query | stats | rebuild | export`: databases of movements."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ideomotor.cli import options
from ideomotor.errors import DataError

if TYPE_CHECKING:
    from .storage._database import MovementDatabase

_FORMATS = ("csv", "npz", "cypher", "parquet")
_DATABASE = click.option(
    "--database",
    "-d",
    required=True,
    envvar="IDEOMOTOR_DATABASE",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The database, such as moves.db.  [or in IDEOMOTOR_DATABASE]",
)
_GRAPH = click.option(
    "--graph",
    default="ladybug",
    show_default=True,
    metavar="WHERE",
    help="ladybug: a file beside the database; memory: nowhere; or the URL of a Bolt server, whose password is "
    "taken from IDEOMOTOR_BOLT_PASSWORD.",
)
_USER = click.option("--user", default="neo4j", show_default=True, help="User of the Bolt server.")
_WORKERS = options.workers("Processes that build the tree.")
_tree_options = options.together(  # what the tree is built with; kept in the database
    click.option(
        "--threshold", type=float, metavar="D", help="Split nodes whose spread exceeds D (m or rad)."
    ),
    click.option("--velocity-weight", type=float, metavar="S", help="Weight of velocities, in s."),
    click.option(
        "--rotation-length", type=float, metavar="M", help="Metres that a radian counts for (poses)."
    ),
    click.option("--clustering", metavar="NAME", help="How nodes are split: k-means, pca or em."),
    click.option("--max-levels", type=int, metavar="N", help="Levels at most."),
)


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> Any:
    import numpy as np

    try:
        return np.array([float(word) for word in value.replace(",", " ").split()])
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not a list of numbers separated by commas, such as 0.1,-0.4,0.2"
        ) from None


@contextlib.contextmanager
def _opened(
    path: Path, graph: str, user: str, *, create: bool = False, workers: int = 1, ray: str | None = None
) -> "Iterator[MovementDatabase]":
    from ideomotor import make_pool

    from .storage._bolt import BoltStore
    from .storage._database import MovementDatabase

    with contextlib.ExitStack() as stack:
        store = stack.enter_context(BoltStore(graph, user)) if "://" in graph else graph
        pool = stack.enter_context(make_pool(workers, ray)) if workers > 1 or ray else None
        yield stack.enter_context(MovementDatabase(path, store, create=create, pool=pool))


def _settings(database: "MovementDatabase", options: dict[str, Any]) -> Any:
    """The settings in the database with those that were given, or None if none was."""
    from .graph._tree import TreeSettings

    given = {name: value for name, value in options.items() if value is not None}
    if not given:
        return None
    return TreeSettings.from_dict({**database.record.settings.to_dict(), **given})


def _build(database: "MovementDatabase", action: Callable[[], Any]) -> None:
    samples = database.record.summary()["samples"]
    if samples > 100_000:
        click.echo(f"Building the tree of {samples:,} samples; this takes a while …", err=True)
    action()
    click.echo(f"{database.tree!r}\n{database.graph!r}")


@click.command("ingest")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@_DATABASE
@options.choice("--space", of=["cartesian", "joint", "pose"], help="What the coordinates are.")
@click.option("--rate", type=float, metavar="HZ", help="Samples per second, for files without times.")
@click.option("--columns", metavar="A,B,…", help="Columns of a table, or joints of a recording, to take.")
@click.option("--topic", help="Topic of a recording that has several with joint states.")
@click.option("--time", metavar="NAME", help="Column of a table that holds the times.")
@options.choice("--time-unit", of=["s", "ms", "us", "ns"], help="Unit of the times.  [default: by name]")
@click.option("--skip-duplicates", is_flag=True, help="Skip demonstrations that are already in the database.")
@click.option(
    "--no-build", is_flag=True, help="Keep the demonstrations; build tree and graph when they are needed."
)
@_tree_options
@_GRAPH
@_USER
@_WORKERS
def ingest(
    files,
    database,
    space,
    rate,
    columns,
    topic,
    time,
    time_unit,
    skip_duplicates,
    no_build,
    graph,
    user,
    workers,
    ray,
    **tree,
) -> None:
    """Add demonstrations to a database; it is made if it is not there.

    FILE is a CSV table (time and coordinates, a row per sample), an NPZ file (ts, ys; or data with offsets), a rosbag2 folder,
    or an MCAP recording of joint states. What a file holds is kept as a whole, or not at all; a file that is
    done stays, also if the computer fails a moment later.
    """
    from tqdm import tqdm

    from ._read import read_demonstrations

    options = {"space": space, "rate": rate, "topic": topic, "time": time, "time_unit": time_unit}
    options["columns"] = tuple(word.strip() for word in columns.split(",")) if columns else ()
    with _opened(database, graph, user, create=True, workers=workers, ray=ray) as opened:
        settings = _settings(opened, tree)
        if settings is not None:
            opened.record.set_settings(settings)
        count = 0
        for done, file in enumerate(tqdm(files, unit="file", delay=2, leave=False, disable=None)):
            try:
                with _told_warnings():
                    found = read_demonstrations(file, **options)
                    count += len(opened.ingest(found, skip_duplicates=skip_duplicates))
            except DataError as error:
                kept = f" The {done} file(s) before {file} are kept." if done else ""
                raise DataError(f"{error}{kept}") from error
        click.echo(
            f"{count} new demonstration(s) in {database}, {opened.record.summary()['demonstrations']} in all."
        )
        if not no_build:
            _build(opened, opened.update)


@contextlib.contextmanager
def _told_warnings() -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        click.echo(f"Warning: {warning.message}", err=True)


@click.command("query")
@_DATABASE
@click.option("--start", required=True, callback=_numbers, metavar="X,Y,…", help="Where the movement starts.")
@click.option("--goal", required=True, callback=_numbers, metavar="X,Y,…", help="Where it ends.")
@options.choice(
    "--search",
    of=["flat", "hierarchical"],
    default="flat",
    help="With jumps to near demonstrations, or the paper's partial paths from level to level.",
)
@options.number(
    "--limit", default=0.2, least=0, help="How far start and goal may be from all demonstrations (m or rad)."
)
@options.path("--out", metavar="F.npz", help="Write ts and ys of the movement.")
@options.path("--picture", metavar="F.png", help="Draw it among the demonstrations.")
@_GRAPH
@_USER
def query(database, start, goal, search, limit, out, picture, graph, user) -> None:
    """Find a movement from one place to another among the demonstrations of a database."""
    import numpy as np

    from ideomotor import write_bytes

    from .graph._search import Flat, Hierarchical

    for path, suffix in ((out, ".npz"), (picture, ".png")):
        if path is not None and path.suffix != suffix:
            raise click.BadParameter(f"{path} must end in {suffix}.")
    with _opened(database, graph, user) as opened:
        opened.update()
        planner = opened.planner(Flat() if search == "flat" else Hierarchical(), limit=limit)
        path = planner.find(start, goal)
        movement = planner.movement(path, start, goal)
        demonstrations = None if picture is None else opened.demonstrations
    click.echo(
        f"A movement of {movement.ts[-1]:.2f} s, {len(movement.ts)} samples, through {len(path.nodes)} nodes in "
        f"{len(path.parts)} part(s); largest gap {path.gaps.max(initial=0.0):.3g}."
    )
    if out is not None:
        buffer = io.BytesIO()
        np.savez(buffer, ts=np.asarray(movement.ts), ys=np.asarray(movement.ys))
        write_bytes(out, buffer.getvalue())
        click.echo(f"Written to {out}.")
    if picture is not None and demonstrations is not None:
        from ._picture import draw

        figure = draw(demonstrations, movement, planner.decode(path), path.gap)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150)
        write_bytes(picture, buffer.getvalue())
        click.echo(f"Drawn in {picture}.")


@click.command("stats")
@_DATABASE
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@_GRAPH
@_USER
def stats(database, as_json, graph, user) -> None:
    """Show what is in a database; builds and changes nothing."""
    with _opened(database, graph, user) as opened:
        found = opened.stats()
    if as_json:
        import json

        click.echo(json.dumps(found, indent=2))
        return
    tree, kept = found["tree"], found["graph"]
    what = f"{found['dof']} coordinates ({found['space']})" if found["demonstrations"] else "nothing yet"
    click.echo(f"database        {found['database']}, {found['bytes'] / 1e6:.1f} MB")
    click.echo(f"demonstrations  {found['demonstrations']}, {found['samples']:,} samples, {what}")
    click.echo(
        "tree            "
        + (
            "not built"
            if tree is None
            else f"{tree['levels']} levels, {tree['nodes']:,} nodes, {tree['deepest']:,} deepest"
        )
    )
    transitions = f", {kept['transitions']:,} transitions" if "transitions" in kept else ""
    click.echo(f"graph           {kept['state']}{transitions}, in {kept['store']}")
    click.echo("settings        " + ", ".join(f"{k} {v}" for k, v in found["settings"].items() if v != {}))


@click.command("rebuild")
@_DATABASE
@_tree_options
@_GRAPH
@_USER
@_WORKERS
def rebuild(database, graph, user, workers, ray, **tree) -> None:
    """Rebuild tree and graph from the demonstrations in a database, with other settings if some are given.

    The same demonstrations and settings give the same tree.
    """
    with _opened(database, graph, user, workers=workers, ray=ray) as opened:
        settings = _settings(opened, tree)
        _build(opened, lambda: opened.rebuild(settings))


@click.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@_DATABASE
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(_FORMATS),
    help="Format to write; may be repeated.  [default: all]",
)
@click.option("--overwrite", is_flag=True, help="Replace the folder if it is not empty.")
@_GRAPH
@_USER
def export(folder, database, formats, overwrite, graph, user) -> None:
    """Write demonstrations, tree and graph to FOLDER, for other programs.

    CSV and NPZ files of demonstrations can be ingested again; graph.cypher fills any Cypher database.
    """
    with _opened(database, graph, user) as opened:
        opened.update()
        files = opened.export(folder, formats or _FORMATS, overwrite=overwrite)
    click.echo(f"Written to {folder}/: {len(files)} files.")
