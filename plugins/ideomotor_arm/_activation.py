import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor import quantity

from ._checks import check_numbers, concrete, floats

Numbers = Float[Array, "*muscles"]


class AbstractActivation(eqx.Module):
    """How the activation of a muscle follows its excitation; both lie between `least` and 1."""

    least: eqx.AbstractVar[float]

    @abc.abstractmethod
    def rate(self, activation: Numbers, excitation: Numbers) -> Numbers:
        """The time derivative of the activation, in 1/s."""

    def limit(self, excitation: Numbers) -> Numbers:
        """The excitation a muscle can take: an unbounded one makes a linear reflex run away."""
        return jnp.clip(excitation, self.least, 1.0)


class FirstOrderActivation(AbstractActivation):
    """a' = (u - a) / time, up and down alike (Huh & Todorov 2009 with 50 ms)."""

    time: Float[Array, ""] = quantity(unit="s", bounds=(0.005, 0.2), default=0.05, converter=floats)
    least: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        check_numbers(self, "time", least=0.0, strict=True)
        _check_least(self)

    def rate(self, activation: Numbers, excitation: Numbers) -> Numbers:
        return (excitation - activation) / self.time


class TodorovLiActivation(AbstractActivation):
    """Rising takes `fall + u (rise - fall)` seconds, falling `fall` (Todorov & Li 2004: 50 and 66 ms)."""

    rise: Float[Array, ""] = quantity(unit="s", bounds=(0.005, 0.2), default=0.05, converter=floats)
    fall: Float[Array, ""] = quantity(unit="s", bounds=(0.005, 0.2), default=0.066, converter=floats)
    least: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        check_numbers(self, "rise", least=0.0, strict=True)
        check_numbers(self, "fall", least=0.0, strict=True)
        _check_least(self)

    def rate(self, activation: Numbers, excitation: Numbers) -> Numbers:
        rising = self.fall + excitation * (self.rise - self.fall)
        return (excitation - activation) / jnp.where(excitation > activation, rising, self.fall)


class ThelenActivation(AbstractActivation):
    """Rising takes `rise (0.5 + 1.5 a)` seconds, falling `fall / (0.5 + 1.5 a)` (Thelen 2003, eqs. 1-2)."""

    rise: Float[Array, ""] = quantity(unit="s", bounds=(0.005, 0.2), default=0.015, converter=floats)
    fall: Float[Array, ""] = quantity(unit="s", bounds=(0.005, 0.2), default=0.05, converter=floats)
    least: float = eqx.field(static=True, default=0.001)

    def __check_init__(self):
        check_numbers(self, "rise", least=0.0, strict=True)
        check_numbers(self, "fall", least=0.0, strict=True)
        _check_least(self)

    def rate(self, activation: Numbers, excitation: Numbers) -> Numbers:
        factor = 0.5 + 1.5 * activation
        return (excitation - activation) / jnp.where(
            excitation > activation, self.rise * factor, self.fall / factor
        )


def _check_least(owner: AbstractActivation):
    if concrete(owner.least) and not 0.0 <= np.asarray(owner.least) < 1.0:
        raise ValueError(f"{type(owner).__name__}: least must be at least 0 and below 1, not {owner.least}.")
