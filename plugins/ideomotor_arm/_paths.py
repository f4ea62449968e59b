from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor import quantity

from ._checks import concrete, floats, spread

Angles = Float[Array | np.ndarray, "*axes joints"]


class MusclePaths(eqx.Module):
    """Where muscles run over the joints, and how big they are.

    The length from origin to insertion is a polynomial in the joint angles θ,

        L = offset + Σ_joints (linear + quadratic x) x,   x = θ - reference,

    and the muscle proper is what is left of it without the tendon, which is rigid. The moment arm is -dL/dθ: a tension
    T gives the torque moment_arm · T, so that the work at the joints is the work of the muscles.

    - `reference`, `linear`, `quadratic`: shape `(muscles, joints)`, in rad, m/rad and m/rad².
    - `offset`, `optimal_length`, `tendon_length`, `max_force`: shape `(muscles,)`, in m, m, m and N.
    - `names`: of the muscles, for figures.
    """

    reference: Float[Array, "muscles joints"] = eqx.field(converter=floats)
    linear: Float[Array, "muscles joints"] = quantity(unit="m/rad", converter=floats)
    quadratic: Float[Array, "muscles joints"] = quantity(unit="m/rad²", converter=floats)
    offset: Float[Array, " muscles"] = quantity(unit="m", converter=floats)
    optimal_length: Float[Array, " muscles"] = quantity(unit="m", bounds=(0.01, 0.5), converter=floats)
    tendon_length: Float[Array, " muscles"] = quantity(unit="m", bounds=(0.0, 1.0), converter=floats)
    max_force: Float[Array, " muscles"] = quantity(unit="N", bounds=(1.0, 1e4), converter=floats)
    names: tuple[str, ...] = eqx.field(static=True, converter=tuple)  # pyright: ignore[reportGeneralTypeIssues]

    def __init__(
        self,
        reference: Any,
        linear: Any,
        optimal_length: Any,
        max_force: Any,
        offset: Any = None,
        quadratic: Any = 0.0,
        tendon_length: Any = 0.0,
        names: Any = (),
    ):
        """`offset=None`: muscles have their optimal length at the reference angles."""
        linear, optimal_length = floats(linear), floats(optimal_length)
        self.linear, self.optimal_length = linear, optimal_length
        self.reference = spread(reference, linear.shape)
        self.quadratic = spread(quadratic, linear.shape)
        tendon = self.tendon_length = spread(tendon_length, optimal_length.shape)
        if offset is None and concrete(optimal_length, tendon):
            offset = np.asarray(optimal_length) + np.asarray(tendon)
        self.offset = floats(optimal_length + tendon if offset is None else offset)
        self.max_force = spread(max_force, optimal_length.shape)
        self.names = names or tuple(f"muscle {i + 1}" for i in range(optimal_length.shape[0]))

    def __check_init__(self):
        if self.linear.ndim != 2:
            raise ValueError(
                f"MusclePaths: linear must be of shape (muscles, joints), not {self.linear.shape}."
            )
        muscles = self.linear.shape[:1]
        for name in ("offset", "optimal_length", "tendon_length", "max_force"):
            value = getattr(self, name)
            if value.shape != muscles:
                raise ValueError(f"MusclePaths: {name} must be of shape {muscles}, not {value.shape}.")
        if len(self.names) != muscles[0]:
            raise ValueError(f"MusclePaths: {len(self.names)} names for {muscles[0]} muscles.")
        for name, least in (("optimal_length", True), ("max_force", True), ("tendon_length", False)):
            value = getattr(self, name)
            if concrete(value):
                bad = np.asarray(value) <= 0 if least else np.asarray(value) < 0
                if np.any(bad):
                    which = int(np.argmax(bad))
                    raise ValueError(
                        f"MusclePaths: {name} of {self.names[which]!r} is {float(value[which]):g}; it must be "
                        f"{'greater than' if least else 'at least'} 0."
                    )

    @property
    def muscles(self) -> int:
        """How many muscles there are."""
        return self.linear.shape[0]

    def length(self, angle: Angles) -> Float[Array, "*axes muscles"]:
        """Lengths of the muscles without tendon, in m."""
        angle, slope = jnp.asarray(angle), self._slope()
        fixed = jnp.sum((self.quadratic * self.reference - self.linear) * self.reference, -1)
        constant = self.offset - self.tendon_length + fixed
        return constant + _product(slope, angle) + _product(self.quadratic, angle * angle)

    def speed(self, angle: Angles, velocity: Angles) -> Float[Array, "*axes muscles"]:
        """Lengthening speeds of the muscles at joint velocities in rad/s, in m/s."""
        angle, velocity = jnp.asarray(angle), jnp.asarray(velocity)
        return _product(self._slope(), velocity) + 2.0 * _product(self.quadratic, angle * velocity)

    def torque(self, angle: Angles, tension: Float[Array, "*axes muscles"]) -> Float[Array, "*axes joints"]:
        """What tensions (N) turn the joints with, in N m."""
        bend = _product(self.quadratic.T, tension)
        return -_product(self._slope().T, tension) - 2.0 * jnp.asarray(angle) * bend

    def moment_arms(self, angle: Angles) -> Float[Array, "*axes muscles joints"]:
        """-dL/dθ, in m: positive where the muscle turns the joint counter-clockwise."""
        x = jnp.asarray(angle)[..., None, :] - self.reference
        return -(self.linear + 2.0 * self.quadratic * x)

    def _slope(self):
        # The polynomial sorted by powers of θ itself: products of matrices then do what would otherwise be a sum over
        # muscles and joints for each trial of a batch, five times as slow.
        return self.linear - 2.0 * self.quadratic * self.reference

    def check_length(self, angle: Angles, owner: str) -> None:
        """Raise a ValueError if a muscle has no length left at these joint angles."""
        paths = self.offset, self.linear, self.quadratic, self.tendon_length
        if not concrete(angle, self.reference, *paths):
            return
        offset, linear, quadratic, tendon = map(np.asarray, paths)
        x = np.asarray(angle) - np.asarray(self.reference)
        length = offset - tendon + np.sum((linear + quadratic * x) * x, -1)
        if np.any(length <= 0):
            which = int(np.argmin(length))
            raise ValueError(
                f"{owner}: muscle {self.names[which]!r} is {length[which]:.3g} m long at the joint angles "
                f"{np.asarray(angle).round(3).tolist()} rad; lengths must be positive, so check its offset, tendon and "
                f"moment arms."
            )


def _product(matrix, vectors):
    """Matrix times vectors; the matrix comes first, so that a batch of vectors that leads with them stays as it is."""
    return jnp.einsum("ij,...j->...i", matrix, vectors, precision="highest")
