import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ideomotor import quantity

# The middle of the workspace of the default arm: what a command is measured from.
MIDDLE = (0.18, 0.36)


def _array(value):
    """Numbers become arrays; arrays of NumPy and what JAX traces stay as they are."""
    return value if hasattr(value, "dtype") else jnp.asarray(value, float)


class AbstractCommand(eqx.Module):
    """What a policy is told: the parameters of one movement, in physical units."""

    @abc.abstractmethod
    def coded(self) -> Float[Array, "*axes signals"]:
        """The command as the network hears it: about one in size, zero for a command in the middle of its range.

        Multiplicative noise acts on these numbers, so where zero lies decides how noisy a command is.
        """


class ReachCommand(AbstractCommand):
    """Bring the hand to `target` and hold it there."""

    target: Float[Array | np.ndarray, "*axes 2"] = quantity(
        unit="m", bounds=(-0.6, 0.6), label="target", default=MIDDLE, converter=_array
    )

    def coded(self) -> Float[Array, "*axes 2"]:
        """See `AbstractCommand`: from the middle of the workspace, in units of 15 cm."""
        return (jnp.asarray(self.target) - jnp.asarray(MIDDLE)) / 0.15


class CircleCommand(AbstractCommand):
    """Draw a circle for ever: about `center`, with `radius` and `speed`; a positive speed is clockwise."""

    center: Float[Array | np.ndarray, "*axes 2"] = quantity(
        unit="m", bounds=(-0.6, 0.6), label="center", default=MIDDLE, converter=_array
    )
    radius: Float[ArrayLike, "*axes"] = quantity(
        unit="m", bounds=(0.0, 0.2), label="radius", default=0.07, converter=_array
    )
    speed: Float[ArrayLike, "*axes"] = quantity(
        unit="m/s", bounds=(-1.0, 1.0), label="speed, clockwise", default=0.3, converter=_array
    )

    def coded(self) -> Float[Array, "*axes 4"]:
        """See `AbstractCommand`: in units of 15 cm, 7 cm and 0.3 m/s."""
        center = (jnp.asarray(self.center) - jnp.asarray(MIDDLE)) / 0.15
        size = jnp.stack([jnp.asarray(self.radius) / 0.07, jnp.asarray(self.speed) / 0.3], -1)
        return jnp.concatenate([center, size], -1)
