"""`ideomotor measure digits | writing | movement-database`; light to import."""

from pathlib import Path
from typing import Any

import click

from ideomotor.errors import DataError
from ideomotor_studies.kit import options


@click.command()
@options.path(
    "--data",
    required=True,
    metavar="FILE.npz",
    help="Arrays images (n, height, width) uint8 and traj (n, time, 2), in px (column, row).",
)
@click.option(
    "--count", type=click.IntRange(min=1), default=150, show_default=True, help="Pairs drawn from it."
)
@options.seed("the draw")
def digits(data: Path, count: int, seed: int) -> None:
    """Compare the paths that the digit reader sees in images with the paths that belong to them.

    All distances are means in pixels of the images: at equal times, along the best matching in time, from ink to
    path and from path to ink. The paths given need not keep the reader's timing or direction.
    """
    import numpy as np

    images, paths = _read_pairs(data)
    chosen = np.random.default_rng(seed).permutation(len(images))[:count]
    click.echo(f"{len(chosen)} of {len(images)} pairs in {data}\n")
    click.echo(f"{'':10s}{'equal times':>14s}{'time warped':>14s}{'ink to path':>14s}{'path to ink':>14s}")
    for name, means in _distances(images[chosen], paths[chosen]).items():
        click.echo(f"{name:10s}" + "".join(f"{mean:14.3f}" for mean in means))


def _read_pairs(data: Path):
    import numpy as np

    try:
        with np.load(data, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in ("images", "traj") if name in arrays}
    except FileNotFoundError as error:
        raise DataError(f"There is no file {data}.") from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{data} is no .npz file that can be read ({error}).") from error
    images, paths = found.get("images"), found.get("traj")
    good = images is not None and paths is not None and images.ndim == 3 and paths.ndim == 3
    if images is None or paths is None or not good or len(images) != len(paths) or paths.shape[-1] != 2:
        shapes = {name: array.shape for name, array in found.items()}
        raise DataError(
            f"{data} must hold images (n, height, width) and traj (n, time, 2), and has {shapes}."
        )
    return images, paths.astype(float)


def _distances(images, paths) -> dict[str, tuple[float, ...]]:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from tqdm import tqdm

    import ideomotor
    from ideomotor_encoder_decoder import (
        equal_time_distance,
        ink_distances,
        normalise_image,
        warped_distance,
    )

    reader = ideomotor.make("digit-reader")
    ts = jnp.linspace(0.0, 3.0, paths.shape[1])
    found = {}
    for name, perception in (("reader", reader), ("refined", ideomotor.make("refined", reader))):
        play = jax.jit(lambda image, see=perception: reader.primitive.trajectory(see(image), ts))
        rows = []
        for image, truth in tqdm(list(zip(images, paths, strict=True)), desc=name, delay=2, disable=None):
            seen = normalise_image(image)
            path = seen.to_original(np.asarray(play(jnp.asarray(seen.image))))
            ink = ink_distances(path, image / 255.0)
            rows.append((equal_time_distance(path, truth), warped_distance(path, truth), *ink))
        found[name] = tuple(np.mean(rows, axis=0))
    return found


@click.command()
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="Digits to write.")
@options.seed("the digits")
@click.option(
    "--true-paths", is_flag=True, help="Give the robot the true paths instead of reading the images."
)
def writing(count: int, seed: int, true_paths: bool) -> None:
    """Let the KUKA arm write synthetic digits and compare the ink with the digits' own pen paths.

    Distances are means in pixels of the 40 x 40 images. `robot` is the error of the arm alone, `reader` that of the
    network alone, `ink` what is left between paper and digit.
    """
    import numpy as np

    from .writing import measure

    rows = list(options.bar(measure(count, seed=seed, reader="none" if true_paths else None), total=count))
    click.echo(
        f"{'digit':>6s}{'robot':>9s}{'reader':>9s}{'ink':>9s}{'missed':>9s}{'force':>9s}{'lift-offs':>11s}"
    )
    for label in sorted({row.label for row in rows}):
        _print(str(label), [row for row in rows if row.label == label])
    _print("all", rows)
    ink = np.array([row.ink for row in rows])
    click.echo(
        f"\n{len(rows)} digits: ink {ink.mean():.3f} px from the digit on average (worst {ink.max():.3f}; bar 0.8), force "
        f"within {100 * max(row.force for row in rows):.1f} % RMS of its set point in the worst (bar 10 %), "
        f"{sum(row.lift_offs for row in rows)} lift-offs (bar 0)."
    )


def _print(name: str, rows: list[Any]) -> None:
    import numpy as np

    robot, reader, ink, missed, force = np.mean([row[1:6] for row in rows], axis=0)
    lifted = sum(row.lift_offs for row in rows)
    click.echo(f"{name:>6s}{robot:9.3f}{reader:9.3f}{ink:9.3f}{missed:9.3f}{100 * force:7.1f} %{lifted:11d}")


@click.command("movement-database")
@options.path(
    "--data", required=True, help="Demonstrations as NPZ (data or ys, with offsets), CSV or a recording."
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=95.2,
    show_default=True,
    help="Samples per second, if the file has no times.",
)
@click.option(
    "--columns", default="0,1,2", show_default=True, metavar="A,B,…", help="Columns of the position (m)."
)
@click.option("--count", type=click.IntRange(min=1), help="How many to leave out.  [default: each once]")
def movement_database(data: Path, rate: float, columns: str, count: int | None) -> None:
    """Leave each recorded demonstration out, find its movement among the others, and compare the two."""
    from ideomotor_studies.kit.recorded import SHOWN, leave_one_out, read

    made = read(data, rate, tuple(word.strip() for word in columns.split(",")))
    found = leave_one_out(made, count=None if count is None else min(count, len(made)), progress=options.bar)
    click.echo(f"{found['left_out']} of {len(made)} demonstrations left out, one at a time (median, worst):")
    rows = [(name, what, "m") for name, what in SHOWN]
    for name, what, unit in [*rows[:4], ("peak", "peak speed over the demonstrated", "times"), *rows[4:]]:
        click.echo(f"  {what}: {found[f'{name}_median']:.4f}, {found[f'{name}_worst']:.4f} {unit}")
    click.echo(
        f"  nearer than the straight line {found['better_than_straight_line']} times, than the nearest other "
        f"{found['better_than_nearest']} times"
    )
