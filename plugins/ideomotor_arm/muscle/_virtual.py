from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from ._muscle import AbstractMuscle, Numbers


class VirtualMuscleParameters(NamedTuple):
    """Constants of `VirtualMuscle`, in the symbols of Brown et al. 1999; speeds in optimal lengths per second."""

    beta: float
    omega: float
    rho: float
    fastest: float
    concentric: tuple[float, float]
    eccentric: tuple[float, float, float]
    b: float


SLOW = VirtualMuscleParameters(2.30, 1.26, 1.62, -4.06, (5.88, 0.0), (-4.70, 8.41, -5.34), 0.18)
"""Slow-twitch fibres, Brown, Cheng & Loeb 1999."""

FAST = VirtualMuscleParameters(1.55, 0.81, 2.12, -7.39, (-3.21, 4.17), (-1.53, 0.0, 0.0), 1.05)
"""Fast-twitch fibres, Brown, Cheng & Loeb 1999."""

TODOROV_LI = VirtualMuscleParameters(1.93, 1.03, 1.87, -5.72, (1.38, 2.09), (-3.12, 4.21, -2.67), 0.62)
"""The mean of slow and fast fibres, Li & Todorov 2004."""

LILLICRAP_SCOTT = VirtualMuscleParameters(1.55, 0.81, 1.0, -7.39, (0.96, 0.0), (-3.12, 4.21, -2.67), 0.62)
"""Lillicrap & Scott 2013."""

# Where no fit was made the curves run away (a fractional power of a length below zero, an exponential passive force).
SHORTEST, LONGEST = 0.45, 2.2
NEAR_OPTIMAL = 1e-6


def _parameters(value: Any) -> VirtualMuscleParameters:
    fields = (tuple(map(float, item)) if isinstance(item, list | tuple) else float(item) for item in value)
    return VirtualMuscleParameters(*fields)  # pyright: ignore[reportArgumentType]


class VirtualMuscle(AbstractMuscle):
    """The virtual muscle of Brown, Cheng & Loeb 1999 as simplified by Li & Todorov 2004: tension = a F(l, l').

    F = FL(l) FV(l, l') + FP(l) with

        FL = exp(-|(l^β - 1) / ω|^ρ)
        FV = (v_m - v) / (v_m + (c0 + c1 l) v)                     shortening (v_m < 0)
             (b - (a0 + a1 l + a2 l²) v) / (b + v)                 lengthening
        FP = -0.02 exp(-18.7 (l - 0.79))                           resistance to compression

    `parameters` is one of `TODOROV_LI`, `SLOW`, `FAST`, `LILLICRAP_SCOTT`, or seven entries of that form. Lengths are
    taken as between 0.45 and 2.2. Tension is linear in activation, as in Huh & Todorov 2009.
    """

    parameters: VirtualMuscleParameters = eqx.field(static=True, default=TODOROV_LI, converter=_parameters)

    def __check_init__(self):
        if not self.parameters.fastest < 0 < self.parameters.b:
            raise ValueError(
                f"VirtualMuscle: fastest must be negative (shortening) and b positive, not "
                f"{self.parameters.fastest:g} and {self.parameters.b:g}."
            )

    def tension(self, activation: Numbers, length: Numbers, speed: Numbers) -> Numbers:
        """See `AbstractMuscle`."""
        p = self.parameters
        length = jnp.clip(length, SHORTEST, LONGEST)
        # exp and log cost less than a power, and their derivative is finite at the optimal length.
        off = jnp.maximum(jnp.abs(jnp.exp(p.beta * jnp.log(length)) - 1.0) / p.omega, NEAR_OPTIMAL)
        by_length = jnp.exp(-jnp.exp(p.rho * jnp.log(off)))
        # Each branch sees only its own sign of speed, so that neither can divide by zero.
        shortening, lengthening = jnp.minimum(speed, 0.0), jnp.maximum(speed, 0.0)
        concentric = (p.fastest - shortening) / (
            p.fastest + (p.concentric[0] + p.concentric[1] * length) * shortening
        )
        slope = p.eccentric[0] + length * (p.eccentric[1] + length * p.eccentric[2])
        eccentric = (p.b - slope * lengthening) / (p.b + lengthening)
        by_speed = jnp.where(speed <= 0.0, concentric, eccentric)
        compression = -0.02 * jnp.exp(-18.7 * (length - 0.79))
        return activation * jnp.maximum(by_length * by_speed + compression, 0.0)
