import dataclasses

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import AbstractFeedforwardPrimitive, Trajectory, check_demonstration, quantity
from ideomotor.errors import DataError

from ._dmp import DMP
from ._orientation import OrientationDMP, OrientationDMPParams
from ._params import DMPParams


class PoseDMPParams(eqx.Module):
    """One movement of a `PoseDMP`: of the position, which has the duration, and of the orientation."""

    position: DMPParams = quantity(label="position")
    orientation: OrientationDMPParams = quantity(label="orientation")


class PoseDMP(AbstractFeedforwardPrimitive[PoseDMPParams]):
    """Position in closed form and orientation by `OrientationDMP`, with one tau for both.

    - `position`: a DMP of three degrees of freedom; its tau or duration is that of the pose.
    - `orientation`: an OrientationDMP without a duration of its own.
    """

    position: DMP
    orientation: OrientationDMP

    def __init__(self, position: DMP = DMP(3), orientation: OrientationDMP = OrientationDMP()):
        if not isinstance(position, DMP) or position.dof != 3:
            raise ValueError(f"position = {position!r}; a pose needs a DMP of 3 degrees of freedom.")
        if not isinstance(orientation, OrientationDMP) or orientation.duration is not None:
            raise ValueError(
                f"orientation = {orientation!r}; a pose needs an OrientationDMP without a duration: it has that "
                f"of the position."
            )
        self.position, self.orientation = position, orientation

    def default_params(self) -> PoseDMPParams:
        """Those of the parts."""
        orientation = dataclasses.replace(self.orientation.default_params(), tau=None)
        return PoseDMPParams(self.position.default_params(), orientation)

    def trajectory(
        self, params: PoseDMPParams, ts: Float[Array, " time"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "time 7"]:
        """Positions and unit quaternions (x, y, z, qw, qx, qy, qz) at the increasing times `ts` (s)."""
        position = self.position.trajectory(params.position, ts)
        return jnp.concatenate([position, self.orientation.trajectory(self._timed(params), ts)], axis=1)

    def velocity(self, params: PoseDMPParams, ts: Float[Array, " time"]) -> Float[Array, "time 6"]:
        """Linear and angular velocity in the fixed frame at the times `ts` (s)."""
        linear = self.position.velocity(params.position, ts)
        return jnp.concatenate([linear, self.orientation.velocity(self._timed(params), ts)], axis=1)

    def fit(self, trajectory: Trajectory) -> PoseDMPParams:
        """Imitate a demonstration `(x, y, z, qw, qx, qy, qz)`, shape `(time, 7)`; see the parts' `fit`."""
        trajectory = check_demonstration(trajectory, minimum=3)
        ys = jnp.asarray(trajectory.ys)
        if ys.ndim != 2 or ys.shape[1] != 7:
            raise DataError(f"trajectory.ys has shape {ys.shape} and a pose needs (time, 7).")
        position = self.position.fit(Trajectory(trajectory.ts, ys[:, :3]))
        timed = dataclasses.replace(self.orientation, duration=self.position.duration)
        orientation = timed.fit(Trajectory(trajectory.ts, ys[:, 3:]))
        return PoseDMPParams(position, dataclasses.replace(orientation, tau=None))

    def _timed(self, params):
        tau = self.position.tau(params.position)
        if params.orientation.tau is not None:
            raise DataError("params.orientation.tau must be None; a pose has the duration of its position.")
        return dataclasses.replace(params.orientation, tau=tau)
