import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ideomotor import quantity


def _floats(value) -> Array:
    return jnp.asarray(value, jnp.result_type(float))


class AbstractCoupling(eqx.Module):
    """A force that the present situation adds to the forcing term of a DMP; a part of `FeedbackDMP`."""

    @property
    @abc.abstractmethod
    def looks(self) -> bool:
        """Whether it needs the observed position."""

    @abc.abstractmethod
    def __call__(
        self,
        position: Float[Array, " dof"],
        velocity: Float[Array, " dof"],
        observed: Float[Array, " dof"] | None,
    ) -> Float[Array, " dof"]:
        """What is added to tau dz/dt, given the desired position and velocity and the observed position."""


class TrackingCoupling(AbstractCoupling):
    """Lets the desired position yield towards the observed one: gain * (observed - desired).

    With gain = alpha beta the plant pulls as strongly as the goal.
    """

    gain: Float[Array, ""] = quantity(
        bounds=(0.0, None), label="gain", default=48.0 * 12.0, converter=_floats
    )

    @property
    def looks(self) -> bool:
        """It does."""
        return True

    def __call__(self, position, velocity, observed):
        """See `AbstractCoupling`."""
        return self.gain * (observed - position)


class ObstacleCoupling(AbstractCoupling):
    """Repulsion from a soft ball, minus the gradient of gain * radius * exp(-|y - centre|^2 / (2 radius^2)).

    - `centre`: shape `(dof,)`, in the unit of the movement; `radius` in the same unit.
    - `gain`: the force is at most 0.61 times this; alpha beta times the unit of the movement is the goal's
      pull there.
    """

    centre: Float[Array, " dof"] = quantity(label="centre", converter=_floats)
    radius: Float[Array, ""] = quantity(bounds=(0.0, None), label="radius", default=1.0, converter=_floats)
    gain: Float[Array, ""] = quantity(
        bounds=(0.0, None), label="gain", default=48.0 * 12.0, converter=_floats
    )

    @property
    def looks(self) -> bool:
        """It acts on the desired position alone."""
        return False

    def __call__(self, position, velocity, observed):
        """See `AbstractCoupling`."""
        away = (position - self.centre) / self.radius
        return self.gain * away * jnp.exp(-jnp.sum(away**2) / 2)
