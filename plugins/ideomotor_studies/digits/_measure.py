"""How well real digits are read: `ideomotor measure digits --data FILE`."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE.npz",
    help="Arrays images (n, height, width) uint8 and traj (n, time, 2), in px (column, row).",
)
@click.option(
    "--count", type=click.IntRange(min=1), default=150, show_default=True, help="Pairs drawn from it."
)
@click.option("--seed", default=0, show_default=True, help="Of the draw.")
def command(data: Path, count: int, seed: int) -> None:
    """Compare the paths that the digit reader sees in images with the paths that belong to them.

    All distances are means in pixels of the images: at equal times, along the best matching in time, from ink to
    path and from path to ink. The paths given need not keep the reader's timing or direction.
    """
    import numpy as np

    images, paths = _read(data)
    chosen = np.random.default_rng(seed).permutation(len(images))[:count]
    click.echo(f"{len(chosen)} of {len(images)} pairs in {data}\n")
    click.echo(f"{'':10s}{'equal times':>14s}{'time warped':>14s}{'ink to path':>14s}{'path to ink':>14s}")
    for name, means in _distances(images[chosen], paths[chosen]).items():
        click.echo(f"{name:10s}" + "".join(f"{mean:14.3f}" for mean in means))


def _read(data: Path):
    import numpy as np

    from ideomotor.errors import DataError

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
