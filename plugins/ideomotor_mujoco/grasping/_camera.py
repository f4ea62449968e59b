# pyright: reportAttributeAccessIssue=false
import dataclasses
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float, UInt8

from .._rays import RayImage, cast


class View(NamedTuple):
    """What the camera saw.

    - `rgb`: colours; `depth`: along the viewing axis, m, `far` where nothing is near; `mask`: where the object is.
    - `pose`: the camera in the world, 4x4: columns right, up, against the viewing direction, position.
    """

    rgb: UInt8[np.ndarray, "height width 3"]
    depth: Float[np.ndarray, "height width"]
    mask: Bool[np.ndarray, "height width"]
    pose: Float[np.ndarray, "4 4"]

    @property
    def observation(self) -> Float[np.ndarray, "height width 5"]:
        """Red, green and blue from 0 to 1, depth in m, and the mask as 0 and 1."""
        layers = (self.rgb / 255.0, self.depth[..., None], self.mask[..., None])
        return np.concatenate(layers, -1).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Camera:
    """A simulated depth camera that looks along the hand's approach, upright (Veres et al. 2017, section IV-A1).

    - `distance`: from what it looks at, m; `fovy`: field of view, degrees; `size`: pixels along each side.
    - `near`, `far`: range of the depth, m.
    - `noise`: adds that of a Kinect (Nguyen et al. 2012) to the depth: `0.0012 + 0.0019 (z − 0.4)²` m, and more where
      the surface is seen at a grazing angle; 1 is the published size, 0 none.
    """

    distance: float | int = 0.3
    fovy: float | int = 50.0
    size: int = 64
    near: float | int = 0.01
    far: float | int = 0.7
    noise: float | int = 0.0

    def look(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        target: Float[np.ndarray, "3"],
        forward: Float[np.ndarray, "3"],
        random: np.random.Generator | None = None,
    ) -> View:
        """Look at `target` along `forward`; the picture's up is the world's, as far as it can be."""
        frame = upright(forward)
        eye = np.asarray(target, float) + self.distance * frame[:, 2]
        image = cast(
            model, data, eye, frame, fovy=self.fovy, width=self.size, height=self.size, shadows=False
        )
        depth = np.clip(np.nan_to_num(image.depth, posinf=self.far), self.near, self.far)
        if self.noise:
            random = np.random.default_rng(0) if random is None else random
            depth = np.clip(depth + self._noise(image, frame, random), self.near, self.far)
        mine = np.zeros(model.ngeom + 1, bool)
        mine[:-1] = model.body_rootid[model.geom_bodyid] == model.body("object").id
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = frame, eye
        return View(
            (255 * image.rgb + 0.5).astype(np.uint8), depth.astype(np.float32), mine[image.geom], pose
        )

    def rays(self) -> Float[np.ndarray, "height width 3"]:
        """For each pixel the direction in the camera's axes with unit depth: (right, up, −1)."""
        scale = np.tan(np.radians(self.fovy) / 2) / (self.size / 2)
        x = (np.arange(self.size) - (self.size - 1) / 2) * scale
        return np.stack([*np.meshgrid(x, -x), -np.ones((self.size, self.size))], -1)

    def _noise(self, image: RayImage, frame: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Nguyen, Izadi & Lovell 2012: the axial deviation grows with depth and beyond an angle of 60 degrees."""
        rays = self.rays() @ frame.T
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        angle = np.arccos(np.clip(np.abs((image.normal * rays).sum(-1)), 0.0, 1.0))
        depth = np.clip(np.nan_to_num(image.depth, posinf=self.far), self.near, self.far)
        sigma = 0.0012 + 0.0019 * (depth - 0.4) ** 2
        grazing = np.clip(angle, 0.0, np.radians(88))
        sigma += np.where(
            angle > np.radians(60), 0.0001 / np.sqrt(depth) * grazing**2 / (np.pi / 2 - grazing) ** 2, 0.0
        )
        return self.noise * sigma * random.normal(size=depth.shape)


def upright(forward: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Axes of a camera that looks along `forward`: right, up, backwards, as columns."""
    forward = np.asarray(forward, float) / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-6:
        right = np.array([1.0, 0.0, 0.0])  # straight down or up: the picture's right is the world's x
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(right, forward), -forward], 1)
