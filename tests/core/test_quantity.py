import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor

from ._parts import Look, Spring, Wave


def test_a_quantity_is_kept_beside_the_field():
    found = ideomotor.quantities(Spring)
    assert found == ideomotor.quantities(Spring())
    mass = found["mass"]
    assert (mass.unit, mass.bounds, mass.label, mass.positive) == ("kg", (None, None), "", False)
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
    ("declared", "bounds", "positive", "not_negative"),
    [
        ({"positive": True}, (0.0, None), True, False),
        ({"positive": True, "bounds": (0.1, 2)}, (0.1, 2.0), True, False),
        ({"bounds": (0, None)}, (0.0, None), False, True),
        ({"bounds": (0, 1)}, (0.0, 1.0), False, False),
        ({}, (None, None), False, False),
    ],
)
def test_an_open_and_a_closed_bound_are_two_things(declared, bounds, positive, not_negative):
    class Part(eqx.Module):
        value: float = ideomotor.quantity(**declared)

    found = ideomotor.quantities(Part)["value"]
    assert (found.bounds, found.positive, found.not_negative) == (bounds, positive, not_negative)


class Timed(eqx.Module):
    begin: jax.Array = ideomotor.quantity(unit="s", bounds=(0, None))
    length: jax.Array = ideomotor.quantity(unit="s", positive=True)


def test_outputs_of_a_network_keep_to_what_is_declared():
    example = Timed(jnp.zeros(()), jnp.array(2.0))
    scaling = ideomotor.OutputScaling.identity(example)
    np.testing.assert_array_equal(scaling.offset, np.log([1.0, 2.0]).astype(np.float32))
    for output, begin, length in [
        ((0.0, 0.0), 0.0, 2.0),
        ((-3.0, -1.0), 0.0, 2 / np.e),
        ((0.5, 1.0), 0.5, 2 * np.e),
    ]:
        made = scaling.to_params(jnp.array(output), example)
        np.testing.assert_allclose([made.begin, made.length], [begin, length], rtol=1e-6)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (Timed(jnp.zeros(()), jnp.zeros(())), r"\.length is 0 by default and declared positive"),
        (Timed(jnp.array(jnp.nan), jnp.ones(())), r"\.begin is not finite"),
    ],
)
def test_a_network_cannot_start_at_an_impossible_example(example, message):
    with pytest.raises(ValueError, match=message):
        ideomotor.OutputScaling.identity(example)


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
    found = ideomotor.leaf_quantities(tree)
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]
    assert {path: q.unit for path, q in zip(paths, found, strict=True)} == {
        "['a'].inner.known['x']": "m",
        "['a'].inner.known['y'][0]": "m",
        "['a'].inner.plain": "s",  # from the field around it
        "['a'].other[0].amplitude": "m",
        "['a'].other[0].offset": "m",
        "['a'].other[1]": "",
    }


def test_leaves_without_fields():
    assert [q.unit for q in ideomotor.leaf_quantities([1.0, (2.0, jnp.ones(2))])] == ["", "", ""]
    (alone,) = ideomotor.leaf_quantities(jnp.ones(2))
    assert alone.bounds == (None, None) and not alone.positive
    assert len(ideomotor.leaf_quantities(Look())) == 1
