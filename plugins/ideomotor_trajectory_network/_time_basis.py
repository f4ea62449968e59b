import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class AbstractTimeBasis(eqx.Module):
    """How a decoder's numbers become functions of time; `phase` is time over duration, from 0 to 1."""

    count: eqx.AbstractVar[int]

    @abc.abstractmethod
    def __call__(self, phase: Float[Array, " time"]) -> Float[Array, "time count"]:
        """The value of each basis function at each phase."""

    def fit(self, values: Float[Array, "... time channel"]) -> Float[Array, "... count channel"]:
        """The weights whose sum is nearest to evenly spaced values."""
        matrix = self(jnp.linspace(0.0, 1.0, values.shape[-2], dtype=values.dtype))
        return jnp.linalg.pinv(matrix) @ values


class Samples(AbstractTimeBasis):
    """Evenly spaced samples, joined by straight lines: the paper's discretised trajectory."""

    count: int = eqx.field(static=True, default=101)

    def __check_init__(self):
        if self.count < 2:
            raise ValueError(f"Samples: count must be at least 2, not {self.count}.")

    def __call__(self, phase: Float[Array, " time"]) -> Float[Array, "time count"]:
        """A hat around each sample."""
        place = jnp.clip(phase, 0.0, 1.0)[:, None] * (self.count - 1)
        return jnp.maximum(0.0, 1.0 - jnp.abs(place - jnp.arange(self.count, dtype=place.dtype)))


class Splines(AbstractTimeBasis):
    """Cubic B-splines on even knots: fewer numbers than samples, and smooth whatever the network says.

    The paper's discussion proposes a temporal basis whose width follows the duration of the movement.
    """

    count: int = eqx.field(static=True, default=20)

    def __check_init__(self):
        if self.count < 4:
            raise ValueError(f"Splines: count must be at least 4, not {self.count}.")

    def __call__(self, phase: Float[Array, " time"]) -> Float[Array, "time count"]:
        """The cardinal cubic B-spline, moved to each knot; the knots reach one beyond either end."""
        knots = jnp.arange(-1, self.count - 1, dtype=phase.dtype)
        away = jnp.abs(jnp.clip(phase, 0.0, 1.0)[:, None] * (self.count - 3) - knots)
        near = 2 / 3 - away**2 + away**3 / 2
        far = (2 - jnp.minimum(away, 2.0)) ** 3 / 6
        return jnp.where(away < 1, near, far)
