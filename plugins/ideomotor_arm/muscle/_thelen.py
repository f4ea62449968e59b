import jax.numpy as jnp
from jaxtyping import Array, Float

from ideomotor import quantity

from .._checks import check_numbers, floats
from ._muscle import AbstractMuscle, Numbers

LARGEST_STRAIN = 2.0  # the passive exponential would overflow float32 at a strain of eleven


class ThelenMuscle(AbstractMuscle):
    """A Hill muscle on a rigid tendon (Thelen 2003, eqs. 3-7), solved for the force at a given speed.

    Thelen gives the speed for a force, v = (0.25 + 0.75 a) vmax (F - a FL) / b; with the tendon rigid the speed is
    known and the equation is linear in F.
    """

    vmax: Float[Array, ""] = quantity(unit="L0/s", bounds=(1.0, 20.0), default=10.0, converter=floats)
    gamma: Float[Array, ""] = quantity(
        bounds=(0.1, 2.0), label="width of the force-length curve", default=0.45, converter=floats
    )
    shape: Float[Array, ""] = quantity(
        bounds=(0.05, 1.0), label="curvature of the force-speed curve", default=0.25, converter=floats
    )
    eccentric: Float[Array, ""] = quantity(
        bounds=(1.05, 2.0), label="greatest tension while lengthening", default=1.4, converter=floats
    )
    passive_shape: Float[Array, ""] = quantity(bounds=(1.0, 10.0), default=5.0, converter=floats)
    passive_strain: Float[Array, ""] = quantity(
        unit="L0",
        bounds=(0.1, 2.0),
        label="strain of unit passive tension",
        default=0.6,
        converter=floats,
    )

    def __check_init__(self):
        for name in ("vmax", "gamma", "shape", "passive_shape", "passive_strain"):
            check_numbers(self, name, least=0.0, strict=True)
        check_numbers(self, "eccentric", least=1.0, strict=True)

    def tension(self, activation: Numbers, length: Numbers, speed: Numbers) -> Numbers:
        """See `AbstractMuscle`."""
        by_length = jnp.exp(-((length - 1.0) ** 2) / self.gamma)
        relative = speed / ((0.25 + 0.75 * activation) * self.vmax)
        shortening, lengthening = jnp.minimum(relative, 0.0), jnp.maximum(relative, 0.0)
        concentric = jnp.maximum(1.0 + shortening, 0.0) / (1.0 - shortening / self.shape)
        drag = lengthening * (2.0 + 2.0 / self.shape) / (self.eccentric - 1.0)
        eccentric = (1.0 + drag * self.eccentric) / (1.0 + drag)
        by_speed = jnp.where(relative <= 0.0, concentric, eccentric)
        strain = jnp.clip(length - 1.0, 0.0, LARGEST_STRAIN)
        passive = jnp.expm1(self.passive_shape * strain / self.passive_strain) / jnp.expm1(self.passive_shape)
        return activation * by_length * by_speed + passive
