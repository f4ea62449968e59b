import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.errors import AssemblyError
from ideomotor.testing import isolated_registry

from ._parts import NumpyLine, NumpyLook, NumpyPull, NumpySpring, NumpyWaves, Pull, Spring, Waves

STATE = np.array([[0.3, -0.1], [0.0, 1.0]])


@pytest.fixture(autouse=True)
def own_components():
    with isolated_registry():
        yield


def made_of(kind, thing):
    """What the registry makes of what a factory returns."""
    ideomotor.register(kind, "thing", lambda: thing)
    return ideomotor.make("thing")


@pytest.mark.parametrize(
    ("kind", "plain", "adapter"),
    [
        ("perception", NumpyLook, "HostPerception"),
        ("planner", NumpyLine, "HostPlanner"),
        ("plant", NumpySpring, "HostPlant"),
        ("primitive", NumpyWaves, "HostFeedforwardPrimitive"),
        ("primitive", NumpyPull, "HostFeedbackPrimitive"),
    ],
)
def test_plain_classes_are_adapted(kind, plain, adapter):
    made = made_of(kind, plain())
    assert type(made).__name__ == adapter and isinstance(made.component, plain)
    assert type(ideomotor.host(plain())) is type(made)
    assert jax.tree.leaves(made) == []  # nothing to train, nothing to differentiate


def test_what_has_the_interface_is_left_alone():
    spring = Spring()
    assert made_of("plant", spring) is spring


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "plant",
            "needed default_state, default_command, step, observe or .*; found default_params, init, step",
        ),
        (
            "primitive",
            r"default_feedback, init, step \(feedback\) or default_params, trajectory \(feedforward\)",
        ),
        ("perception", "needed default_observation, __call__"),
        ("planner", "needed default_query, __call__"),
    ],
)
def test_missing_methods_are_named(kind, words):
    class Half:
        def default_params(self): ...

        def init(self): ...

        def step(self): ...

    with pytest.raises(AssemblyError, match=words):
        made_of(kind, Half())


def test_an_equinox_module_without_interface_is_named():
    class Bare(eqx.Module):
        pass

    with pytest.raises(
        AssemblyError, match="'thing' is an Equinox module and not an AbstractPlant; derive it"
    ):
        made_of("plant", Bare())


def test_outside_of_jax_the_plain_method_gets_numpy_in_its_own_precision():
    seen = []

    class Spy(NumpySpring):
        def step(self, state, command, dt):
            seen.append((type(state), state.dtype, type(command)))
            return super().step(state, command, dt)

    new = ideomotor.host(Spy()).step(STATE, jnp.zeros(2), 0.1)
    assert seen == [(np.ndarray, np.float64, np.ndarray)]
    np.testing.assert_array_equal(new, NumpySpring().step(STATE, np.zeros(2), 0.1))


def every_call():
    """Each method of each adapter as a function of one array, with the plain result."""
    look, spring = ideomotor.host(NumpyLook()), ideomotor.host(NumpySpring())
    waves, pull = (
        ideomotor.host(NumpyWaves()),
        ideomotor.host(NumpyPull()),
    )
    ts = jnp.linspace(0.0, 1.0, 4)
    image, params = np.arange(4.0).reshape(2, 2), np.array([[1.0, 2.0], [3.0, 4.0]])
    return {
        "perception": (look, image, NumpyLook()(image)),
        "step": (
            lambda x: spring.step(x, jnp.ones(2), 0.1),
            STATE,
            NumpySpring().step(STATE, np.ones(2), 0.1),
        ),
        "observe": (spring.observe, STATE, NumpySpring().observe(STATE)),
        "trajectory": (
            lambda p: waves.trajectory(p, ts),
            params,
            NumpyWaves().trajectory(params, np.asarray(ts)),
        ),
        "init": (pull.init, params[0], np.zeros(())),
        "policy": (
            lambda p: pull.step(jnp.zeros(()), {"position": jnp.zeros(2)}, p, 0.1),
            params[0],
            (np.array(0.1), params[0]),
        ),
    }


@pytest.mark.parametrize("name", every_call())
def test_jit_and_vmap_call_the_host(name):
    function, argument, expected = every_call()[name]

    def same(one, other):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), one, other)

    same(function(argument), expected)
    same(jax.jit(function)(argument), expected)
    many = jax.vmap(function)(np.stack([argument, argument + 1.0]))
    same(jax.tree.map(lambda leaf: leaf[0], many), expected)
    same(jax.tree.map(lambda leaf: leaf[1], many), function(argument + 1.0))


@pytest.mark.parametrize("name", every_call())
def test_gradients_are_refused_with_a_sentence(name):
    function, argument, _ = every_call()[name]

    def loss(x):
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(function(x)))

    for transform in (jax.grad(loss), jax.jit(jax.grad(loss)), lambda x: jax.jvp(loss, (x,), (x,))):
        with pytest.raises(
            TypeError, match="runs on the host and has no gradient. Put `jax.lax.stop_gradient`"
        ):
            transform(jnp.asarray(argument))


