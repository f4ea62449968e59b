from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ideomotor import AbstractPlant, quantity
from ideomotor.capabilities import SupportsSpace

from ._checks import check_numbers, floats
from ._servo import Servo
from ._wrapper import AbstractWrapper, check_plant

Vectors = Float[Array | np.ndarray, "*axes 2"]


class Sheet(AbstractWrapper):
    """A sheet of squared paper under the hand: positions of the hand are pixels of an image, not metres.

        metres = origin + pixel · R(rotation) · (column, -row)

    - command: where the hand should be, `(column, row)` in pixels; rows count downwards, as in images.
    - feedback: `hand` in pixels and `hand_velocity` in pixels/s; the rest unchanged.
    - `origin`: where the pixel (0, 0) lies, in m; `pixel`: the side of a pixel, in m; `rotation`:
      counter-clockwise.

    The defaults put an image of 40 × 40 pixels, 20 cm wide, in front of the arm, which rests in the middle of
    it. Wraps a plant whose command is a position of the hand (its `space` is `"hand"`), such as
    `Servo(TwoLinkArm())`.
    """

    plant: AbstractPlant = eqx.field(
        default=None, converter=lambda plant: Servo() if plant is None else plant
    )
    pixel: Float[Array, ""] = quantity(unit="m", bounds=(0.0005, 0.02), default=0.005, converter=floats)
    origin: Float[Array, "2"] = quantity(
        unit="m", bounds=(-0.6, 0.6), default=(-0.12, 0.545), converter=floats
    )
    rotation: Float[Array, ""] = quantity(unit="rad", bounds=(-3.14, 3.14), default=0.0, converter=floats)

    def __check_init__(self):
        check_plant(self, keys=("hand", "hand_velocity"))
        check_numbers(self, "pixel", least=0.0, strict=True)
        check_numbers(self, "origin", shape=(2,), least=None)
        check_numbers(self, "rotation", least=None)
        if not isinstance(self.plant, SupportsSpace) or self.plant.space != "hand":
            raise ValueError(
                f"Sheet wraps a plant whose command is a position of the hand, such as Servo(TwoLinkArm()), "
                f"and {type(self.plant).__name__} takes something else."
            )

    def to_metres(self, pixels: Vectors) -> Float[Array, "*axes 2"]:
        """Where points `(column, row)` of the sheet lie, in m."""
        return self.origin + self.pixel * (jnp.asarray(pixels) @ self._axes())

    def to_pixels(self, metres: Vectors) -> Float[Array, "*axes 2"]:
        """The points `(column, row)` of the sheet at places given in m."""
        return _to_pixels(self, metres)

    def default_command(self) -> Float[Array, "2"]:
        """The set point at rest, in pixels."""
        return self.to_pixels(self.plant.default_command())

    def step(self, state: PyTree, command: Any, dt: Any, *, key: PRNGKeyArray | None = None) -> PyTree:
        return self.plant.step(state, self.to_metres(command), dt, key=key)

    def observe(self, state: PyTree, *, key: PRNGKeyArray | None = None) -> dict[str, Array]:
        """The plant's feedback, with the hand in pixels."""
        seen = self.plant.observe(state, key=key)
        moving = seen["hand_velocity"] @ self._axes().T / self.pixel
        return {**seen, "hand": self.to_pixels(seen["hand"]), "hand_velocity": moving}

    @property
    def at(self) -> Callable[[Vectors], PyTree]:
        """The state at rest with the hand at the point `(column, row)`, so that a drawing can begin there."""
        reach = super().at
        return lambda hand: reach(self.to_metres(hand))

    def _axes(self) -> Array:
        """In rows: the direction in m of one column to the right, and of one row down."""
        cosine, sine = jnp.cos(self.rotation), jnp.sin(self.rotation)
        return jnp.stack([jnp.stack([cosine, sine]), jnp.stack([sine, -cosine])])


@eqx.filter_jit
def _to_pixels(sheet: Sheet, metres: Vectors) -> Float[Array, "*axes 2"]:
    return (metres - sheet.origin) @ sheet._axes().T / sheet.pixel
