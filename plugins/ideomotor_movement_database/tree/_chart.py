from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ideomotor.errors import DataError

_LIMIT = np.deg2rad(170)


@dataclass(frozen=True, eq=False)
class Chart:
    """Between samples and coordinates in which means and distances make sense.

    Cartesian positions and joint angles are coordinates already. A pose (x, y, z, and a unit quaternion w, x, y, z)
    becomes [x, y, z, rotation_length * r], r being the rotation vector from `reference` to the orientation.
    """

    space: str
    reference: Float[np.ndarray, " quaternion"]
    rotation_length: float

    @classmethod
    def of(cls, space: str, ys: Float[np.ndarray, "sample dof"], rotation_length: float) -> "Chart":
        """With the mean orientation (Markley et al. 2007) of the samples as its reference."""
        if space != "pose":
            return cls(space, np.zeros(0), rotation_length)
        quaternions = ys[:, 3:]
        reference = np.linalg.eigh(quaternions.T @ quaternions)[1][:, -1]
        sign = np.sign(reference[np.argmax(np.abs(reference))])
        return cls(space, sign * reference, rotation_length)

    def coordinates(self, ys: Float[np.ndarray, "*batch dof"]) -> Float[np.ndarray, "*batch coordinate"]:
        """Of samples; raises `DataError` for orientations more than 170 degrees from the reference."""
        if self.space != "pose":
            return np.asarray(ys, np.float64)
        vectors = _log(_product(_conjugate(self.reference), ys[..., 3:]))
        far = np.linalg.norm(vectors, axis=-1)
        if np.any(far > _LIMIT):
            raise DataError(
                f"An orientation is {np.rad2deg(far.max()):.0f} degrees from the mean of the demonstrations; up "
                f"to 170 can be compared."
            )
        return np.concatenate([ys[..., :3], self.rotation_length * vectors], axis=-1)

    def samples(self, coordinates: Float[np.ndarray, "*batch coordinate"]) -> Float[np.ndarray, "*batch dof"]:
        """The inverse of `coordinates`."""
        if self.space != "pose":
            return coordinates
        quaternions = _product(self.reference, _exp(coordinates[..., 3:] / self.rotation_length))
        return np.concatenate([coordinates[..., :3], quaternions], axis=-1)


def _conjugate(q: np.ndarray) -> np.ndarray:
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def _product(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Hamilton's product of quaternions (w, x, y, z)."""
    pw, pv, qw, qv = p[..., :1], p[..., 1:], q[..., :1], q[..., 1:]
    pv, qv = np.broadcast_arrays(pv, qv)
    w = pw * qw - np.sum(pv * qv, axis=-1, keepdims=True)
    return np.concatenate([w, pw * qv + qw * pv + np.cross(pv, qv)], axis=-1)


def _log(q: np.ndarray) -> np.ndarray:
    """The shortest rotation vector (rad); q and -q have the same."""
    q = np.where(q[..., :1] < 0, -q, q)
    size = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(size, q[..., :1])
    return q[..., 1:] * np.where(size > 1e-12, angle / np.maximum(size, 1e-12), 2.0)


def _exp(r: np.ndarray) -> np.ndarray:
    angle = np.linalg.norm(r, axis=-1, keepdims=True)
    return np.concatenate([np.cos(angle / 2), r / 2 * np.sinc(angle / (2 * np.pi))], axis=-1)
