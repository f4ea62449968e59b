"""What components can do beyond their interface: asked for by name, passed on, checked."""

import copy
import pickle
from types import SimpleNamespace
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import ideomotor
from ideomotor import capabilities as c
from ideomotor.errors import AssemblyError
from ideomotor.testing import ConformanceError, check

from ._parts import NumpySpring, Spring, Waves


class Reaching(NumpySpring):
    """A plain plant with two capabilities."""

    home = np.zeros(2)

    def at(self, hand):
        return np.stack([np.asarray(hand, float), np.zeros(2)])

    def shapes(self):
        return [{"kind": "sphere", "body": 0, "rgba": np.ones(4), "size": np.ones(3), "pose": np.eye(7)[3]}]

    def poses(self, states):
        return np.zeros((*np.shape(states)[:-1], 1, 7))


@pytest.fixture
def plant():
    return ideomotor.host(Reaching())


def test_adapters_pass_on_the_public_attributes_of_the_plain_object(plant):
    np.testing.assert_array_equal(plant.at([1.0, 2.0])[0], [1.0, 2.0])
    assert isinstance(plant, c.SupportsReach) and not isinstance(plant, c.SupportsSheet)
    assert c.capabilities(plant) == ["SupportsReach", "SupportsGeometry"]
    with pytest.raises(AttributeError, match="'Reaching' object has no attribute 'render'"):
        plant.render  # noqa: B018
    with pytest.raises(AttributeError, match="'HostPlant' object has no attribute '_secret'"):
        plant._secret  # noqa: B018


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_adapters_can_be_copied_and_sent_to_workers(plant, copied):
    again = copied(plant)
    assert type(again) is type(plant) and c.capabilities(again) == c.capabilities(plant)
    assert hash(plant) == hash(plant) and jax.tree.leaves(again) == []
    np.testing.assert_array_equal(
        jax.jit(lambda x: again.observe(x))(plant.default_state())["position"], [0, 0]
    )


def test_an_adapter_that_holds_nothing_yet_has_no_attributes():
    empty = object.__new__(type(ideomotor.host(Reaching())))
    for name in ("component", "render", "_component"):
        assert not hasattr(empty, name)


def test_a_capability_wants_methods_that_can_be_called():
    assert not isinstance(SimpleNamespace(at=3), c.SupportsReach)
    assert isinstance(SimpleNamespace(space=None), c.SupportsSpace)
    assert not isinstance(SimpleNamespace(lengths=[1.0]), c.SupportsLinks)


def test_require_gives_the_component_or_says_what_is_missing(plant):
    assert c.require(plant, c.SupportsReach) is plant
    with pytest.raises(
        AssemblyError, match="Reaching has no to_pixels and no to_metres, which SupportsSheet requires"
    ):
        c.require(plant, c.SupportsSheet)


def test_a_plugin_can_define_a_capability_of_its_own(plant):
    @runtime_checkable
    class SupportsHome(c.Capability, Protocol):
        """A place to come back to."""

        @property
        def home(self): ...

    assert isinstance(plant, SupportsHome)
    with pytest.raises(
        AssemblyError, match="Spring has no home, which SupportsHome requires .A place to come back to"
    ):
        c.require(Spring(), SupportsHome)


def test_plain_object_takes_off_the_adapter_only(plant):
    assert type(ideomotor.plain_object(plant)) is Reaching
    spring = Spring()
    assert ideomotor.plain_object(spring) is spring


def test_arms_in_wrappers_offer_what_they_hold():
    sheet = ideomotor.make("sheet")
    assert {"SupportsReach", "SupportsLinks", "SupportsSheet", "SupportsSpace"} <= set(c.capabilities(sheet))
    assert "SupportsSheet" not in c.capabilities(ideomotor.make("two-link-arm"))
    assert c.capabilities(ideomotor.make("dmp"))[0] == "SupportsVelocity"


def broken(**changes):
    """A plant whose capabilities break one law each."""

    class Plant(Spring):  # a test may derive from a concrete plant
        def observe(self, state, *, key=None):
            return {"hand": state["position"], "angle": state["position"]}

    for name, change in changes.items():
        setattr(Plant, name, change)
    return Plant()


CHANGES = [
    (
        {"at": lambda self, hand: {"position": hand + 1.0, "velocity": jnp.zeros(2)}},
        r"SupportsReach.*the hand of at\(hand\): \[0\]\[0\] is 0.0 and 1.0",
    ),
    ({"at": lambda self, hand: hand}, "SupportsReach.*gives another state"),
    (
        {"lengths": (1.0, 1.0), "joint_positions": lambda self, angle: np.zeros((2, 2))},
        r"SupportsLinks.*2 lengths, and joint_positions of shape \(2, 2\)",
    ),
    (
        {"lengths": (1.0, 1.0), "joint_positions": lambda self, angle: np.zeros((3, 2))},
        r"SupportsLinks.*distances between joint_positions",
    ),
    (
        {"to_pixels": lambda self, metres: 2 * metres, "to_metres": lambda self, pixels: pixels},
        r"SupportsSheet.*to_pixels\(to_metres\(pixels\)\)",
    ),
    ({"space": "left"}, "SupportsSpace.*space is 'left'"),
    (
        {"force_response": lambda self, state, force: {"position": jnp.ones(2), "velocity": force}},
        "SupportsForce.*force_response is not linear",
    ),
    ({"force_response": lambda self, state, force: 1 / 0}, "SupportsForce.*it raised ZeroDivisionError"),
]


@pytest.mark.parametrize("changes, words", CHANGES)
def test_a_capability_that_does_not_do_what_it_says_is_found(changes, words):
    with pytest.raises(ConformanceError, match=words):
        check(broken(**changes), precision="float64")


def test_shapes_and_poses_are_checked():
    with pytest.raises(ConformanceError, match=r"SupportsGeometry.*poses have shape \(2, 2, 1, 7\)"):
        check(Reaching(), kind="plant", precision="float64")


def test_a_velocity_that_is_not_the_derivative_is_found():
    class Fast(Waves):
        factor: float = eqx.field(static=True, default=1.0)

        def velocity(self, params, ts):
            return self.factor * self.frequency * jnp.cos(self.frequency * ts)[:, None] * params.amplitude

    check(Fast(), precision="float64")
    with pytest.raises(ConformanceError, match="SupportsVelocity.*the integral of the velocity"):
        check(Fast(factor=1.01), precision="float64")


class Filmed(NumpySpring):
    """Shows its movements."""

    def animate(self, movement, path):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)


class Unwritten(Filmed):
    def animate(self, movement, path):
        pass


class Restyled(Filmed):
    def animate(self, movement, path):
        super().animate(movement, path)
        plt.rcParams["lines.linewidth"] = 7.0


class Left(Filmed):
    def animate(self, movement, path):
        plt.figure().savefig(path)


class Moved(Filmed):
    shift = 0.0

    def animate(self, movement, path):
        super().animate(movement, path)
        self.shift = 1.0

    def observe(self, state, *, key=None):
        return {name: value + self.shift for name, value in super().observe(state).items()}


@pytest.mark.parametrize(
    "plant, words",
    [
        (Unwritten, "leaves no picture at path"),
        (Restyled, "changes Matplotlib's settings"),
        (Left, "leaves a figure of pyplot open"),
        (Moved, "feedback before and after animate"),
    ],
)
def test_a_film_leaves_everything_as_it_was(plant, words):
    check(Filmed(), kind="plant", precision="float64")
    with plt.rc_context(), pytest.raises(ConformanceError, match=f"SupportsAnimation.*{words}"):
        check(plant(), kind="plant", precision="float64")
    plt.close("all")
