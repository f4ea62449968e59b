"""Each check is shown a component that breaks it: a check that cannot fail is worth nothing."""

import itertools
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.capabilities import SupportsRobot
from ideomotor.errors import IdeomotorError
from ideomotor.testing import (
    ConformanceError,
    check,
    isolated_registry,
)

from . import _parts
from ._parts import (
    Count,
    Jitter,
    Line,
    Look,
    NumpyLine,
    NumpyLook,
    NumpyPull,
    NumpySpring,
    NumpyWaves,
    Pull,
    Waves,
)


class Good(ideomotor.AbstractPlant):
    """A small sound plant, from which the broken ones below differ in one place."""

    drag: jax.Array = ideomotor.quantity(converter=jnp.asarray, default=0.5)

    def default_state(self):
        return {"x": jnp.array([0.2, -0.1]), "n": jnp.zeros((), int)}

    def default_command(self):
        return jnp.zeros(2)

    def step(self, state, command, dt, *, key=None):
        return {"x": state["x"] + dt * (command - self.drag * state["x"]), "n": state["n"] + 1}

    def observe(self, state, *, key=None):
        return jnp.sin(state["x"])


class Phase(eqx.Module):
    n: jax.Array
    first: object = eqx.field(static=True)


class AlwaysEqual:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, AlwaysEqual | bool)

    def __hash__(self):
        return hash(True)


def refused(component, law, words="", **kwargs) -> str:
    kwargs = {"precision": "float32", **kwargs}
    with pytest.raises(ConformanceError) as caught:
        check(component, **kwargs)
    text = str(caught.value)
    assert f"fails the check {law!r}" in text, text
    assert words in text, text
    assert "\n" not in text and text.endswith(".")
    return text


# ------------------------------------------------------------------------------------ sound components pass


@pytest.mark.parametrize("part", [Good, Waves, Pull, Count, Look, Line], ids=lambda part: part.__name__)
def test_sound_components_pass(part):
    check(part())


def test_sound_sampling_plant_passes():
    check(Jitter(), precision="float64")


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        ("plant", NumpySpring),
        ("primitive", NumpyWaves),
        ("primitive", NumpyPull),
        ("perception", NumpyLook),
        ("planner", NumpyLine),
    ],
)
def test_sound_numpy_components_pass(kind, plain):
    check(plain(), kind=kind, precision="float32")
    if plain is NumpySpring:
        check(plain(), kind=kind, precision="float64")


def test_names_are_made_and_brought_back_from_config_and_disk():
    with isolated_registry(empty=True) as registry:
        registry.register("plant", "good", Good)
        registry.register("perception", "look", Look)
        registry.register("plant", "numpy-spring", NumpySpring)
        check("good", precision="float32")
        check("look", precision="float32")
        check("numpy-spring", precision="float32")


def test_what_cannot_be_checked_is_said():
    with pytest.raises(TypeError, match="one of the kinds perception, planner, primitive, plant, or"):
        check(3.0)
    with pytest.raises(TypeError, match="for a plain object, name its kind"):
        check(NumpySpring())
    with pytest.raises(ValueError, match="precision must be 'float32', 'float64' or 'both', not 'double'"):
        check(Good(), precision="double")


def test_the_message_names_component_check_values_and_mend():
    class Drifts(Good):
        def step(self, state, command, dt, *, key=None):
            return {**super().step(state, command, dt), "n": state["n"] + 0.5}

    text = refused(Drifts(), "state keeps its structure")
    assert text == (
        "plant Drifts in float32 fails the check 'state keeps its structure': a step and observe: ['n'] "
        "of dtype int32 "
        "became float32; return a state with the same structure, shapes and dtypes; the loop over "
        "time requires that."
    )
    assert issubclass(ConformanceError, AssertionError) and issubclass(ConformanceError, IdeomotorError)


# ----------------------------------------------------------------------------------- broken ones are caught


def test_defaults_that_are_not_accepted():
    class Picky(Good):
        def default_command(self):
            return jnp.zeros(3)

    refused(Picky(), "defaults accepted", "it raised TypeError")


def test_counting_calls():
    calls = itertools.count()

    class Counts(Good):
        def observe(self, state, *, key=None):
            return jnp.sin(state["x"]) + next(calls)

    refused(Counts(), "pure", "called twice with the same inputs")


def test_own_random_numbers():
    class Random(Good):
        def observe(self, state, *, key=None):
            return jnp.sin(state["x"]) + np.random.normal()

    refused(Random(), "pure")


def test_writing_to_inputs():
    class Writes(NumpySpring):
        def step(self, state, command, dt):
            new = super().step(state, command, dt)
            state += 1.0
            return new

    # Twice with fresh copies gives the same, so that only the look at the inputs finds it.
    refused(Writes(), "inputs left alone", kind="plant")


