"""The object's frame as a camera sees it: grasps are written in it, so that a picture can predict them."""

import numpy as np
from jaxtyping import Float

from ideomotor.errors import DataError

from ._camera import Camera, View

FRAMES = ("principal", "camera")


def object_frame(view: View, camera: Camera, axes: str = "principal") -> Float[np.ndarray, "4 4"]:
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
    local = camera.rays()[row, column] * view.depth[row, column]
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


def to_frame(
    frame: Float[np.ndarray, "4 4"],
    contacts: Float[np.ndarray, "tips 3"],
    normals: Float[np.ndarray, "tips 3"],
) -> dict[str, np.ndarray]:
    """A grasp in the world, written in an object's frame."""
    rotation, origin = frame[:3, :3], frame[:3, 3]
    return {"contacts": (contacts - origin) @ rotation, "normals": normals @ rotation}


def to_world(frame: Float[np.ndarray, "4 4"], grasp: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A grasp in an object's frame, written in the world."""
    rotation, origin = frame[:3, :3], frame[:3, 3]
    return {
        "contacts": np.asarray(grasp["contacts"]) @ rotation.T + origin,
        "normals": np.asarray(grasp["normals"]) @ rotation.T,
    }
