# pyright: reportAttributeAccessIssue=false
"""What a camera sees of a thing on the table, and the frame in which grasps are written."""

import dataclasses
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float, UInt8

from ideomotor.errors import DataError

from .._rays import RayImage, cast
from ._object import GraspObject, Settings

FRAMES = ("principal", "camera")  # axes of an object's frame


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

    def capture(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        target: Float[np.ndarray, "3"],
        forward: Float[np.ndarray, "3"],
        random: np.random.Generator | None = None,
    ) -> View:
        """Look at `target` along `forward`; the picture's up is the world's, as far as it can be."""
        frame = upright(forward)
        position = np.asarray(target, float) + self.distance * frame[:, 2]
        image = cast(
            model, data, position, frame, fovy=self.fovy, width=self.size, height=self.size, shadows=False
        )
        depth = np.clip(np.nan_to_num(image.depth, posinf=self.far), self.near, self.far)
        if self.noise:
            random = np.random.default_rng(0) if random is None else random
            depth = np.clip(depth + self._noise(image, frame, random), self.near, self.far)
        mine = np.zeros(model.ngeom + 1, bool)
        mine[:-1] = model.body_rootid[model.geom_bodyid] == model.body("object").id
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = frame, position
        return View(
            (255 * image.rgb + 0.5).astype(np.uint8), depth.astype(np.float32), mine[image.geom], pose
        )

    def photograph(
        self,
        thing: GraspObject,
        forward: Float[np.ndarray, "3"],
        *,
        settings: Settings | None = None,
        seed: int = 0,
    ) -> View:
        """What the camera sees of an object alone on the table, from its middle back along `forward`.

        - `seed`: of the camera's noise, if it has any.
        """
        model, data = thing.on_table(settings)
        return self.capture(
            model, data, thing.middle, np.asarray(forward, float), np.random.default_rng(seed)
        )

    def object_frame(self, view: View, axes: str = "principal") -> Float[np.ndarray, "4 4"]:
        """The object's frame in the world, from mask and depth (Veres et al. 2017, section IV-A2).

        The origin is the middle of the object's pixels at their depth (the nearest object pixel where the middle is not
        on it). With `axes="principal"` z and y are the first and second principal directions of the mask in the image
        plane, and x points into the object; z points up in the picture (or right, if it is level), which fixes the signs
        that principal components leave open. With `axes="camera"` z is up and y left in the picture: no turning with the
        mask's shape.

        Raises a `DataError` if no object is in the picture.
        """
        if axes not in FRAMES:
            raise DataError(f"axes must be one of {', '.join(FRAMES)}, not {axes!r}.")
        rows, columns = np.nonzero(view.mask)
        if len(rows) < 8:
            raise DataError(
                f"There is no object in the picture: its mask has {len(rows)} pixels, and 8 are needed; point the camera at "
                f"the object."
            )
        pixels = np.stack([columns, rows], 1).astype(float)
        middle = pixels.mean(0)
        nearest = np.argmin(((pixels - middle) ** 2).sum(1))
        row, column = rows[nearest], columns[nearest]
        local = dataclasses.replace(self, size=len(view.mask)).rays()[row, column] * view.depth[row, column]
        along = np.array([0.0, 1.0])  # right, up
        if axes == "principal":
            spread = np.cov((pixels - middle).T)
            along = np.linalg.eigh(spread)[1][:, 1] * np.array([1.0, -1.0])
            level = abs(along[1]) < 0.05
            along *= np.sign(along[0] if level else along[1])
        z = np.array([*along, 0.0])
        x = np.array([0.0, 0.0, -1.0])
        frame = np.eye(4)
        frame[:3, :3] = view.pose[:3, :3] @ np.stack([x, np.cross(z, x), z], 1)
        frame[:3, 3] = view.pose[:3, :3] @ local + view.pose[:3, 3]
        return frame

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


def to_frame(
    frame: Float[np.ndarray, "4 4"],
    contacts: Float[np.ndarray, "tips 3"],
    normals: Float[np.ndarray, "tips 3"],
) -> dict[str, np.ndarray]:
    """A grasp in the world, `contacts` (m) and `normals` there, written in an object's `frame`: `{"contacts", "normals"}`."""
    rotation, origin = frame[:3, :3], frame[:3, 3]
    return {"contacts": (contacts - origin) @ rotation, "normals": normals @ rotation}


def to_world(frame: Float[np.ndarray, "4 4"], grasp: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A `grasp` in an object's `frame`, as `to_frame` gives it, written in the world."""
    rotation, origin = frame[:3, :3], frame[:3, 3]
    return {
        "contacts": np.asarray(grasp["contacts"]) @ rotation.T + origin,
        "normals": np.asarray(grasp["normals"]) @ rotation.T,
    }


def shrunk(image: np.ndarray, pixels: int) -> np.ndarray:
    """A square picture of so many pixels along each side, by means of square blocks; a `DataError` if its size is no multiple."""
    factor = len(image) // max(pixels, 1)
    if factor * pixels != len(image) or pixels < 1 or image.shape[0] != image.shape[1]:
        raise DataError(
            f"A picture of {image.shape[0]} x {image.shape[1]} pixels cannot be shrunk to {pixels} x {pixels}; take a camera "
            f"of a multiple of that size."
        )
    return image.reshape(pixels, factor, pixels, factor, -1).mean((1, 3))
