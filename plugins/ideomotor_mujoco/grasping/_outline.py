import dataclasses
from typing import Any

import numpy as np

from ._camera import Camera, View
from ._frame import object_frame, to_frame


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
        frame = object_frame(view, camera)
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
