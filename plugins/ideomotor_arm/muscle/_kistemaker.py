import jax.numpy as jnp
from jaxtyping import Array, Float

from ideomotor import quantity

from .._checks import check_numbers, floats
from ._muscle import AbstractMuscle, Numbers

WEAKEST, LEAST_FORCE_LENGTH = 0.001, 0.01
CRITICAL, QUIET = 0.3, 0.005  # below the critical activation a muscle is slower, slowest where it is quiet
ASYMPTOTE, SLOPE_FACTOR, SLOPE = (
    1.5,
    2.0,
    0.001,
)  # of the eccentric hyperbola: height, kink at rest, final slope


class KistemakerMuscle(AbstractMuscle):
    """A Hill muscle on a rigid tendon (van Soest & Bobbert 1993; Kistemaker et al. 2010).

    Shortening follows Hill's hyperbola (a FL b + a a_rel v) / (b - v), lengthening a hyperbola that starts `2` times
    as steep and rises towards `1.5` times the isometric force. The passive tension is a parabola beyond `slack`
    optimal lengths, equal to one at 1.66. Speed is relative to `vmax`. Activations below 0.001 count as 0.001.
    """

    vmax: Float[Array, ""] = quantity(unit="L0/s", bounds=(1.0, 20.0), default=10.0, converter=floats)
    width: Float[Array, ""] = quantity(
        unit="L0",
        bounds=(0.2, 1.5),
        label="half width of the force-length curve",
        default=0.66,
        converter=floats,
    )
    slack: Float[Array, ""] = quantity(
        unit="L0", bounds=(0.5, 1.6), label="length without passive tension", default=1.4, converter=floats
    )
    a_rel: Float[Array, ""] = quantity(bounds=(0.05, 1.0), label="Hill's a", default=0.41, converter=floats)
    b_rel: Float[Array, ""] = quantity(
        bounds=(0.5, 20.0), label="Hill's b in vmax", default=5.2, converter=floats
    )

    def __check_init__(self):
        for name in ("vmax", "width", "a_rel", "b_rel"):
            check_numbers(self, name, least=0.0, strict=True)
        check_numbers(self, "slack", least=0.0)

    def tension(self, activation: Numbers, length: Numbers, speed: Numbers) -> Numbers:
        """See `AbstractMuscle`."""
        activation = jnp.maximum(activation, WEAKEST)
        speed = speed / self.vmax
        by_length = jnp.maximum(1.0 - ((length - 1.0) / self.width) ** 2, LEAST_FORCE_LENGTH)
        a = jnp.where(length > 1.0, self.a_rel * by_length, self.a_rel)
        # The square is around the whole factor, as in MotorNet, and not around the ratio alone.
        slowed = (1.0 - 0.9 * (jnp.minimum(activation, CRITICAL) - CRITICAL) / (QUIET - CRITICAL)) ** 2
        b = self.b_rel * slowed
        isometric = activation * by_length
        shortening, lengthening = jnp.minimum(speed, 0.0), jnp.maximum(speed, 0.0)
        concentric = (isometric * b + activation * a * shortening) / (b - shortening)
        # F(v) = top + SLOPE v - c / (v + d), with F(0) isometric and SLOPE_FACTOR times the slope of Hill's curve there.
        steep = SLOPE_FACTOR * activation * (by_length + a) / b
        d = (ASYMPTOTE - 1.0) * isometric / (steep - SLOPE)
        c = (ASYMPTOTE - 1.0) * isometric * d
        eccentric = ASYMPTOTE * isometric + SLOPE * lengthening - c / (lengthening + d)
        active = jnp.maximum(jnp.where(speed < 0.0, concentric, eccentric), 0.0)
        passive = (jnp.maximum(length - self.slack, 0.0) / (1.66 - self.slack)) ** 2
        return active + passive
