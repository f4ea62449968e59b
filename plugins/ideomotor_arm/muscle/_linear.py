import jax.numpy as jnp
from jaxtyping import Array, Float

from ideomotor import quantity

from .._checks import check_numbers, floats
from ._muscle import AbstractMuscle, Numbers


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
        """See `AbstractMuscle`."""
        return activation * jnp.maximum(1.0 + self.stiffness * (length - 1.0) + self.damping * speed, 0.0)
