"""What a feedback primitive looks at: places in nested dictionaries, as keys joined by dots."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ideomotor.errors import DataError


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


def look(feedback: PyTree[Any], place: str, shape: tuple[int, ...]):
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
        raise DataError(f"The feedback's {place!r} has shape {np.shape(here)}, and {shape} is needed.")
    return here
