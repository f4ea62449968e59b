"""The records of the kinds, and what one more record brings."""

import abc
import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner

import ideomotor
from ideomotor.cli import command
from ideomotor.config import from_config, to_config
from ideomotor.errors import AssemblyError
from ideomotor.kinds import _SLOTS as SLOTS  # what a pipeline has places for
from ideomotor.kinds import KINDS, Adapter, Kind
from ideomotor.kinds import _find as find
from ideomotor.kinds import _kind_of as kind_of
from ideomotor.testing import check, isolated_registry

HERE = __name__
checked = []


class AbstractReward(eqx.Module):
    """What a movement is worth."""

    @abc.abstractmethod
    def default_movement(self): ...

    @abc.abstractmethod
    def __call__(self, movement): ...


class Length(AbstractReward):
    """Minus the length of the path, times a price."""

    price: float = 1.0

    def default_movement(self):
        return jnp.zeros((5, 2))

    def __call__(self, movement):
        return -self.price * jnp.sum(jnp.linalg.norm(jnp.diff(movement, axis=0), axis=-1))


class NumpyLength:
    def default_movement(self):
        return np.zeros((5, 2))

    def __call__(self, movement):
        return -np.sum(np.linalg.norm(np.diff(movement, axis=0), axis=-1))


class HostReward(AbstractReward):
    component: object = eqx.field(static=True)

    def default_movement(self):
        return self.component.default_movement()

    def __call__(self, movement):
        return self.component(movement)


def flows(made):
    return {"movement": made.default_movement(), "reward": jax.eval_shape(made, made.default_movement())}


def laws(component, *, precision, differentiable):
    checked.append((component, precision, differentiable))


@pytest.fixture
def reward(monkeypatch):
    """One record more, and components of the new kind."""
    kind = Kind(
        "reward",
        f"{HERE}:AbstractReward",
        default="default_movement",
        takes="movement",
        adapters=(Adapter(f"{HERE}:HostReward", ("default_movement", "__call__")),),
        flows=f"{HERE}:flows",
        laws=f"{HERE}:laws",
        example="minus the length of the path",
    )
    monkeypatch.setitem(KINDS, "reward", kind)
    with isolated_registry():
        ideomotor.register("reward", "length", Length)
        ideomotor.register("reward", "numpy-length", NumpyLength)
        yield kind
    checked.clear()


def test_a_new_kind_is_one_record(reward):
    assert [c.name for c in ideomotor.components("reward")] == ["length", "numpy-length"]
    made = ideomotor.make("length", price=2.0)
    assert kind_of(made) is reward
    assert to_config(made) == {"use": "length", "price": 2.0}
    assert from_config({"use": "length", "price": 2.0}, kind="reward") == made
    assert isinstance(ideomotor.make("numpy-length"), HostReward)
    ideomotor.register("reward", "nothing", dict)
    with pytest.raises(
        AssemblyError, match="reward 'nothing' .dict. lacks .* needed default_movement, __call__"
    ):
        ideomotor.make("nothing")


def test_a_new_kind_is_described_and_checked(reward):
    shown = CliRunner().invoke(command, ["describe", "length"]).output
    assert "movement      f32[5,2]" in shown and "reward        f32[]" in shown
    check("length", precision="float32")
    check(made := Length(), differentiable=False)
    assert checked == [("length", "float32", True), (made, "both", False)]


def test_a_new_kind_is_a_choice_of_new_plugin(reward):
    # The choices are read when the command is imported; a kind of a plug-in would be there by then.
    from ideomotor.cli._new_plugin import examples

    assert examples()["reward"] == "minus the length of the path"


def test_all_references_of_the_records_can_be_imported():
    for kind in KINDS.values():
        for reference in filter(
            None, (kind.interface, kind.flows, kind.laws, *(a.factory for a in kind.adapters))
        ):
            assert callable(find(reference)), reference


def test_the_slots_are_the_parts_of_a_pipeline():
    assert set(SLOTS) == {field.name for field in dataclasses.fields(ideomotor.Pipeline)}


@pytest.mark.parametrize("slot", SLOTS)
def test_an_adapter_needs_what_its_interface_leaves_open(slot):
    """A plain object with the methods of the record is enough for every abstract method of the adapter's interface."""
    for adapter in KINDS[slot].adapters:
        made, interface = find(adapter.factory), find(KINDS[slot].interface)
        assert issubclass(made, interface)
        own = {"step", "observe"} if adapter.label == "robot" else set()  # made of read and send
        missing = set(interface.__abstractmethods__) - set(adapter.methods) - own
        assert not missing and KINDS[slot].default in adapter.methods
