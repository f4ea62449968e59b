import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import ideomotor
from ideomotor._quantity import iter_leaf_quantities

from ._parts import Look, Spring, Wave


def test_a_quantity_is_kept_beside_the_field():
    found = ideomotor.quantities(Spring)
    assert found == ideomotor.quantities(Spring())
    assert found["mass"] == ideomotor.Quantity("kg", (None, None), "")
    assert "solver" not in found
    assert ideomotor.quantities(Wave)["amplitude"].bounds == (-1.0, 1.0)
    assert ideomotor.quantities(3.0) == {}


def test_other_arguments_go_to_the_field():
    class Part(eqx.Module):
        mass: jax.Array = ideomotor.quantity(unit="kg", converter=jnp.asarray, default=2.0)
        count: int = ideomotor.quantity(label="how many", static=True, default=3, metadata={"mine": 1})

    part = Part()
    assert isinstance(part.mass, jax.Array) and jax.tree.leaves(part) == [part.mass]
    assert ideomotor.quantities(part)["count"].label == "how many"
    assert {f.name: f.metadata for f in Part.__dataclass_fields__.values()}["count"]["mine"] == 1


@pytest.mark.parametrize(
    ("bounds", "positive"), [((0.0, None), True), ((0.0, 1.0), False), ((None, None), False)]
)
def test_positive(bounds, positive):
    assert ideomotor.Quantity(bounds=bounds).positive is positive


def test_leaves_take_the_quantity_of_the_nearest_field():
    class Inner(eqx.Module):
        known: dict = ideomotor.quantity(unit="m")
        plain: jax.Array

    class Outer(eqx.Module):
        inner: Inner = ideomotor.quantity(unit="s")
        other: tuple

    tree = {
        "a": Outer(
            Inner({"x": jnp.ones(2), "y": [jnp.ones(1)]}, jnp.zeros(3)), (Wave(jnp.ones(2), jnp.ones(2)), 1.0)
        )
    }
    found = dict(iter_leaf_quantities(tree))
    assert {path: q.unit for path, q in found.items()} == {
        "['a'].inner.known['x']": "m",
        "['a'].inner.known['y'][0]": "m",
        "['a'].inner.plain": "s",  # from the field around it
        "['a'].other[0].amplitude": "m",
        "['a'].other[0].offset": "m",
        "['a'].other[1]": "",
    }
    assert ideomotor.leaf_quantities(tree) == list(found.values())
    assert len(found) == len(jax.tree.leaves(tree))


def test_leaves_without_fields():
    assert ideomotor.leaf_quantities([1.0, (2.0, jnp.ones(2))]) == [ideomotor.Quantity()] * 3
    assert ideomotor.leaf_quantities(jnp.ones(2)) == [ideomotor.Quantity()]
    assert len(ideomotor.leaf_quantities(Look())) == 1