def test_nan_at_the_defaults():
    class Nan(Good):
        def observe(self, state, *, key=None):
            return jnp.log(state["x"])

    refused(Nan(), "finite at the defaults", "[1] is nan")


def test_another_precision():
    class Single(Good):
        def observe(self, state, *, key=None):
            return jnp.sin(state["x"]).astype(jnp.float32)

    refused(
        Single(), "precision of the inputs", "inputs in float64 give outputs in float32", precision="float64"
    )
    check(Single(), precision="float32")


def test_python_if_on_traced_values():
    class Ifs(Good):
        def observe(self, state, *, key=None):
            return state["x"] if state["x"][0] > 0 else -state["x"]

    refused(Ifs(), "jit = eager", "inside jit it raised TracerBoolConversionError")


def test_another_answer_inside_jit():
    class Sly(Good):
        def observe(self, state, *, key=None):
            return jnp.sin(state["x"]) * (1.01 if isinstance(state["x"], jax.core.Tracer) else 1.0)

    refused(Sly(), "jit = eager", "outside and inside of jit")


def test_another_answer_inside_vmap():
    @jax.custom_batching.custom_vmap
    def sine(x):
        return jnp.sin(x)

    @sine.def_vmap
    def _(size, batched, x):
        return jnp.sin(x) - jnp.mean(jnp.sin(x)), True

    class Mixes(Good):
        def observe(self, state, *, key=None):
            return sine(state["x"])

    refused(Mixes(), "vmap = loop", "alone and in a batch")


def test_a_key_that_is_not_passed_on():
    class Stuck(Good):
        def observe(self, state, *, key=None):
            noise = 0.0 if key is None else jax.random.normal(jax.random.key(0))
            return jnp.sin(state["x"]) + noise

    refused(Stuck(), "another key, another result", "four different keys give one result, and no key another")


def test_a_key_that_is_asked_for_and_ignored():
    class Asks(Good):
        def observe(self, state, *, key=None):
            if key is None:
                raise ValueError("give a key")
            return jnp.sin(state["x"])

    refused(Asks(), "another key, another result", "without a key it raises")


def test_a_key_that_breaks_the_call():
    class Breaks(Good):
        def observe(self, state, *, key=None):
            return jnp.sin(state["x"]) if key is None else jnp.sin(state["x"]) + key.normal()

    refused(Breaks(), "takes a key", "AttributeError")


def test_other_numbers_for_the_same_key():
    class Fickle(Good):
        def observe(self, state, *, key=None):
            if key is None:
                return jnp.sin(state["x"])
            shape = jax.ShapeDtypeStruct((2,), state["x"].dtype)
            noise = jax.pure_callback(lambda: np.random.normal(size=2).astype(shape.dtype), shape)
            return jnp.sin(state["x"]) + noise

    refused(Fickle(), "same key, same result")


def test_gradient_that_is_nan_at_the_defaults():
    class Norm(Good):
        def observe(self, state, *, key=None):
            return jnp.linalg.norm(state["x"] * 0.0)

    refused(Norm(), "gradient", "is nan")


def wrong_sine(x):
    """Its derivative is off by a hundredth."""

    @jax.custom_jvp
    def sine(x):
        return jnp.sin(x)

    sine.defjvp(lambda primals, tangents: (jnp.sin(primals[0]), 1.01 * jnp.cos(primals[0]) * tangents[0]))
    return sine(x)


def test_wrong_gradient():
    class Wrong(Good):
        def observe(self, state, *, key=None):
            return wrong_sine(state["x"])

    refused(Wrong(), "gradient = finite differences", "along a random direction it is", precision="float64")


def test_stopped_gradient():
    class Stops(Good):
        def observe(self, state, *, key=None):
            return jax.lax.stop_gradient(jnp.sin(state["x"]))

    refused(Stops(), "gradient = finite differences", precision="float64")


def test_a_field_may_be_held_and_must_not_be_half_held():
    class Held(Good):
        def observe(self, state, *, key=None):
            return jax.lax.stop_gradient(self.drag) * state["x"]

        def step(self, state, command, dt, *, key=None):
            return {"x": state["x"] + dt * command, "n": state["n"] + 1}

    class HalfHeld(Held):
        def step(self, state, command, dt, *, key=None):
            return Good.step(self, state, command, dt)

    check(Held(), precision="float64")
    refused(HalfHeld(), "gradient = finite differences", precision="float64")


class Callback(Good):
    """Without a derivative, and without a word about it."""

    def observe(self, state, *, key=None):
        return jax.pure_callback(np.sin, state["x"], state["x"], vmap_method="sequential")


def test_missing_gradient():
    refused(Callback(), "gradient", "it raised ValueError")


