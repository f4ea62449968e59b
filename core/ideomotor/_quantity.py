import dataclasses
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax.tree_util as jtu

_KEY = "ideomotor_quantity"


@dataclasses.dataclass(frozen=True)
class Quantity:
    """What a number means: widgets build sliders from it.

    - `bounds`: smallest and largest value, both allowed; `None` where there is none.
    - `positive`: greater than zero, which is not allowed: networks give its logarithm.
    """

    unit: str = ""
    bounds: tuple[float | None, float | None] = (None, None)
    label: str = ""
    positive: bool = False

    @property
    def not_negative(self) -> bool:
        """Whether zero is the smallest value that is allowed and there is no largest: networks are cut off there."""
        return self.bounds == (0.0, None) and not self.positive


def quantity(
    *,
    unit: str = "",
    bounds: tuple[float | int | None, float | int | None] = (None, None),
    label: str = "",
    positive: bool = False,
    **kwargs,
):
    """Mark a dataclass field with a unit, bounds and a label.

    - `bounds`: smallest and largest value, which are allowed; `None` for no bound.
    - `positive`: zero is not allowed; the lower bound is then zero unless another is given.

    Other keyword arguments go to `equinox.field` (`default`, `converter`, `static`, …).

        >>> class Body(eqx.Module):
        ...     mass: float = quantity(unit="kg", positive=True, default=1.0)
        >>> quantities(Body)["mass"]
        Quantity(unit='kg', bounds=(0.0, None), label='', positive=True)
    """
    low, high = (None if bound is None else float(bound) for bound in bounds)
    if positive and (low is None or low < 0):
        low = 0.0
    metadata = {**kwargs.pop("metadata", {}), _KEY: Quantity(unit, (low, high), label, positive)}
    return eqx.field(metadata=metadata, **kwargs)


def quantities(component: Any) -> dict[str, Quantity]:
    """The quantities of the fields of a component (an instance or a class), by field name."""
    if not dataclasses.is_dataclass(component):
        return {}
    fields = dataclasses.fields(component)
    return {f.name: f.metadata[_KEY] for f in fields if _KEY in f.metadata}


def leaf_quantities(tree: Any) -> list[Quantity]:
    """One quantity for each leaf of `tree`, in the order of `jax.tree.leaves`.

    A leaf takes the quantity of the nearest field on its path that has one, or an empty one.
    """
    return [found for _, found in iter_leaf_quantities(tree)]


def iter_leaf_quantities(tree: Any) -> Iterator[tuple[str, Quantity]]:
    """`(path, quantity)` for each leaf; the path reads like `.goal` or `['hand'][0]`."""
    for path, _ in jtu.tree_flatten_with_path(tree)[0]:
        node, found = tree, Quantity()
        for entry in path:
            if isinstance(entry, jtu.GetAttrKey):
                found = quantities(node).get(entry.name, found)
            node = _child(node, entry)
        yield jtu.keystr(path), found


def _child(node, entry):
    match entry:
        case jtu.GetAttrKey(name):
            return getattr(node, name)
        case jtu.SequenceKey(index):
            return node[index]
        case jtu.DictKey(key):
            return node[key]
        case _:
            return None
