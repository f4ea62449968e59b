import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor import quantity

from ._checks import check_numbers, concrete, floats


class JointLimits(eqx.Module):
    """What keeps joints within their range.

    Springs and dampers beyond it: torque = -stiffness · excess, and -damping · velocity where a joint is outside and still
    leaving. With `hard=True` a wall instead, as in MotorNet: after each solver step a joint is put back to its limit, where
    it does not move outwards.
    """

    lower: Float[Array, "joints"] = quantity(
        unit="rad", bounds=(-3.14, 3.14), default=(0.0, 0.0), converter=floats
    )
    upper: Float[Array, "joints"] = quantity(
        unit="rad", bounds=(-3.14, 3.14), default=(2.36, 2.71), converter=floats
    )
    stiffness: Float[Array, ""] = quantity(
        unit="N m/rad", bounds=(0.0, 500.0), default=30.0, converter=floats
    )
    damping: Float[Array, ""] = quantity(unit="N m s/rad", bounds=(0.0, 20.0), default=2.0, converter=floats)
    hard: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check_numbers(self, "stiffness", least=0.0)
        check_numbers(self, "damping", least=0.0)
        if concrete(self.lower, self.upper) and not np.all(np.asarray(self.lower) < np.asarray(self.upper)):
            raise ValueError(
                f"JointLimits: lower {np.asarray(self.lower).tolist()} must be below upper "
                f"{np.asarray(self.upper).tolist()} at every joint."
            )

    def torque(
        self, angle: Float[Array, "*axes joints"], velocity: Float[Array, "*axes joints"]
    ) -> Float[Array, "*axes joints"]:
        """The torque (N m) that pushes joints back into their range; zero within it, and with `hard`."""
        if self.hard:
            return jnp.zeros_like(angle)
        excess = jnp.maximum(angle - self.upper, 0.0) - jnp.maximum(self.lower - angle, 0.0)
        leaving = excess * velocity > 0.0
        return -self.stiffness * excess - jnp.where(leaving, self.damping * velocity, 0.0)

    def stop(
        self, angle: Float[Array, "*axes joints"], velocity: Float[Array, "*axes joints"]
    ) -> tuple[Float[Array, "*axes joints"], Float[Array, "*axes joints"]]:
        """Angles and velocities after the wall of `hard` limits; unchanged without."""
        if not self.hard:
            return angle, velocity
        blocked = ((angle <= self.lower) & (velocity < 0.0)) | ((angle >= self.upper) & (velocity > 0.0))
        return jnp.clip(angle, self.lower, self.upper), jnp.where(blocked, 0.0, velocity)
