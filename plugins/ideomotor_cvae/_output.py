from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import PyTree

import ideomotor
from ideomotor import AbstractPrimitive


class NamedArrays(eqx.Module):
    """Parameters that are a few named arrays, such as a grasp: `NamedArrays({"contacts": (3, 3), "normals": (3, 3)})`.

    - `shapes`: the shape of each array, as a dictionary or as pairs.
    """

    shapes: tuple[tuple[str, tuple[int, ...]], ...] = eqx.field(static=True)

    def __init__(self, shapes: Any):
        pairs = shapes.items() if isinstance(shapes, Mapping) else shapes
        try:
            self.shapes = tuple((str(name), tuple(int(n) for n in shape)) for name, shape in pairs)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"shapes name arrays, as in {{'contacts': (3, 3)}}, and are {shapes!r}."
            ) from error
        if not self.shapes or any(n < 1 for _, shape in self.shapes for n in shape):
            raise ValueError(f"shapes need at least one array and sizes of at least 1, and are {shapes!r}.")

    def default_params(self) -> dict[str, PyTree]:
        """Zeros of these shapes."""
        return {name: jnp.zeros(shape) for name, shape in self.shapes}


def checked_output(output: Any) -> AbstractPrimitive | NamedArrays:
    """What is predicted: a primitive's parameters, by default a planar DMP's, or named arrays."""
    if output is None:
        return ideomotor.make("dmp")
    if isinstance(output, AbstractPrimitive | NamedArrays):
        return output
    if isinstance(output, Mapping):
        return NamedArrays(output)
    raise ValueError(
        f"output must be a primitive or name arrays with their shapes, as in {{'contacts': (3, 3)}}, not "
        f"{output!r}."
    )
