from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from ideomotor.errors import DataError

from .._demonstrations import Demonstrations

_LIMIT = np.deg2rad(170)


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Between samples and coordinates in which means and distances make sense.

    Cartesian positions and joint angles are coordinates already. A pose (x, y, z, and a unit quaternion w, x, y, z)
    becomes [x, y, z, rotation_length * r], r being the rotation vector from `reference` to the orientation.

    For joint angles, `reference` holds the numbers of the joints that turn without end: demonstrations of them may be
    whole turns apart.
    """

    space: str
    reference: Float[np.ndarray, " reference"]
    rotation_length: float

    @classmethod
    def fitted(cls, demonstrations: Demonstrations, rotation_length: float) -> "Coordinates":
        """With the mean orientation (Markley et al. 2007) of the demonstrations as the reference."""
        reference = np.zeros(0)
        if demonstrations.space == "joint":
            reference = np.array(demonstrations.continuous, float)
        if demonstrations.space == "pose":
            quaternions = demonstrations.ys[:, 3:]
            reference = np.linalg.eigh(quaternions.T @ quaternions)[1][:, -1]
            reference = reference * np.sign(reference[np.argmax(np.abs(reference))])
        return cls(demonstrations.space, reference, rotation_length)

    def encode(self, ys: Float[np.ndarray, "*batch dof"]) -> Float[np.ndarray, "*batch coordinate"]:
        """Samples to coordinates; raises `DataError` for orientations more than 170 degrees from the reference."""
        ys = np.asarray(ys, np.float64)
        if self.space != "pose":
            return ys
        turns = Rotation.from_quat(ys[..., 3:].reshape(-1, 4), scalar_first=True)
        vectors = (self._reference.inv() * turns).as_rotvec().reshape(*ys.shape[:-1], 3)
        far = np.linalg.norm(vectors, axis=-1)
        if np.any(far > _LIMIT):
            raise DataError(
                f"An orientation is {np.rad2deg(far.max()):.0f} degrees from the mean of the demonstrations; up "
                f"to 170 can be compared."
            )
        return np.concatenate([ys[..., :3], self.rotation_length * vectors], axis=-1)

    def decode(self, coordinates: Float[np.ndarray, "*batch coordinate"]) -> Float[np.ndarray, "*batch dof"]:
        """Coordinates to samples, the inverse of `encode`."""
        if self.space != "pose":
            return coordinates
        vectors = coordinates[..., 3:].reshape(-1, 3) / self.rotation_length
        turns = (self._reference * Rotation.from_rotvec(vectors)).as_quat(scalar_first=True)
        return np.concatenate([coordinates[..., :3], turns.reshape(*coordinates.shape[:-1], 4)], axis=-1)

    @property
    def _reference(self) -> Rotation:
        return Rotation.from_quat(self.reference, scalar_first=True)

    def turns(
        self, here: Float[np.ndarray, "*here coordinate"], there: Float[np.ndarray, "*there coordinate"]
    ) -> Float[np.ndarray, "*both coordinate"]:
        """The whole turns of continuous joints to add to `here` so that it is nearest to `there`."""
        apart = there - here
        whole = np.zeros_like(apart)
        if self.space == "joint" and len(self.reference):
            joints = self.reference.astype(int)
            whole[..., joints] = 2 * np.pi * np.round(apart[..., joints] / (2 * np.pi))
        return whole
