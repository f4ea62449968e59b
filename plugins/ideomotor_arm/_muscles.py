"""The contractile laws of muscles: tension from activation, length and speed."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ideomotor import quantity

from ._checks import check_numbers, floats

Numbers = Float[Array, "*muscles"]


class AbstractMuscle(eqx.Module):
    """The contractile law of a muscle, in units of the muscle itself, so that one law serves all muscles of a limb."""

    @abc.abstractmethod
    def tension(self, activation: Numbers, length: Numbers, speed: Numbers) -> Numbers:
        """Tension in units of the maximal isometric force, never negative.

        - `activation` from 0 to 1.
        - `length` in optimal lengths.
        - `speed` in optimal lengths per second, positive while lengthening.
        """


class LinearMuscle(AbstractMuscle):
    """Tension proportional to activation: a (1 + stiffness (l - 1) + damping l'), never below zero.

    With both at zero the tension is the activation. A spring and damper that grow with activation give the arm of
    Franklin et al. 2007 its stability.
    """

    stiffness: Float[Array, ""] = quantity(
        unit="1/L0", bounds=(0.0, 20.0), label="tension per lengthening", default=0.0, converter=floats
    )
    damping: Float[Array, ""] = quantity(
        unit="s/L0", bounds=(0.0, 2.0), label="tension per lengthening speed", default=0.0, converter=floats
    )

    def __check_init__(self):
        check_numbers(self, "stiffness", least=0.0)
        check_numbers(self, "damping", least=0.0)

    def tension(self, activation: Numbers, length: Numbers, speed: Numbers) -> Numbers:
        return activation * jnp.maximum(1.0 + self.stiffness * (length - 1.0) + self.damping * speed, 0.0)


class _VirtualParameters(NamedTuple):
    """Constants of `VirtualMuscle`, in the symbols of Brown et al. 1999; speeds in optimal lengths per second."""

    beta: float
    omega: float
    rho: float
    fastest: float
    concentric: tuple[float, float]
    eccentric: tuple[float, float, float]
    b: float
    # Li & Todorov drop Brown's "- 1" and print exp(13.8 - 18.7 l), which is Brown's exp(-18.7 (l - 0.79)) less 0.97.
    compression: tuple[float, float, float] = (13.8, 18.7, 0.0)


_BROWN = (18.7 * 0.79, 18.7, 1.0)
VIRTUAL_MUSCLES = {
    "li-todorov": _VirtualParameters(
        1.93, 1.03, 1.87, -5.72, (1.38, 2.09), (-3.12, 4.21, -2.67), 0.62
    ),  # the mean of slow and fast fibres
    "slow": _VirtualParameters(2.30, 1.26, 1.62, -4.06, (5.88, 0.0), (-4.70, 8.41, -5.34), 0.18, _BROWN),
    "fast": _VirtualParameters(1.55, 0.81, 2.12, -7.39, (-3.21, 4.17), (-1.53, 0.0, 0.0), 1.05, _BROWN),
    "lillicrap-scott": _VirtualParameters(1.55, 0.81, 1.0, -7.39, (0.96, 0.0), (-3.12, 4.21, -2.67), 0.62),
}

# Where no fit was made the curves run away (a fractional power of a length below zero, an exponential passive force).
SHORTEST, LONGEST = 0.45, 2.2
NEAR_OPTIMAL = 1e-6


def _parameters(value: Any) -> str | _VirtualParameters:
    if isinstance(value, str):
        return value
    fields = (tuple(map(float, item)) if isinstance(item, list | tuple) else float(item) for item in value)
    return _VirtualParameters(*fields)  # pyright: ignore[reportArgumentType]


class VirtualMuscle(AbstractMuscle):
    """The virtual muscle of Brown, Cheng & Loeb 1999 as simplified by Li & Todorov 2004: tension = a F(l, l').

    F = FL(l) FV(l, l') + FP(l) with

        FL = exp(-|(l^β - 1) / ω|^ρ)
        FV = (v_m - v) / (v_m + (c0 + c1 l) v)                     shortening (v_m < 0)
             (b - (a0 + a1 l + a2 l²) v) / (b + v)                 lengthening
        FP                                                         resistance to compression

    - `parameters`: `"li-todorov"` (with FP = -0.02 exp(13.8 - 18.7 l)), `"lillicrap-scott"` (Lillicrap & Scott 2013, the
      same FP), Brown's `"slow"` and `"fast"` fibres (FP = -0.02 (exp(-18.7 (l - 0.79)) - 1), never positive), or numbers
      `(β, ω, ρ, v_m, (c0, c1), (a0, a1, a2), b)`, and then `(d0, d1, d2)` of FP = -0.02 (exp(d0 - d1 l) - d2).

    Lengths are taken as between 0.45 and 2.2. Tension is linear in activation, as in Huh & Todorov 2009.
    """

    parameters: str | tuple = eqx.field(static=True, default="li-todorov", converter=_parameters)

    def __check_init__(self):
        if isinstance(self.parameters, str) and self.parameters not in VIRTUAL_MUSCLES:
            raise ValueError(
                f"VirtualMuscle: parameters must be numbers or one of {', '.join(VIRTUAL_MUSCLES)}, not "
                f"{self.parameters!r}."
            )
        numbers = self._numbers
        if not numbers.fastest < 0 < numbers.b:
            raise ValueError(
                f"VirtualMuscle: v_m must be negative (shortening) and b positive, not "
                f"{numbers.fastest:g} and {numbers.b:g}."
            )

    @property
    def _numbers(self) -> _VirtualParameters:
        given: Any = self.parameters
        return VIRTUAL_MUSCLES[given] if isinstance(given, str) else given

    def tension(self, activation: Numbers, length: Numbers, speed: Numbers) -> Numbers:
        p = self._numbers
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
        constant, slope, rest = p.compression
        compression = jnp.minimum(-0.02 * (jnp.exp(constant - slope * length) - rest), 0.0)
        return activation * jnp.maximum(by_length * by_speed + compression, 0.0)


# No joint within its range lengthens a muscle so far; an arm without limits would be thrown about by the parabola.
LONGEST_PASSIVE = 1.7
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
    optimal lengths, equal to one at 1.66 and constant from 1.7 on. Speed is relative to `vmax`.
    Activations below 0.001 count as 0.001.
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
        passive = (
            jnp.maximum(jnp.minimum(length, LONGEST_PASSIVE) - self.slack, 0.0) / (1.66 - self.slack)
        ) ** 2
        return active + passive


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
