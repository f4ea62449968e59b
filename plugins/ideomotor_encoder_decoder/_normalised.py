import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

import ideomotor
from ideomotor import AbstractPerception

from .digits import Pairs
from .digits._render import in_batches

_SPREAD = (0.11, 0.17)  # of the ink to either side of its centre, as a share of the image's sides
_THIN = 3.0  # px²; added to the ink's variance across, so that a straight line is not made infinitely wide


class Normalised(AbstractPerception):
    """Brings the ink to a standard place, size and slant before a perception sees it, and its movement back.

    The affine map is that of the ink's first and second moments without rotation (deslanting; LeCun et al. 1998,
    section III). Parameters go back exactly, since a DMP without scaling is linear in them: the perception
    must give `weights` (2, basis), `goal` and `start` (2,) of paths in the image, (column, row) in px.

    - `perception`: trained on what `normalised_pairs` gives.
    """

    perception: AbstractPerception

    def __init__(self, perception: AbstractPerception | None = None):
        self.perception = ideomotor.make("digit-reader") if perception is None else perception

    @property
    def primitive(self):
        """Whose parameters are seen."""
        return self.perception.primitive

    def default_observation(self) -> Float[Array, "height width"]:
        """A blank image."""
        return self.perception.default_observation()

    def __call__(
        self, observation: Float[Array, "height width"], *, key: PRNGKeyArray | None = None
    ) -> PyTree:
        """The parameters of the movement that draws the image."""
        matrix, offset = ink_frame(observation)
        params = self.perception(into_frame(observation, matrix, offset), key=key)
        moved = (matrix @ params.weights, matrix @ params.goal + offset, matrix @ params.start + offset)
        return eqx.tree_at(lambda p: (p.weights, p.goal, p.start), params, moved)


def ink_frame(image: Float[Array, "height width"]) -> tuple[Float[Array, "2 2"], Float[Array, " 2"]]:
    """`matrix` and `offset` that take places in the standard frame to places in the image, both in px."""
    height, width = image.shape
    rows, cols = jnp.mgrid[:height, :width].astype(image.dtype)
    ink = jnp.clip(image - 0.1, 0, 1)  # a little grain on the paper has no moments
    mass = ink.sum() + 1e-3
    mean = jnp.stack([(ink * cols).sum(), (ink * rows).sum()]) / mass
    dx, dy = cols - mean[0], rows - mean[1]
    xx, xy, yy = ((ink * a).sum() / mass for a in (dx * dx, dx * dy, dy * dy))
    yy = yy + _THIN
    wide, high = _SPREAD[0] * width, _SPREAD[1] * height
    matrix = jnp.array([[1.0, 0.0], [0.0, 0.0]]) * jnp.sqrt(jnp.maximum(xx - xy**2 / yy, 0) + _THIN) / wide
    matrix = matrix + jnp.array([[0.0, 1.0], [0.0, 0.0]]) * xy / jnp.sqrt(yy) / high
    matrix = matrix + jnp.array([[0.0, 0.0], [0.0, 1.0]]) * jnp.sqrt(yy) / high
    return matrix, mean - matrix @ (jnp.array([width - 1.0, height - 1.0]) / 2)


def into_frame(
    image, matrix: Float[Array, "2 2"], offset: Float[Array, " 2"]
) -> Float[Array, "height width"]:
    """The image as it looks in the standard frame."""
    height, width = image.shape
    rows, cols = jnp.mgrid[:height, :width].astype(matrix.dtype)
    at = jnp.stack([cols, rows], -1) @ matrix.T + offset
    return map_coordinates(image, [at[..., 1], at[..., 0]], order=1, mode="constant")


@jax.jit
@jax.vmap
def _frame(image):
    grey = image / 255.0
    matrix, offset = ink_frame(grey)
    seen = jnp.round(255 * into_frame(grey, matrix, offset)).astype(jnp.uint8)
    return {"images": seen, "inverse": jnp.linalg.inv(matrix), "offset": offset}


def normalised_pairs(pairs: Pairs) -> Pairs:
    """The pairs in the standard frame, in which the perception of a `Normalised` is trained."""
    shape = pairs.images.shape[1:]

    def flat(images):
        found = _frame(images)
        count = len(images)
        return jnp.concatenate(
            [
                found["images"].reshape(count, -1).astype(jnp.float32),
                found["inverse"].reshape(count, -1),
                found["offset"],
            ],
            1,
        )

    rows = in_batches(flat, [pairs.images])
    pixels = shape[0] * shape[1]
    images, inverse, offset = rows[:, :pixels], rows[:, pixels : pixels + 4], rows[:, pixels + 4 :]
    paths = np.einsum("nij,ntj->nti", inverse.reshape(-1, 2, 2), pairs.paths - offset[:, None])
    return pairs._replace(images=images.reshape(-1, *shape).astype(np.uint8), paths=paths.astype(np.float32))