def test_stop_gradient_lets_the_rest_be_trained():
    plant = ideomotor.host(NumpySpring())

    def loss(target):
        held = jax.lax.stop_gradient(target)
        movement = ideomotor.rollout(Pull(), {"target": held}, jnp.linspace(0.0, 1.0, 5), plant=plant)
        return jnp.sum(movement.xs) * jnp.sum(target**2)

    slope = jax.grad(loss)(jnp.ones(2))
    assert np.all(np.isfinite(slope)) and np.any(slope != 0)


def test_gradient_through_a_whole_host_rollout_is_refused():
    plant = ideomotor.host(NumpySpring())

    def loss(params):
        return ideomotor.rollout(Waves(), params, jnp.linspace(0.0, 1.0, 5), plant=plant).ys["position"].sum()

    with pytest.raises(TypeError, match="NumpySpring.step runs on the host"):
        jax.grad(loss)(Waves().default_params())


def test_keys_become_seeds_where_the_method_takes_one():
    look = ideomotor.host(NumpyLook())
    image = np.ones((2, 2))
    one, same, other = (look(image, key=jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.all(one != other)
    inside = jax.jit(lambda key: look(image, key=key))(jax.random.key(0))
    np.testing.assert_allclose(inside, one, rtol=1e-6)
    spring = ideomotor.host(NumpySpring())  # its methods take no key, and none is forced on them
    np.testing.assert_array_equal(
        spring.step(STATE, np.zeros(2), 0.1, key=jax.random.key(0)), spring.step(STATE, np.zeros(2), 0.1)
    )


def test_a_host_planner_plans_outside_of_jit_only():
    planner = ideomotor.host(NumpyLine())
    assert len(planner(np.zeros(2), jnp.array([3.0, 4.0])).ts) == 10
    with pytest.raises(AssemblyError, match="NumpyLine runs on the host and cannot be called inside jit"):
        jax.jit(lambda goal: planner(np.zeros(2), goal).ys)(jnp.ones(2))


def test_fit_is_passed_on_or_said_to_be_missing():
    class Fits(NumpyWaves):
        def fit(self, trajectory):
            assert isinstance(trajectory.ys, np.ndarray)
            return np.stack([np.ones(2), trajectory.ys[0]])

    movement = ideomotor.Trajectory(jnp.array([0.0, 1.0]), jnp.ones((2, 2)))
    np.testing.assert_array_equal(ideomotor.host(Fits()).fit(movement), np.ones((2, 2)))
    with pytest.raises(NotImplementedError, match="NumpyWaves cannot imitate a trajectory"):
        ideomotor.host(NumpyWaves()).fit(movement)
    with pytest.raises(NotImplementedError, match="Pull cannot imitate"):
        Pull().fit(movement)


def test_a_component_without_a_hash_works_inside_jit():
    @dataclasses.dataclass
    class Spring2(NumpySpring):  # a dataclass with eq and so without a hash
        stiffness: float = 4.0

    plant = ideomotor.host(Spring2())
    stepped = eqx.filter_jit(lambda plant, x: plant.step(x, jnp.zeros(2), 0.1))(plant, STATE)
    np.testing.assert_allclose(stepped, NumpySpring().step(STATE, np.zeros(2), 0.1), rtol=1e-5)


def test_a_result_of_another_shape_is_not_reshaped_in_silence():
    class Turned(NumpySpring):
        def observe(self, state):
            return {"position": state[0] if state[0, 0] == 0 else state.ravel()}

    with pytest.raises(Exception, match="Turned.observe returned an array of shape"):
        jax.block_until_ready(jax.jit(ideomotor.host(Turned()).observe)(STATE))


def test_a_wrapper_of_what_runs_on_the_host_runs_there():
    class Wrapper(ideomotor.AbstractPlant):
        inner: object

        def default_state(self):
            return self.inner.default_state()

        def default_command(self):
            return self.inner.default_command()

        def step(self, state, command, dt, *, key=None):
            return self.inner.step(state, command, dt, key=key)

        def observe(self, state, *, key=None):
            return self.inner.observe(state, key=key)

    host = ideomotor.host(NumpySpring())

    def played(plant):
        return ideomotor.rollout(Pull(), Pull().default_params(), np.linspace(0, 1, 4), plant=plant)

    # The ordinary loop, through both wrappers, keeps 64 bits.
    assert played(Wrapper(Wrapper(host))).xs.dtype == np.float64
    leaves = jax.tree.leaves(played(Wrapper(Spring())).xs)
    assert all(leaf.dtype == np.float32 for leaf in leaves)
