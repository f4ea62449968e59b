import abc
import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ideomotor import quantity
from ideomotor.errors import DataError


def _floats(value) -> Array:
    return jnp.asarray(value, jnp.result_type(float))


class Observed(eqx.Module):
    """What a plant lets a coupling see; None for what `FeedbackDMP` was not told where to find.

    - `position`: shape `(dof,)`, in the unit of the movement.
    - `force`: on the moving body, shape `(dof,)`, in N.
    """

    position: Float[Array, " dof"] | None = None
    force: Float[Array, " dof"] | None = None


def _seen(value: Array | None, name: str) -> Array:
    if value is None:
        raise DataError(f"This coupling needs the observed {name}, and Observed.{name} is None; give it.")
    return value


class AbstractCoupling(eqx.Module):
    """A force that the present situation adds to the forcing term of a DMP; a part of `FeedbackDMP`."""

    @property
    @abc.abstractmethod
    def needs(self) -> frozenset[str]:
        """Which fields of `Observed` it looks at."""

    @abc.abstractmethod
    def __call__(
        self, position: Float[Array, " dof"], velocity: Float[Array, " dof"], observed: Observed
    ) -> Float[Array, " dof"]:
        """What is added to tau dz/dt, given the desired position and velocity and what is observed."""


class TrackingCoupling(AbstractCoupling):
    """Lets the desired position yield towards the observed one: gain * (observed - desired).

    With gain = alpha beta the plant pulls as strongly as the goal.
    """

    gain: Float[Array, ""] = quantity(
        bounds=(0.0, None), label="gain", default=48.0 * 12.0, converter=_floats
    )

    @property
    def needs(self) -> frozenset[str]:
        """The observed position."""
        return frozenset({"position"})

    def __call__(self, position, velocity, observed):
        return self.gain * (_seen(observed.position, "position") - position)


class ForceCoupling(AbstractCoupling):
    """Moves the desired position until the contact force is the one wanted: gain * (observed - force).

    Gams et al. 2014. Force is what the surroundings do to the body: pressing down on a table, it points
    up. The goal's spring works against it; at rest gain * (observed - force) = alpha beta (position - goal),
    so that a goal within the table, or a high gain, leaves little error.

    - `force`: the one wanted, shape `(dof,)`, in N.
    - `gain`: one number or one for each coordinate (zero for those without contact), in (unit of the
      movement) / N.
    """

    force: Float[Array, " dof"] = quantity(unit="N", label="force", converter=_floats)
    gain: Float[Array, "*dof"] = quantity(label="gain", default=48.0 * 12.0, converter=_floats)

    @property
    def needs(self) -> frozenset[str]:
        """The observed force."""
        return frozenset({"force"})

    def __call__(self, position, velocity, observed):
        return self.gain * (_seen(observed.force, "force") - self.force)


class ObstacleCoupling(AbstractCoupling):
    """Repulsion from a soft ball, minus the gradient of gain * radius * exp(-|y - centre|^2 / (2 radius^2)).

    - `centre`: shape `(dof,)`, in the unit of the movement; `radius` in the same unit.
    - `gain`: the force is at most 0.61 times this; alpha beta times the unit of the movement is the goal's
      pull there.
    """

    centre: Float[Array, " dof"] = quantity(label="centre", converter=_floats)
    radius: Float[Array, ""] = quantity(positive=True, label="radius", default=1.0, converter=_floats)
    gain: Float[Array, ""] = quantity(
        bounds=(0.0, None), label="gain", default=48.0 * 12.0, converter=_floats
    )

    @property
    def needs(self) -> frozenset[str]:
        """Nothing: it acts on the desired position alone."""
        return frozenset()

    def __call__(self, position, velocity, observed):
        away = (position - self.centre) / self.radius
        return self.gain * away * jnp.exp(-jnp.sum(away**2) / 2)


class SteeringCoupling(AbstractCoupling):
    """Steers around a point obstacle: turns the velocity away from it, the more the more it heads for it.

        gain R v theta exp(-decay theta),   theta = the angle between v = dy/dt and centre - y,

    where R turns by a quarter about (centre - y) x v (Hoffmann et al. 2009; Ijspeert et al. 2013). In
    any number of dimensions: R v is the part of v away from the obstacle, stretched to the length of v. A point
    that stands still or heads for the obstacle's very centre is not steered.

    - `centre`: shape `(dof,)`, in the unit of the movement.
    - `gain`, `decay`: gamma and beta of the papers.
    """

    centre: Float[Array, " dof"] = quantity(label="centre", converter=_floats)
    gain: Float[Array, ""] = quantity(bounds=(0.0, None), label="gain", default=1000.0, converter=_floats)
    decay: Float[Array, ""] = quantity(
        bounds=(0.0, None), label="decay", default=20.0 / math.pi, converter=_floats
    )

    @property
    def needs(self) -> frozenset[str]:
        """Nothing: it acts on the desired movement alone."""
        return frozenset()

    def __call__(self, position, velocity, observed):
        to = self.centre - position
        ahead, squares = jnp.vdot(to, velocity), jnp.vdot(to, to) * jnp.vdot(velocity, velocity)
        # |to x v|^2 by Lagrange's identity, from the part of v across, which does not cancel.
        across = velocity * jnp.vdot(to, to) - to * ahead
        aside = jnp.vdot(across, across) / jnp.where(squares > 0, jnp.vdot(to, to), 1.0)
        heads = aside > 1e-12 * squares
        aside = jnp.sqrt(jnp.where(heads, aside, 1.0))
        theta = jnp.where(heads, jnp.arctan2(aside, ahead), 0.0)
        turned = (velocity * ahead - to * jnp.vdot(velocity, velocity)) / aside
        return jnp.where(heads, self.gain * turned * theta * jnp.exp(-self.decay * theta), 0.0)


class SumCoupling(AbstractCoupling):
    """Several couplings at once."""

    couplings: tuple[AbstractCoupling, ...] = eqx.field(converter=tuple)

    @property
    def needs(self) -> frozenset[str]:
        """What any of them needs."""
        return frozenset().union(*(coupling.needs for coupling in self.couplings))

    def __call__(self, position, velocity, observed):
        pushes = [coupling(position, velocity, observed) for coupling in self.couplings]
        return sum(pushes, jnp.zeros_like(position))


def default_feedback(places: list[tuple[str, tuple[int, ...]]]) -> PyTree[Any]:
    """Nested dictionaries with an array of that shape at each place; None without places.

    Raises a `ValueError` where one place lies within another.
    """
    found: dict = {}
    names = sorted(place for place, _ in places)
    for place, shape in places:
        *path, last = place.split(".")
        here = found
        for name in path:
            here = here.setdefault(name, {})
            if not isinstance(here, dict):
                raise ValueError(f"{place!r} lies within another place of {names}.")
        if last in here:
            raise ValueError(f"{place!r} is given twice, or holds another place of {names}.")
        here[last] = jnp.zeros(shape)
    return found or None


def look_up(feedback: PyTree[Any], place: str, shape: tuple[int, ...]):
    """What is at the place; a `DataError` where there is nothing, or something of another shape."""
    here = feedback
    for name in place.split("."):
        if not isinstance(here, dict) or name not in here:
            found = sorted(here) if isinstance(here, dict) else type(here).__name__
            raise DataError(
                f"The feedback has no {place!r} (found: {found}); use a plant whose observation has it."
            )
        here = here[name]
    if np.shape(here) != shape:
        raise DataError(f"The feedback's {place!r} has shape {np.shape(here)}, not {shape}.")
    return here
