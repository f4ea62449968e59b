"""From a picture to grasps in the world: the network is any perception of grasps in the object's own frame."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ideomotor import AbstractPerception, HostPerception
from ideomotor.errors import DataError, did_you_mean

from ._camera import Camera, View
from ._frame import object_frame, to_world
from ._outline import OutlineGrasp, example_image
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
    - `samples`: grasps to draw; more than one, or one with a key, are samples, one without a key is the network's central guess.
    - `axes`: of the object's frame, `"principal"` or `"camera"` (see `object_frame`).

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
        """The query."""
        image, pose = np.asarray(observation["image"], np.float32), np.asarray(observation["camera"], float)
        view = View((255 * image[..., :3]).astype(np.uint8), image[..., 3], image[..., 4] > 0.5, pose)
        frame = object_frame(view, dataclasses.replace(self.camera, size=len(image)), self.axes)
        grasps = [to_world(frame, grasp) for grasp in self._grasps(image, key)]
        goal = {name: np.stack([grasp[name] for grasp in grasps]) for name in ("contacts", "normals")}
        return np.asarray(observation["wrist"], float), {**goal, "approach": -pose[:3, 2]}

    def see(self, image: np.ndarray) -> np.ndarray:
        """The layers of an observed image, `(size, size, layers)`."""
        relief = image[..., 4:] * (image[..., 3:4] - np.float32(self.camera.distance))
        return np.concatenate([image, relief], -1)[..., [LAYERS.index(layer) for layer in self.layers]]

    def _grasps(self, image: np.ndarray, key: int | None) -> list[dict[str, np.ndarray]]:
        if key is None and self.samples > 1:
            raise DataError(f"{self.samples} grasps are drawn at random; pass a key, or take samples=1.")
        network = self.network.component if isinstance(self.network, HostPerception) else self.network
        seen = self.see(image)
        wanted = np.shape(network.default_observation())
        if wanted[-1] != seen.shape[-1]:
            raise DataError(
                f"The network sees {wanted[-1]} layers, and {len(self.layers)} are given ({', '.join(self.layers)}); give "
                f"the layers that it was trained with."
            )
        small = _shrunk(seen, int(wanted[0]))
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


def _shrunk(image: np.ndarray, pixels: int) -> np.ndarray:
    """Means of square blocks."""
    factor = len(image) // pixels
    if factor * pixels != len(image) or image.shape[0] != image.shape[1]:
        raise DataError(
            f"A picture of {image.shape[0]} x {image.shape[1]} pixels does not shrink to the network's {pixels} x {pixels}; take "
            f"a camera of a multiple of its size."
        )
    return image.reshape(pixels, factor, pixels, factor, -1).mean((1, 3))
