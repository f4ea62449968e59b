"""How well the robot writes digits whose pen paths are known: `ideomotor measure writing`."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import click
import numpy as np


class Row(NamedTuple):
    """One digit; distances are means in px of its 40 x 40 image.

    - `robot`: from the ink to the commanded path; `reader`: from the commanded path to the digit's true path;
      `ink`: from the ink to the true path, which is what the two come to; `missed`: from the true path to the ink.
    - `force`: RMS error of the contact force, relative to its set point; `lift_offs`: samples without contact.
    """

    label: int
    robot: float
    reader: float
    ink: float
    missed: float
    force: float
    lift_offs: int


def measure(count: int, *, seed: int = 0, robot: Any = None, reader: Any = None) -> Iterator[Row]:
    """Write synthetic digits (Pahič et al. 2018, section V), equally many of each, and compare the ink with their paths.

    - `reader`: as for `write_digit`; the string `"none"` gives the robot the true paths instead of reading them.
    """
    import ideomotor
    from ideomotor_encoder_decoder.digits import synthetic_digits

    from ._digit import distance_to_path, write_digit
    from ._strokes import write

    robot = ideomotor.make("writing-robot", strokes=True) if robot is None else robot
    if reader is None:
        reader = ideomotor.make("refined", ideomotor.make("digit-reader"))
    digits = synthetic_digits(count, seed=seed)
    for image, truth, label in zip(digits.images, digits.paths, digits.labels, strict=True):
        truth = truth.astype(float)
        if reader == "none":
            writing = write(robot, truth, np.asarray(digits.ts, float))
            ink, path = writing.pen[writing.down], truth
            own = float(distance_to_path(ink, path).mean())
        else:
            digit = write_digit(image, robot, reader)
            writing, ink, path = digit.writing, digit.ink_in_picture, digit.to_original(digit.path)
            own = float(distance_to_path(ink, path).mean())
        yield Row(
            int(label),
            own,
            float(distance_to_path(path, truth).mean()),
            float(distance_to_path(ink, truth).mean()),
            float(distance_to_path(truth, ink).mean()),
            writing.force_error,
            writing.lift_offs,
        )


@click.command()
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="Digits to write.")
@click.option("--seed", default=0, show_default=True, help="Of the digits.")
@click.option(
    "--true-paths", is_flag=True, help="Give the robot the true paths instead of reading the images."
)
def command(count: int, seed: int, true_paths: bool) -> None:
    """Let the KUKA arm write synthetic digits and compare the ink with the digits' own pen paths.

    Distances are means in pixels of the 40 x 40 images. `robot` is the error of the arm alone, `reader` that of the
    network alone, `ink` what is left between paper and digit.
    """
    from tqdm import tqdm

    rows = list(
        tqdm(
            measure(count, seed=seed, reader="none" if true_paths else None),
            total=count,
            delay=2,
            disable=None,
        )
    )
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


def _print(name: str, rows: list[Row]) -> None:
    robot, reader, ink, missed, force = np.mean([row[1:6] for row in rows], axis=0)
    lifted = sum(row.lift_offs for row in rows)
    click.echo(f"{name:>6s}{robot:9.3f}{reader:9.3f}{ink:9.3f}{missed:9.3f}{100 * force:7.1f} %{lifted:11d}")
