import abc

import equinox as eqx
from jaxtyping import Array, Float

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
