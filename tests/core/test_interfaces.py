import inspect

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor

from ._parts import Pull

ABSTRACT = [getattr(ideomotor, name) for name in dir(ideomotor) if name.startswith("Abstract")]


def test_there_are_four_interfaces_three_refinements_and_formats():
    assert {cls.__name__.removeprefix("Abstract") for cls in ABSTRACT} == {
        "Perception", "Planner", "Primitive", "Plant",
        "FeedforwardPrimitive", "FeedbackPrimitive", "ODEPlant", "Format",
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


class Counted(ideomotor.AbstractODEPlant):
    """Falls behind its command, and says how often its equation was evaluated."""

    evaluated = []
    solver: diffrax.AbstractSolver = diffrax.Euler()
    substeps: int = 1
    longest_step: float = 0.01

    def default_state(self):
        return jnp.zeros(())

    def default_command(self):
        return jnp.zeros(())

    def observe(self, state, *, key=None):
        return state

    def vector_field(self, t, state, command):
        jax.debug.callback(lambda _: Counted.evaluated.append(1), state)
        return 3.0 * (command - state)


@pytest.mark.parametrize("dts, most", [([0.01, 0.005, 0.008], 1), ([0.01, 0.03, 0.02], 1 + 3)])
def test_a_batch_of_time_steps_is_divided_no_further_than_its_longest(dts, most):
    plant, dts = Counted(), jnp.array(dts)

    def step(state, dt):
        return plant.step(state, jnp.ones(()), dt)

    many, states = jax.jit(jax.vmap(step)), jnp.full(len(dts), 0.5)
    Counted.evaluated.clear()
    after = jax.block_until_ready(many(states, dts))
    jax.effects_barrier()
    assert len(dts) <= len(Counted.evaluated) <= len(dts) * most
    alone = [jax.jit(step)(0.5, dt) for dt in dts]
    np.testing.assert_allclose(after, alone, rtol=1e-6)
    slopes = jax.vmap(jax.grad(step), (None, 0))(0.5, dts)
    pieces = np.ceil(np.asarray(dts) / 0.01 - 1e-3)
    np.testing.assert_allclose(slopes, (1 - 3 * np.asarray(dts) / pieces) ** pieces, rtol=1e-5)
