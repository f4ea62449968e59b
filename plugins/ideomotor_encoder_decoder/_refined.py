from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

import ideomotor
from ideomotor import AbstractFeedforwardPrimitive, AbstractPerception, leaf_quantities, quantity
from ideomotor.common.trees import as_array

_POINTS = 100
_FAR = 4.0  # px


class Refined(AbstractPerception):
    """Moves the path that a perception predicts onto the ink of its image, by a few Gauss–Newton steps.

    Each step pulls every pixel of ink and the nearest point of the path towards each other, and points off
    the ink onto it, while the path keeps its shape like an elastic thread. Only the primitive's parameters
    are changed (those that must be positive, such as τ, stay), so that the result is a movement of the same
    family, with the start, direction and timing of the prediction. It works for any primitive whose movement is a path in
    the image, (column, row) in px.

    - `perception`: from an image to parameters, by default the digit reader; `primitive`: whose parameters (by default
      `perception.primitive`).
    - `steps`: Gauss–Newton steps; with 0 the prediction is returned unchanged.
    - `stiffness`: of the thread, against the pull of the ink; `duration`: of the movement in the image, in s.
    """

    perception: AbstractPerception
    primitive: AbstractFeedforwardPrimitive
    steps: int = eqx.field(static=True)
    stiffness: Float[Array, ""] = quantity(bounds=(0, None), label="stiffness", converter=as_array)
    duration: Float[Array, ""] = quantity(unit="s", positive=True, label="duration", converter=as_array)

    def __init__(
        self,
        perception: AbstractPerception | None = None,
        primitive: AbstractFeedforwardPrimitive | None = None,
        steps: int = 8,
        stiffness: float | int = 30.0,
        duration: float | int = 3.0,
    ):
        if steps < 0:
            raise ValueError(f"steps must be at least 0, not {steps}.")
        chosen: Any = ideomotor.make("digit-reader") if perception is None else perception
        self.perception, self.primitive = chosen, chosen.primitive if primitive is None else primitive
        self.steps = steps
        self.stiffness, self.duration = as_array(stiffness, float), as_array(duration, float)

    def default_observation(self) -> Float[Array, "height width"]:
        return self.perception.default_observation()

    def __call__(
        self, observation: Float[Array, "height width"], *, key: PRNGKeyArray | None = None
    ) -> PyTree:
        predicted = self.perception(observation, key=key)
        # Without the perception and its key, so that it is traced once, when a pipeline is made and when it runs.
        return _refined(self.primitive, self.steps, self.stiffness, self.duration, predicted, observation)


@eqx.filter_jit
def _refined(primitive, steps, stiffness, duration, predicted, image):
    flat, rebuild = ravel_pytree(predicted)
    sizes = [np.size(leaf) for leaf in jax.tree.leaves(predicted)]
    free = ~np.repeat([q.positive for q in leaf_quantities(predicted)], sizes)
    ts = duration * jnp.linspace(0, 1, _POINTS)

    def draw(change):
        moved = jnp.where(free, flat + change, flat) if not free.all() else flat + change
        return primitive.trajectory(rebuild(moved), ts)

    def step(change, _):
        return change + _improvement(draw, change, first, image, stiffness), None

    first = draw(jnp.zeros_like(flat))
    change, _ = jax.lax.scan(step, jnp.zeros_like(flat), length=steps)
    return rebuild(flat + jnp.where(free, change, 0))


def _improvement(draw, change, first, image, stiffness):
    """The change of the parameters that solves the quadratic model of this step."""
    slopes, path = jax.jacfwd(lambda change: (draw(change),) * 2, has_aux=True)(change)
    pull, wanted = _targets(path, image)
    # Residuals: pull^1/2 (path − wanted), and stiffness^1/2 times the stretch of the displacement since the start.
    stretch, stretched = jnp.diff(path - first, axis=0), jnp.diff(slopes, axis=0)
    gradient = jnp.einsum("t,td,tdp->p", pull, path - wanted, slopes)
    gradient += stiffness * jnp.einsum("td,tdp->p", stretch, stretched)
    normal = jnp.einsum("t,tdp,tdq->pq", pull, slopes, slopes)
    normal += stiffness * jnp.einsum("tdp,tdq->pq", stretched, stretched)
    # Marquardt's damping, relative to each parameter's own curvature, which spans ten orders of magnitude.
    size = jax.lax.rsqrt(jnp.diag(normal) + jnp.finfo(normal.dtype).tiny ** 0.5)
    scaled = size[:, None] * normal * size + 1e-3 * jnp.eye(len(size), dtype=normal.dtype)
    return -size * jnp.linalg.solve(scaled, size * gradient)


def _targets(path, image):
    """How strongly each point of the path is pulled, and where to."""
    rows, cols = jnp.mgrid[: image.shape[0], : image.shape[1]]
    pixels = jnp.stack([cols.ravel(), rows.ravel()], -1).astype(path.dtype)
    ink = jnp.clip((image.ravel() - 0.25) / 0.5, 0, 1)  # grain on the paper is not ink
    squared = jnp.sum((pixels[:, None] - path) ** 2, -1)
    # Far ink pulls less than its distance says (Cauchy's weights): it may be a speck.
    pull = ink / (1 + squared.min(1) / _FAR**2)
    nearest = jax.nn.one_hot(jnp.argmin(squared, 1), path.shape[0], dtype=path.dtype) * pull[:, None]
    nearest = nearest * (path.shape[0] / (ink.sum() + 1e-6))
    mass, place = nearest.sum(0), nearest.T @ pixels
    # A point off the ink is drawn to the nearest ink.
    onto = jnp.argmin(squared + 1e4 * (ink < 0.5)[:, None], 0)
    away = (jnp.take_along_axis(squared, onto[None], 0)[0] > 1.0) & jnp.any(ink >= 0.5)
    place, mass = place + jnp.where(away[:, None], pixels[onto], 0), mass + away
    return mass, jnp.where(mass[:, None] > 0, place / jnp.maximum(mass, 1e-6)[:, None], path)