def test_gradient_refused_without_the_sentence():
    refused(Callback(), "gradient refused", "say that it has no gradient", differentiable=False)


def test_gradient_refused_with_the_sentence():
    class Refuses(Good):
        def observe(self, state, *, key=None):
            @jax.custom_jvp
            def call(x):
                return jnp.sin(x)

            @call.defjvp
            def refuse(primals, tangents):
                raise TypeError("Refuses.observe has no gradient; use another.")

            return call(state["x"])

    check(Refuses(), precision="float32", differentiable=False)
    refused(Refuses(), "gradient", "Refuses.observe has no gradient")


def test_gradient_that_is_there_after_all():
    refused(Good(), "gradient refused", "one was computed", differentiable=False)


def test_state_that_changes_its_shape():
    class Longer(Good):
        def observe(self, state, *, key=None):
            return state["x"]

        def step(self, state, command, dt, *, key=None):
            return {**super().step(state, command, dt), "x": jnp.append(state["x"], 1.0)}

    refused(Longer(), "state keeps its structure", "['x'] of shape (2,) became of shape (3,)")


def test_policy_whose_state_changes_its_structure():
    class Grows(Pull):
        def step(self, state, feedback, params, dt, *, key=None):
            return (state, dt), super().step(jnp.zeros(()), feedback, params, dt)[1]

    refused(Grows(), "state keeps its structure")


def test_policy_whose_command_changes_its_structure():
    class Changes(Count):  # tells the first step by Python's side of the state, which keeps its structure
        def init(self, params):
            return Phase(params, True)

        def step(self, state, feedback, params, dt, *, key=None):
            return Phase(state.n, AlwaysEqual(None)), state.n if state.first is True else state.n[None]

    refused(Changes(), "command keeps its structure", "of shape () became of shape (1,)")


def test_feedback_that_changes_its_structure():
    class Changes(Good):
        def default_state(self):
            return Phase(jnp.ones(2), True)

        def step(self, state, command, dt, *, key=None):
            return Phase(state.n + dt * command, AlwaysEqual(None))

        def observe(self, state, *, key=None):
            return state.n if state.first is True else state.n[0]

    refused(Changes(), "feedback keeps its structure", "of shape (2,) became of shape ()")


def test_movement_that_does_not_lead_with_time():
    class Turned(Waves):
        def trajectory(self, params, ts, *, key=None):
            return super().trajectory(params, ts).T

    class Forty(Waves):  # right by chance for forty times
        def trajectory(self, params, ts, *, key=None):
            return super().trajectory(params, jnp.linspace(0.0, 1.0, 40, dtype=ts.dtype))

    refused(Turned(), "leads with time", "for 40 times a leaf has shape (2, 40)")
    refused(Forty(), "leads with time", "for 3 times a leaf has shape (40, 2)")


def test_fit_that_gives_something_else():
    class Other(Waves):
        def fit(self, trajectory):
            return trajectory.ys[0]

    class Nan(Waves):
        def fit(self, trajectory):
            return jax.tree.map(lambda leaf: leaf * jnp.nan, self.default_params())

    class Raises(Waves):
        def fit(self, trajectory):
            raise RuntimeError("cannot")

    refused(Other(), "fit", "the parameters are not like default_params")
    refused(Nan(), "fit", "is nan")
    refused(Raises(), "fit", "it raised RuntimeError: cannot")


def test_plans_that_are_no_trajectories():
    class Backwards(Line):
        def __call__(self, start, goal, *, key=None):
            plan = super().__call__(start, goal)
            return ideomotor.Trajectory(plan.ts[::-1], plan.ys)

    class Bare(Line):
        def __call__(self, start, goal, *, key=None):
            return super().__call__(start, goal).ys

    class HostBackwards(NumpyLine):
        def __call__(self, start, goal):
            plan = super().__call__(start, goal)
            return ideomotor.Trajectory(plan.ts[::-1], plan.ys)

    refused(Backwards(), "gives a trajectory", "trajectory.ts must increase")
    refused(Bare(), "gives a trajectory", "it gave a ")
    refused(HostBackwards(), "gives a trajectory", "must increase", kind="planner")


