"""Pairs of image and pen path: read from a file and checked, under random smooth maps, at the size a network takes."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor.errors import DataError

from ._drawing import affine, in_batches
from ._varied import SIZE

_SHIFT = 8  # px; how far out of register is looked for
KNOTS = 5  # of a random displacement, along each side
_CHECKED = 200  # pairs that the register is judged by


class Pairs(NamedTuple):
    """Images with the pen paths that drew them.

    - `images`: (count, height, width) uint8, ink is bright.
    - `paths`: (count, time, 2) float32, (column, row) in px; `(0, 0)` is the centre of the first pixel.
    - `labels`: (count,), of what is drawn; `numbers`: (count,), the place in the public set, by which training and
      test data are kept apart.
    """

    images: np.ndarray
    paths: np.ndarray
    labels: np.ndarray
    numbers: np.ndarray

    def take(self, chosen: slice | np.ndarray) -> "Pairs":
        """Some of the pairs: a slice, a mask or an array of indices."""
        return Pairs(*(array[chosen] for array in self))

    @staticmethod
    def load(file: Path | str) -> "Pairs":
        """Pairs from an `.npz` file; images are uint8 with bright ink, paths (column, row) in their pixels.

        - keys: `images` (n, height, width), `traj` (n, time, 2), and if it has them `labels` (n,) and `mnist_index`
          (n,).

        Raises a `DataError` for other keys, other shapes, NaN, fewer than two pairs, and for paths that do not lie
        on the ink of their images (saying by how many pixels they are off).
        """
        optional = ("labels", "mnist_index")
        found = stored_arrays(
            Path(file), ("images", "traj"), "images (n, height, width) and traj (n, time, 2)", optional
        )
        count = len(found["images"])
        labels, index = (
            found.get("labels", np.zeros(count, np.uint8)),
            found.get("mnist_index", np.arange(count)),
        )
        return check_pairs(found["images"], found["traj"], labels, index, str(file))

    def transformed(
        self,
        *,
        seed: int = 0,
        copies: int = 1,
        rotation: float | int = 0.0,
        translation: float | int = 0.0,
        scale: float | int = 0.0,
        shear: float | int = 0.0,
        size: int = SIZE,
        zoom: float | int | None = None,
        elastic: float | int = 0.0,
    ) -> "Pairs":
        """Each pair `copies` times, image and path together under a random affine map, at `size` × `size` px.

        Rotation (degrees), translation (px of the result), relative scale and shear are uniform up to the given size
        (Pahič et al. 2018, section V, on MNIST). `zoom` is the size of an old pixel in the new image; by default the longer
        side of the old image fills the new one. `elastic` is the deviation, in px of the old image, of a smooth random
        displacement (Simard et al. 2003). The same seed gives the same pairs.
        """
        rng = np.random.default_rng(seed)
        which = np.tile(np.arange(len(self.images)), copies)
        count, (height, width) = len(which), self.images.shape[1:]
        angle = np.deg2rad(rng.uniform(-rotation, rotation, count))
        whole = size / max(height, width) if zoom is None else zoom
        grow = whole * (1 + rng.uniform(-scale, scale, count))
        slant = rng.uniform(-shear, shear, count)
        matrix = affine(angle, grow, slant)
        middle = np.array([width - 1, height - 1]) / 2
        to = (size - 1) / 2 + rng.uniform(-translation, translation, (count, 2))
        bumps = (elastic * rng.standard_normal((count, KNOTS, KNOTS, 2))).astype(np.float32)
        old = self.paths[which]
        if elastic:
            # A pixel at p of the new image shows p + u(p) of the old one, so what was at q is now where p + u(p) = q.
            q, extent = old, np.array([width - 1, height - 1], np.float32)
            for _ in range(4):
                old = q - _displacement(bumps, old / extent)
        paths = (old - middle) @ matrix.swapaxes(1, 2) + to[:, None]
        # Where each new pixel was, in the old image.
        inverse = np.linalg.inv(matrix)
        start = middle - np.einsum("nij,nj->ni", inverse, to)
        images = in_batches(
            _Warp(size), [self.images[which], inverse.astype(np.float32), start.astype(np.float32), bumps]
        )
        return Pairs(images, paths.astype(np.float32), self.labels[which], self.numbers[which])


def stored_arrays(
    file: Path, names: Sequence[str], needs: str, optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Arrays of an `.npz` file; raises a `DataError` where there is no such file, it cannot be read, or lacks one of `names`."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            if missing := [name for name in names if name not in stored]:
                raise DataError(
                    f"{file} has no array {missing[0]!r}, only {', '.join(stored) or 'nothing'}; it needs {needs}."
                )
            return {name: stored[name] for name in (*names, *optional) if name in stored}
    except FileNotFoundError as error:
        raise DataError(f"There is no file {file}.") from error
    except DataError:
        raise
    except (OSError, ValueError, EOFError, TypeError) as error:
        raise DataError(f"{file} is not a readable .npz file ({error}); save it with numpy.savez.") from error


def check_pairs(images, paths, labels, index, name: str) -> Pairs:
    """The four arrays as `Pairs`; raises a `DataError` if they do not fit."""
    if images.ndim != 3 or min(images.shape[1:]) < 8 or images.dtype.kind not in "uif":
        raise DataError(
            f"{name}: images must be numbers of shape (n, height, width), at least 8 px a side, and are {images.dtype} "
            f"{images.shape}."
        )
    if paths.ndim != 3 or paths.shape[-1] != 2 or paths.shape[1] < 5 or paths.dtype.kind not in "uif":
        raise DataError(
            f"{name}: traj must be numbers of shape (n, time, 2), at least 5 samples long, and is {paths.dtype} "
            f"{paths.shape}."
        )
    counts = {"images": len(images), "traj": len(paths), "labels": len(labels), "mnist_index": len(index)}
    if len(set(counts.values())) > 1:
        raise DataError(f"{name}: all arrays need the same length, and have {counts}.")
    if len(images) < 2:
        raise DataError(f"{name} holds {len(images)} pair(s); training and testing need at least two.")
    for what, array in (("images", images), ("traj", paths)):
        if not np.all(good := np.isfinite(array).all(axis=(1, 2))):
            raise DataError(
                f"{name}: {what}[{int(np.argmin(good))}] holds NaN or infinity, as {int((~good).sum())} of "
                f"{len(good)} do; drop those pairs."
            )
    if images.dtype != np.uint8:
        top = float(images.max())
        if images.min() < 0 or top > 255:
            raise DataError(f"{name}: brightness lies outside 0 to 1 and 0 to 255 (largest {top:g}).")
        images = np.round(images * (255 if top <= 1 else 1)).astype(np.uint8)
    blank = images.reshape(len(images), -1).max(1) == 0
    if blank.any():
        raise DataError(f"{name}: images[{int(np.argmax(blank))}] is blank; drop that pair.")
    paths = paths.astype(np.float32)
    _check_register(images, paths, name)
    return Pairs(images, paths, np.asarray(labels), np.asarray(index))


def _check_register(images, paths, name: str) -> None:
    some = np.linspace(0, len(images) - 1, min(len(images), _CHECKED)).astype(int)
    images, paths = images[some], paths[some]
    here = _brightness(images, paths, np.zeros((1, 2), int))[0]
    shifts = np.mgrid[-_SHIFT : _SHIFT + 1, -_SHIFT : _SHIFT + 1].reshape(2, -1).T
    bright = _brightness(images, paths, shifts)
    best = int(np.argmax(bright))
    far = float(np.hypot(*shifts[best]))
    swapped = _brightness(images, paths[..., ::-1], np.zeros((1, 2), int))[0]
    if swapped > 1.3 * here and swapped > bright[best]:
        raise DataError(
            f"{name}: paths lie on the ink as (row, column), and (column, row) is needed; swap them."
        )
    if far > 1.5 and bright[best] > max(1.1 * here, 0.5):
        right, down = -shifts[best]
        raise DataError(
            f"{name}: images and paths are out of register by {far:.1f} px: the paths lie {abs(right)} px to the "
            f"{'right' if right > 0 else 'left'} of and {abs(down)} px {'below' if down > 0 else 'above'} their ink; move them "
            f"(column, row)."
        )
    if here < 0.25:
        raise DataError(
            f"{name}: only {100 * here:.0f} % of brightness lies under the paths, and no shift of up to {_SHIFT} px "
            f"improves that; are images and paths in the same order, and in px (column, row)?"
        )


def _brightness(images, paths, shifts) -> np.ndarray:
    """Mean brightness, relative to the brightest, under the paths moved by each shift (columns, rows)."""
    scaled = images / np.maximum(images.reshape(len(images), -1).max(1), 1)[:, None, None]
    height, width = images.shape[1:]
    which = np.arange(len(images))[:, None]
    found = []
    for column, row in shifts:
        at = np.round(paths + (column, row)).astype(int)
        inside = (at >= 0).all(-1) & (at[..., 0] < width) & (at[..., 1] < height)
        at = np.clip(at, 0, (width - 1, height - 1))
        found.append((scaled[which, at[..., 1], at[..., 0]] * inside).mean())
    return np.array(found)


class _Warp(NamedTuple):
    size: int

    def __call__(self, images, inverse, start, bumps):
        return _warp(images, inverse, start, bumps, self.size)


def _displacement(bumps, where):
    """(n, points, 2): the smooth field with those values at its knots, at places from 0 to 1 (column, row)."""
    at = [hats(where[..., i]) for i in (1, 0)]
    return np.einsum("npr,npc,nrcd->npd", *at, bumps, optimize=True)


def hats(where):
    """Linear weights of the knots; `where` from 0 to 1, constant beyond."""
    xp = jnp if isinstance(where, jax.Array) else np
    place = xp.clip(where, 0, 1) * (KNOTS - 1)
    return xp.maximum(1 - xp.abs(place[..., None] - np.arange(KNOTS, dtype=np.float32)), 0)


def _warp_one(image, inverse, start, bumps, size):
    rows, cols = jnp.mgrid[:size, :size].astype(jnp.float32)
    at = jnp.tensordot(jnp.stack([cols, rows], -1), inverse, ((2,), (1,))) + start
    extent = jnp.array([image.shape[1] - 1.0, image.shape[0] - 1.0])
    at = at + jnp.einsum(
        "ijr,ijc,rcd->ijd", hats(at[..., 1] / extent[1]), hats(at[..., 0] / extent[0]), bumps
    )
    return jnp.round(brightness_at(image.astype(jnp.float32), at)).astype(jnp.uint8)


_warp = jax.jit(
    lambda images, inverse, start, bumps, size: jax.vmap(partial(_warp_one, size=size))(
        images, inverse, start, bumps
    ),
    static_argnums=4,
)


_STEPS = 4  # of the fixed point that turns the displacement around


class Augmentation(NamedTuple):
    """A random smooth map of image and path together, within limits; all uniform, except for `elastic`.

    - `rotation`: degrees; `translation`: px; `scale`: relative, of width and height each; `shear`.
    - `elastic`: px, the deviation of a smooth random displacement (Simard et al. 2003).
    """

    rotation: float | int = 12.0
    translation: float | int = 1.5
    scale: float | int = 0.12
    shear: float | int = 0.15
    elastic: float | int = 0.8

    def __call__(
        self,
        image: Float[Array, "*channels size size"],
        path: Float[Array, "time 2"],
        *,
        key: PRNGKeyArray,
    ) -> tuple[Float[Array, "*channels size size"], Float[Array, "time 2"]]:
        """A square image, or several channels, and the path (column, row) in px that drew it, under a random smooth map.

        Like `Pairs.transformed`, but in JAX, for new maps at every step of a training: `jax.vmap` transforms a batch.
        """
        size = image.shape[-1]
        middle = (size - 1) / 2
        of_affine, of_elastic = jax.random.split(key)
        turn, slant, wider, higher, right, down = jax.random.uniform(of_affine, (6,), minval=-1.0)
        angle = jnp.deg2rad(self.rotation * turn)
        rotation = jnp.eye(2) * jnp.cos(angle) + jnp.array([[0.0, -1.0], [1.0, 0.0]]) * jnp.sin(angle)
        grow = 1 + self.scale * jnp.stack([wider, higher])
        matrix = rotation @ (jnp.eye(2).at[0, 1].set(self.shear * slant) * grow)
        to = middle + self.translation * jnp.stack([right, down])
        bumps = self.elastic * jax.random.normal(of_elastic, (KNOTS, KNOTS, 2))

        def displacement(where):
            columns, rows = hats(where[..., 0] / (size - 1)), hats(where[..., 1] / (size - 1))
            return jnp.einsum("...r,...c,rcd->...d", rows, columns, bumps)

        # A pixel at p of the new image shows p + u(p) of the old one, so what was at q is now where p + u(p) = q.
        old = path
        for _ in range(_STEPS):
            old = path - displacement(old)
        rows, columns = jnp.mgrid[:size, :size].astype(image.dtype)
        source = (jnp.stack([columns, rows], -1) - to) @ jnp.linalg.inv(matrix).T + middle
        source = source + displacement(source)
        return brightness_at(image, source), (old - middle) @ matrix.T + to


def brightness_at(
    image: Float[Array, "*channels height width"], places: Float[Array, "a b 2"]
) -> Float[Array, "*channels a b"]:
    """Brightness at places (column, row) in px, linear between pixels, black beyond; of all channels at once."""
    height, width = image.shape[-2:]
    channels = image.ndim - 2
    around = jnp.pad(jnp.moveaxis(image, (-2, -1), (0, 1)), [(1, 1)] * 2 + [(0, 0)] * channels)
    end = jnp.array([width, height])
    places = jnp.clip(places + 1, 0, end + 1)
    low = jnp.minimum(places.astype(int), end)
    right, down = jnp.moveaxis((places - low).reshape(*low.shape, *[1] * channels), 2, 0)
    column, row = low[..., 0], low[..., 1]
    above = around[row, column] * (1 - right) + around[row, column + 1] * right
    below = around[row + 1, column] * (1 - right) + around[row + 1, column + 1] * right
    return jnp.moveaxis(above * (1 - down) + below * down, (0, 1), (-2, -1))
