"""From a picture to grasps in the world."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ideomotor import AbstractPerception, plain_object
from ideomotor.errors import DataError, did_you_mean

from ._camera import Camera, View, shrunk, to_frame, to_world
from ._task import HOME

LAYERS = ("red", "green", "blue", "depth", "mask", "relief")


class GraspPerception:
    """What a camera sees, as a query of `GraspPlanner`: grasps sampled by a network, in the world.

    Observations are `image`, red, green and blue from 0 to 1, depth (m) and mask, `(size, size, 5)`; the `camera`'s pose, 4x4, columns
    right, up, back, position; and the palm's pose, `wrist`. A larger picture than the network's is shrunk by means of blocks. The palm
    approaches along the camera's direction.

    - `network`: a perception from a picture of `layers` to `contacts` and `normals`, `(tips, 3)`, in the object's frame, such as
      `cvae`; by default `outline-grasp`. `camera`: its field of view, range and distance.
    - `layers`: what the network sees: some of red, green, blue (0 to 1), depth (m), mask, and relief: how much further than the
      camera's distance each point of the object is (m; 0 off the object).
    - `samples`: grasps to draw; more than one, or one with a key, are samples, one without a key is the network's mean.
    - `axes`: of the object's frame, `"principal"` or `"camera"` (`Camera.object_frame`).

    Raises a `DataError` for a picture without an object or of a size that the network's does not divide.
    """

    def __init__(
        self,
        network: Any = None,
        camera: Camera | None = None,
        samples: int = 1,
        axes: str = "principal",
        layers: Sequence[str] = LAYERS[:5],
    ):
        self.camera = Camera() if camera is None else camera
        self.network = OutlineGrasp(camera=self.camera) if network is None else network
        if not samples > 0:
            raise ValueError(f"GraspPerception: samples must be positive, not {samples}.")
        for layer in layers:
            if layer not in LAYERS:
                raise DataError(f"A picture has no layer {layer!r}.{did_you_mean(layer, LAYERS)}")
        self.samples, self.axes, self.layers = samples, axes, tuple(layers)

    def default_observation(self) -> Any:
        """A ball before the camera, which looks down."""
        pose = np.eye(4)
        pose[2, 3] = 0.35
        return {"image": example_image(self.camera.size), "camera": pose, "wrist": np.array(HOME)}

    def __call__(self, observation: Any, *, key: int | None = None) -> tuple[Any, Any]:
        image, pose = np.asarray(observation["image"], np.float32), np.asarray(observation["camera"], float)
        view = View((255 * image[..., :3]).astype(np.uint8), image[..., 3], image[..., 4] > 0.5, pose)
        frame = self.camera.object_frame(view, self.axes)
        grasps = [to_world(frame, grasp) for grasp in self._grasps(image, key)]
        goal = {name: np.stack([grasp[name] for grasp in grasps]) for name in ("contacts", "normals")}
        return np.asarray(observation["wrist"], float), {**goal, "approach": -pose[:3, 2]}

    def select(self, image: np.ndarray) -> np.ndarray:
        """The layers of an observed image, `(size, size, layers)`."""
        relief = image[..., 4:] * (image[..., 3:4] - np.float32(self.camera.distance))
        return np.concatenate([image, relief], -1)[..., [LAYERS.index(layer) for layer in self.layers]]

    def _grasps(self, image: np.ndarray, key: int | None) -> list[dict[str, np.ndarray]]:
        if key is None and self.samples > 1:
            raise DataError(
                f"{self.samples} grasps are drawn at random, which requires a key; pass one, or use samples=1."
            )
        network = plain_object(self.network)
        seen = self.select(image)
        wanted = np.shape(network.default_observation())
        if wanted[-1] != seen.shape[-1]:
            raise DataError(
                f"The network expects {wanted[-1]} layers, but {len(self.layers)} are given ({', '.join(self.layers)}); give "
                f"the layers that it was trained with."
            )
        small = shrunk(seen, int(wanted[0]))
        if isinstance(network, AbstractPerception):
            small = jnp.asarray(small)
        if key is None:
            return [_arrays(network(small, key=None))]
        if isinstance(network, AbstractPerception):
            drawn = _arrays(_draw(network, small, jax.random.split(jax.random.key(key), self.samples)))
            return [{name: array[i] for name, array in drawn.items()} for i in range(self.samples)]
        seeds = np.random.default_rng(key).integers(2**31, size=self.samples)
        return [_arrays(network(small, key=int(seed))) for seed in seeds]


@eqx.filter_jit
def _draw(network, image, keys):
    return jax.vmap(lambda key: network(image, key=key))(keys)


def _arrays(grasp: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(grasp[name], float) for name in ("contacts", "normals")}


class OutlineGrasp:
    """A grasp by the outline of what is seen, without any learning: across its short side, one tip against the others.

    What a network is to be compared with, and what stands in for one. Observations are pictures as of `GraspPerception`; grasps are in
    the object's principal frame. With a key the hand is turned about the line of sight, by 40 degrees (one deviation).

    - `tips`: of the hand, at least two, the one that opposes the others last. `spread`: of the others, degrees.
    - `depth`: how far behind the nearest surface the tips close, m. `camera`: its field of view.
    """

    def __init__(
        self,
        tips: int = 3,
        spread: float | int = 70.0,
        depth: float | int = 0.025,
        camera: Camera | None = None,
    ):
        if tips < 2:
            raise ValueError(f"OutlineGrasp: a grasp needs at least two tips, not {tips}.")
        self.tips, self.spread, self.depth = tips, spread, depth
        self.camera = Camera() if camera is None else camera

    def default_observation(self) -> Any:
        """A picture of a ball."""
        return example_image(self.camera.size)

    def __call__(self, observation: Any, *, key: int | None = None) -> dict[str, np.ndarray]:
        """Contacts and outward normals, `(tips, 3)`, m; raises a `DataError` if nothing is in the picture."""
        image = np.asarray(observation, float)
        camera = dataclasses.replace(self.camera, size=len(image))
        mask = image[..., 4] > 0.5
        view = View(np.zeros((*mask.shape, 3), np.uint8), image[..., 3].astype(np.float32), mask, np.eye(4))
        frame = camera.object_frame(view)
        points = camera.rays()[mask] * -frame[2, 3]  # the outline in the plane of the nearest surface
        flat = to_frame(frame, points, points)["contacts"][:, 1:]
        turn = 0.0 if key is None else np.random.default_rng(key).normal(scale=np.radians(40))
        others = np.pi + np.radians(self.spread) * (
            np.linspace(-0.5, 0.5, self.tips - 1) if self.tips > 2 else np.zeros(1)
        )
        angles = turn + np.append(others, 0.0)
        out = np.stack([np.cos(angles), np.sin(angles)], -1)
        along = flat @ out.T
        near = along > np.cos(np.radians(15)) * np.linalg.norm(flat, axis=1, keepdims=True)
        reach = np.where(near, along, 0.0).max(0)
        contacts = np.concatenate([np.full((self.tips, 1), self.depth), reach[:, None] * out], 1)
        normals = np.concatenate([np.zeros((self.tips, 1)), out], 1)
        return {"contacts": contacts, "normals": normals}


def example_image(size: int) -> np.ndarray:
    """A picture of a ball of 7 cm, 0.3 m away: red, green, blue, depth and mask."""
    rays = Camera(size=size).rays()
    across = rays[..., :2] * 0.3
    ball = (across**2).sum(-1) < 0.035**2
    image = np.full((size, size, 5), 0.7, np.float32)
    image[..., 3] = np.where(ball, 0.3 - np.sqrt(np.maximum(0.035**2 - (across**2).sum(-1), 0.0)), 0.35)
    image[..., 4] = ball
    return image