def test_registered_components_that_do_not_come_back():
    class Forgets(Good):  # keeps its argument under another name
        _strength: float = eqx.field(static=True)

        def __init__(self, strength: float = 1.0):
            self.drag, self._strength = jnp.asarray(strength), strength

    class Grows(Good):  # is made longer each time
        drag: jax.Array

        def __init__(self, drag=(1.0, 2.0)):
            self.drag = jnp.append(jnp.asarray(drag), 1.0)

        def step(self, state, command, dt, *, key=None):
            return state

        def observe(self, state, *, key=None):
            return jnp.sum(self.drag) * state["x"]

    class Hides(Good):  # what shapes its output is drawn anew by each construction, out of sight
        hidden: AlwaysEqual = eqx.field(static=True)

        def __init__(self):
            self.drag, self.hidden = jnp.asarray(0.5), AlwaysEqual(float(np.random.default_rng().normal()))

        def observe(self, state, *, key=None):
            return jnp.sin(state["x"]) + self.hidden.value

    class Needs(Good):
        def __init__(self, drag):
            self.drag = jnp.asarray(drag)

    with isolated_registry(empty=True) as registry:
        for cls in (Forgets, Grows, Hides, Needs):
            registry.register("plant", cls.__name__.lower(), cls)
        refused("forgets", "config round trip", "does not keep its argument 'strength'")
        refused("grows", "config round trip", "of shape (3,) became of shape (4,)")
        refused("hides", "save and load", "the output before and after")
        refused("needs", "made without arguments", "missing 1 required positional argument: 'drag'")


# ---------------------------------------------------------------------------------------- isolated registry


def test_isolated_registry_comes_and_goes():
    before = ideomotor.registry()
    extra = ideomotor.Component("plant", "my-spring", f"{_parts.__name__}:Spring", "a spring")
    with isolated_registry(extra) as registry:
        assert ideomotor.registry() is registry is not before
        assert "my-spring" in [c.name for c in ideomotor.components("plant")]
        ideomotor.register("plant", "good", Good)
        assert isinstance(ideomotor.make("good"), Good)
    assert ideomotor.registry() is before
    assert "good" not in [c.name for c in ideomotor.components("plant")]
    with pytest.raises(RuntimeError), isolated_registry(empty=True):  # noqa: PT012
        assert ideomotor.components() == []
        raise RuntimeError
    assert ideomotor.registry() is before


def test_needs_no_test_framework():
    code = "import sys, ideomotor.testing; print({'pytest', 'hypothesis'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


class Robot:
    """A robot that counts how often it is moved, and is somewhere else each time."""

    def __init__(self):
        self.moved, self.stopped = 0, 0

    def default_state(self):
        return np.zeros(2)

    def default_command(self):
        return np.zeros(2)

    def step(self, state, command, dt):
        self.moved += 1
        return state + command + 0.01 * self.moved

    def observe(self, state):
        return {"joint": state + 1e-3 * self.moved}

    def stop(self):
        self.stopped += 1


def test_a_robot_is_not_moved_unasked():
    robot = Robot()
    for call in (lambda: check(robot, kind="plant"), lambda: check(ideomotor.host(robot))):
        with pytest.raises(ConformanceError, match="not moved unasked.*hardware=True"):
            call()
    assert (robot.moved, robot.stopped) == (0, 0)
    check(ideomotor.host(robot), hardware=True)
    assert (robot.moved, robot.stopped) == (1, 1)


class Arm:
    """A robot as `ideomotor play` takes it."""

    joints, units, rate = ("a", "b"), ("rad", "rad"), 50.0

    def __init__(self, **wrong):
        self.limits, self.calls = {"lower": [-1, -1]}, []
        vars(self).update(wrong)

    def default_state(self):
        return {"time": np.array(0.0), "joint_position": np.zeros(2)}

    def default_command(self):
        return np.zeros(2)

    def connect(self):
        self.calls.append("connect")

    def read(self):
        self.calls.append("read")
        return self.default_state()

    def send(self, command):
        self.calls.append("send")

    def stop(self, release=False):
        self.calls.append("stop")


def test_of_a_robot_what_it_says_is_checked_without_a_connection():
    robot = Arm()
    check(robot, kind="plant")
    assert robot.calls == []
    check(robot, kind="plant", hardware=True)
    assert robot.calls == ["connect", "send", "read", "stop"]
    assert isinstance(ideomotor.host(robot), SupportsRobot)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(units=("rad",)), r"units has shape \(1,\) for 2 joints"),
        (dict(limits={"jerk": [1, 2, 3]}), r"jerk has shape \(3,\)"),
        (dict(limits={"speed": [1, 2]}), "it has 'speed'"),
        (dict(rate=0), "rate is 0"),
        (dict(default_state=lambda: {"position": np.zeros(2)}), "time and joint_position"),
        (dict(default_command=lambda: np.zeros(3)), r"it has shape \(3,\) for 2 joints"),
    ],
)
def test_a_robot_that_describes_itself_wrongly_is_found(wrong, message):
    with pytest.raises(ConformanceError, match=message):
        check(Arm(**wrong), kind="plant")


def test_a_robot_that_breaks_a_rule_is_stopped_all_the_same():
    robot = Robot()
    robot.step = lambda state, command, dt: np.zeros(3)
    with pytest.raises(ConformanceError, match="state keeps its structure"):
        check(robot, kind="plant", hardware=True)
    assert robot.stopped == 1
