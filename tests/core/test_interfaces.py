import inspect

import jax.numpy as jnp
import pytest

import ideomotor

from ._parts import Pull

ABSTRACT = [getattr(ideomotor, name) for name in dir(ideomotor) if name.startswith("Abstract")]


def test_there_are_four_interfaces_and_three_refinements():
    assert {cls.__name__.removeprefix("Abstract") for cls in ABSTRACT} == {
        "Perception", "Planner", "Primitive", "Plant",
        "FeedforwardPrimitive", "FeedbackPrimitive", "ODEPlant",
    }  # fmt: skip


@pytest.mark.parametrize("cls", ABSTRACT, ids=lambda cls: cls.__name__)
def test_interfaces_cannot_be_made(cls):
    assert inspect.isabstract(cls) or cls.__abstractvars__
    with pytest.raises(TypeError, match="abstract"):
        cls()


def test_a_class_that_lacks_a_method_cannot_be_made():
    class Half(ideomotor.AbstractPlant):
        def default_state(self): ...

    with pytest.raises(TypeError, match="abstract methods? .*default_command.*observe.*step"):
        Half()


def test_an_ode_plant_must_name_solver_and_substeps():
    class Bare(ideomotor.AbstractODEPlant):
        def default_state(self): ...

        def default_command(self): ...

        def observe(self, state, *, key=None): ...

        def vector_field(self, t, state, command): ...

    with pytest.raises(TypeError, match="abstract attributes.*(solver|substeps)"):
        Bare()


def test_fit_is_optional():
    with pytest.raises(NotImplementedError, match="Pull cannot imitate a trajectory; it has no `fit`"):
        Pull().fit(ideomotor.Trajectory(jnp.array([0.0, 1.0]), jnp.zeros((2, 2))))


@pytest.mark.parametrize("cls", ABSTRACT, ids=lambda cls: cls.__name__)
def test_every_public_method_is_described(cls):
    for name, method in vars(cls).items():
        if callable(method) and not name.startswith("_"):
            assert method.__doc__, f"{cls.__name__}.{name}"


@pytest.mark.parametrize("cls", ABSTRACT, ids=lambda cls: cls.__name__)
def test_keys_are_keyword_only_and_optional(cls):
    for name, method in inspect.getmembers(cls, inspect.isfunction):
        parameter = inspect.signature(method).parameters.get("key")
        if parameter is not None and not name.startswith("__init"):
            assert parameter.kind is parameter.KEYWORD_ONLY and parameter.default is None, name
